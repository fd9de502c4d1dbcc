import Glibc
import NIOCore

// Small questions about bytes that are text, without making strings of them.

extension UnsafeRawBufferPointer {
  subscript(range: ByteRange) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[Int(range.start)..<Int(range.start) + Int(range.count)])
  }

  func equals(_ text: StaticString) -> Bool {
    count == text.utf8CodeUnitCount && (count == 0 || memcmp(baseAddress!, text.utf8Start, count) == 0)
  }

  func equals(_ text: [UInt8]) -> Bool {
    count == text.count && (count == 0 || text.withUnsafeBytes { memcmp(baseAddress!, $0.baseAddress!, count) == 0 })
  }

  /// `lowercase` is ASCII in lower case.
  func equalsIgnoringCase(_ lowercase: StaticString) -> Bool {
    count == lowercase.utf8CodeUnitCount && startsIgnoringCase(lowercase)
  }

  func startsIgnoringCase(_ lowercase: StaticString) -> Bool {
    guard count >= lowercase.utf8CodeUnitCount else { return false }
    let other = lowercase.utf8Start
    for index in 0..<lowercase.utf8CodeUnitCount where Self.lowercase(self[index]) != other[index] { return false }
    return true
  }

  static func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

  /// A comma-separated list holds `lowercase`.
  func hasToken(_ lowercase: StaticString) -> Bool {
    var start = 0
    while start <= count {
      var end = start
      while end < count, self[end] != UInt8(ascii: ",") { end += 1 }
      if UnsafeRawBufferPointer(rebasing: self[start..<end]).trimmed.equalsIgnoringCase(lowercase) { return true }
      start = end + 1
    }
    return false
  }

  var trimmed: UnsafeRawBufferPointer {
    var start = 0
    var end = count
    while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
    while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: self[start..<end])
  }

  /// Media type without its parameters: "application/json; charset=utf-8" → "application/json".
  var mediaType: UnsafeRawBufferPointer {
    let end = firstIndex(of: UInt8(ascii: ";")) ?? count
    return UnsafeRawBufferPointer(rebasing: self[0..<end]).trimmed
  }

  var text: String { String(decoding: self, as: UTF8.self) }
}

extension ByteBuffer {
  /// A decimal number without the detour over a string.
  mutating func writeDecimal(_ number: Int) {
    writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { bytes in
      var digits = InlineArray<20, UInt8>(repeating: 0)
      var rest = number.magnitude
      var count = 0
      repeat {
        digits[count] = UInt8(truncatingIfNeeded: rest % 10) + 0x30
        rest /= 10
        count += 1
      } while rest > 0
      var at = 0
      if number < 0 {
        bytes[0] = UInt8(ascii: "-")
        at = 1
      }
      for index in 0..<count { bytes[at + index] = digits[count - 1 - index] }
      return at + count
    }
  }

  /// Milliseconds with three decimals: 126000 → "0.126".
  mutating func writeMilliseconds(nanoseconds: Int) {
    let microseconds = (max(nanoseconds, 0) + 500) / 1000
    writeDecimal(microseconds / 1000)
    writeInteger(UInt8(ascii: "."))
    let fraction = microseconds % 1000
    writeInteger(UInt8(0x30 + fraction / 100))
    writeInteger(UInt8(0x30 + fraction / 10 % 10))
    writeInteger(UInt8(0x30 + fraction % 10))
  }

  /// `text` as a JSON string with its quotes, ASCII only, as Python's `json.dumps` writes it.
  mutating func writeJSONString(_ text: String) {
    writeInteger(UInt8(ascii: "\""))
    for unit in text.utf16 {
      switch unit {
      case 0x22: writeStaticString("\\\"")
      case 0x5C: writeStaticString("\\\\")
      case 0x0A: writeStaticString("\\n")
      case 0x0D: writeStaticString("\\r")
      case 0x09: writeStaticString("\\t")
      case 0x20...0x7E: writeInteger(UInt8(unit))
      default:
        writeStaticString("\\u")
        for shift in [12, 8, 4, 0] {
          let digit = UInt8(unit >> shift & 15)
          writeInteger(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
      }
    }
    writeInteger(UInt8(ascii: "\""))
  }
}
