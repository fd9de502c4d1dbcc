/// round(x / divisor) to a whole number, to nearest even, without a division and with its bits for every x:
/// round(x · high + (x · low)), the outer sum rounded once.
///
/// high + low is 1 / divisor but for 2⁻⁴⁷ of it, so that a quotient gets another rounding than the division's only if it
/// lies within 2⁻⁴⁶ of itself from the middle between two floats. Few x have such a quotient, and they are tried (the idea
/// is that of Brisebarre, Muller and Raina, Accelerating correctly rounded floating-point division when the divisor is
/// known in advance, 2004). What underflows is rounded to 0 with the right sign, what overflows does so in both, and low
/// has the sign of high, so that infinities stay.
public struct WholeQuotient: Hashable, Sendable {
  public let high: Float
  /// 0 if the divisor is a power of two: x · high alone is exact then.
  public let low: Float

  /// nil where division is what it takes.
  public init?(divisor: Float) {
    guard divisor.isNormal, 0x1p-100 < divisor.magnitude, divisor.magnitude < 0x1p100 else { return nil }
    let isPowerOfTwo = divisor.significand == 1
    var (high, low) = (1 / divisor, Float(0))
    if !isPowerOfTwo {
      // Cut off, so that what is left has the same sign.
      if Double(high) * Double(divisor) > 1 { high = high > 0 ? high.nextDown : high.nextUp }
      low = Float((1 - Double(high) * Double(divisor)) / Double(divisor))
      let critical = Self.criticalDividends(divisor)
      let neighbours = [low, low.nextUp, low.nextDown]
      guard
        let exact = neighbours.first(where: { low in
          critical.allSatisfy { Self.quotient($0, high, low) == $0 / divisor }
        })
      else { return nil }
      low = exact
    }
    self.high = high
    self.low = low
  }

  private static func quotient(_ x: Float, _ high: Float, _ low: Float) -> Float { (x * low).addingProduct(x, high) }

  /// Every x, but for powers of two, whose quotient lies that near to the middle between two floats.
  ///
  /// With the significands X and D as whole numbers of 24 bits, a quotient is X · 2ᵏ / D, k 23 or 24, and its middles are
  /// A + ½: 2ᵏ⁺¹ · X − (2A + 1) · D is a whole number r, at most 8, and not 0.
  private static func criticalDividends(_ divisor: Float) -> [Float] {
    let whole = UInt64(divisor.significandBitPattern) | 1 << 23
    let twos = whole.trailingZeroBitCount
    let odd = whole >> twos
    var result: [Float] = []
    for shift in [24, 25] {
      // X ≡ r / 2^shift, modulo D: powers of two that both have are left out of it.
      let inverse = (0..<(shift - twos)).reduce(UInt64(1)) { power, _ in power * ((odd + 1) / 2) % odd }
      for remainder in 1...8 where remainder % (1 << twos) == 0 {
        let least = UInt64(remainder >> twos) % odd * inverse % odd
        for residue in [least, (odd - least) % odd] {
          var x = residue + ((1 << 23) - min(residue, 1 << 23) + odd - 1) / odd * odd
          while x < 1 << 24 {
            result.append(Float(x))
            x += odd
          }
        }
      }
    }
    return result
  }
}
