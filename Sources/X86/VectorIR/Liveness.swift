/// Where each value lives. Entry i of a function reads at position 2i and defines at 2i + 1; both ends of a segment are
/// part of it, so that a value may take over the register of one that is read last where it is defined.
struct Liveness {
  struct Segment {
    var start: Int32
    var end: Int32

    static let none = Segment(start: 0, end: -1)
    var isNone: Bool { start > end }
  }

  /// `none` for values that the function does not define.
  private(set) var first: [Segment]
  /// A loop's parameters live a second time: behind the last use in the loop they hold the next values.
  private(set) var second: [Segment]
  /// How often a value is read and written, each weighed by 8 for every loop around it.
  private(set) var weights: [Double]

  init(_ function: VectorFunction) {
    let count = function.kinds.count
    first = Array(repeating: .none, count: count)
    second = Array(repeating: .none, count: count)
    weights = Array(repeating: 0, count: count)
    let ends = Self.loopEnds(function)
    // Entries of the loops that are open, outermost first.
    var open: [Int] = []
    var weight = 1.0

    // Values in stack slots occupy no register.
    func define(_ value: Value, at position: Int) {
      let index = Int(value.index)
      guard !function.isInSlot(value) else { return }
      first[index] = Segment(start: Int32(position), end: Int32(position))
      weights[index] += weight
    }
    func use(_ value: Value, at position: Int) {
      let index = Int(value.index)
      guard !function.isInSlot(value) else { return }
      weights[index] += weight
      let isSecond = !second[index].isNone
      let start = Int((isSecond ? second[index] : first[index]).start)
      var last = position
      // Read again by the next iteration of each loop that the value comes from outside of. The outermost such loop
      // ends last.
      for loop in open where 2 * loop >= start {
        last = max(last, 2 * ends[loop] + 1)
        break
      }
      if isSecond {
        second[index].end = max(second[index].end, Int32(last))
      } else {
        first[index].end = max(first[index].end, Int32(last))
      }
    }
    func extend(_ value: Value, to position: Int) {
      guard !function.isInSlot(value) else { return }
      first[Int(value.index)].end = Int32(position)
    }

    for argument in function.arguments { define(argument, at: -1) }
    for (number, entry) in function.entries.enumerated() {
      let position = 2 * number
      switch entry {
      case .operation(let id):
        let operation = function.operation(id)
        operation.forEachUse { use($0, at: position) }
        if let result = operation.result {
          define(result, at: operation.updates || operation.separatesResult ? position : position + 1)
        }
      case .divide(let id):
        let division = function.divisions[Int(id)]
        use(division.dividend, at: position)
        use(division.divisor, at: position)
        define(division.quotient, at: position + 1)
        define(division.remainder, at: position + 1)
      case .loopBegin(let id):
        let loop = function.loop(id)
        for value in loop.initials { use(value, at: position) }
        if let value = loop.from.value { use(value, at: position) }
        open.append(number)
        weight *= 8
        if let value = loop.to.value { use(value, at: position) }
        if loop.isCounted {
          define(loop.index, at: position + 1)
          extend(loop.index, to: 2 * ends[number] + 1)
        }
        for value in loop.parameters { define(value, at: position + 1) }
      case .loopEnd(let id):
        let loop = function.loop(id)
        for value in loop.nexts { use(value, at: position) }
        // Read after the parameters have become the next values.
        if let again = loop.again { use(again, at: position + 1) }
        weight /= 8
        open.removeLast()
        // The parameters hold the next values from here on, in the loop's next iteration and behind it.
        for parameter in loop.parameters where !function.isInSlot(parameter) {
          second[Int(parameter.index)] = Segment(start: Int32(position + 1), end: Int32(position + 1))
          weights[Int(parameter.index)] += weight
        }
      case .ifBegin(let id):
        function.conditional(id).condition.forEachUse { use($0, at: position) }
      case .ifElse(let id):
        let conditional = function.conditional(id)
        for value in conditional.thenValues { use(value, at: position) }
        for value in conditional.results { define(value, at: position + 1) }
      case .ifEnd(let id):
        let conditional = function.conditional(id)
        for value in conditional.elseValues { use(value, at: position) }
        for result in conditional.results { extend(result, to: position + 1) }
      }
    }
  }

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
