import GraphIR
import Tensors

enum Sequences {
  static func evaluate(
    _ node: Node, _ operands: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
  }
}
