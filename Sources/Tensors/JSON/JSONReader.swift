/// A pull parser over bytes in memory (RFC 8259): the caller asks for what it expects and gets it or an error that says
/// where and what was found instead. Nothing is built that was not asked for.
///
///     var reader = JSONReader(body)
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///       if key == "inputs" { … } else { try reader.skipValue() }
///     }
///     try reader.finish()
///
/// Beyond the RFC it takes the bare tokens `NaN`, `Infinity` and `-Infinity`, as Python's `json` writes them.
/// Nesting is limited to 64, so hostile input cannot exhaust the stack; nothing here recurses.
/// The bytes must stay valid for as long as the reader is used.
public struct JSONReader {
  /// What the next value is, told from its first byte.
  public enum Kind: String, Sendable {
    case object, array, string, number, bool, null
  }

  public static let largestDepth = 64

  let start: UnsafePointer<UInt8>
  let end: UnsafePointer<UInt8>
  var cursor: UnsafePointer<UInt8>
  let source: String
  /// Objects and arrays that are open.
  public internal(set) var depth = 0
  /// Bit d is set when the container of depth d + 1 has had a member already, so that a comma is due.
  private var hasMember: UInt64 = 0

  /// - Parameter source: what to call the text in errors.
  public init(_ bytes: UnsafeRawBufferPointer, source: String = "JSON") {
    let base = bytes.baseAddress ?? UnsafeRawPointer(Self.nothing)
    start = base.assumingMemoryBound(to: UInt8.self)
    end = start + bytes.count
    cursor = start
    self.source = source
  }

  nonisolated(unsafe) private static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)

  /// Bytes read so far.
  public var position: Int { cursor - start }

  // MARK: Structure

  /// Kind of the next value, which is not consumed.
  public mutating func peek() throws(TensorError) -> Kind {
    skipWhitespace()
    guard cursor < end else { throw failure("a value") }
    switch cursor.pointee {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "N"), UInt8(ascii: "I"): return .number
    default: throw failure("a value")
    }
  }

  public mutating func beginObject() throws(TensorError) { try open(UInt8(ascii: "{"), "an object") }

  /// The next key of the object that is open, positioned at its value; nil at the end of the object.
  public mutating func nextKey() throws(TensorError) -> String? {
    guard try nextMember(UInt8(ascii: "}"), "'}'") else { return nil }
    guard cursor < end, cursor.pointee == UInt8(ascii: "\"") else { throw failure("a key") }
    let key = try readString()
    skipWhitespace()
    guard cursor < end, cursor.pointee == UInt8(ascii: ":") else { throw failure("':'") }
    cursor += 1
    return key
  }

  public mutating func beginArray() throws(TensorError) { try open(UInt8(ascii: "["), "an array") }

  /// Whether the array that is open has another element, which then is the next value; false at its end.
  public mutating func nextElement() throws(TensorError) -> Bool { try nextMember(UInt8(ascii: "]"), "']'") }

  /// Only white space may be left.
  public mutating func finish() throws(TensorError) {
    skipWhitespace()
    if cursor < end { throw failure("the end") }
  }

  private mutating func open(_ bracket: UInt8, _ expected: StaticString) throws(TensorError) {
    skipWhitespace()
    guard cursor < end, cursor.pointee == bracket else { throw failure(expected) }
    try enter()
    cursor += 1
  }

  /// Counts a container that is being opened.
  mutating func enter() throws(TensorError) {
    guard depth < Self.largestDepth else { throw problem("nested deeper than \(Self.largestDepth)") }
    hasMember &= ~(1 << UInt64(depth))
    depth += 1
  }

  private mutating func nextMember(_ bracket: UInt8, _ expected: StaticString) throws(TensorError) -> Bool {
    guard depth > 0 else { throw problem("no object or array is open") }
    skipWhitespace()
    guard cursor < end else { throw failure(expected) }
    let bit: UInt64 = 1 << UInt64(depth - 1)
    if cursor.pointee == bracket {
      cursor += 1
      depth -= 1
      return false
    }
    if hasMember & bit != 0 {
      guard cursor.pointee == UInt8(ascii: ",") else {
        throw failure(bracket == UInt8(ascii: "}") ? "',' or '}'" : "',' or ']'")
      }
      cursor += 1
      skipWhitespace()
    }
    hasMember |= bit
    return true
  }

  @inline(__always)
  mutating func skipWhitespace() {
    // Usually there is none, or one space.
    while cursor < end && cursor.pointee <= 0x20 {
      let byte = cursor.pointee
      guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
      cursor += 1
    }
  }

  // MARK: Scalars

  public mutating func readBool() throws(TensorError) -> Bool {
    skipWhitespace()
    if consume("true") { return true }
    if consume("false") { return false }
    throw failure("true or false")
  }

  /// Consumes a `null` if that is the next value.
  public mutating func readNull() -> Bool {
    skipWhitespace()
    return consume("null")
  }

  /// The nearest float64 of a number; infinity when it is too large.
  public mutating func readDouble() throws(TensorError) -> Double {
    skipWhitespace()
    if let number = scanNumber() { return number.double(end: end) }
    if let special = consumeSpecial() { return special }
    throw failure("a number")
  }

  /// The nearest float32 of a number, rounded from the text once.
  public mutating func readFloat() throws(TensorError) -> Float {
    skipWhitespace()
    if let number = scanNumber() { return number.float(end: end) }
    if let special = consumeSpecial() { return Float(special) }
    throw failure("a number")
  }

  /// An integer, however it is written (`3`, `3.0`, `3e0`), that fits the type.
  public mutating func readInteger<Integer: FixedWidthInteger>(
    _ type: Integer.Type = Integer.self
  ) throws(TensorError) -> Integer {
    skipWhitespace()
    let before = cursor
    if let number = scanNumber(), let value = number.integer(type, end: end) { return value }
    cursor = before
    throw failure(integerName(type))
  }

  /// Consumes a number token. Whatever follows it is for the caller to check.
  @inline(__always)
  mutating func scanNumber() -> DecimalNumber? {
    DecimalNumber.scan(cursor, end: end, grammar: .json, after: &cursor)
  }

  /// `NaN`, `Infinity` or `-Infinity`.
  @inline(never)
  mutating func consumeSpecial() -> Double? {
    if consume("NaN") { return .nan }
    if consume("Infinity") { return .infinity }
    if consume("-Infinity") { return -.infinity }
    return nil
  }

  /// Whether the next bytes are `word` and no longer word; consumed if so.
  @inline(never)
  mutating func consume(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard end - cursor >= count else { return false }
    for index in 0..<count where cursor[index] != word.utf8Start[index] { return false }
    if end - cursor > count {
      let next = cursor[count]
      let isLetter = UInt8(ascii: "a")...UInt8(ascii: "z") ~= next | 0x20
      let isDigit = UInt8(ascii: "0")...UInt8(ascii: "9") ~= next
      if isLetter || isDigit || next == UInt8(ascii: "_") { return false }
    }
    cursor += count
    return true
  }

  // MARK: Skipping

  /// Consumes the next value, whatever it is. Checked as strictly as if it were read.
  public mutating func skipValue() throws(TensorError) {
    let outside = depth
    // Bit d: the container of depth d + 1 is an object. Containers that were open before are not looked at.
    var isObject: UInt64 = 0
    repeat {
      switch try peek() {
      case .object:
        try beginObject()
        isObject |= 1 << UInt64(depth - 1)
      case .array:
        try beginArray()
        isObject &= ~(1 << UInt64(depth - 1))
      case .string: try skipString()
      case .number: _ = try readDouble()
      case .bool: _ = try readBool()
      case .null: if !readNull() { throw failure("null") }
      }
      // Close what ends here and stop in front of the next member's value.
      while depth > outside {
        let isOpen = isObject & 1 << UInt64(depth - 1) != 0 ? try skipKey() : try nextElement()
        if isOpen { break }
      }
    } while depth > outside
  }

  private mutating func skipKey() throws(TensorError) -> Bool {
    guard try nextMember(UInt8(ascii: "}"), "'}'") else { return false }
    guard cursor < end, cursor.pointee == UInt8(ascii: "\"") else { throw failure("a key") }
    try skipString()
    skipWhitespace()
    guard cursor < end, cursor.pointee == UInt8(ascii: ":") else { throw failure("':'") }
    cursor += 1
    return true
  }
}

/// The type's name as users know it: `Int64` is `int64`.
func integerName<Integer: FixedWidthInteger>(_ type: Integer.Type) -> StaticString {
  switch (Integer.bitWidth, Integer.isSigned) {
  case (8, true): "int8"
  case (16, true): "int16"
  case (32, true): "int32"
  case (64, true): "int64"
  case (8, false): "uint8"
  case (16, false): "uint16"
  case (32, false): "uint32"
  case (64, false): "uint64"
  default: "an integer"
  }
}
