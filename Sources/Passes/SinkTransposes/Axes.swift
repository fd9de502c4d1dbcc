import GraphIR
import Tensors

/// Nodes that name axes, or have an amount for each.
extension Rewriter {
  func sunkAxes(_ step: Step, _ moved: Transposed) throws -> [ValueID]? {
    let permutation = moved.permutation
    let axes = permutation.indices
    /// The node itself with its axes renamed, for results in the order of the operand.
    func renamed(_ operation: Operation, _ others: some Sequence<ValueID>) throws -> [ValueID] {
      try add(operation, [moved.source] + others).map { try transpose($0, permutation) }
    }
    let rest = step.operands.dropFirst()
    switch step.operation {
    case .shape:
      return [try reordered(one(.shape, [moved.source]), permutation)]
    case .reduce(let reduction, let reduced):
      let result = try one(.reduce(reduction, axes: reduced.map { permutation[$0] }.sorted()), [moved.source])
      return [try transpose(result, permutation.without(reduced))]
    case .argReduce(let maximum, let axis, let selectLast):
      let result = try one(
        .argReduce(maximum: maximum, axis: permutation[axis], selectLast: selectLast), [moved.source])
      return [try transpose(result, permutation.without([axis]))]
    case .cumulative(let cumulation, let axis, let exclusive, let reverse):
      return try renamed(
        .cumulative(cumulation, axis: permutation[axis], exclusive: exclusive, reverse: reverse), rest)
    case .sort(let axis, let descending):
      return try renamed(.sort(axis: permutation[axis], descending: descending), rest)
    case .topK(let axis, let largest, let sorted):
      return try renamed(.topK(axis: permutation[axis], largest: largest, sorted: sorted), rest)
    case .reverse(let reversed):
      return try renamed(.reverse(axes: reversed.map { permutation[$0] }.sorted()), rest)
    case .slice:
      return try renamed(.slice, rest.map { try reordered($0, permutation.inverse) })
    case .pad(let mode):
      let amounts = try step.operands[2...3].map { try reordered($0, permutation.inverse) }
      return try renamed(.pad(mode), [step.operands[1]] + amounts)
    case .gather(let axis, 0):
      switch shape(step.operands[1])?.count {
      case 1: return try renamed(.gather(axis: permutation[axis]), rest)
      case 0:
        let result = try one(.gather(axis: permutation[axis]), [moved.source, step.operands[1]])
        return [try transpose(result, permutation.without([axis]))]
      default: return nil
      }
    case .resize(var resize):
      // The parameters stand in the order of the axes, which stays ascending for what moves channels only.
      resize.axes = resize.axes.map { permutation[$0] }
      return resize.axes == resize.axes.sorted() ? try renamed(.resize(resize), rest) : nil
    case .quantize(var axis, let type, let saturating) where axis.blockSize == 0:
      guard axes.contains(axis.axis) || isScalar(step.operands[1]) else { return nil }
      if axes.contains(axis.axis) { axis.axis = permutation[axis.axis] }
      return try renamed(.quantize(axis, to: type, saturating: saturating), rest)
    case .dequantize(var axis, let type) where axis.blockSize == 0:
      guard axes.contains(axis.axis) || isScalar(step.operands[1]) else { return nil }
      if axes.contains(axis.axis) { axis.axis = permutation[axis.axis] }
      return try renamed(.dequantize(axis, to: type), rest)
    default: return nil
    }
  }

  private func isScalar(_ id: ValueID) -> Bool { shape(id)?.isEmpty == true }
}

extension [Int] {
  /// The permutation of the axes that are left when a node removes those at `positions` of its operand.
  fileprivate func without(_ positions: [Int]) -> [Int] {
    let kept = indices.filter { !positions.contains($0) }.map { self[$0] }
    let ranks = kept.sorted()
    return kept.map { source in ranks.firstIndex(of: source) ?? 0 }
  }
}
