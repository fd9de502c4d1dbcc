import KernelIR

/// float32 as a sum of bfloat16 numbers, and a product of two such sums (Henry, Tang, Heinecke, arXiv 1904.06376).
///
/// Each part is what the parts before it left over, rounded to nearest even; three hold all 24 bits of a float32. Of the
/// nine products of three parts by three, the six largest are enough: what is left out is below 2⁻²⁴ of the product.
/// Their sum has smaller errors than a chain of float32 multiply-adds, because a tile product adds up 16 numbers from 0
/// before it adds to the accumulator. Two parts and three products have relative errors of some 4e-6.
///
/// Infinite numbers, those that are none, and those so large that they would round to infinity have no such parts; who
/// splits looks for them with `SpecialNumbers`. Parts below 2⁻¹²⁶ count as zeros.
struct SplitFloats {
  let parts: Int

  /// Which part of A is multiplied by which part of B: small products first, one tile or pair of tiles exchanged from one
  /// to the next.
  var products: [(a: Int, b: Int)] {
    parts == 3 ? [(2, 0), (1, 0), (1, 1), (0, 1), (0, 2), (0, 0)] : [(1, 0), (0, 1), (0, 0)]
  }

  /// Elements of k in a step of a tile product.
  static let stepElements = 32
  /// Elements apart of the two that stand side by side in 4 bytes: any order of k is as good as another, and in this one
  /// a vector of them comes from two vectors.
  static let pairDistance = 16

  /// The parts of two vectors, largest first: 16 pairs of bfloat16, the lower half of a lane from `low`.
  func split(_ builder: VectorBuilder, low: Value, high: Value) -> [Value] {
    let order = builder.constant(elements: (0..<UInt16(32)).map { $0 / 2 + $0 % 2 * 16 })
    let upper = builder.constant(bits: 0xFFFF_0000 as UInt32)
    var (low, high) = (low, high)
    return (0..<parts).map { part in
      // The first source is the upper half of the result.
      let halves = builder.define(.vcvtne2ps2bf16, .zmm, .value(high), .value(low))
      let pairs = builder.define(.vpermw, .zmm, .value(order), .value(halves))
      if part + 1 < parts {
        low = builder.subtract(low, builder.define(.vpslld, .zmm, .value(pairs), .immediate(16)))
        high = builder.subtract(high, builder.and(pairs, upper))
      }
      return pairs
    }
  }

  /// Micro-operations of a split, loads and stores included, for the cost rule.
  var operationCount: Int { 7 * parts + 1 }
}

/// Looks for numbers without parts among first parts: what is largest so far, as 16-bit integers without sign.
struct SpecialNumbers {
  let builder: VectorBuilder

  /// The exponent of infinity.
  private static let first = 0x7F80

  var none: Value { builder.zero() }

  func adding(_ pairs: Value, to largest: Value) -> Value {
    let magnitudes = builder.and(pairs, builder.constant(bits: 0x7FFF_7FFF as UInt32))
    return builder.define(.vpmaxuw, .zmm, .value(largest), .value(magnitudes))
  }

  /// 0 where all numbers have parts.
  func found(in largest: Value) -> Value {
    let bound = builder.constant(bits: UInt32(Self.first << 16 | Self.first))
    let notLess: Int64 = 5
    let mask = builder.define(.vpcmpuw, .mask, .value(largest), .value(bound), .immediate(notLess))
    let bits = builder.define(.kmovdToGeneral, .gpr32, .value(mask))
    return builder.define(.mov, .gpr64, .view(bits, .gpr64))
  }
}
