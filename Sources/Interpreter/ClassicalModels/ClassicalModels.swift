import GraphIR
import Tensors

/// What models of rows and columns need whole: trees, dictionaries, n-grams, and maps as results.
enum ClassicalModels {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .treeEnsemble(let ensemble): return [try treeEnsemble(ensemble, x, node, context)]
    case .lookUp: return [try lookUp(x[0], keys: x[1], node, context)]
    case .countNGrams(let count): return [try countNGrams(count, x, node, context)]
    default: throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  /// Primitives that take or give maps.
  static func evaluate(
    _ node: Node, _ operands: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    switch node.operation {
    case .zipMap: return [try zipMap(operands, node)]
    case .mapValues: return [.tensor(try mapValues(operands, node, context))]
    default: throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }
}
