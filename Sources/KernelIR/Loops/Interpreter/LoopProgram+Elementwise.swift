import GraphIR
import Interpreter
import Tensors

extension LoopProgram {
  func define(_ value: KernelValue, _ expression: Expression, _ vectorAxis: AxisID?) -> Frame.Operation {
    switch expression {
    case .constantBits(let bits):
      let column = column(value)
      // Little-endian: the low bytes come first, whatever the width.
      switch type(value).bitWidth {
      case 8: return fill(column, UInt8(truncatingIfNeeded: bits))
      case 32: return fill(column, UInt32(truncatingIfNeeded: bits))
      default: return fill(column, bits)
      }
    case .position(let index): return position(value, index, vectorAxis)
    case .load(let buffer, let index, let otherwise): return load(value, buffer, index, otherwise, vectorAxis)
    case .unary(let function, let x): return unary(function, x, value)
    case .binary(let function, let a, let b): return binary(function, a, b, value)
    case .compare(let comparison, let a, let b): return compare(comparison, a, b, value)
    case .select(let predicate, let a, let b):
      switch type(value).bitWidth {
      case 8: return ternary(predicate, a, b, value) { (p: UInt8, a: UInt8, b: UInt8) in p != 0 ? a : b }
      case 32: return ternary(predicate, a, b, value) { (p: UInt8, a: UInt32, b: UInt32) in p != 0 ? a : b }
      default: return ternary(predicate, a, b, value) { (p: UInt8, a: UInt64, b: UInt64) in p != 0 ? a : b }
      }
    case .convert(let x, let through): return convert(x, through: through, to: value)
    case .bitcast(let x):
      return type(value).bitWidth == 32
        ? unary(x, value) { (x: UInt32) in x } : unary(x, value) { (x: UInt64) in x }
    case .multiplyAdd(let a, let b, let c):
      return type(value) == .float32
        ? ternary(a, b, c, value) { (a: Float, b: Float, c: Float) in c.addingProduct(a, b) }
        : ternary(a, b, c, value) { (a: Double, b: Double, c: Double) in c.addingProduct(a, b) }
    }
  }

  // MARK: Loops over lanes

  @inline(__always)
  private func fill<Element: Sendable>(_ column: Column, _ element: Element) -> Frame.Operation {
    { frame in
      let elements = frame.elements(column, Element.self)
      for lane in 0..<frame.lanes { elements[lane] = element }
    }
  }

  @inline(__always)
  func unary<X, Result>(
    _ x: KernelValue, _ result: KernelValue, _ function: @escaping @Sendable (X) -> Result
  ) -> Frame.Operation {
    let (x, result) = (column(x), column(result))
    return { frame in
      let xs = frame.elements(x, X.self)
      let results = frame.elements(result, Result.self)
      for lane in 0..<frame.lanes { results[lane] = function(xs[lane &* x.step]) }
    }
  }

  @inline(__always)
  private func binary<A, Result>(
    _ a: KernelValue, _ b: KernelValue, _ result: KernelValue, _ function: @escaping @Sendable (A, A) -> Result
  ) -> Frame.Operation {
    let (a, b, result) = (column(a), column(b), column(result))
    return { frame in
      let lefts = frame.elements(a, A.self)
      let rights = frame.elements(b, A.self)
      let results = frame.elements(result, Result.self)
      for lane in 0..<frame.lanes { results[lane] = function(lefts[lane &* a.step], rights[lane &* b.step]) }
    }
  }

  @inline(__always)
  private func ternary<A, B, Result>(
    _ a: KernelValue, _ b: KernelValue, _ c: KernelValue, _ result: KernelValue,
    _ function: @escaping @Sendable (A, B, B) -> Result
  ) -> Frame.Operation {
    let (a, b, c, result) = (column(a), column(b), column(c), column(result))
    return { frame in
      let firsts = frame.elements(a, A.self)
      let seconds = frame.elements(b, B.self)
      let thirds = frame.elements(c, B.self)
      let results = frame.elements(result, Result.self)
      for lane in 0..<frame.lanes {
        results[lane] = function(firsts[lane &* a.step], seconds[lane &* b.step], thirds[lane &* c.step])
      }
    }
  }

  // MARK: Unary

  private func unary(_ function: UnaryFunction, _ x: KernelValue, _ result: KernelValue) -> Frame.Operation {
    switch type(x) {
    case .float32: float(function, x, result, Float.self)
    case .float64: float(function, x, result, Double.self)
    case .int32: whole(function, x, result, Int32.self)
    case .int64: whole(function, x, result, Int64.self)
    case .uint32: whole(function, x, result, UInt32.self)
    case .uint64: whole(function, x, result, UInt64.self)
    default: unary(x, result) { (x: UInt8) in x ^ 1 }
    }
  }

  private func whole<Element: WholeNumber & SendableMetatype>(
    _ function: UnaryFunction, _ x: KernelValue, _ result: KernelValue, _ type: Element.Type
  ) -> Frame.Operation {
    switch function {
    case .absolute: unary(x, result) { (x: Element) in Element.absolute(x) }
    case .negate: unary(x, result) { (x: Element) in 0 &- x }
    case .sign: unary(x, result) { (x: Element) in Element.sign(x) }
    case .not: unary(x, result) { (x: Element) in ~x }
    default: unary(x, result) { (x: Element) in x }
    }
  }

  private func float<Element: FloatNumber & SendableMetatype>(
    _ function: UnaryFunction, _ x: KernelValue, _ result: KernelValue, _ type: Element.Type
  ) -> Frame.Operation {
    switch function {
    case .absolute: unary(x, result) { (x: Element) in x.magnitude }
    case .negate: unary(x, result) { (x: Element) in -x }
    case .sign: unary(x, result) { (x: Element) in Element.sign(x) }
    case .ceil: unary(x, result) { (x: Element) in x.rounded(.up) }
    case .floor: unary(x, result) { (x: Element) in x.rounded(.down) }
    case .roundNearestEven: unary(x, result) { (x: Element) in x.rounded(.toNearestOrEven) }
    case .reciprocal: unary(x, result) { (x: Element) in 1 / x }
    case .squareRoot: unary(x, result) { (x: Element) in x.squareRoot() }
    case .exponential: unary(x, result, Element.exponential)
    case .exponentialMinusOne: unary(x, result, Element.exponentialMinusOne)
    case .logarithm: unary(x, result, Element.logarithm)
    case .logarithmPlusOne: unary(x, result, Element.logarithmPlusOne)
    case .sine: unary(x, result, Element.sine)
    case .cosine: unary(x, result, Element.cosine)
    case .tangent: unary(x, result, Element.tangent)
    case .arcSine: unary(x, result, Element.arcSine)
    case .arcCosine: unary(x, result, Element.arcCosine)
    case .arcTangent: unary(x, result, Element.arcTangent)
    case .hyperbolicSine: unary(x, result, Element.hyperbolicSine)
    case .hyperbolicCosine: unary(x, result, Element.hyperbolicCosine)
    case .hyperbolicTangent: unary(x, result, Element.hyperbolicTangent)
    case .inverseHyperbolicSine: unary(x, result, Element.inverseHyperbolicSine)
    case .inverseHyperbolicCosine: unary(x, result, Element.inverseHyperbolicCosine)
    case .inverseHyperbolicTangent: unary(x, result, Element.inverseHyperbolicTangent)
    case .errorFunction: unary(x, result, Element.errorFunction)
    case .logistic: unary(x, result, Element.logistic)
    case .isNaN: unary(x, result) { (x: Element) in x != x }
    case .isInfinite: unary(x, result) { (x: Element) in x.magnitude == .infinity }
    case .isPositiveInfinite: unary(x, result) { (x: Element) in x == .infinity }
    case .isNegativeInfinite: unary(x, result) { (x: Element) in x == -.infinity }
    // The verifier lets no others pass.
    case .not, .realPart, .imaginaryPart: preconditionFailure("\(function) of floats")
    }
  }

  // MARK: Binary

  private func binary(
    _ function: BinaryFunction, _ a: KernelValue, _ b: KernelValue, _ result: KernelValue
  ) -> Frame.Operation {
    switch type(a) {
    case .float32: float(function, a, b, result, Float.self)
    case .float64: float(function, a, b, result, Double.self)
    case .int32: whole(function, a, b, result, Int32.self)
    case .int64: whole(function, a, b, result, Int64.self)
    case .uint32: whole(function, a, b, result, UInt32.self)
    case .uint64: whole(function, a, b, result, UInt64.self)
    default:
      switch function {
      case .and, .minimum: binary(a, b, result) { (a: UInt8, b: UInt8) in a & b }
      case .exclusiveOr: binary(a, b, result) { (a: UInt8, b: UInt8) in a ^ b }
      default: binary(a, b, result) { (a: UInt8, b: UInt8) in a | b }
      }
    }
  }

  private func real<Element: RealNumber & SendableMetatype>(
    _ function: BinaryFunction, _ a: KernelValue, _ b: KernelValue, _ result: KernelValue, _ type: Element.Type
  ) -> Frame.Operation {
    switch function {
    case .add: binary(a, b, result) { (a: Element, b: Element) in Element.sum(a, b) }
    case .subtract: binary(a, b, result) { (a: Element, b: Element) in Element.difference(a, b) }
    case .multiply: binary(a, b, result) { (a: Element, b: Element) in Element.product(a, b) }
    case .divide: binary(a, b, result) { (a: Element, b: Element) in Element.quotient(a, b) }
    case .remainder: binary(a, b, result) { (a: Element, b: Element) in Element.remainder(a, b) }
    case .floorModulo: binary(a, b, result) { (a: Element, b: Element) in Element.floorModulo(a, b) }
    case .maximum: binary(a, b, result) { (a: Element, b: Element) in Element.larger(a, b) }
    case .minimum: binary(a, b, result) { (a: Element, b: Element) in Element.smaller(a, b) }
    // The verifier lets no others pass.
    default: preconditionFailure("\(function) of \(Element.self)")
    }
  }

  private func float<Element: FloatNumber & SendableMetatype>(
    _ function: BinaryFunction, _ a: KernelValue, _ b: KernelValue, _ result: KernelValue, _ type: Element.Type
  ) -> Frame.Operation {
    switch function {
    case .power: binary(a, b, result, Element.power)
    case .arcTangent2: binary(a, b, result, Element.arcTangent2)
    default: real(function, a, b, result, Element.self)
    }
  }

  private func whole<Element: WholeNumber & SendableMetatype>(
    _ function: BinaryFunction, _ a: KernelValue, _ b: KernelValue, _ result: KernelValue, _ type: Element.Type
  ) -> Frame.Operation {
    switch function {
    case .and: binary(a, b, result) { (a: Element, b: Element) in a & b }
    case .or: binary(a, b, result) { (a: Element, b: Element) in a | b }
    case .exclusiveOr: binary(a, b, result) { (a: Element, b: Element) in a ^ b }
    // A count that is negative or no less than the width shifts everything out.
    case .shiftLeft:
      binary(a, b, result) { (a: Element, b: Element) in b >= 0 && b < Element.bitWidth ? a &<< b : 0 }
    case .shiftRight:
      binary(a, b, result) { (a: Element, b: Element) in
        b >= 0 && b < Element.bitWidth ? a &>> b : a < 0 ? 0 &- 1 : 0
      }
    case .power:
      binary(a, b, result) { (a: Element, b: Element) in
        let (base, exponent) = (Int64(truncatingIfNeeded: a), Int64(truncatingIfNeeded: b))
        let power = Elementwise.wholePower(base, exponent, !Element.isSigned, !Element.isSigned)
        return Element(truncatingIfNeeded: power)
      }
    default: real(function, a, b, result, Element.self)
    }
  }

  // MARK: Comparisons

  private func compare(
    _ comparison: Comparison, _ a: KernelValue, _ b: KernelValue, _ result: KernelValue
  ) -> Frame.Operation {
    switch type(a) {
    case .float32: compare(comparison, a, b, result, Float.self)
    case .float64: compare(comparison, a, b, result, Double.self)
    case .int32: compare(comparison, a, b, result, Int32.self)
    case .int64: compare(comparison, a, b, result, Int64.self)
    case .uint32: compare(comparison, a, b, result, UInt32.self)
    case .uint64: compare(comparison, a, b, result, UInt64.self)
    default: compare(comparison, a, b, result, UInt8.self)
    }
  }

  private func compare<Element: Comparable & SendableMetatype>(
    _ comparison: Comparison, _ a: KernelValue, _ b: KernelValue, _ result: KernelValue, _ type: Element.Type
  ) -> Frame.Operation {
    switch comparison {
    case .equal: binary(a, b, result) { (a: Element, b: Element) in a == b }
    case .notEqual: binary(a, b, result) { (a: Element, b: Element) in a != b }
    case .less: binary(a, b, result) { (a: Element, b: Element) in a < b }
    case .lessOrEqual: binary(a, b, result) { (a: Element, b: Element) in a <= b }
    case .greater: binary(a, b, result) { (a: Element, b: Element) in a > b }
    case .greaterOrEqual: binary(a, b, result) { (a: Element, b: Element) in a >= b }
    }
  }
}
