import Glibc

/// JSON text being written into memory that grows and can be used again: after warm-up, writing allocates nothing.
///
/// Punctuation is the caller's. Numbers are written with the fewest digits that read back the same, in the
/// style of Python's `json`: `3.0`, `1e-07`, and bare `NaN`, `Infinity`, `-Infinity`.
public struct JSONWriter: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  /// Bytes written.
  public private(set) var count = 0

  /// Whether a blank follows each comma, as Python's `json.dumps` has it: `[1.0, 2.0]`.
  public let isSpaced: Bool

  public init(capacity: Int = 256, isSpaced: Bool = false) {
    self.isSpaced = isSpaced
    self.capacity = max(capacity, 64)
    base = UnsafeMutablePointer<UInt8>.allocate(capacity: self.capacity)
  }

  deinit { base.deallocate() }

  /// The text, valid until the next change.
  @inlinable public borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows
    -> Result
  {
    try body(bytes)
  }

  @usableFromInline var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// A copy of the text.
  public borrowing func array() -> [UInt8] { Array(bytes) }

  /// Forgets the text and keeps the memory.
  public mutating func removeAll() { count = 0 }

  /// Text that is JSON already: punctuation, a key in quotes.
  public mutating func append(raw text: StaticString) {
    reserve(text.utf8CodeUnitCount)
    (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    count += text.utf8CodeUnitCount
  }

  /// Bytes that are JSON already.
  public mutating func append(raw bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    reserve(bytes.count)
    UnsafeMutableRawPointer(base + count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  /// What stands between two members.
  @inline(__always)
  public mutating func appendComma() {
    append(byte: UInt8(ascii: ","))
    if isSpaced { append(byte: UInt8(ascii: " ")) }
  }

  public mutating func append(_ value: Bool) { append(raw: value ? "true" : "false") }

  @inline(__always)
  public mutating func append(_ value: Double) {
    reserve(NumberText.largestCount)
    count &+= NumberText.write(value, names: .json, to: base + count)
  }

  @inline(__always)
  public mutating func append(_ value: Float) {
    reserve(NumberText.largestCount)
    count &+= NumberText.write(value, names: .json, to: base + count)
  }

  public mutating func append(_ value: Int) { append(integer: Int64(value)) }

  @inline(__always)
  mutating func append<Integer: FixedWidthInteger>(integer value: Integer) {
    reserve(NumberText.largestCount)
    count &+= NumberText.write(value, to: base + count)
  }

  @inline(__always)
  mutating func append(byte: UInt8) {
    reserve(1)
    base[count] = byte
    count &+= 1
  }

  /// A string in quotes: `"`, `\` and control characters escaped, everything else as UTF-8.
  public mutating func append(string: String) {
    var string = string
    string.withUTF8 { append(utf8: $0) }
  }

  private mutating func append(utf8 text: UnsafeBufferPointer<UInt8>) {
    // Six bytes for a control character is the most that one byte becomes.
    reserve(text.count &* 6 &+ 2)
    var target = base + count
    target.pointee = UInt8(ascii: "\"")
    target += 1
    for byte in text {
      if byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\") {
        target.pointee = byte
        target += 1
        continue
      }
      target[0] = UInt8(ascii: "\\")
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): target[1] = byte
      case 0x08: target[1] = UInt8(ascii: "b")
      case 0x09: target[1] = UInt8(ascii: "t")
      case 0x0a: target[1] = UInt8(ascii: "n")
      case 0x0c: target[1] = UInt8(ascii: "f")
      case 0x0d: target[1] = UInt8(ascii: "r")
      default:
        target[1] = UInt8(ascii: "u")
        target[2] = UInt8(ascii: "0")
        target[3] = UInt8(ascii: "0")
        target[4] = UInt8(ascii: "0") + byte >> 4
        target[5] = (byte & 15) + (byte & 15 > 9 ? UInt8(ascii: "a") - 10 : UInt8(ascii: "0"))
        target += 4
      }
      target += 2
    }
    target.pointee = UInt8(ascii: "\"")
    count = target + 1 - base
  }

  /// Room for `extra` more bytes.
  @inline(__always)
  private mutating func reserve(_ extra: Int) {
    if capacity &- count < extra { grow(extra) }
  }

  @inline(never)
  private mutating func grow(_ extra: Int) {
    let larger = max(capacity * 2, count + extra)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    memory.update(from: base, count: count)
    base.deallocate()
    base = memory
    capacity = larger
  }
}
