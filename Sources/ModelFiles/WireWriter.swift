/// Writes protobuf messages.
public struct WireWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public mutating func varint(_ field: Int, _ value: UInt64) {
    tag(field, .varint)
    append(varint: value)
  }

  /// Negative values take ten bytes, as protobuf prescribes.
  public mutating func integer(_ field: Int, _ value: Int) { varint(field, UInt64(bitPattern: Int64(value))) }

  public mutating func string(_ field: Int, _ value: String) { bytes(field, value.utf8) }

  public mutating func bytes(_ field: Int, _ value: some Collection<UInt8>) {
    tag(field, .lengthDelimited)
    append(varint: UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  public mutating func message(_ field: Int, _ body: (inout WireWriter) throws -> Void) rethrows {
    var inner = WireWriter()
    try body(&inner)
    bytes(field, inner.bytes)
  }

  /// A field as it lies in a file, its tag included.
  public mutating func copy(_ record: FileSlice) { record.withUnsafeBytes { bytes.append(contentsOf: $0) } }

  private mutating func tag(_ field: Int, _ type: WireType) {
    append(varint: UInt64(field) << 3 | UInt64(type.rawValue))
  }

  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// One field of a message as it lies in the file.
public struct WireRecord: Sendable {
  public var number: Int
  /// With its tag.
  public var whole: FileSlice
  /// What a length-delimited field holds; nil for numbers.
  public var content: FileSlice?
}

extension FileSlice {
  /// The fields of the message that the slice is, in order.
  public func records<Message: WireMessage>(of _: Message.Type) throws(WireError) -> [WireRecord] {
    var cursor = WireCursor(self, of: Message.self, depth: 0)
    var records: [WireRecord] = []
    var start = offset
    while try cursor.advance() {
      var content: FileSlice?
      if cursor.wireType == .lengthDelimited { content = try cursor.bytes() } else { try cursor.skip() }
      let whole = FileSlice(file: file, offset: start, count: cursor.position - start)
      records.append(WireRecord(number: cursor.fieldNumber, whole: whole, content: content))
      start = cursor.position
    }
    return records
  }
}
