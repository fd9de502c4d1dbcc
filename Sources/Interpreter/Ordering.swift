import GraphIR
import Tensors

/// Sort, top-k, unique, non-zero.
enum Ordering {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
