import GraphIR
import Tensors

/// Reductions and running sums along axes.
enum Reductions {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    let rank = x[0].shape.rank
    switch node.operation {
    case .reduce(let reduction, let axes):
      try requireAxes(axes, rank, node)
      return [try reduce(reduction, x[0], axes: axes, node, context)]
    case .argReduce(let maximum, let axis, let selectLast):
      try requireAxes([axis], rank, node)
      return [try position(ofMaximum: maximum, x[0], axis: axis, selectLast: selectLast, node, context)]
    case .cumulative(let cumulation, let axis, let exclusive, let reverse):
      try requireAxes([axis], rank, node)
      let order = CumulationOrder(isExclusive: exclusive, isReverse: reverse)
      return [
        try Widening.evaluate(x, context) { try cumulate(cumulation, $0[0], axis: axis, order, node, $1) }
      ]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  private static func requireAxes(_ axes: [Int], _ rank: Int, _ node: Node) throws {
    guard axes.allSatisfy({ (0..<rank).contains($0) }), Set(axes).count == axes.count else {
      throw EvaluationError(node, "rank \(rank)", expected: "axes \(axes), each once")
    }
  }
}
