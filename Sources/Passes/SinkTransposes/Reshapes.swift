import GraphIR
import Tensors

/// A reshape, axis by axis: which axes of the operand become which of the result. Axes of extent 1 come and go anywhere.
private struct AxisBlocks {
  struct Block {
    /// Axes of the operand with an extent other than 1.
    var from: [Int] = []
    var to: [Int] = []
  }
  var blocks: [Block] = []

  /// nil when the extents do not tell.
  init?(from: [Dimension], to: [Dimension]) {
    var (i, j) = (0, 0)
    /// Axes of extent 1 of the result belong to what comes before them.
    func takeOnes(_ blocks: inout [Block]) {
      while i < from.count, from[i] == .one { i += 1 }
      while j < to.count, to[j] == .one {
        if blocks.isEmpty { blocks.append(Block()) }
        blocks[blocks.count - 1].to.append(j)
        j += 1
      }
    }
    takeOnes(&blocks)
    while i < from.count, j < to.count {
      var block = Block(from: [i], to: [j])
      var (a, b) = (from[i], to[j])
      (i, j) = (i + 1, j + 1)
      while a != b {
        guard let growsFrom = Self.isSmaller(a, b) else { return nil }
        if growsFrom {
          guard i < from.count else { return nil }
          if from[i] != .one { block.from.append(i) }
          a = a * from[i]
          i += 1
        } else {
          guard j < to.count else { return nil }
          block.to.append(j)
          b = b * to[j]
          j += 1
        }
      }
      // An extent of 0 swallows everything.
      if a == .constant(0) { return nil }
      blocks.append(block)
      takeOnes(&blocks)
    }
    if i < from.count || j < to.count { return nil }
  }

  private static func isSmaller(_ a: Dimension, _ b: Dimension) -> Bool? {
    if let a = a.constant, let b = b.constant { return a < b }
    if a != .constant(0), b.modulo(a) == .constant(0) { return true }
    if b != .constant(0), a.modulo(b) == .constant(0) { return false }
    return nil
  }
}

extension Rewriter {
  /// A reshape that keeps axes apart, or joins and splits such as lie together in the source.
  func sunkReshape(_ step: Step, _ moved: Transposed) throws -> ValueID? {
    guard case .reshape(let zeroCopies) = step.operation, let from = shape(step.operands[0]),
      let to = reshapedExtents(step.operands[1], of: from, zeroCopies: zeroCopies),
      let split = splitReshape(moved, from: from, to: to), split.inner == Array(split.inner.indices),
      let result = try reshape(moved.source, to: split.extents)
    else { return nil }
    return try transpose(result, split.outer)
  }

  /// transpose(reshape(transpose(x))) → reshape(transpose(x)) where the outer one only puts back what the inner one
  /// moved, besides reordering axes that are joined: the shuffle of channels.
  func raisedTranspose(_ x: ValueID, _ permutation: [Int]) throws -> ValueID? {
    if let raised = try raisedAboveDequantization(x, permutation) ?? raisedAboveBroadcast(x, permutation) {
      return raised
    }
    guard let inner = producer(x), case .reshape = inner.operation, let moved = transposed(inner.operands[0]),
      let from = shape(inner.operands[0]), let to = shape(x),
      let split = splitReshape(moved, from: from, to: to), permutation == split.outer.inverse,
      split.inner != moved.permutation
    else { return nil }
    return try reshape(transpose(moved.source, split.inner), to: split.extents)
  }

  /// transpose(dequantize(weights)) → dequantize(transposed weights): constants are moved once.
  private func raisedAboveDequantization(_ x: ValueID, _ permutation: [Int]) throws -> ValueID? {
    guard let inner = producer(x), case .dequantize(var axis, let type) = inner.operation, axis.blockSize == 0,
      let weights = self[inner.operands[0]].constant,
      let moved = Constants.evaluate(.transpose(permutation: permutation), [weights])?[0]
    else { return nil }
    if let position = permutation.firstIndex(of: axis.axis) { axis.axis = position }
    return try one(.dequantize(axis, to: type), [constant(moved)] + inner.operands.dropFirst())
  }

  /// transpose(broadcast(c, shape)) → broadcast(c, other shape) for one element c.
  private func raisedAboveBroadcast(_ x: ValueID, _ permutation: [Int]) throws -> ValueID? {
    guard let inner = producer(x), case .broadcast = inner.operation,
      shape(inner.operands[0])?.allSatisfy({ $0 == .one }) == true,
      shape(inner.operands[1]) == [.constant(permutation.count)]
    else { return nil }
    return try one(.broadcast, [inner.operands[0], reordered(inner.operands[1], permutation)])
  }

  /// Three steps that do what a transpose and a reshape of its result do: a transpose that brings the axes together
  /// that are joined, a reshape, a transpose.
  private func splitReshape(
    _ moved: Transposed, from: [Dimension], to: [Dimension]
  ) -> (inner: [Int], extents: [Dimension], outer: [Int])? {
    guard let blocks = AxisBlocks(from: from, to: to)?.blocks, let own = shape(moved.source) else { return nil }
    // In the order of the source.
    let ordered = blocks.sorted { a, b in
      (a.from.first.map { moved.permutation[$0] } ?? -1) < (b.from.first.map { moved.permutation[$0] } ?? -1)
    }
    let joined = ordered.flatMap { $0.from.map { moved.permutation[$0] } }
    // Axes of extent 1 stay in front of what they are in front of, if nothing else moves.
    let ones = own.indices.filter { !joined.contains($0) }
    let inner = joined == joined.sorted() ? Array(own.indices) : ones + joined
    let order = ordered.flatMap(\.to)
    return (inner, order.map { to[$0] }, order.inverse)
  }

  /// The extents that a reshape gives, if its operand names them.
  private func reshapedExtents(_ operand: ValueID, of own: [Dimension], zeroCopies: Bool) -> [Dimension]? {
    guard var extents = self[operand].elements else { return nil }
    var open: Int?
    for axis in extents.indices {
      if extents[axis] == .constant(-1) { open = axis }
      if zeroCopies, extents[axis] == .constant(0) {
        guard axis < own.count else { return nil }
        extents[axis] = own[axis]
      }
    }
    guard let open else { return extents }
    var others = extents
    others.remove(at: open)
    let (all, rest) = (Dimension.product(own), Dimension.product(others))
    guard rest != .constant(0), all.modulo(rest) == .constant(0) else { return nil }
    extents[open] = all.floorDivided(by: rest)
    return extents
  }

  /// Broadcasting to a shape of the same rank.
  func sunkBroadcast(_ step: Step, _ moved: Transposed) throws -> ValueID? {
    guard shape(step.operands[1]) == [.constant(moved.permutation.count)] else { return nil }
    let target = try reordered(step.operands[1], moved.permutation.inverse)
    return try transpose(one(.broadcast, [moved.source, target]), moved.permutation)
  }
}
