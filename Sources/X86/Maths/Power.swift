// x^y = 2^(y·log2 x) in float64 lanes: an error of the exponent is one of the result, times 128 at the ends.

extension VectorMaths {
  /// C's pow: 1 for y = 0 and for x = 1 whatever the other is; NaN for finite x < 0 and y no integer. At most
  /// 0.53 ulp off on a million random pairs.
  public func power(_ x: Value, _ y: Value) -> Value {
    let magnitude = absolute(x)
    let parts = zip(widen(magnitude), widen(y)).map { x, y in
      binaryExponentialWide(combine(.vmulpd, binaryLogarithmWide(x), y))
    }
    var result = narrow(parts)

    // Odd integers keep the sign of x; ∞ counts as even.
    let isInteger = compare(rounded(y, .towardZero), .equal, y)
    let half = multiply(y, 0.5)
    let isOdd = maskAnd(isInteger, compare(rounded(half, .down), .notEqual, half))
    let negated = flipSign(result, by: x)
    result = select(isOdd, negated, result)

    let isNegative = maskAnd(compare(x, .less, 0), compare(x, .greater, -Float.infinity))
    result = select(maskAndNot(isInteger, isNegative), Float.nan, result)
    let isInfinite = compare(absolute(y), .equal, Float.infinity)
    let isOne = maskOr(
      maskOr(compare(y, .equal, 0), compare(x, .equal, 1)), maskAnd(compare(x, .equal, -1), isInfinite))
    return select(isOne, 1, result)
  }

  /// log2 x for x ≥ 0 that came from float32: exponent + s·p(s²), s = (m − 1) / (m + 1), 3/4 ≤ m < 3/2.
  private func binaryLogarithmWide(_ x: Value) -> Value {
    let (m, exponent) = mantissaAndExponentWide(x)
    let s = combine(.vdivpd, combine(.vsubpd, m, wide: 1), combine(.vaddpd, m, wide: 1))
    let p = polynomial(wide: Coefficients.binaryLogarithmDouble, combine(.vmulpd, s, s))
    let result = builder.update(.vfmadd213pd, p, .value(s), .value(exponent))
    if hasAVX512 { return result }
    let withZero = selectWide(
      compare(x, .equal, wide: 0), constant(-Double.infinity, like: x), result)
    // ∞ and NaN
    return selectWide(compare(x, .notLess, wide: Double.infinity), x, withZero)
  }

  private func mantissaAndExponentWide(_ x: Value) -> (mantissa: Value, exponent: Value) {
    if hasAVX512 {
      let m = builder.define(.vgetmantpd, kind(x), .value(x), .immediate(0b1011))
      let exponent = builder.define(.vgetexppd, kind(x), .value(x))
      return (m, combine(.vsubpd, exponent, builder.define(.vgetexppd, kind(x), .value(m))))
    }
    // 64-bit shifts are logical: 2^10 more keeps the exponent positive, and 2^52 makes a number of it.
    let distance = combine(.vpsubq, x, wideBits: 0.75.bitPattern)
    let m = combine(.vpsubq, x, combine(.vandpd, distance, wideBits: 0xFFF0_0000_0000_0000))
    let positive = combine(.vpaddq, distance, wideBits: 1024 << 52)
    let field = builder.define(.vpsrlq, kind(x), .value(positive), .immediate(52))
    let number = combine(.vorpd, field, wideBits: 0x1p52.bitPattern)
    return (m, combine(.vsubpd, number, wide: 0x1p52 + 1024))
  }

  /// 2^x, of which float32 sees the difference from 0 and ∞: x = n + r.
  private func binaryExponentialWide(_ x: Value) -> Value {
    // The second operand is what NaN gives.
    let upper = combine(.vminpd, constant(200 as Double, like: x), x)
    let bounded = combine(.vmaxpd, constant(-200 as Double, like: x), upper)
    let shift = 0x1.8p52
    let shifted = combine(.vaddpd, bounded, wide: shift)
    let r = combine(.vsubpd, bounded, combine(.vsubpd, shifted, wide: shift))
    let p = polynomial(wide: Coefficients.binaryExponentialDouble, r)
    let field = builder.define(.vpsllq, kind(x), .value(shifted), .immediate(52))
    return combine(.vmulpd, p, combine(.vpaddq, field, wideBits: 1.0.bitPattern))
  }

  // MARK: float64 masks

  func compare(_ x: Value, _ predicate: Predicate, wide number: Double) -> Value {
    let number = self.number(number, kind(x))
    return hasAVX512
      ? builder.define(.vcmppdMask, .mask, .value(x), number, .immediate(predicate.rawValue))
      : builder.define(.vcmppd, kind(x), .value(x), number, .immediate(predicate.rawValue))
  }

  func selectWide(_ mask: Value, _ onTrue: Value, _ onFalse: Value) -> Value {
    hasAVX512
      ? builder.define(.vblendmpd, kind(onTrue), .value(onFalse), .value(onTrue), mask: mask)
      : builder.define(.vblendvpd, kind(onTrue), .value(onFalse), .value(onTrue), .value(mask))
  }
}
