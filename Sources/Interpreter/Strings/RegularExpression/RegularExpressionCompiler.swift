/// Makes the automaton of a pattern: Thompson's construction.
struct RegularExpressionCompiler {
  typealias SyntaxError = RegularExpression.SyntaxError

  /// Written from the end: what follows an item is known when the item is written.
  private var program: [RegularExpression.Instruction] = []
  /// Where every thread begins.
  private(set) var start = 0

  mutating func compile(_ syntax: RegularExpressionSyntax) throws(SyntaxError) -> [RegularExpression.Instruction] {
    let end = try append(.match)
    start = try add(syntax, next: end)
    return program
  }

  private mutating func append(_ instruction: RegularExpression.Instruction) throws(SyntaxError) -> Int {
    guard program.count < RegularExpression.maximumInstructionCount else {
      throw SyntaxError(
        description: "it needs an automaton of more than \(RegularExpression.maximumInstructionCount) states")
    }
    program.append(instruction)
    return program.count - 1
  }

  /// Writes `syntax` in front of `next`; returns where it begins.
  private mutating func add(_ syntax: RegularExpressionSyntax, next: Int) throws(SyntaxError) -> Int {
    switch syntax {
    case .scalars(let set): return try append(.scalar(set, next: next))
    case .assertion(let assertion): return try append(.assertion(assertion, next: next))
    case .sequence(let items):
      var next = next
      for item in items.reversed() { next = try add(item, next: next) }
      return next
    case .alternatives(let branches):
      guard let last = branches.last else { return next }
      var start = try add(last, next: next)
      for branch in branches.dropLast().reversed() { start = try append(.split(add(branch, next: next), start)) }
      return start
    case .repetition(let item, let least, let most, let prefersMore):
      var next = next
      if let most {
        // (x(x(x)?)?)?, so that leaving goes straight to what follows.
        let end = next
        for _ in least..<max(most, least) { next = try optional(add(item, next: next), else: end, prefersMore) }
      } else {
        next = try loop(item, next: next, prefersMore)
      }
      for _ in 0..<least { next = try add(item, next: next) }
      return next
    }
  }

  private mutating func optional(_ item: Int, else end: Int, _ prefersMore: Bool) throws(SyntaxError) -> Int {
    try append(prefersMore ? .split(item, end) : .split(end, item))
  }

  private mutating func loop(
    _ item: RegularExpressionSyntax, next: Int, _ prefersMore: Bool
  ) throws(SyntaxError) -> Int {
    let split = try append(.match)
    let body = try add(item, next: split)
    program[split] = prefersMore ? .split(body, next) : .split(next, body)
    return split
  }
}
