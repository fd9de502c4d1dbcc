import GraphIR
import Tensors

/// Gather and scatter in the three forms that model files use.
enum Indexing {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
