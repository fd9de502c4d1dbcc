/// A regular expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax), matched in time linear in the
/// text: Thompson's simulation of an automaton, all threads of which advance together. Nothing backtracks, so that no
/// pattern and no text of a request can take exponential time.
///
/// Texts are Unicode scalars. `\w`, `\d`, `\s` and `\b` speak of ASCII, as in RE2. Of RE2's syntax `\C` is left out, and
/// of `\p{…}` the names of scripts; both are errors.
struct RegularExpression: Sendable {
  private let program: [Instruction]
  /// Where every thread begins.
  private let start: Int

  /// Instructions are walked like tables: `next` is where a thread goes on.
  enum Instruction: Sendable {
    /// Consumes one scalar of the set.
    case scalar(ScalarSet, next: Int)
    /// Two threads; the first is preferred.
    case split(Int, Int)
    case assertion(Assertion, next: Int)
    case match
  }

  enum Assertion: Sendable { case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary }

  struct SyntaxError: Error, CustomStringConvertible {
    var description: String
  }

  /// Of the automaton: a{1000}{1000} asks for a million.
  static let maximumInstructionCount = 20_000

  init(_ pattern: String) throws(SyntaxError) {
    var parser = RegularExpressionParser(pattern)
    let syntax = try parser.parse()
    var compiler = RegularExpressionCompiler()
    program = try compiler.compile(syntax)
    start = compiler.start
  }

  /// Whether the whole text matches. Calls `check` every few thousand scalars: it may throw to give up.
  func matchesWhole(_ text: String, check: () throws -> Void = {}) rethrows -> Bool {
    let scalars = Array(text.unicodeScalars)
    var threads = Threads(program, scalars)
    threads.follow(start, 0, from: 0)
    for position in scalars.indices {
      if threads.current.isEmpty { return false }
      if position & 0xFFF == 0xFFF { try check() }
      threads.step(position)
    }
    return threads.current.contains { if case .match = program[$0.instruction] { true } else { false } }
  }

  /// Ranges of the matches from left to right, each as Perl would find it: preferring what the pattern says first. Empty
  /// matches are left out.
  func matches(in scalars: [Unicode.Scalar], check: () throws -> Void = {}) rethrows -> [Range<Int>] {
    var found: [Range<Int>] = []
    var start = 0
    while start < scalars.count {
      guard let match = try firstMatch(in: scalars, from: start, check: check) else { break }
      if !match.isEmpty { found.append(match) }
      start = max(match.upperBound, match.isEmpty ? match.lowerBound + 1 : 0)
    }
    return found
  }

  private func firstMatch(
    in scalars: [Unicode.Scalar], from first: Int, check: () throws -> Void
  ) rethrows -> Range<Int>? {
    var threads = Threads(program, scalars)
    var best: Range<Int>?
    var position = first
    while true {
      // A thread that starts later is worse than all that run already.
      if best == nil { threads.follow(start, position, from: position) }
      if let index = threads.current.firstIndex(where: {
        if case .match = program[$0.instruction] { true } else { false }
      }) {
        best = threads.current[index].start..<position
        threads.current.removeSubrange(index...)
      }
      if threads.current.isEmpty && best != nil || position == scalars.count { return best }
      if position & 0xFFF == 0xFFF { try check() }
      threads.step(position)
      position += 1
    }
  }
}

/// The threads at one place of the text, best first; each instruction has at most one.
private struct Threads {
  struct Thread {
    var instruction: Int
    var start: Int
  }

  let program: [RegularExpression.Instruction]
  let scalars: [Unicode.Scalar]
  var current: [Thread] = []
  /// Place of the text (plus 1) at which an instruction was last reached.
  private var reached: [Int]
  private var pending: [Int] = []

  init(_ program: [RegularExpression.Instruction], _ scalars: [Unicode.Scalar]) {
    self.program = program
    self.scalars = scalars
    reached = Array(repeating: 0, count: program.count)
  }

  /// Consumes the scalar at `position`.
  mutating func step(_ position: Int) {
    let previous = current
    current.removeAll(keepingCapacity: true)
    for thread in previous {
      if case .scalar(let set, let next) = program[thread.instruction], set.contains(scalars[position]) {
        follow(next, position + 1, from: thread.start)
      }
    }
  }

  /// Adds a thread at an instruction, behind those that are there, followed through all that consumes nothing.
  mutating func follow(_ first: Int, _ position: Int, from start: Int) {
    pending.append(first)
    while let instruction = pending.popLast() {
      guard reached[instruction] != position + 1 else { continue }
      reached[instruction] = position + 1
      switch program[instruction] {
      case .split(let preferred, let other):
        pending.append(other)
        pending.append(preferred)
      case .assertion(let assertion, let next): if holds(assertion, position) { pending.append(next) }
      case .scalar, .match: current.append(Thread(instruction: instruction, start: start))
      }
    }
  }

  private func holds(_ assertion: RegularExpression.Assertion, _ position: Int) -> Bool {
    switch assertion {
    case .textStart: position == 0
    case .textEnd: position == scalars.count
    case .lineStart: position == 0 || scalars[position - 1] == "\n"
    case .lineEnd: position == scalars.count || scalars[position] == "\n"
    case .wordBoundary: isWord(position - 1) != isWord(position)
    case .noWordBoundary: isWord(position - 1) == isWord(position)
    }
  }

  private func isWord(_ position: Int) -> Bool {
    scalars.indices.contains(position) && ScalarSet.word.contains(scalars[position])
  }
}
