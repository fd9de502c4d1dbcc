import GraphIR
import Tensors

/// Unary, binary, comparison, select and conversions: numbers one by one, broadcast as NumPy does.
///
/// Each function is a closure that the loops of `ElementLoops` inline, once for each element type that has its own
/// arithmetic; all others are widened first and rounded once at the end.
@usableFromInline package enum Elementwise {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .unary(let function):
      let result = try Widening.evaluate(x, context) { try unary(function, $0[0], node, $1) }
      return [result]
    case .binary(.power):
      return [try power(x[0], x[1], node, context)]
    case .binary(let function):
      try requireSameType(x[0], x[1], node)
      let result = try Widening.evaluate(x, context) { try binary(function, $0[0], $0[1], node, $1) }
      return [result]
    case .compare(let comparison):
      try requireSameType(x[0], x[1], node)
      let result = try Widening.evaluate(x, context) { try compare(comparison, $0[0], $0[1], node, $1) }
      return [result]
    case .select:
      return [try select(x[0], x[1], x[2], node, context)]
    case .convert(let target, let saturating):
      // A result never shares memory with an operand, save that of `reshape`.
      if target == x[0].elementType { return [try x[0].copied(context)] }
      return [try x[0].converted(to: target, saturating: saturating)]
    case .bitcast(let target):
      guard target != .string, target.bitWidth == x[0].elementType.bitWidth else {
        throw EvaluationError(
          node, "\(x[0].elementType.name) as \(target.name)", expected: "two types of the same width")
      }
      let bits = Tensor(target, x[0].shape, storage: x[0].storage, byteOffset: x[0].byteOffset)
      return [try bits.copied(context)]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  private static func requireSameType(_ a: Tensor, _ b: Tensor, _ node: Node) throws {
    guard a.elementType == b.elementType else {
      throw EvaluationError(
        node, "\(a.elementType.name) and \(b.elementType.name)", expected: "operands of one element type")
    }
  }

  /// The shape that all broadcast to.
  static func broadcastShape(_ shapes: [Shape], _ node: Node) throws -> Shape {
    var result = shapes[0]
    for shape in shapes.dropFirst() {
      guard let next = result.broadcast(with: shape) else {
        throw EvaluationError(
          node, "shapes \(shapes.map(\.description).joined(separator: " and "))",
          expected: "shapes that broadcast to one another and a result that fits memory")
      }
      result = next
    }
    return result
  }
}
