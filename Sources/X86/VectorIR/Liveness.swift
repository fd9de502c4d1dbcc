/// Where each value lives. Entry i of a function reads at position 2i and defines at 2i + 1; both ends of a segment are
/// part of it, so that a value may take over the register of one that is read last where it is defined.
struct Liveness {
  struct Segment {
    var start: Int
    var end: Int

    func overlaps(_ other: Segment) -> Bool { start <= other.end && other.start <= end }
  }

  /// In order, disjoint. Empty for values that the function does not define.
  private(set) var segments: [[Segment]]
  /// How often a value is read and written, each weighed by 8 for every loop around it.
  private(set) var weights: [Double]

  private var definitions: [Int]
  private var scopes: [Int] = []

  init(_ function: VectorFunction) {
    let count = function.kinds.count
    segments = Array(repeating: [], count: count)
    weights = Array(repeating: 0, count: count)
    definitions = Array(repeating: Int.max, count: count)
    let ends = Self.loopEnds(function)
    // Entries of the loops that are open, outermost first.
    var open: [Int] = []
    var weight = 1.0

    // Values in stack slots occupy no register.
    func define(_ value: Value, at position: Int) {
      let index = Int(value.index)
      guard !function.isInSlot(value) else { return }
      definitions[index] = position
      segments[index].append(Segment(start: position, end: position))
      weights[index] += weight
    }
    func use(_ value: Value, at position: Int) {
      let index = Int(value.index)
      guard !function.isInSlot(value) else { return }
      weights[index] += weight
      var last = position
      // Read again by the next iteration of each loop that the value comes from outside of. The outermost such loop
      // ends last.
      for loop in open where 2 * loop >= segmentStart(index) {
        last = max(last, 2 * ends[loop] + 1)
        break
      }
      segments[index][segments[index].count - 1].end = max(segments[index][segments[index].count - 1].end, last)
    }

    func extend(_ value: Value, to position: Int) {
      guard !function.isInSlot(value) else { return }
      segments[Int(value.index)][0].end = position
    }

    for argument in function.arguments { define(argument, at: -1) }
    for (number, entry) in function.entries.enumerated() {
      let position = 2 * number
      switch entry {
      case .operation(let operation):
        operation.forEachUse { use($0, at: position) }
        if let result = operation.result {
          define(result, at: operation.updates || operation.separatesResult ? position : position + 1)
        }
      case .divide(let quotient, let remainder, let dividend, let divisor):
        use(dividend, at: position)
        use(divisor, at: position)
        if let quotient { define(quotient, at: position + 1) }
        if let remainder { define(remainder, at: position + 1) }
      case .loopBegin(let id):
        let loop = function.loops[id]
        for value in loop.initials { use(value, at: position) }
        if let value = loop.from.value { use(value, at: position) }
        open.append(number)
        weight *= 8
        if let value = loop.to.value {
          use(value, at: position)
        }
        if loop.isCounted {
          define(loop.index, at: position + 1)
          extend(loop.index, to: 2 * ends[number] + 1)
        }
        for value in loop.parameters { define(value, at: position + 1) }
      case .loopEnd(let id):
        let loop = function.loops[id]
        for value in loop.nexts { use(value, at: position) }
        // Read after the parameters have become the next values.
        if let again = loop.again { use(again, at: position + 1) }
        weight /= 8
        open.removeLast()
        // The parameters hold the next values from here on, in the loop's next iteration and behind it.
        for parameter in loop.parameters where !function.isInSlot(parameter) {
          segments[Int(parameter.index)].append(Segment(start: position + 1, end: position + 1))
          weights[Int(parameter.index)] += weight
        }
      case .ifBegin(let id):
        function.conditionals[id].condition.forEachUse { use($0, at: position) }
      case .ifElse(let id):
        for value in function.conditionals[id].thenValues { use(value, at: position) }
        for value in function.conditionals[id].results { define(value, at: position + 1) }
      case .ifEnd(let id):
        for value in function.conditionals[id].elseValues { use(value, at: position) }
        for result in function.conditionals[id].results { extend(result, to: position + 1) }
      }
    }
  }

  /// Where the current segment of a value starts: a parameter's second one starts behind its loop.
  private func segmentStart(_ index: Int) -> Int { segments[index][segments[index].count - 1].start }

  /// For the entry that opens a loop, the one that closes it.
  private static func loopEnds(_ function: VectorFunction) -> [Int] {
    var open: [Int] = []
    var ends = [Int](repeating: 0, count: function.entries.count)
    for (number, entry) in function.entries.enumerated() {
      if case .loopBegin = entry { open.append(number) }
      if case .loopEnd = entry { ends[open.removeLast()] = number }
    }
    return ends
  }
}
