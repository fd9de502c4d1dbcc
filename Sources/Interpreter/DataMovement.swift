import GraphIR
import Tensors

/// Reshape, broadcast, transpose, slice, concatenate, pad, reverse: elements move, none changes.
enum DataMovement {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
