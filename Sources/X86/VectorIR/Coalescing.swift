/// Values that share a register: the old and the new value of an update, a loop's parameter with the initial and the next
/// value, where their lives do not overlap.
struct Coalescing {
  private var parents: [Int]
  private var segments: [[Liveness.Segment]]

  init(_ function: VectorFunction, _ liveness: Liveness) {
    parents = Array(function.kinds.indices)
    segments = liveness.segments
    // Updates in the innermost loops first would be ideal; order of appearance joins chains, which is as good.
    for (number, entry) in function.entries.enumerated() {
      guard case .operation(let operation) = entry, operation.updates, let result = operation.result,
        case .value(let old)? = operation.operands.first
      else { continue }
      join(old, result, touchingAt: 2 * number)
    }
    for loop in function.loops {
      for (parameter, next) in zip(loop.parameters, loop.nexts) { join(next, parameter) }
      for (parameter, initial) in zip(loop.parameters, loop.initials) { join(initial, parameter) }
    }
    for conditional in function.conditionals {
      for (result, value) in zip(conditional.results, conditional.thenValues) { join(value, result) }
    }
  }

  func bundle(of value: Value) -> Int { root(Int(value.index)) }

  /// First and last position of a bundle, nil for values that do not exist.
  func span(of bundle: Int) -> Liveness.Segment? {
    guard let first = segments[bundle].first, let last = segments[bundle].last else { return nil }
    return Liveness.Segment(start: first.start, end: last.end)
  }

  private func root(_ index: Int) -> Int {
    var index = index
    while parents[index] != index { index = parents[index] }
    return index
  }

  /// `position`: where the second may start although the first is still read there.
  private mutating func join(_ first: Value, _ second: Value, touchingAt position: Int? = nil) {
    let left = root(Int(first.index))
    let right = root(Int(second.index))
    // Values in stack slots have no segments and no register to share.
    guard left != right, !segments[left].isEmpty, !segments[right].isEmpty,
      let merged = merge(segments[left], segments[right], position)
    else { return }
    parents[right] = left
    segments[left] = merged
    segments[right] = []
  }

  /// Both lists in order, nil if they overlap. Lists are short except along accumulator chains, whose segments touch and
  /// are joined.
  private func merge(
    _ left: [Liveness.Segment], _ right: [Liveness.Segment], _ position: Int?
  ) -> [Liveness.Segment]? {
    var result: [Liveness.Segment] = []
    result.reserveCapacity(left.count + right.count)
    var (i, j) = (0, 0)
    while i < left.count || j < right.count {
      let takesLeft = j == right.count || i < left.count && left[i].start < right[j].start
      let next = takesLeft ? left[i] : right[j]
      if takesLeft { i += 1 } else { j += 1 }
      guard let last = result.last else {
        result.append(next)
        continue
      }
      if next.start <= last.end {
        guard next.start == last.end, next.start == position else { return nil }
      }
      if next.start <= last.end + 1 {
        result[result.count - 1].end = next.end
      } else {
        result.append(next)
      }
    }
    return result
  }
}
