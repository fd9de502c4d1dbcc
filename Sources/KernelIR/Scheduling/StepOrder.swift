import GraphIR

extension [Step] {
  /// Each step behind those that make what it reads, otherwise in the order of the graph; nil when steps wait for each
  /// other.
  func inOrder(_ index: GraphIndex) -> [Step]? {
    var makers: [ValueID: [Int]] = [:]
    for (number, step) in enumerated() {
      for result in step.results { makers[result, default: []].append(number) }
    }
    let position = map { step in step.results.compactMap { index.producer(of: $0) }.max() ?? 0 }
    var ordered: [Step] = []
    var isPlaced = [Bool](repeating: false, count: count)
    // Steps that write parts of one value have the same position.
    let order = indices.sorted {
      (position[$0], self[$0].resultByteOffset) < (position[$1], self[$1].resultByteOffset)
    }
    for first in order {
      // Depth first without recursion: a step leaves the stack when everything it reads is placed.
      var stack = [first]
      while let step = stack.last {
        let missing = self[step].operands.lazy.flatMap { $0.id.flatMap { makers[$0] } ?? [] }.first { !isPlaced[$0] }
        if let missing {
          if stack.contains(missing) { return nil }
          stack.append(missing)
          continue
        }
        stack.removeLast()
        if !isPlaced[step] { ordered.append(self[step]) }
        isPlaced[step] = true
      }
    }
    return ordered
  }
}

extension ScheduleValue {
  /// The value of the graph behind it; nil for tables and trees.
  var id: ValueID? {
    switch self {
    case .value(let id), .packed(let id, _): id
    case .table, .packedTrees: nil
    }
  }
}
