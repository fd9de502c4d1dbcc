import GraphIR
import Tensors

/// Reductions and running sums along axes.
enum Reductions {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
