// log x = k·ln 2 + log m, 3/4 ≤ m < 3/2, so that nothing cancels near 1; log(1 + r) = r − r²/2 + r³·p(r), r = m − 1.

extension VectorMaths {
  /// At most 0.86 ulp off.
  public func logarithm(_ x: Value) -> Value {
    if hasAVX512 {
      // NaN for negative x.
      let (m, negatedExponent) = mantissaAndExponent(x)
      return logarithm(mantissa: subtract(m, 1), negatedExponent: negatedExponent)
    }
    // Denormals are made normal first.
    let isSmall = compare(x, .less, Float.leastNormalMagnitude)
    let normal = select(isSmall, multiply(x, 0x1p23), x)
    let (m, exponent) = mantissaAndExponent(normal)
    let offset = builder.and(isSmall, constant(23 as Float, like: x))
    let result = logarithm(mantissa: subtract(m, 1), negatedExponent: builder.add(exponent, offset))
    return specialLogarithms(result, x)
  }

  /// log(1 + x): 1 + x rounded, and what the rounding left. At most 0.87 ulp off.
  public func logarithmPlusOne(_ x: Value) -> Value {
    let sum = onePlus(x, nil)
    // −0 stays what it is.
    return copySign(logarithm(of: sum.high, rest: sum.low, extraExponent: nil), from: x, isPositive: false)
  }

  /// 1 + x + rest as a rounded sum and its error.
  func onePlus(_ x: Value, _ rest: Value?) -> (high: Value, low: Value) {
    let one = constant(1 as Float, like: x)
    let larger = builder.maximum(one, x)
    let smaller = builder.minimum(one, x)
    let sum = builder.add(larger, smaller)
    var error = builder.subtract(smaller, builder.subtract(sum, larger))
    if let rest { error = builder.add(error, rest) }
    // ∞ − ∞ counts as nothing: the mask would cost more than the comparison with a bound that errors never reach.
    return (sum, combine(.vmaxps, error, -0x1p100))
  }

  /// log(x + rest) + extraExponent·ln 2 for a normal x, 0, ∞ or NaN, and |rest| small beside x.
  func logarithm(of x: Value, rest: Value, extraExponent: Value?) -> Value {
    var (m, negatedExponent) = mantissaAndExponent(x)
    // rest·2^−k. Where x is 0, the factor is not: 0·∞ would be NaN.
    let scaledRest: Value
    if hasAVX512 {
      scaledRest = combine(.vscalefps, rest, combine(.vminps, negatedExponent, 64))
    } else {
      // From 2^126 on, the factor would not exist; the rest is nothing there.
      let bounded = combine(.vmaxps, combine(.vminps, negatedExponent, 64), -126)
      let integer = builder.define(.vcvtps2dq, kind(x), .value(bounded))
      scaledRest = builder.multiply(rest, addInteger(shiftLeft(integer, 23), bits: Float(1).bitPattern))
    }
    if let extraExponent { negatedExponent = builder.subtract(negatedExponent, extraExponent) }
    let difference = subtract(m, 1)
    let r = builder.add(difference, scaledRest)
    // Either the difference is 0, or it is larger than the rest.
    let lost = builder.subtract(scaledRest, builder.subtract(r, difference))
    let result = logarithm(mantissa: r, rest: lost, negatedExponent: negatedExponent)
    return hasAVX512 ? result : specialLogarithms(result, x)
  }

  /// log(1 + r + rest) − negatedExponent·ln 2
  private func logarithm(mantissa r: Value, rest: Value? = nil, negatedExponent: Value) -> Value {
    let tail = multiplyAdd(polynomial(Coefficients.logarithm, r), r, -0.5)
    // Both parts of ln 2 are positive, so that an infinite exponent gives an infinite sum.
    let low =
      rest.map { deduct($0, negatedExponent, Coefficients.ln2Low) } ?? multiply(negatedExponent, -Coefficients.ln2Low)
    let sum = builder.add(r, multiplyAdd(tail, builder.multiply(r, r), low))
    return deduct(sum, negatedExponent, Coefficients.ln2High)
  }

  /// x = m·2^k: m and −k. With AVX-512, 0 and ∞ give m = 1 and an infinite k, negative numbers give NaN.
  private func mantissaAndExponent(_ x: Value) -> (mantissa: Value, negatedExponent: Value) {
    if hasAVX512 {
      // 3: in [3/4, 3/2); 8: NaN for negative x. The exponent of m is −1 or 0.
      let m = builder.define(.vgetmantps, kind(x), .value(x), .immediate(0b1011))
      let exponent = builder.define(.vgetexpps, kind(x), .value(x))
      return (m, builder.subtract(builder.define(.vgetexpps, kind(x), .value(m)), exponent))
    }
    let distance = subtractInteger(x, bits: Float(0.75).bitPattern)
    let exponent = shiftRightArithmetic(distance, 23)
    let m = combine(.vpsubd, x, shiftLeft(exponent, 23))
    let negated = combine(.vpsubd, builder.zero(kind: kind(x)), exponent)
    return (m, builder.define(.vcvtdq2ps, kind(x), .value(negated)))
  }

  /// −∞ at 0, NaN below, ∞ and NaN as they are: what AVX-512 gives by itself.
  private func specialLogarithms(_ result: Value, _ x: Value) -> Value {
    let infinity = select(compare(x, .equal, 0), -Float.infinity, result)
    // All ones is a NaN.
    let negative = builder.or(infinity, compare(x, .less, 0))
    return select(compare(x, .notLess, Float.infinity), x, negative)
  }
}
