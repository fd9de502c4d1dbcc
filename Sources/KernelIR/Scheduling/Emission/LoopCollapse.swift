extension LoopKernel {
  /// Two loops, one directly inside the other, are one loop over the product of their extents wherever every index
  /// moves along both as if they were.
  func collapsed() -> LoopKernel {
    var kernel = self
    while let pair = kernel.collapsiblePair { kernel.merge(outer: pair.outer, into: pair.inner) }
    return kernel
  }

  private var collapsiblePair: (outer: AxisID, inner: AxisID)? {
    // The only axis that each axis has directly inside, if so in all its loops.
    var inside: [AxisID: AxisID] = [:]
    var refused: Set<AxisID> = []
    var loopCounts: [AxisID: Int] = [:]
    var pairCounts: [AxisID: Int] = [:]
    body.forEachLoop { loop in
      loopCounts[loop.axis, default: 0] += 1
      guard let inner = loop.onlyLoop, inside[loop.axis, default: inner.axis] == inner.axis,
        loop.passesOn(inner), loop.carried.isEmpty, inner.carried.isEmpty
      else {
        refused.insert(loop.axis)
        return
      }
      inside[loop.axis] = inner.axis
      pairCounts[inner.axis, default: 0] += 1
    }
    for (outer, inner) in inside.sorted(by: { $0.key.index < $1.key.index })
    where !refused.contains(outer) && pairCounts[inner] == loopCounts[inner] && loopCounts[outer] == loopCounts[inner] {
      if axes[outer.index].kind == .serial, movesAsOne(outer, inner) { return (outer, inner) }
    }
    return nil
  }

  private func movesAsOne(_ outer: AxisID, _ inner: AxisID) -> Bool {
    let extent = axes[inner.index].extent
    return indices.allSatisfy { index in
      index.allTerms.allSatisfy { $0.stride(of: outer) == $0.stride(of: inner) * extent }
    }
  }

  private mutating func merge(outer: AxisID, into inner: AxisID) {
    axes[inner.index].extent *= axes[outer.index].extent
    body = body.removingLoops(over: outer)
      .mapping(index: { index, _ in index.mapping { terms in terms.filter { $0.axis != outer } } })
  }
}

extension Loop {
  /// The loop that is the whole body.
  fileprivate var onlyLoop: Loop? {
    guard body.count == 1, case .loop(let loop) = body[0] else { return nil }
    return loop
  }

  /// What this loop reduces is just what the inner one gives.
  fileprivate func passesOn(_ inner: Loop) -> Bool {
    reductions.count == inner.reductions.count
      && zip(reductions, inner.reductions).allSatisfy { $0.operand == $1.result && $0.operation == $1.operation }
  }
}

extension [Statement] {
  /// The only loop inside takes the place of each loop over an axis, and its results.
  fileprivate func removingLoops(over axis: AxisID) -> [Statement] {
    map { statement in
      guard case .loop(var loop) = statement else { return statement }
      if loop.axis == axis, case .loop(var inner) = loop.body[0] {
        for number in inner.reductions.indices { inner.reductions[number].result = loop.reductions[number].result }
        inner.body = inner.body.removingLoops(over: axis)
        return .loop(inner)
      }
      loop.body = loop.body.removingLoops(over: axis)
      return .loop(loop)
    }
  }
}

extension [Index.Term] {
  fileprivate func stride(of axis: AxisID) -> Int { first { $0.axis == axis }?.stride ?? 0 }
}
