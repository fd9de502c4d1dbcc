import Glibc
import GraphIR

/// The graph's elementwise functions on one float32: calculated in float64, rounded once.
enum ScalarFunctions {
  /// nil for functions that no float32 has.
  static func unary(_ function: UnaryFunction, _ value: Float) -> Float? {
    let x = Double(value)
    switch function {
    case .absolute: return abs(value)
    case .negate: return -value
    case .sign: return value > 0 ? 1 : value < 0 ? -1 : value == 0 ? 0 : value
    case .ceil: return value.rounded(.up)
    case .floor: return value.rounded(.down)
    case .roundNearestEven: return value.rounded(.toNearestOrEven)
    case .exponential: return Float(exp(x))
    case .exponentialMinusOne: return Float(expm1(x))
    case .logarithm: return Float(log(x))
    case .logarithmPlusOne: return Float(log1p(x))
    case .squareRoot: return value.squareRoot()
    case .reciprocal: return 1 / value
    case .sine: return Float(sin(x))
    case .cosine: return Float(cos(x))
    case .tangent: return Float(tan(x))
    case .arcSine: return Float(asin(x))
    case .arcCosine: return Float(acos(x))
    case .arcTangent: return Float(atan(x))
    case .hyperbolicSine: return Float(sinh(x))
    case .hyperbolicCosine: return Float(cosh(x))
    case .hyperbolicTangent: return Float(tanh(x))
    case .inverseHyperbolicSine: return Float(asinh(x))
    case .inverseHyperbolicCosine: return Float(acosh(x))
    case .inverseHyperbolicTangent: return Float(atanh(x))
    case .errorFunction: return Float(erf(x))
    case .logistic: return Float(1 / (1 + exp(-x)))
    case .not, .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite, .realPart, .imaginaryPart: return nil
    }
  }

  /// nil for functions that no two float32 have.
  static func binary(_ function: BinaryFunction, _ a: Float, _ b: Float) -> Float? {
    switch function {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    case .remainder: a.truncatingRemainder(dividingBy: b)
    case .floorModulo: floorModulo(a, b)
    case .power: Float(pow(Double(a), Double(b)))
    case .maximum: a > b || a != a ? a : b
    case .minimum: a < b || a != a ? a : b
    case .arcTangent2: Float(atan2(Double(a), Double(b)))
    case .and, .or, .exclusiveOr, .shiftLeft, .shiftRight, .complex: nil
    }
  }

  static func compare(_ comparison: Comparison, _ a: Float, _ b: Float) -> Bool {
    switch comparison {
    case .equal: a == b
    case .notEqual: a != b
    case .less: a < b
    case .lessOrEqual: a <= b
    case .greater: a > b
    case .greaterOrEqual: a >= b
    }
  }

  private static func floorModulo(_ a: Float, _ b: Float) -> Float {
    let rest = a.truncatingRemainder(dividingBy: b)
    if rest == 0 { return Float(signOf: b, magnitudeOf: 0) }
    return (rest < 0) != (b < 0) ? rest + b : rest
  }
}
