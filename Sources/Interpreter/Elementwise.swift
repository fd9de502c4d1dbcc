import GraphIR
import Tensors

/// Unary, binary, comparison, select and conversions: numbers one by one, broadcast as NumPy does.
enum Elementwise {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
