/// A text that cannot be read as a graph or a kernel: where and why.
public struct GraphTextError: Error, Equatable, CustomStringConvertible {
  /// From 1.
  public var line: Int
  /// From 1, in bytes of UTF-8.
  public var column: Int
  public var message: String

  public var description: String { "\(line):\(column): \(message)" }
}

/// Reads words, numbers and signs from left to right; skips white space and `//` comments before each.
package struct TextScanner {
  private let bytes: [UInt8]
  package private(set) var position = 0

  package init(_ text: String) { bytes = Array(text.utf8) }

  package func error(_ message: String, at position: Int? = nil) -> GraphTextError {
    let before = bytes[..<min(position ?? self.position, bytes.count)]
    let line = before.reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return GraphTextError(line: line, column: before.count - lineStart + 1, message: message)
  }

  // MARK: Looking

  package mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\r"): position += 1
      case UInt8(ascii: "/") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "/"):
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
      default: return
      }
    }
  }

  /// The next byte that is not space; nil at the end.
  package mutating func peek() -> UInt8? {
    skipSpace()
    return position < bytes.count ? bytes[position] : nil
  }

  package mutating func isAtEnd() -> Bool { peek() == nil }
  package mutating func isNext(_ sign: Character) -> Bool { sign.asciiValue == peek() }

  /// A bare word stands next.
  package mutating func isNextWord() -> Bool { peek().map(TextName.isStart) ?? false }

  package mutating func isNextWord(_ word: String) -> Bool {
    let start = position
    defer { position = start }
    return isNextWord() && (try? self.word("")) == word
  }

  // MARK: Taking

  package mutating func take(_ sign: Character) -> Bool {
    guard isNext(sign) else { return false }
    position += 1
    return true
  }

  package mutating func take(word: String) -> Bool {
    guard isNextWord(word) else { return false }
    _ = try? self.word("")
    return true
  }

  package mutating func expect(_ sign: Character) throws(GraphTextError) {
    if !take(sign) { throw unexpected("'\(sign)'") }
  }

  package mutating func unexpected(_ expected: String) -> GraphTextError {
    guard let next = peek() else { return error("expected \(expected), found the end") }
    return error("expected \(expected), found '\(Character(Unicode.Scalar(next)))'")
  }

  package mutating func word(_ expected: String) throws(GraphTextError) -> String {
    guard isNextWord() else { throw unexpected(expected) }
    return run(while: TextName.isPart)
  }

  /// A bare word or a quoted string.
  package mutating func name(_ expected: String) throws(GraphTextError) -> String {
    isNext("\"") ? try string() : try word(expected)
  }

  /// The digits or the word after `%`.
  package mutating func valueName() throws(GraphTextError) -> String {
    try expect("%")
    let name = run(while: TextName.isPart)
    if name.isEmpty { throw unexpected("a value's number") }
    return name
  }

  /// As written, of the characters that numbers have; `nan` and `inf` are numbers too.
  package mutating func number() throws(GraphTextError) -> String {
    guard let first = peek(), TextName.isDigit(first) || first == UInt8(ascii: "-") else {
      if take(word: "nan") { return "nan" }
      if take(word: "inf") { return "inf" }
      throw unexpected("a number")
    }
    position += 1
    var text = String(UnicodeScalar(first))
    var last = first
    while position < bytes.count {
      let byte = bytes[position]
      let isExponentSign =
        (byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")) && (last == UInt8(ascii: "e"))
      guard TextName.isPart(byte) || isExponentSign else { break }
      text.unicodeScalars.append(UnicodeScalar(byte))
      last = byte
      position += 1
    }
    return text
  }

  /// Decimal digits. 2^63 reads as the smallest integer, which printing writes as a minus and these digits.
  package mutating func integer() throws(GraphTextError) -> Int {
    let start = position
    let digits = peek().map(TextName.isDigit) == true ? run(while: TextName.isDigit) : ""
    guard let value = UInt(digits), value <= 1 << 63 else { throw error("expected an integer", at: start) }
    return Int(bitPattern: value)
  }

  package mutating func string() throws(GraphTextError) -> String {
    let start = position
    try expect("\"")
    var contents: [UInt8] = []
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: contents, as: UTF8.self) else { throw error("not UTF-8", at: start) }
        return text
      case UInt8(ascii: "\\"): contents += try escape()
      default: contents.append(byte)
      }
    }
    throw error("a string that does not end", at: start)
  }

  private mutating func escape() throws(GraphTextError) -> [UInt8] {
    guard position < bytes.count else { throw error("a string that does not end") }
    position += 1
    switch bytes[position - 1] {
    case UInt8(ascii: "\""): return [UInt8(ascii: "\"")]
    case UInt8(ascii: "\\"): return [UInt8(ascii: "\\")]
    case UInt8(ascii: "n"): return [UInt8(ascii: "\n")]
    case UInt8(ascii: "r"): return [UInt8(ascii: "\r")]
    case UInt8(ascii: "t"): return [UInt8(ascii: "\t")]
    case UInt8(ascii: "u"):
      try expect("{")
      let digits = run(while: TextName.isPart)
      guard let code = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(code) else {
        throw error("expected the code of a character")
      }
      try expect("}")
      return Array(String(Character(scalar)).utf8)
    default: throw error("unknown escape")
    }
  }

  private mutating func run(while isPart: (UInt8) -> Bool) -> String {
    let start = position
    while position < bytes.count, isPart(bytes[position]) { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  // MARK: The whole text

  /// Every word that begins with `?`: names that fresh symbols must not take.
  var questionNames: Set<String> {
    var names = Set<String>()
    var scanner = self
    while scanner.position < bytes.count {
      if bytes[scanner.position] == UInt8(ascii: "?") {
        names.insert(scanner.run(while: TextName.isPart))
      } else {
        scanner.position += 1
      }
    }
    return names
  }
}
