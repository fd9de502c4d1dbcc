import GraphIR
import Tensors

/// Nodes of several operands whose axes correspond.
extension Rewriter {
  func sunkElementwise(_ step: Step) throws -> ValueID? {
    let ranks = step.operands.compactMap { shape($0)?.count }
    guard ranks.count == step.operands.count, let rank = ranks.max(),
      let permutation = step.operands.lazy.compactMap({ self.transposed($0)?.permutation })
        .first(where: { $0.count == rank })
    else { return nil }
    var operands: [ValueID] = []
    for operand in step.operands {
      guard let source = try untransposed(operand, permutation) else { return nil }
      operands.append(source)
    }
    return try transpose(one(step.operation, operands), permutation)
  }

  func sunkConcatenate(_ operands: [ValueID], _ axis: Int) throws -> ValueID? {
    guard let permutation = operands.lazy.compactMap({ self.transposed($0)?.permutation }).first,
      operands.allSatisfy({ shape($0)?.count == permutation.count })
    else { return nil }
    var sources: [ValueID] = []
    for operand in operands {
      guard let source = try untransposed(operand, permutation, keepingRank: true) else { return nil }
      sources.append(source)
    }
    return try transpose(one(.concatenate(axis: permutation[axis]), sources), permutation)
  }

  /// A value whose transposition broadcasts like `operand`, if that takes no work at run time.
  private func untransposed(
    _ operand: ValueID, _ permutation: [Int], keepingRank: Bool = false
  ) throws -> ValueID? {
    if let moved = transposed(operand), moved.permutation == permutation { return moved.source }
    guard let own = shape(operand) else { return nil }
    if !keepingRank, own.allSatisfy({ $0 == .one }) { return own.count <= permutation.count ? operand : nil }
    let inverse = permutation.inverse
    let full = Array(repeating: .one, count: permutation.count - own.count) + own
    var extents = inverse.map { full[$0] }
    // Broadcasting puts axes of extent 1 in front again.
    if !keepingRank { extents = Array(extents.drop { $0 == .one }) }
    let kept = inverse.filter { full[$0] != .one }
    if kept == kept.sorted() { return try reshape(operand, to: extents) }
    guard let tensor = self[operand].constant, let shape = Shape(checking: full.compactMap(\.constant)),
      let moved = Constants.evaluate(.transpose(permutation: inverse), [tensor.reshaped(shape)])?[0],
      let result = Shape(checking: extents.compactMap(\.constant))
    else { return nil }
    return constant(moved.reshaped(result))
  }
}
