extension JSONReader {
  /// The error for "`expected` should stand here": shows the first bytes of what does.
  @inline(never)
  public func failure(_ expected: StaticString) -> TensorError {
    problem("expected \(expected), found \(found())")
  }

  /// An error here, with line, column (both from 1) and byte (from 0).
  @inline(never)
  public func problem(_ problem: String) -> TensorError { self.problem(problem, at: cursor) }

  @inline(never)
  func problem(_ problem: String, at place: UnsafePointer<UInt8>) -> TensorError {
    var line = 1
    var column = 1
    var current = start
    while current < place {
      if current.pointee == 0x0a {
        line += 1
        column = 1
      } else {
        column += 1
      }
      current += 1
    }
    return .malformed(source: source, problem: "line \(line), column \(column) (byte \(place - start)): \(problem)")
  }

  /// The token at the cursor, shortened to 32 bytes and made printable.
  private func found() -> String {
    guard cursor < end else { return "the end" }
    var text = ""
    var current = cursor
    while current < end && current - cursor < 32 {
      let byte = current.pointee
      if byte <= 0x20 || byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
        if current > cursor { break }
      }
      if 0x20...0x7e ~= byte {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16)
        text += "\\x" + (digits.count < 2 ? "0" : "") + digits
      }
      current += 1
      let isPunctuation = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") || byte == UInt8(ascii: ":")
      if text.count == 1 && (isPunctuation || [",", "]", "}"].contains(text)) { break }
    }
    return text
  }
}
