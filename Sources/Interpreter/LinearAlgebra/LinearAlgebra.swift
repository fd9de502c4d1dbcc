import GraphIR
import Tensors

/// Fourier transforms and determinants.
enum LinearAlgebra {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
