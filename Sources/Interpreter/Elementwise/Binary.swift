import GraphIR
import Tensors

extension Elementwise {
  /// Operands of one element type.
  static func binary(
    _ function: BinaryFunction, _ a: Tensor, _ b: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let type = a.elementType
    let shape = try broadcastShape([a.shape, b.shape], node)
    var resultType = type
    if function == .complex { resultType = type == .float32 ? .complex64 : .complex128 }
    let result = try context.makeTensor(resultType, shape)

    let isDefined: Void?
    switch function {
    case .add, .subtract, .multiply:
      isDefined = try type.dispatchIgnoringSign(RingArithmetic(function: function, a: a, b: b, result: result))
    case .divide where type.kind == .complex:
      isDefined = try type.dispatchIgnoringSign(RingArithmetic(function: function, a: a, b: b, result: result))
    case .maximum, .minimum:
      isDefined = try type.dispatch(RealArithmetic(function: function, a: a, b: b, result: result))
    case .divide, .remainder, .floorModulo:
      // The switch over real types counts truth values as bytes, which fits `maximum` only.
      isDefined =
        type == .bool ? nil : try type.dispatch(RealArithmetic(function: function, a: a, b: b, result: result))
    case .and, .or, .exclusiveOr:
      isDefined = try type.dispatchIgnoringSign(BitArithmetic(function: function, a: a, b: b, result: result))
    case .shiftLeft, .shiftRight:
      isDefined = try type.dispatch(BitArithmetic(function: function, a: a, b: b, result: result))
    case .arcTangent2, .complex:
      isDefined = try type.dispatch(FloatArithmetic2(function: function, a: a, b: b, result: result))
    case .power:
      preconditionFailure("power has operands of two types")
    }
    guard isDefined != nil else { throw EvaluationError(node, unsupported: type) }
    return result
  }

  private struct RingArithmetic: NumberComputation {
    let function: BinaryFunction
    let a, b, result: Tensor

    func run<Element: Number>(_ type: Element.Type) throws -> Void? {
      switch function {
      case .add: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.sum(a, b) }
      case .subtract: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.difference(a, b) }
      case .multiply: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.product(a, b) }
      case .divide: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.quotient(a, b) }
      default: return nil
      }
      return ()
    }
  }

  private struct RealArithmetic: RealComputation {
    let function: BinaryFunction
    let a, b, result: Tensor

    func run<Element: RealNumber>(_ type: Element.Type) throws -> Void? {
      switch function {
      case .divide: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.quotient(a, b) }
      case .remainder: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.remainder(a, b) }
      case .floorModulo: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.floorModulo(a, b) }
      case .maximum: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.larger(a, b) }
      case .minimum: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in Element.smaller(a, b) }
      default: return nil
      }
      return ()
    }
  }

  private struct BitArithmetic: IntegerComputation {
    let function: BinaryFunction
    let a, b, result: Tensor

    func run<Element: WholeNumber>(_ type: Element.Type) throws -> Void? {
      switch function {
      case .and: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a & b }
      case .or: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a | b }
      case .exclusiveOr: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a ^ b }
      // A count that is negative or no less than the width shifts everything out.
      case .shiftLeft:
        ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in
          b >= 0 && b < Element.bitWidth ? a &<< b : 0
        }
      case .shiftRight:
        ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in
          b >= 0 && b < Element.bitWidth ? a &>> b : a < 0 ? 0 &- 1 : 0
        }
      default: return nil
      }
      return ()
    }
  }

  private struct FloatArithmetic2: FloatComputation {
    let function: BinaryFunction
    let a, b, result: Tensor

    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Void? {
      switch function {
      case .arcTangent2: ElementLoops.map(a, b, into: result, Element.arcTangent2)
      case .complex: ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in (a, b) }
      default: return nil
      }
      return ()
    }
  }
}
