import Tensors

/// SplitMix64: the same numbers for a seed everywhere.
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  package init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  package mutating func integer(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }
  package mutating func chance(_ percent: Int) -> Bool { integer(1...100) <= percent }
  package mutating func pick<T>(_ values: [T]) -> T { values[integer(0...values.count - 1)] }

  /// Quarters from -2 to 2, so that sums of a few are exact.
  package mutating func floats(_ shape: Shape) -> Tensor {
    Tensor(shape, (0..<shape.elementCount).map { _ in Float(integer(-8...8)) / 4 })
  }
}
