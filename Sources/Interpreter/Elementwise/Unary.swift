import GraphIR
import Tensors

extension Elementwise {
  static func unary(
    _ function: UnaryFunction, _ x: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let result: Tensor?
    switch function {
    case .absolute, .negate, .sign, .ceil, .floor, .roundNearestEven, .realPart, .imaginaryPart, .reciprocal:
      switch x.elementType.kind {
      case .complex:
        result =
          x.elementType == .complex64
          ? try complex(function, x, Float.self, context) : try complex(function, x, Double.self, context)
      case .float:
        result = try x.elementType.dispatch(FloatArithmetic(function: function, x: x, context: context))
      default:
        result = try x.elementType.dispatch(IntegerArithmetic(function: function, x: x, context: context))
      }
    case .not:
      result = try complement(x, context)
    case .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite:
      result = try x.elementType.dispatch(Classification(function: function, x: x, context: context))
    default:
      result = try x.elementType.dispatch(FloatMathematics(function: function, x: x, context: context))
    }
    guard let result else { throw EvaluationError(node, unsupported: x.elementType) }
    return result
  }

  private struct IntegerArithmetic: IntegerComputation {
    let function: UnaryFunction
    let x: Tensor
    let context: EvaluationContext

    func run<Element: WholeNumber>(_ type: Element.Type) throws -> Tensor? {
      let result = try context.makeTensor(x.elementType, x.shape)
      switch function {
      case .absolute: ElementLoops.map(x, into: result) { (x: Element) in Element.absolute(x) }
      case .negate: ElementLoops.map(x, into: result) { (x: Element) in 0 &- x }
      case .sign: ElementLoops.map(x, into: result) { (x: Element) in Element.sign(x) }
      case .ceil, .floor, .roundNearestEven: ElementLoops.map(x, into: result) { (x: Element) in x }
      default: return nil
      }
      return result
    }
  }

  private struct FloatArithmetic: FloatComputation {
    let function: UnaryFunction
    let x: Tensor
    let context: EvaluationContext

    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Tensor? {
      let result = try context.makeTensor(x.elementType, x.shape)
      switch function {
      case .absolute: ElementLoops.map(x, into: result) { (x: Element) in x.magnitude }
      case .negate: ElementLoops.map(x, into: result) { (x: Element) in -x }
      case .sign: ElementLoops.map(x, into: result) { (x: Element) in Element.sign(x) }
      case .ceil: ElementLoops.map(x, into: result) { (x: Element) in x.rounded(.up) }
      case .floor: ElementLoops.map(x, into: result) { (x: Element) in x.rounded(.down) }
      case .roundNearestEven: ElementLoops.map(x, into: result) { (x: Element) in x.rounded(.toNearestOrEven) }
      case .reciprocal: ElementLoops.map(x, into: result) { (x: Element) in 1 / x }
      default: return nil
      }
      return result
    }
  }

  private struct FloatMathematics: FloatComputation {
    let function: UnaryFunction
    let x: Tensor
    let context: EvaluationContext

    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Tensor? {
      let result = try context.makeTensor(x.elementType, x.shape)
      switch function {
      case .exponential: ElementLoops.map(x, into: result, Element.exponential)
      case .exponentialMinusOne: ElementLoops.map(x, into: result, Element.exponentialMinusOne)
      case .logarithm: ElementLoops.map(x, into: result, Element.logarithm)
      case .logarithmPlusOne: ElementLoops.map(x, into: result, Element.logarithmPlusOne)
      case .squareRoot: ElementLoops.map(x, into: result) { (x: Element) in x.squareRoot() }
      case .sine: ElementLoops.map(x, into: result, Element.sine)
      case .cosine: ElementLoops.map(x, into: result, Element.cosine)
      case .tangent: ElementLoops.map(x, into: result, Element.tangent)
      case .arcSine: ElementLoops.map(x, into: result, Element.arcSine)
      case .arcCosine: ElementLoops.map(x, into: result, Element.arcCosine)
      case .arcTangent: ElementLoops.map(x, into: result, Element.arcTangent)
      case .hyperbolicSine: ElementLoops.map(x, into: result, Element.hyperbolicSine)
      case .hyperbolicCosine: ElementLoops.map(x, into: result, Element.hyperbolicCosine)
      case .hyperbolicTangent: ElementLoops.map(x, into: result, Element.hyperbolicTangent)
      case .inverseHyperbolicSine: ElementLoops.map(x, into: result, Element.inverseHyperbolicSine)
      case .inverseHyperbolicCosine: ElementLoops.map(x, into: result, Element.inverseHyperbolicCosine)
      case .inverseHyperbolicTangent: ElementLoops.map(x, into: result, Element.inverseHyperbolicTangent)
      case .errorFunction: ElementLoops.map(x, into: result, Element.errorFunction)
      case .logistic: ElementLoops.map(x, into: result, Element.logistic)
      default: return nil
      }
      return result
    }
  }

  private struct Classification: FloatComputation {
    let function: UnaryFunction
    let x: Tensor
    let context: EvaluationContext

    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Tensor? {
      let result = try context.makeTensor(.bool, x.shape)
      switch function {
      case .isNaN: ElementLoops.map(x, into: result) { (x: Element) in x != x }
      case .isInfinite: ElementLoops.map(x, into: result) { (x: Element) in x.magnitude == .infinity }
      case .isPositiveInfinite: ElementLoops.map(x, into: result) { (x: Element) in x == .infinity }
      case .isNegativeInfinite: ElementLoops.map(x, into: result) { (x: Element) in x == -.infinity }
      default: return nil
      }
      return result
    }
  }

  private struct BitwiseComplement: IntegerComputation {
    let x, result: Tensor

    func run<Element: WholeNumber>(_ type: Element.Type) throws -> Tensor? {
      ElementLoops.map(x, into: result) { (x: Element) in ~x }
      return result
    }
  }

  private static func complement(_ x: Tensor, _ context: EvaluationContext) throws -> Tensor? {
    let result = try context.makeTensor(x.elementType, x.shape)
    if x.elementType == .bool {
      ElementLoops.map(x, into: result) { (x: UInt8) in x == 0 ? 1 as UInt8 : 0 }
      return result
    }
    return try x.elementType.dispatchIgnoringSign(BitwiseComplement(x: x, result: result))
  }

  private static func complex<Real: ComplexComponent & FloatNumber>(
    _ function: UnaryFunction, _ x: Tensor, _ type: Real.Type, _ context: EvaluationContext
  ) throws -> Tensor? {
    let isReal = function != .negate && function != .reciprocal
    let result = try context.makeTensor(isReal ? Real.elementType : x.elementType, x.shape)
    switch function {
    case .absolute:
      // Scaled, so that the squares do not overflow.
      ElementLoops.map(x, into: result) { (x: Complex<Real>) -> Real in
        let (a, b) = (x.real.magnitude, x.imaginary.magnitude)
        if a == .infinity || b == .infinity { return .infinity }
        let scale = Real.larger(a, b)
        if scale == 0 { return 0 }
        return scale * ((a / scale) * (a / scale) + (b / scale) * (b / scale)).squareRoot()
      }
    case .realPart: ElementLoops.map(x, into: result) { (x: Complex<Real>) in x.real }
    case .imaginaryPart: ElementLoops.map(x, into: result) { (x: Complex<Real>) in x.imaginary }
    case .negate: ElementLoops.map(x, into: result) { (x: Complex<Real>) in Complex<Real>(-x.real, -x.imaginary) }
    case .reciprocal: ElementLoops.map(x, into: result) { (x: Complex<Real>) in Complex<Real>(1) / x }
    default: return nil
    }
    return result
  }
}
