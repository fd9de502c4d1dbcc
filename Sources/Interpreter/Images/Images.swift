import GraphIR
import Tensors

/// Resizing, sampling and detection boxes.
enum Images {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
