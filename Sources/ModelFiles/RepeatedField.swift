/// A repeated scalar (or bytes) field of a message, packed or not: counted and bounds-checked when the message is
/// read, decoded only when somebody asks. A million weights cost a few words until then.
///
/// Decoding checks everything again, because the file may have changed on disk since.
public struct RepeatedField: Sendable {
  public enum Kind: Sendable { case varint, fixed32, fixed64, bytes }

  public let kind: Kind
  /// Elements over all occurrences of the field.
  public private(set) var count: Int
  private let message: FileSlice
  private let number: Int

  fileprivate init(kind: Kind, message: FileSlice, number: Int) {
    self.kind = kind
    self.count = 0
    self.message = message
    self.number = number
  }

  /// The message that holds the field: an upper bound of the bytes that the elements take.
  public var messageByteCount: Int { message.count }

  // MARK: Elements

  /// Every element of a varint field, in order.
  public func forEachVarint(_ body: (UInt64) -> Void) throws(WireError) {
    var cursor = WireCursor(message, of: AnyField.self, depth: 0)
    while try cursor.advance() {
      if cursor.fieldNumber != number {
        try cursor.skip()
      } else if cursor.wireType == .lengthDelimited {
        var run = WireCursor(try cursor.bytes(), of: AnyField.self, depth: 0)
        while !run.isAtEnd { body(try run.varint()) }
      } else {
        repeat { body(try cursor.uint64()) } while try cursor.continuesField()
      }
    }
  }

  /// Every element of a bytes field, in order.
  public func forEachBytes(_ body: (FileSlice) -> Void) throws(WireError) {
    var cursor = WireCursor(message, of: AnyField.self, depth: 0)
    while try cursor.advance() {
      if cursor.fieldNumber == number { body(try cursor.bytes()) } else { try cursor.skip() }
    }
  }

  /// Elements of an `int64`, `int32`, `uint64`, `bool` or enum field.
  @inlinable public func integers<Element: FixedWidthInteger>(as _: Element.Type = Element.self) throws(WireError)
    -> [Element]
  {
    var result: [Element] = []
    result.reserveCapacity(count)
    try forEachVarint { result.append(Element(truncatingIfNeeded: $0)) }
    return result
  }

  /// Elements of a `float` field.
  public func floats() throws(WireError) -> [Float] {
    var result = [Float](repeating: 0, count: count)
    var problem: WireError?
    result.withUnsafeMutableBytes { target in
      do throws(WireError) { try copyFixed(to: target) } catch { problem = error }
    }
    if let problem { throw problem }
    return result
  }

  /// Copies a fixed-width field's elements, little-endian, to memory of exactly their size.
  public func copyFixed(to target: UnsafeMutableRawBufferPointer) throws(WireError) {
    precondition(target.count == count * width, "\(target.count) bytes for \(count) elements")
    guard let base = target.baseAddress else { return }
    var written = 0
    var cursor = WireCursor(message, of: AnyField.self, depth: 0)
    while try cursor.advance() {
      if cursor.fieldNumber != number {
        try cursor.skip()
      } else if cursor.wireType == .lengthDelimited {
        let run = try cursor.bytes()
        guard run.count <= target.count - written else { throw changed }
        run.move(to: base + written)
        written += run.count
      } else {
        repeat {
          guard width <= target.count - written else { throw changed }
          if width == 4 {
            (base + written).storeBytes(of: try cursor.fixed32().littleEndian, as: UInt32.self)
          } else {
            (base + written).storeBytes(of: try cursor.fixed64().littleEndian, as: UInt64.self)
          }
          written += width
        } while try cursor.continuesField()
      }
    }
    guard written == target.count else { throw changed }
  }

  /// All elements of a fixed-width field, when they lie side by side in the file; nil otherwise.
  public func contiguous() throws(WireError) -> FileSlice? {
    var cursor = WireCursor(message, of: AnyField.self, depth: 0)
    while try cursor.advance() {
      guard cursor.fieldNumber == number, cursor.wireType == .lengthDelimited else {
        try cursor.skip()
        continue
      }
      let run = try cursor.bytes()
      return run.count == count * width ? run : nil
    }
    return nil
  }

  private var changed: WireError {
    WireError(
      file: message.file.path, offset: message.offset, field: "field \(number)",
      problem: "the file changed while it was read")
  }

  /// Bytes of one fixed-width element.
  private var width: Int {
    switch kind {
    case .fixed32: 4
    case .fixed64: 8
    case .varint, .bytes: preconditionFailure("\(kind) elements have no width")
    }
  }

  /// Validates the current field and counts its elements.
  fileprivate mutating func add(from cursor: inout WireCursor) throws(WireError) {
    switch (kind, cursor.wireType) {
    case (.bytes, .lengthDelimited), (.varint, .varint), (.fixed32, .fixed32), (.fixed64, .fixed64):
      try cursor.skip()
      count += 1
    case (.varint, .lengthDelimited):
      count += try cursor.countPackedVarints()
    case (.fixed32, .lengthDelimited), (.fixed64, .lengthDelimited):
      let length = try cursor.bytes().count
      guard length % width == 0 else { throw cursor.error("\(length) packed bytes, expected a multiple of \(width)") }
      count += length / width
    default:
      throw cursor.error("found wire type \(cursor.wireType), expected \(kind)")
    }
  }
}

extension WireCursor {
  /// Adds the current field, and those of the same number that follow it, to `field`.
  @usableFromInline mutating func repeated(
    _ kind: RepeatedField.Kind, into field: inout RepeatedField?
  ) throws(WireError) {
    var all = field ?? RepeatedField(kind: kind, message: slice, number: fieldNumber)
    repeat { try all.add(from: &self) } while try continuesField()
    field = all
  }

  /// Varints of a packed run: as many as bytes without a continuation bit.
  fileprivate mutating func countPackedVarints() throws(WireError) -> Int {
    let run = try bytes()
    var count = 0
    var length = 0
    for byte in UnsafeRawBufferPointer(start: run.base, count: run.count) {
      length += 1
      if byte < 0x80 {
        count += 1
        length = 0
      } else if length >= 10 {
        throw error("varint longer than 64 bits")
      }
    }
    guard length == 0 else { throw error("varint runs past the end of the field") }
    return count
  }
}

/// Any field number: for messages that were read before under their own name.
private struct AnyField: WireMessage {
  static var messageName: String { "message" }
  let rawValue: Int
}
