extension JSONReader {
  /// A string, its escapes resolved. Bytes that are not UTF-8 and lone surrogates are errors.
  public mutating func readString() throws(TensorError) -> String {
    let content = try stringContent()
    guard content.hasEscapes else {
      guard let string = String(validating: content.bytes, as: UTF8.self) else {
        throw problem("string is not valid UTF-8", at: content.bytes.baseAddress ?? cursor)
      }
      return string
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(content.bytes.count)
    try unescape(content.bytes) { bytes.append($0) }
    guard let string = String(validating: bytes, as: UTF8.self) else {
      throw problem("string is not valid UTF-8", at: content.bytes.baseAddress ?? cursor)
    }
    return string
  }

  /// Consumes a string, checking only that it is one.
  mutating func skipString() throws(TensorError) {
    let content = try stringContent()
    if content.hasEscapes { try unescape(content.bytes) { _ in } }
  }

  /// What is between the quotes, as written.
  private mutating func stringContent() throws(TensorError) -> (bytes: UnsafeBufferPointer<UInt8>, hasEscapes: Bool) {
    skipWhitespace()
    guard cursor < end, cursor.pointee == UInt8(ascii: "\"") else { throw failure("a string") }
    let first = cursor + 1
    var current = first
    var hasEscapes = false
    while current < end {
      let byte = current.pointee
      if byte == UInt8(ascii: "\"") {
        cursor = current + 1
        return (UnsafeBufferPointer(start: first, count: current - first), hasEscapes)
      }
      if byte < 0x20 { throw problem("control character in a string", at: current) }
      if byte == UInt8(ascii: "\\") {
        hasEscapes = true
        current += 1
        if current == end { break }
      }
      current += 1
    }
    throw problem("string does not end", at: cursor)
  }

  private func unescape(
    _ bytes: UnsafeBufferPointer<UInt8>, _ emit: (UInt8) -> Void
  ) throws(TensorError) {
    guard let base = bytes.baseAddress else { return }
    var current = base
    let end = base + bytes.count
    while current < end {
      let byte = current.pointee
      current += 1
      if byte != UInt8(ascii: "\\") {
        emit(byte)
        continue
      }
      // The scanner has seen to it that a byte follows.
      let escape = current
      let letter = current.pointee
      current += 1
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): emit(letter)
      case UInt8(ascii: "b"): emit(0x08)
      case UInt8(ascii: "f"): emit(0x0c)
      case UInt8(ascii: "n"): emit(0x0a)
      case UInt8(ascii: "r"): emit(0x0d)
      case UInt8(ascii: "t"): emit(0x09)
      case UInt8(ascii: "u"):
        guard var code = Self.fourHexDigits(&current, end) else {
          throw problem("\\u needs four hex digits", at: escape)
        }
        if 0xd800...0xdbff ~= code, end - current >= 6, current[0] == UInt8(ascii: "\\"),
          current[1] == UInt8(ascii: "u")
        {
          current += 2
          guard let low = Self.fourHexDigits(&current, end), 0xdc00...0xdfff ~= low else {
            throw problem("\\u surrogate without its pair", at: escape)
          }
          code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw problem("\\u surrogate without its pair", at: escape) }
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { emit(byte) }
      default: throw problem("unknown escape in a string", at: escape)
      }
    }
  }

  private static func fourHexDigits(_ cursor: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UInt32? {
    guard end - cursor >= 4 else { return nil }
    var code: UInt32 = 0
    for index in 0..<4 {
      let byte = cursor[index]
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      code = code << 4 | UInt32(digit)
    }
    cursor += 4
    return code
  }
}
