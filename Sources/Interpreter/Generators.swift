import GraphIR
import Tensors

/// Tensors made from parameters: iota, range, random numbers.
enum Generators {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
