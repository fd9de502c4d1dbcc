/// What a pattern says, before it becomes an automaton.
indirect enum RegularExpressionSyntax: Sendable {
  case scalars(ScalarSet)
  case assertion(RegularExpression.Assertion)
  case sequence([RegularExpressionSyntax])
  case alternatives([RegularExpressionSyntax])
  case repetition(RegularExpressionSyntax, Int, Int?, prefersMore: Bool)

  static let empty = sequence([])
}

/// Reads a pattern from left to right; groups nest by recursion, to a limit.
struct RegularExpressionParser {
  typealias Syntax = RegularExpressionSyntax
  typealias SyntaxError = RegularExpression.SyntaxError

  private let scalars: [Unicode.Scalar]
  private var position = 0
  private var flags = Flags()
  private var depth = 0

  private struct Flags {
    var ignoresCase = false
    var isMultiline = false
    var dotMatchesNewline = false
    var prefersLess = false
  }

  private static let maximumDepth = 200
  /// As in RE2.
  private static let maximumRepetition = 1000

  init(_ pattern: String) { scalars = Array(pattern.unicodeScalars) }

  mutating func parse() throws(SyntaxError) -> Syntax {
    let result = try alternatives()
    guard position == scalars.count else { throw error("unexpected ')'") }
    return result
  }

  // MARK: Scalars of the pattern

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take() throws(SyntaxError) -> Unicode.Scalar {
    guard let next else { throw error("it ends too early") }
    position += 1
    return next
  }

  private mutating func takes(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard position + wanted.count <= scalars.count, Array(scalars[position..<position + wanted.count]) == wanted else {
      return false
    }
    position += wanted.count
    return true
  }

  private func error(_ problem: String) -> SyntaxError {
    SyntaxError(description: "\(problem) at character \(position)")
  }

  // MARK: Structure

  private mutating func alternatives() throws(SyntaxError) -> Syntax {
    var branches = [try sequence()]
    while takes("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .alternatives(branches)
  }

  private mutating func sequence() throws(SyntaxError) -> Syntax {
    var items: [Syntax] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      if takes("\\Q") {
        while position < scalars.count, !takes("\\E") { items.append(literal(try take())) }
        if let last = items.popLast() { items.append(try repeated(last)) }
        continue
      }
      let item = try atom()
      items.append(try repeated(item))
    }
    return items.count == 1 ? items[0] : .sequence(items)
  }

  private mutating func repeated(_ item: Syntax) throws(SyntaxError) -> Syntax {
    var (item, layers) = (item, 0)
    while let (least, most) = try repetition() {
      let isLazy = takes("?") != flags.prefersLess
      // `a**` says nothing that `a*` does not; RE2 refuses it. `a{2}{2}` it takes.
      if let next, next == "*" || next == "+" || next == "?" { throw error("two repetitions in a row") }
      layers += 1
      guard layers <= Self.maximumDepth else { throw error("more than \(Self.maximumDepth) repetitions in a row") }
      item = .repetition(item, least, most, prefersMore: !isLazy)
    }
    return item
  }

  /// How often the item before may come, if the pattern says so here.
  private mutating func repetition() throws(SyntaxError) -> (Int, Int?)? {
    switch next {
    case "*":
      position += 1
      return (0, nil)
    case "+":
      position += 1
      return (1, nil)
    case "?":
      position += 1
      return (0, 1)
    case "{":
      let start = position
      guard let counts = counts() else {
        // Braces that hold no counts are themselves.
        position = start
        return nil
      }
      let (least, most) = counts
      guard least <= Self.maximumRepetition, (most ?? 0) <= Self.maximumRepetition, least <= most ?? least else {
        throw error("a repetition that is no range up to \(Self.maximumRepetition)")
      }
      return counts
    default: return nil
    }
  }

  /// {n}, {n,} or {n,m}
  private mutating func counts() -> (Int, Int?)? {
    guard takes("{"), let least = number() else { return nil }
    if takes("}") { return (least, least) }
    guard takes(",") else { return nil }
    if takes("}") { return (least, nil) }
    guard let most = number(), takes("}") else { return nil }
    return (least, most)
  }

  private mutating func number() -> Int? {
    let start = position
    while let next, ("0"..."9").contains(next) { position += 1 }
    guard position > start else { return nil }
    return Int(String(String.UnicodeScalarView(scalars[start..<position]))) ?? .max
  }

  private mutating func atom() throws(SyntaxError) -> Syntax {
    let scalar = try take()
    switch scalar {
    case "(": return try group()
    case "[": return .scalars(try characterClass())
    case ".": return .scalars(flags.dotMatchesNewline ? .any : .notNewline)
    case "^": return .assertion(flags.isMultiline ? .lineStart : .textStart)
    case "$": return .assertion(flags.isMultiline ? .lineEnd : .textEnd)
    case "\\": return try escape()
    case "*", "+", "?": throw error("a repetition of nothing")
    default: return literal(scalar)
    }
  }

  private func literal(_ scalar: Unicode.Scalar) -> Syntax {
    .scalars(ScalarSet(ranges: [scalar.value...scalar.value], ignoresCase: flags.ignoresCase))
  }

  // MARK: Groups

  private mutating func group() throws(SyntaxError) -> Syntax {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else { throw error("more than \(Self.maximumDepth) groups in each other") }
    let outer = flags
    if takes("?") {
      if takes("P<") || takes("<") {
        while try take() != ">" {}
      } else {
        // (?flags) holds to the end of the group around it.
        if try readFlags() == ")" { return .empty }
      }
    }
    let body = try alternatives()
    guard takes(")") else { throw error("a group that does not end") }
    flags = outer
    return body
  }

  /// `im-sU`, up to the colon or parenthesis, which is returned.
  private mutating func readFlags() throws(SyntaxError) -> Unicode.Scalar {
    var value = true
    while true {
      switch try take() {
      case "i": flags.ignoresCase = value
      case "m": flags.isMultiline = value
      case "s": flags.dotMatchesNewline = value
      case "U": flags.prefersLess = value
      case "-": value = false
      case let end where end == ":" || end == ")": return end
      default: throw error("an unknown flag")
      }
    }
  }

  // MARK: Escapes

  private mutating func escape() throws(SyntaxError) -> Syntax {
    switch next {
    case "A":
      position += 1
      return .assertion(.textStart)
    case "z":
      position += 1
      return .assertion(.textEnd)
    case "b":
      position += 1
      return .assertion(.wordBoundary)
    case "B":
      position += 1
      return .assertion(.noWordBoundary)
    default:
      if let set = try setEscape() { return .scalars(set) }
      return literal(try scalarEscape())
    }
  }

  /// `\d`, `\p{L}` and the like, after the backslash; nil for an escaped scalar.
  private mutating func setEscape() throws(SyntaxError) -> ScalarSet? {
    let sets: [Unicode.Scalar: ScalarSet] = ["d": .digit, "s": .space, "w": .word]
    guard let next else { return nil }
    if let set = sets[next] {
      position += 1
      return set
    }
    if let lower = next.properties.lowercaseMapping.unicodeScalars.first, let set = sets[lower], next != lower {
      position += 1
      return set.negated
    }
    guard next == "p" || next == "P" else { return nil }
    position += 1
    var name = String(try take())
    if name == "{" {
      name = ""
      while let scalar = Optional(try take()), scalar != "}" { name.unicodeScalars.append(scalar) }
    }
    let isNegated = name.hasPrefix("^")
    if isNegated { name.removeFirst() }
    guard let set = ScalarSet.category(name) else {
      throw error("'\(name)', which is no general category of Unicode (scripts are not supported),")
    }
    return isNegated != (next == "P") ? set.negated : set
  }

  private mutating func scalarEscape() throws(SyntaxError) -> Unicode.Scalar {
    let scalar = try take()
    switch scalar {
    case "a": return "\u{07}"
    case "f": return "\u{0C}"
    case "t": return "\t"
    case "n": return "\n"
    case "r": return "\r"
    case "v": return "\u{0B}"
    case "x": return try hexadecimal()
    case "0"..."7": return try octal(scalar)
    default:
      let isWord = ScalarSet.word.contains(scalar) && scalar != "_"
      guard !isWord, scalar.isASCII else { throw error("an unknown escape '\\\(scalar)'") }
      return scalar
    }
  }

  /// \x7F or \x{10FFFF}
  private mutating func hexadecimal() throws(SyntaxError) -> Unicode.Scalar {
    var digits = ""
    if takes("{") {
      while let scalar = Optional(try take()), scalar != "}" { digits.unicodeScalars.append(scalar) }
    } else {
      for _ in 0..<2 { digits.unicodeScalars.append(try take()) }
    }
    guard digits.count <= 8, digits.allSatisfy(\.isHexDigit), let value = UInt32(digits, radix: 16),
      let scalar = Unicode.Scalar(value)
    else { throw error("'\\x\(digits)', which is no Unicode scalar,") }
    return scalar
  }

  /// \0, \07, \123: RE2 takes what begins with 1 to 7 only when a second digit follows, for it has no back references.
  private mutating func octal(_ first: Unicode.Scalar) throws(SyntaxError) -> Unicode.Scalar {
    var value = first.value - 0x30
    var count = 1
    while count < 3, let next, ("0"..."7").contains(next) {
      value = value * 8 + next.value - 0x30
      count += 1
      position += 1
    }
    guard first == "0" || count > 1, let scalar = Unicode.Scalar(value) else { throw error("a back reference") }
    return scalar
  }

  // MARK: Classes

  private mutating func characterClass() throws(SyntaxError) -> ScalarSet {
    var set = ScalarSet(ignoresCase: flags.ignoresCase)
    set.isNegated = takes("^")
    var isFirst = true
    while isFirst || next != "]" {
      // A bracket that comes first is itself.
      isFirst = false
      if try classPart(into: &set) { continue }
      let low = try classScalar()
      guard takes("-") else {
        set.ranges.append(low.value...low.value)
        continue
      }
      if next == "]" {
        set.ranges += [low.value...low.value, 0x2D...0x2D]
        continue
      }
      let high = try classScalar()
      guard low <= high else { throw error("a range that runs backwards") }
      set.ranges.append(low.value...high.value)
    }
    position += 1
    return set
  }

  /// A named set within a class, if one stands here.
  private mutating func classPart(into set: inout ScalarSet) throws(SyntaxError) -> Bool {
    if takes("[:") {
      let isNegated = takes("^")
      var name = ""
      while !takes(":]") { name.unicodeScalars.append(try take()) }
      guard let part = ScalarSet.posixClasses[name] else { throw error("an unknown class '\(name)'") }
      set.parts.append(isNegated ? part.negated : part)
      return true
    }
    guard next == "\\" else { return false }
    position += 1
    if let part = try setEscape() {
      set.parts.append(part)
      return true
    }
    position -= 1
    return false
  }

  private mutating func classScalar() throws(SyntaxError) -> Unicode.Scalar {
    let scalar = try take()
    return scalar == "\\" ? try scalarEscape() : scalar
  }
}
