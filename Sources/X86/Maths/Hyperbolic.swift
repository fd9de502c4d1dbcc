// sinh, cosh, tanh and their inverses: made of e^x − 1 and log(1 + x), which are accurate near 0.

extension VectorMaths {
  /// AVX-512: a table like erf's. AVX2: 1 − 2 / (e^2|x| + 1), below 0.45, where that cancels, a polynomial.
  /// At most 1.04 and 1.86 ulp off.
  public func hyperbolicTangent(_ x: Value) -> Value {
    let magnitude = minimum(absolute(x), Coefficients.hyperbolicTangentBound)
    guard !hasAVX512 else {
      let result = tabulated(
        magnitude, Coefficients.hyperbolicTangent16, step: Coefficients.hyperbolicTangent16Step)
      return copySign(result, from: x)
    }
    let (_, shifted, r) = reduceExponent(builder.add(magnitude, magnitude))
    let exponential = polynomial([1, 1] + Coefficients.exponential, r)
    let denominator = multiplyAdd(exponential, powerOfTwo(shifted: shifted), constant(1 as Float, like: x))
    let quotient = builder.divide(constant(2 as Float, like: x), denominator)
    let large = builder.subtract(constant(1 as Float, like: x), quotient)

    let z = builder.multiply(magnitude, magnitude)
    let tail = builder.multiply(polynomial(Coefficients.hyperbolicTangent, z), z)
    let small = multiplyAdd(tail, magnitude, magnitude)
    return copySign(select(compare(magnitude, .less, 0.45), small, large), from: x)
  }

  /// From 1 on 2e − 1 / (8e), e = e^|x| / 4; below, where that cancels, a polynomial. At most 1.63 ulp off.
  public func hyperbolicSine(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let e = quarterExponential(magnitude)
    let large = builder.update(
      .vfmsub231ps, builder.divide(constant(0.125 as Float, like: x), e), .value(e), number(2 as Float, kind(x)))
    let z = builder.multiply(magnitude, magnitude)
    let tail = builder.multiply(polynomial(Coefficients.hyperbolicSine, z), z)
    let small = multiplyAdd(tail, magnitude, magnitude)
    return copySign(select(compare(magnitude, .less, 1), small, large), from: x)
  }

  /// 2e + 1 / (8e), e = e^|x| / 4. At most 1.35 ulp off.
  public func hyperbolicCosine(_ x: Value) -> Value {
    let e = quarterExponential(absolute(x))
    return accumulate(builder.divide(constant(0.125 as Float, like: x), e), e, 2)
  }

  /// e^x / 4 for x ≥ 0, which does not overflow before sinh and cosh do.
  private func quarterExponential(_ x: Value) -> Value {
    let (_, shifted, r) = reduceExponent(minimum(x, 89.5))
    return builder.multiply(
      polynomial([1, 1] + Coefficients.exponential, r), powerOfTwo(shifted: shifted, bias: -2))
  }

  /// log(y + 1), y = |x| + x² / (1 + √(x² + 1)); from 2^13 on log(2|x|). At most 1.27 ulp off.
  public func inverseHyperbolicSine(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let isLarge = compare(magnitude, .greaterOrEqual, 0x1p13)
    let bounded = minimum(magnitude, 0x1p13)
    let square = builder.multiply(bounded, bounded)
    let root = builder.squareRoot(multiplyAdd(bounded, bounded, 1))
    let fraction = builder.divide(square, add(root, 1))
    let y = builder.add(bounded, fraction)
    let rest = builder.subtract(fraction, builder.subtract(y, bounded))
    // x stands for 1 + y, its logarithm gets another ln 2.
    let sum = onePlus(y, rest)
    let doubled = select(isLarge, 1, builder.zero(kind: kind(x)))
    let result = logarithm(
      of: select(isLarge, magnitude, sum.high), rest: clear(isLarge, sum.low), extraExponent: doubled)
    return copySign(result, from: x)
  }

  /// log(1 + y), y = t + √(t² + 2t), t = x − 1; from 2^13 on log(2x). At most 1.82 ulp off.
  public func inverseHyperbolicCosine(_ x: Value) -> Value {
    let isLarge = compare(x, .greaterOrEqual, 0x1p13)
    // Any t in −2 < t < 0 leads to NaN, as it should for x < 1.
    let t = subtract(maximum(minimum(x, 0x1p13), 0), 1)
    let root = builder.squareRoot(multiplyAdd(t, t, builder.add(t, t)))
    let y = builder.add(root, t)
    // The larger one first, as the exact difference of a sum wants it.
    let rest = builder.subtract(t, builder.subtract(y, root))
    let sum = onePlus(y, rest)
    let doubled = select(isLarge, 1, builder.zero(kind: kind(x)))
    return logarithm(
      of: select(isLarge, x, sum.high), rest: clear(isLarge, sum.low), extraExponent: doubled)
  }

  /// ½·log(1 + q), q = 2|x| / (1 − |x|) with the rest of the division. At most 1.03 ulp off.
  public func inverseHyperbolicTangent(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let one = constant(1 as Float, like: x)
    let difference = builder.subtract(one, magnitude)
    let differenceRest = builder.subtract(builder.subtract(one, difference), magnitude)
    let twice = builder.add(magnitude, magnitude)
    let inverse = builder.divide(one, difference)
    let quotient = builder.multiply(twice, inverse)
    // 2|x| − q·(d + δ), over d
    let remainder = deduct(deduct(twice, quotient, difference), quotient, differenceRest)
    let sum = onePlus(quotient, builder.multiply(remainder, inverse))
    let result = logarithm(of: sum.high, rest: sum.low, extraExponent: nil)
    return copySign(multiply(result, 0.5), from: x)
  }
}
