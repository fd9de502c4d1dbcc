// e^x and what is made of it: 1 / (1 + e^−x).
//
// x = n·ln 2 + r with an integer n and |r| ≤ ln 2 / 2, subtracted in two parts so that r keeps its bits (Cody and Waite);
// e^r by a polynomial of degree 6 with the exact leading terms 1 + r; the result is scaled by 2^n.

extension VectorMaths {
  /// 1.5·2^23: a float32 sum with it is rounded to an integer, which stands in its low bits.
  static let roundingShift: Float = 0x1.8p23

  /// x·factor rounded to an integer n: as a number, and in the low bits of `shifted`.
  func nearestInteger(_ x: Value, times factor: Float) -> (number: Value, shifted: Value) {
    let shifted = accumulate(constant(Self.roundingShift, like: x), x, factor)
    return (subtract(shifted, Self.roundingShift), shifted)
  }

  /// 2^(n + bias), where n is in the low bits of `shifted`, −126 ≤ n + bias ≤ 127.
  func powerOfTwo(shifted: Value, bias: Int = 0) -> Value {
    // The bits of `roundingShift` leave the register.
    addInteger(shiftLeft(shifted, 23), bits: UInt32(127 + bias) << 23)
  }

  /// n, its bits and r of x = n·ln 2 + r.
  func reduceExponent(_ x: Value) -> (n: Value, shifted: Value, r: Value) {
    let (n, shifted) = nearestInteger(x, times: Coefficients.log2E)
    let r = deduct(deduct(x, n, Coefficients.ln2High), n, Coefficients.ln2Low)
    return (n, shifted, r)
  }

  /// value·2^n, rounded once where it is a denormal; |n| ≤ 250.
  func scale(_ value: Value, n: Value, shifted: Value) -> Value {
    if hasAVX512 { return combine(.vscalefps, value, n) }
    // In two factors, because 2^n may not exist where the product does. The first product is exact.
    let integer = subtractInteger(shifted, bits: Self.roundingShift.bitPattern)
    let half = shiftRightArithmetic(integer, 1)
    let rest = combine(.vpsubd, integer, half)
    let one = Float(1).bitPattern
    let first = builder.multiply(value, addInteger(shiftLeft(half, 23), bits: one))
    return builder.multiply(first, addInteger(shiftLeft(rest, 23), bits: one))
  }

  /// e^x, |x| ≤ 150.
  func boundedExponential(_ x: Value) -> Value {
    let (n, shifted, r) = reduceExponent(x)
    return scale(polynomial([1, 1] + Coefficients.exponential, r), n: n, shifted: shifted)
  }

  /// At most 0.89 ulp off.
  public func exponential(_ x: Value) -> Value {
    // Outside, the result is 0 or infinite.
    boundedExponential(maximum(minimum(x, 88.75), -104))
  }

  /// e^x for x ≤ 0 (or NaN), as in a softmax: no test for overflow. At most 0.89 ulp off.
  public func exponentialOfNonPositive(_ x: Value) -> Value { boundedExponential(maximum(x, -104)) }

  /// With e = e^−|x| and q = e / (1 + e): 1 − q, for negative x e − e·q. Small results keep their bits, and the error of
  /// q counts little where its last place is large beside the result's: at most 1.65 ulp, against 2.40 of e / (1 + e).
  public func logistic(_ x: Value) -> Value {
    let e = exponentialOfNonPositive(combine(.vorps, x, bits: 0x8000_0000))
    let one = constant(1 as Float, like: x)
    let q = builder.divide(e, builder.add(e, one))
    let whole = select(negativeLanes(x), e, one)
    return builder.update(.vfnmadd213ps, q, .value(whole), .value(whole))
  }

  /// Lanes with the sign bit set. AVX2 blends look at no other bit.
  func negativeLanes(_ x: Value) -> Value { hasAVX512 ? builder.define(.vpmovd2m, .mask, .value(x)) : x }

  /// e^x − 1 = 2^n·p + (2^n − 1), p = e^r − 1. At most 1.44 ulp off.
  public func exponentialMinusOne(_ x: Value) -> Value {
    let bounded = maximum(minimum(x, 88.75), -18)
    let (_, shifted, r) = reduceExponent(bounded)
    let p = exponentialMinusOneOfReduced(r)
    // Half of everything, because n may be 128.
    let power = powerOfTwo(shifted: shifted, bias: -1)
    let half = multiplyAdd(p, power, subtract(power, 0.5))
    // −0 stays what it is.
    return copySign(builder.add(half, half), from: x, isPositive: false)
  }

  /// e^r − 1, |r| ≤ ln 2 / 2
  func exponentialMinusOneOfReduced(_ r: Value) -> Value {
    let q = polynomial(Coefficients.exponentialMinusOne, r)
    return multiplyAdd(q, builder.multiply(r, r), r)
  }
}
