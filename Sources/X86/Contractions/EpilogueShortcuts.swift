import GraphIR
import KernelIR

/// Terms of an epilogue that take fewer instructions together than one by one, with the same bits.
struct EpilogueShortcuts {
  enum Shortcut {
    /// a > b ? a : b, or a < b ? a : b, which is what x86's maximum and minimum are.
    case extreme(isMaximum: Bool, Int, Int)
    /// x / c for what rounds it to a whole number, and whether the term is that.
    case quotient(Int, WholeQuotient, rounds: Bool)
    /// A number that the conversion to integers rounds.
    case unrounded(Int)
  }

  private let terms: [Epilogue.Term]
  /// By the position of a term.
  private(set) var shortcuts: [Int: Shortcut] = [:]
  /// Terms that only shortcuts needed.
  private(set) var absorbed: Set<Int> = []
  /// Whether the result is rounded when it is converted to integers, to nearest even, instead of before.
  private(set) var roundsAtEnd = false
  /// How often each term is read, by the store too.
  private(set) var useCounts: [Int]

  /// How many operations are left.
  var operationCount: Int {
    terms.indices.count { position in
      if case .unrounded = shortcuts[position] { return false }
      return terms[position].isOperation && !absorbed.contains(position)
    }
  }

  init(_ epilogue: Epilogue) {
    terms = epilogue.terms
    useCounts = [Int](repeating: 0, count: terms.count)
    for term in terms { term.forEachOperand { useCounts[$0] += 1 } }
    guard !terms.isEmpty else { return }
    useCounts[terms.count - 1] += 1
    for position in terms.indices { findExtreme(position) }
    for position in terms.indices { findQuotient(position) }
    if epilogue.resultType == .uint8 || epilogue.resultType == .int8 { findLastRounding() }
  }

  private mutating func findExtreme(_ position: Int) {
    guard case .select(let condition, let a, let b) = terms[position], useCounts[condition] == 1,
      case .compare(let comparison, a, b) = terms[condition], comparison == .greater || comparison == .less
    else { return }
    shortcuts[position] = .extreme(isMaximum: comparison == .greater, a, b)
    absorbed.insert(condition)
    useCounts[a] -= 1
    useCounts[b] -= 1
  }

  private mutating func findQuotient(_ position: Int) {
    guard case .unary(.roundNearestEven, let quotient) = terms[position], useCounts[quotient] == 1,
      case .binary(.divide, let x, let divisor) = terms[quotient], case .constant(let bits) = terms[divisor],
      let parts = WholeQuotient(divisor: Float(bitPattern: bits))
    else { return }
    shortcuts[position] = .quotient(x, parts, rounds: true)
    absorbed.insert(quotient)
  }

  /// Bounds that are whole numbers may come before the rounding as well.
  private mutating func findLastRounding() {
    var position = terms.count - 1
    while useCounts[position] == 1, let inner = bounded(position) { position = inner }
    guard useCounts[position] == 1, case .unary(.roundNearestEven, let x) = terms[position] else { return }
    if case .quotient(let x, let parts, _) = shortcuts[position] {
      shortcuts[position] = .quotient(x, parts, rounds: false)
    } else {
      shortcuts[position] = .unrounded(x)
    }
    roundsAtEnd = true
  }

  /// What a term bounds by a small whole number.
  private func bounded(_ position: Int) -> Int? {
    let operands: (x: Int, bound: Int)
    switch (terms[position], shortcuts[position]) {
    case (_, .extreme(_, let x, let bound)?): operands = (x, bound)
    case (.binary(.maximum, let x, let bound), nil), (.binary(.minimum, let x, let bound), nil): operands = (x, bound)
    default: return nil
    }
    guard case .constant(let bits) = terms[operands.bound], case let bound = Float(bitPattern: bits),
      bound.magnitude <= 255, bound == bound.rounded()
    else { return nil }
    return operands.x
  }
}
