import Glibc

/// A float with the functions of C's mathematics library, each accurate to about one unit in the last place.
@usableFromInline package protocol FloatNumber: RealNumber, BinaryFloatingPoint {
  static func exponential(_ x: Self) -> Self
  static func exponentialMinusOne(_ x: Self) -> Self
  static func logarithm(_ x: Self) -> Self
  static func logarithmPlusOne(_ x: Self) -> Self
  static func sine(_ x: Self) -> Self
  static func cosine(_ x: Self) -> Self
  static func tangent(_ x: Self) -> Self
  static func arcSine(_ x: Self) -> Self
  static func arcCosine(_ x: Self) -> Self
  static func arcTangent(_ x: Self) -> Self
  static func hyperbolicSine(_ x: Self) -> Self
  static func hyperbolicCosine(_ x: Self) -> Self
  static func hyperbolicTangent(_ x: Self) -> Self
  static func inverseHyperbolicSine(_ x: Self) -> Self
  static func inverseHyperbolicCosine(_ x: Self) -> Self
  static func inverseHyperbolicTangent(_ x: Self) -> Self
  static func errorFunction(_ x: Self) -> Self
  static func power(_ x: Self, _ y: Self) -> Self
  static func arcTangent2(_ y: Self, _ x: Self) -> Self
}

extension FloatNumber {
  /// 1 / (1 + e^-x), from the exponential of a number that is not positive, which cannot overflow.
  @inlinable @inline(__always) package static func logistic(_ x: Self) -> Self {
    let power = exponential(-x.magnitude)
    return (x < 0 ? power : 1) / (1 + power)
  }
}

extension Float: FloatNumber {
  @inlinable @inline(__always) package static func exponential(_ x: Float) -> Float { expf(x) }
  @inlinable @inline(__always) package static func exponentialMinusOne(_ x: Float) -> Float { expm1f(x) }
  @inlinable @inline(__always) package static func logarithm(_ x: Float) -> Float { logf(x) }
  @inlinable @inline(__always) package static func logarithmPlusOne(_ x: Float) -> Float { log1pf(x) }
  @inlinable @inline(__always) package static func sine(_ x: Float) -> Float { sinf(x) }
  @inlinable @inline(__always) package static func cosine(_ x: Float) -> Float { cosf(x) }
  @inlinable @inline(__always) package static func tangent(_ x: Float) -> Float { tanf(x) }
  @inlinable @inline(__always) package static func arcSine(_ x: Float) -> Float { asinf(x) }
  @inlinable @inline(__always) package static func arcCosine(_ x: Float) -> Float { acosf(x) }
  @inlinable @inline(__always) package static func arcTangent(_ x: Float) -> Float { atanf(x) }
  @inlinable @inline(__always) package static func hyperbolicSine(_ x: Float) -> Float { sinhf(x) }
  @inlinable @inline(__always) package static func hyperbolicCosine(_ x: Float) -> Float { coshf(x) }
  @inlinable @inline(__always) package static func hyperbolicTangent(_ x: Float) -> Float { tanhf(x) }
  @inlinable @inline(__always) package static func inverseHyperbolicSine(_ x: Float) -> Float { asinhf(x) }
  @inlinable @inline(__always) package static func inverseHyperbolicCosine(_ x: Float) -> Float { acoshf(x) }
  @inlinable @inline(__always) package static func inverseHyperbolicTangent(_ x: Float) -> Float { atanhf(x) }
  @inlinable @inline(__always) package static func errorFunction(_ x: Float) -> Float { erff(x) }
  @inlinable @inline(__always) package static func power(_ x: Float, _ y: Float) -> Float { powf(x, y) }
  @inlinable @inline(__always) package static func arcTangent2(_ y: Float, _ x: Float) -> Float { atan2f(y, x) }
}

extension Double: FloatNumber {
  @inlinable @inline(__always) package static func exponential(_ x: Double) -> Double { exp(x) }
  @inlinable @inline(__always) package static func exponentialMinusOne(_ x: Double) -> Double { expm1(x) }
  @inlinable @inline(__always) package static func logarithm(_ x: Double) -> Double { log(x) }
  @inlinable @inline(__always) package static func logarithmPlusOne(_ x: Double) -> Double { log1p(x) }
  @inlinable @inline(__always) package static func sine(_ x: Double) -> Double { sin(x) }
  @inlinable @inline(__always) package static func cosine(_ x: Double) -> Double { cos(x) }
  @inlinable @inline(__always) package static func tangent(_ x: Double) -> Double { tan(x) }
  @inlinable @inline(__always) package static func arcSine(_ x: Double) -> Double { asin(x) }
  @inlinable @inline(__always) package static func arcCosine(_ x: Double) -> Double { acos(x) }
  @inlinable @inline(__always) package static func arcTangent(_ x: Double) -> Double { atan(x) }
  @inlinable @inline(__always) package static func hyperbolicSine(_ x: Double) -> Double { sinh(x) }
  @inlinable @inline(__always) package static func hyperbolicCosine(_ x: Double) -> Double { cosh(x) }
  @inlinable @inline(__always) package static func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
  @inlinable @inline(__always) package static func inverseHyperbolicSine(_ x: Double) -> Double { asinh(x) }
  @inlinable @inline(__always) package static func inverseHyperbolicCosine(_ x: Double) -> Double { acosh(x) }
  @inlinable @inline(__always) package static func inverseHyperbolicTangent(_ x: Double) -> Double { atanh(x) }
  @inlinable @inline(__always) package static func errorFunction(_ x: Double) -> Double { erf(x) }
  @inlinable @inline(__always) package static func power(_ x: Double, _ y: Double) -> Double { pow(x, y) }
  @inlinable @inline(__always) package static func arcTangent2(_ y: Double, _ x: Double) -> Double { atan2(y, x) }
}
