import GraphIR
import Tensors

/// Sort, top-k, unique, non-zero.
///
/// All but the last work on keys, unsigned integers in the order of the elements (`OrderingKeys`), and find positions
/// only; the elements themselves are then gathered like any others.
enum Ordering {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .sort(let axis, let descending):
      return try sort(x[0], axis: axis, descending: descending, node, context)
    case .topK(let axis, let largest, _):
      // Sorted results are as good as any where the order is free.
      let k = try x[1].integers()
      guard k.count == 1 else { throw EvaluationError(node, "\(k.count) values of k", expected: "one") }
      return try topK(x[0], k: k[0], axis: axis, largest: largest, node, context)
    case .unique(let axis, let sorted):
      return try unique(x[0], axis: axis, sorted: sorted, node, context)
    case .nonZero:
      return [try nonZero(x[0], node, context)]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }
}
