/// A float32 as a sum of bfloat16 numbers, for units that multiply bfloat16 and add float32.
///
/// Each part is the nearest bfloat16 (ties to even) of what the parts before it leave: 8 bits of the significand each,
/// so that three hold all 24 and their sum is the number. Products of parts are exact in float32. With x = x₀ + x₁ + x₂,
/// w likewise:
///
///     bfloat16   x₀w₀                                            one product, an error of about 2⁻⁸ each
///     fast       x₁w₀ + x₀w₁ + x₀w₀                              three, 2⁻¹⁶
///     float32    x₂w₀ + x₁w₁ + x₀w₂ + x₁w₀ + x₀w₁ + x₀w₀         six, small terms first, no worse than float32
///
/// (Henry, Tang, Heinecke: "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations",
/// arXiv 1904.06376.) At the ends of the range:
///
///   * An infinity or a NaN is the first part; the others are 0, so that they add no NaN of their own to a product.
///   * A finite number that would round to infinity, from 2¹²⁸ - 2¹¹⁹ on, has its first part rounded toward zero.
///   * Parts below 2⁻¹²⁶, which such units take for 0, are 0. The sum is the number still down to 2⁻¹⁰³ or so; below, it
///     is off by less than 2⁻¹²⁶.
public struct BFloat16Parts: Hashable, Sendable {
  public var high: UInt16
  public var middle: UInt16
  public var low: UInt16

  public init(_ value: Float) {
    high = Self.nearest(value)
    (middle, low) = (0, 0)
    guard value.isFinite else { return }
    let left = value - Float(bfloat16: high)
    middle = Self.nearest(left)
    low = Self.nearest(left - Float(bfloat16: middle))
  }

  /// The parts added up.
  public var sum: Float { Float(bfloat16: low) + Float(bfloat16: middle) + Float(bfloat16: high) }

  /// The nearest bfloat16 that is finite if the value is, and no subnormal.
  private static func nearest(_ value: Float) -> UInt16 {
    let bits = FloatFormat.encodeBFloat16(value)
    let magnitude = bits & 0x7FFF
    if magnitude < 0x0080 { return bits & 0x8000 }
    if magnitude == 0x7F80, value.isFinite { return bits - 1 }
    return bits
  }
}

extension Float {
  /// The number that a bfloat16 pattern is.
  @inlinable public init(bfloat16 bits: UInt16) { self.init(bitPattern: UInt32(bits) << 16) }

  /// The nearest bfloat16 to this number, ties to even.
  public var roundedToBFloat16: Float { Float(bfloat16: FloatFormat.encodeBFloat16(self)) }
}
