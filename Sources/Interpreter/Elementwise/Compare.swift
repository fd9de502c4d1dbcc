import GraphIR
import Tensors

extension Elementwise {
  /// Operands of one element type → bool. Complex numbers and strings compare for equality only.
  static func compare(
    _ comparison: Comparison, _ a: Tensor, _ b: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    // Two orders are the other two with their operands exchanged.
    switch comparison {
    case .greater: return try compare(.less, b, a, node, context)
    case .greaterOrEqual: return try compare(.lessOrEqual, b, a, node, context)
    default: break
    }
    let type = a.elementType
    let result = try context.makeTensor(.bool, broadcastShape([a.shape, b.shape], node))
    let isDefined: Void?
    switch comparison {
    case .equal, .notEqual:
      if type == .string {
        isDefined = compareStrings(a, b, isEqual: comparison == .equal, result)
      } else {
        let byte = type == .bool ? .int8 : type
        isDefined = try byte.dispatchIgnoringSign(Equality(isEqual: comparison == .equal, a: a, b: b, result: result))
      }
    default:
      isDefined = try type.dispatch(Order(includesEqual: comparison == .lessOrEqual, a: a, b: b, result: result))
    }
    guard isDefined != nil else { throw EvaluationError(node, unsupported: type) }
    return result
  }

  private struct Equality: NumberComputation {
    let isEqual: Bool
    let a, b, result: Tensor

    func run<Element: Number>(_ type: Element.Type) throws -> Void? {
      if isEqual {
        ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a == b }
      } else {
        ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a != b }
      }
    }
  }

  private struct Order: RealComputation {
    let includesEqual: Bool
    let a, b, result: Tensor

    func run<Element: RealNumber>(_ type: Element.Type) throws -> Void? {
      if includesEqual {
        ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a <= b }
      } else {
        ElementLoops.map(a, b, into: result) { (a: Element, b: Element) in a < b }
      }
    }
  }

  /// By bytes: Swift's own `==` takes different spellings of one character for the same.
  private static func compareStrings(_ a: Tensor, _ b: Tensor, isEqual: Bool, _ result: Tensor) {
    let (lefts, rights) = (a.strings, b.strings)
    let nest = LoopNest(result: result.shape, operands: [a.shape, b.shape])
    result.withMutableElements(of: Bool.self) { target in
      nest.forEachRow { offsets in
        for index in 0..<nest.innerExtent {
          let left = lefts[offsets[1] + index * nest.innerSteps[1]].utf8
          let right = rights[offsets[2] + index * nest.innerSteps[2]].utf8
          target[offsets[0] + index] = left.elementsEqual(right) == isEqual
        }
      }
    }
  }
}
