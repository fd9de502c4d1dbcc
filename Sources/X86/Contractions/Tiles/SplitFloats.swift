import KernelIR

/// float32 as a sum of bfloat16 numbers, and a product of two such sums (Henry, Tang, Heinecke, arXiv 1904.06376).
///
/// Each part is what the parts before it left over, rounded to nearest even; three hold all 24 bits of a float32. Of the
/// nine products of three parts by three, the six largest are enough: what is left out is below 2⁻²⁴ of the product.
/// A tile product adds up 16 numbers from 0 before it adds to the accumulator; and the five small products of all steps
/// come before the large ones, while the accumulator is small and rounding it costs nothing. What is left of rounding is
/// that of one addition for 32 numbers. Two parts and three products have relative errors of some 4e-6 anyway.
///
/// Infinite numbers, those that are none, and those so large that they would round to infinity have no such parts; who
/// splits looks for them with `SpecialNumbers`. Parts below 2⁻¹²⁶ count as zeros.
struct SplitFloats {
  let parts: Int

  init(parts: Int) { self.parts = parts }

  init(_ products: FloatProducts) { parts = products == .fast ? 2 : 3 }

  typealias Product = (a: Int, b: Int)

  /// Which part of A is multiplied by which part of B, in passes over all steps: small products first, one tile or pair
  /// of tiles exchanged from one to the next.
  var passes: [[Product]] {
    parts == 3 ? [[(2, 0), (1, 0), (1, 1), (0, 1), (0, 2)], [(0, 0)]] : [[(1, 0), (0, 1), (0, 0)]]
  }
  var productCount: Int { passes.reduce(0) { $0 + $1.count } }

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
  private func found(in largest: Value) -> Value {
    let bound = builder.constant(bits: UInt32(Self.first << 16 | Self.first))
    let notLess: Int64 = 5
    let mask = builder.define(.vpcmpuw, .mask, .value(largest), .value(bound), .immediate(notLess))
    let bits = builder.define(.kmovdToGeneral, .gpr32, .value(mask))
    return builder.define(.mov, .gpr64, .view(bits, .gpr64))
  }

  /// Adds what `found` gives to 8 bytes of memory.
  func note(_ largest: Value, at address: Address) {
    let before = builder.loadInteger(address)
    builder.store(integer: builder.update(.or, before, .value(found(in: largest))), to: address)
  }
}

/// Makes tiles of the parts of one or two vectors of columns of B: pair j of a step at part·2048 + vector·1024 + j·64.
struct SplitColumns {
  let builder: VectorBuilder
  let split: SplitFloats
  let vectors: Int
  /// Bytes from one vector of columns to the next, and from one row of B to the next.
  let vectorStride: Int
  let depthStride: Int
  /// Lanes of the last vector that may be read; nil for all.
  let mask: Value?

  static func stepByteCount(_ split: SplitFloats) -> Int { split.parts * 2 * TileConfiguration.byteCountOfTile }

  /// A step of `elements` rows of B; the tiles behind them become zero. Gives what `SpecialNumbers` found so far.
  func step(_ source: Value, _ target: Value, elements: Int, largest: Value) -> Value {
    let low = min(SplitFloats.pairDistance, elements)
    let high = max(0, elements - SplitFloats.pairDistance)
    var largest = pairs(0..<high, hasLow: true, hasHigh: true, source, target, largest)
    largest = pairs(high..<low, hasLow: true, hasHigh: false, source, target, largest)
    return pairs(low..<SplitFloats.pairDistance, hasLow: false, hasHigh: false, source, target, largest)
  }

  /// Pairs of rows of which both, one or none exist.
  private func pairs(
    _ range: Range<Int>, hasLow: Bool, hasHigh: Bool, _ source: Value, _ target: Value, _ largest: Value
  ) -> Value {
    if range.isEmpty { return largest }
    let b = builder.add(source, .immediate(range.lowerBound * depthStride))
    let tile = builder.add(target, .immediate(range.lowerBound * TileConfiguration.rowByteCount))
    return builder.loop(to: .immediate(range.count), carrying: [b, tile, largest]) { _, carried in
      var largest = carried[2]
      for vector in 0..<vectors {
        func load(_ exists: Bool, _ row: Int) -> Value {
          guard exists else { return builder.zero() }
          let address = Address(carried[0], displacement: vector * vectorStride + row * depthStride)
          guard vector == vectors - 1, let mask else { return builder.load(address) }
          return builder.load(address, mask: mask)
        }
        let parts = split.split(builder, low: load(hasLow, 0), high: load(hasHigh, SplitFloats.pairDistance))
        for (part, value) in parts.enumerated() {
          builder.store(
            value, to: Address(carried[1], displacement: (2 * part + vector) * TileConfiguration.byteCountOfTile))
        }
        largest = SpecialNumbers(builder: builder).adding(parts[0], to: largest)
      }
      return [
        builder.add(carried[0], .immediate(depthStride)),
        builder.add(carried[1], .immediate(TileConfiguration.rowByteCount)), largest,
      ]
    }[2]
  }
}

extension VectorBuilder {
  /// So many floats of a vector, zeros behind them.
  func loadFloats(_ address: Address, count: Int) -> Value {
    if count <= 0 { return zero() }
    return count >= lanes ? load(address) : load(address, mask: laneMask(count: count))
  }

  /// Whole vectors of memory become 0.
  func clear(_ target: Value, byteCount: Int) {
    let zero = zero()
    loop(to: .immediate(byteCount), step: vectorByteCount) { offset, _ in
      store(zero, to: Address(target, index: offset))
      return []
    }
  }
}
