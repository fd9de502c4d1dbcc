/// Values that share a register: the old and the new value of an update, a loop's parameter with the initial and the next
/// value, where their lives do not overlap.
struct Coalescing {
  private var parents: [Int32]
  /// The segments of all values, one behind the other: first and second ones. `next` makes lists of them, one for each
  /// bundle, in order and disjoint; -1 ends a list.
  private var segments: [Liveness.Segment]
  private var next: [Int32]
  private var heads: [Int32]
  private var tails: [Int32]

  init(_ function: VectorFunction, _ liveness: Liveness) {
    let count = function.kinds.count
    parents = (0..<Int32(count)).map { $0 }
    segments = liveness.first + liveness.second
    next = Array(repeating: -1, count: 2 * count)
    heads = Array(repeating: -1, count: count)
    tails = heads
    for value in 0..<count where !segments[value].isNone {
      (heads[value], tails[value]) = (Int32(value), Int32(value))
      guard !segments[count + value].isNone else { continue }
      next[value] = Int32(count + value)
      tails[value] = Int32(count + value)
    }

    // Updates in the innermost loops first would be ideal; order of appearance joins chains, which is as good.
    for (number, entry) in function.entries.enumerated() {
      guard case .operation(let id) = entry else { continue }
      let operation = function.operation(id)
      guard operation.updates, let result = operation.result, case .value(let old)? = operation.operands.first else {
        continue
      }
      join(old, result, touchingAt: Int32(2 * number))
    }
    for loop in function.loops {
      for (parameter, next) in zip(loop.parameters, loop.nexts) { join(next, parameter) }
      for (parameter, initial) in zip(loop.parameters, loop.initials) { join(initial, parameter) }
    }
    for conditional in function.conditionals {
      for (result, value) in zip(conditional.results, conditional.thenValues) { join(value, result) }
    }
  }

  /// For each value, the bundle that it belongs to: one of its values.
  func bundles() -> [Int32] { parents.indices.map { root(Int32($0)) } }

  /// First and last position of a bundle, nil for values that do not exist.
  func span(of bundle: Int) -> Liveness.Segment? {
    guard heads[bundle] >= 0 else { return nil }
    return Liveness.Segment(start: segments[Int(heads[bundle])].start, end: segments[Int(tails[bundle])].end)
  }

  private func root(_ index: Int32) -> Int32 {
    var index = index
    while parents[Int(index)] != index { index = parents[Int(index)] }
    return index
  }

  /// `position`: where the second may start although the first is still read there.
  private mutating func join(_ first: Value, _ second: Value, touchingAt position: Int32? = nil) {
    let left = root(first.index)
    let right = root(second.index)
    // Values in stack slots have no segments and no register to share.
    guard left != right, heads[Int(left)] >= 0, heads[Int(right)] >= 0, fit(left, right, position) else { return }
    merge(left, right)
    parents[Int(right)] = left
    (heads[Int(right)], tails[Int(right)]) = (-1, -1)
  }

  /// The one of two lists whose head comes first, taken off; nil at their end.
  private func takeFirst(_ left: inout Int32, _ right: inout Int32) -> Int32? {
    if left < 0, right < 0 { return nil }
    let takesLeft =
      right < 0 || left >= 0 && segments[Int(left)].start < segments[Int(right)].start
    let taken = takesLeft ? left : right
    if takesLeft { left = next[Int(left)] } else { right = next[Int(right)] }
    return taken
  }

  /// Whether two bundles never live at the same time, but for touching at `position`.
  private func fit(_ left: Int32, _ right: Int32, _ position: Int32?) -> Bool {
    var (i, j) = (heads[Int(left)], heads[Int(right)])
    var end = Int32.min
    while let taken = takeFirst(&i, &j) {
      let segment = segments[Int(taken)]
      if segment.start <= end, segment.start != end || segment.start != position { return false }
      end = segment.end
    }
    return true
  }

  /// Both lists in order. Lists are short except along accumulator chains, whose segments touch and are joined.
  private mutating func merge(_ left: Int32, _ right: Int32) {
    var (i, j) = (heads[Int(left)], heads[Int(right)])
    var last: Int32 = -1
    while let taken = takeFirst(&i, &j) {
      if last < 0 {
        heads[Int(left)] = taken
      } else if segments[Int(taken)].start <= segments[Int(last)].end + 1 {
        segments[Int(last)].end = segments[Int(taken)].end
        continue
      } else {
        next[Int(last)] = taken
      }
      last = taken
    }
    next[Int(last)] = -1
    tails[Int(left)] = last
  }
}
