import Glibc
import GraphIR
import Tensors

/// xoshiro256** 1.0 of Blackman and Vigna (prng.di.unimi.it), its state filled by SplitMix64 as its authors advise:
/// the same numbers for the same seed on every machine and in every version.
struct Xoshiro256: RandomNumberGenerator {
  private var state: (UInt64, UInt64, UInt64, UInt64)

  init(seed: UInt64) {
    var counter = seed
    func splitMix() -> UInt64 {
      counter &+= 0x9E37_79B9_7F4A_7C15
      var bits = counter
      bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
      bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
      return bits ^ bits >> 31
    }
    state = (splitMix(), splitMix(), splitMix(), splitMix())
  }

  mutating func next() -> UInt64 {
    func rotated(_ x: UInt64, _ count: UInt64) -> UInt64 { x << count | x >> (64 - count) }
    let result = rotated(state.1 &* 5, 7) &* 9
    let shifted = state.1 << 17
    state.2 ^= state.0
    state.3 ^= state.1
    state.1 ^= state.2
    state.0 ^= state.3
    state.2 ^= shifted
    state.3 = rotated(state.3, 45)
    return result
  }

  /// Evenly spread over [0, 1), 53 bits.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

extension Generators {
  /// Numbers are made as float64 and converted once; uniform ones that rounding would carry to `high` stay below it.
  /// Without a seed every call gives other numbers.
  static func random(
    _ distribution: RandomDistribution, _ elementType: ElementType, _ extents: [Int], seed: UInt64?, _ node: Node,
    _ context: EvaluationContext
  ) throws -> Tensor {
    guard elementType.isNumeric else { throw EvaluationError(node, unsupported: elementType) }
    let shape = try context.checkedShape(extents, of: .float64, for: node)
    var system = SystemRandomNumberGenerator()
    var generator = Xoshiro256(seed: seed ?? system.next())
    // float32 is made in place: it is what models ask for, and a copy in float64 would double the memory.
    if elementType == .float32 {
      let result = try context.makeTensor(.float32, shape)
      result.withMutableElements(of: Float.self) { elements in
        for index in elements.indices { elements[index] = draw(distribution, &generator) }
      }
      return result
    }
    let wide =
      elementType == .float64 ? try context.makeTensor(.float64, shape) : try Tensor(.float64, shape, zeroed: false)
    wide.withMutableElements(of: Double.self) { elements in
      for index in elements.indices { elements[index] = draw(distribution, &generator) }
    }
    if case .uniform = distribution, elementType.isInteger {
      wide.withMutableElements(of: Double.self) { elements in
        for index in elements.indices { elements[index].round(.down) }
      }
    }
    return try wide.converted(to: elementType)
  }

  @inline(__always)
  private static func draw<Element: FloatNumber>(
    _ distribution: RandomDistribution, _ generator: inout Xoshiro256
  ) -> Element {
    switch distribution {
    case .uniform(let low, let high):
      let value = Element(low + (high - low) * generator.unit())
      return low < high && value >= Element(high) ? Element(high).nextDown : value
    case .normal(let mean, let deviation):
      // Box and Muller; 1 - unit is never 0.
      let radius = (-2 * log(1 - generator.unit())).squareRoot()
      return Element(mean + deviation * radius * cos(2 * .pi * generator.unit()))
    }
  }
}
