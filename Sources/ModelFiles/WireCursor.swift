/// Where the reading of one message stands: a window of the file, and the field whose value comes next.
@usableFromInline struct WireCursor {
  /// Messages within messages: what protobuf's own parsers allow.
  static let depthLimit = 100

  @usableFromInline let file: MappedFile
  private let message: any WireMessage.Type
  private let start: Int
  private let end: Int
  private let depth: Int
  /// The next byte to read, counted from the start of the file.
  private(set) var position: Int
  @usableFromInline private(set) var fieldNumber = 0
  private(set) var wireType = WireType.varint

  @usableFromInline init(_ slice: FileSlice, of message: any WireMessage.Type, depth: Int) {
    self.file = slice.file
    self.message = message
    self.start = slice.offset
    self.end = slice.offset + slice.count
    self.depth = depth
    self.position = slice.offset
  }

  /// The whole message.
  @usableFromInline var slice: FileSlice { FileSlice(file: file, offset: start, count: end - start) }

  var isAtEnd: Bool { position == end }

  // MARK: Fields

  /// Reads the next tag; false at the end of the message.
  @usableFromInline mutating func advance() throws(WireError) -> Bool {
    if position == end { return false }
    fieldNumber = 0
    let tag = try varint()
    guard tag <= UInt64(UInt32.max), tag >> 3 != 0 else { throw error("invalid tag \(tag)") }
    fieldNumber = Int(tag >> 3)
    guard let type = WireType(rawValue: UInt8(tag & 7)) else {
      throw error(tag & 7 < 5 ? "groups are not supported" : "invalid wire type \(tag & 7)")
    }
    wireType = type
    return true
  }

  /// Moves past the next tag when it is the current field's again. Attributes of a tree ensemble are a hundred
  /// thousand single elements in a row.
  mutating func continuesField() throws(WireError) -> Bool {
    let before = position
    if position < end, try varint() == UInt64(fieldNumber) << 3 | UInt64(wireType.rawValue) { return true }
    position = before
    return false
  }

  /// Passes over the current field's value.
  @usableFromInline mutating func skip() throws(WireError) {
    switch wireType {
    case .varint: _ = try varint()
    case .fixed64: try pass(8)
    case .fixed32: try pass(4)
    case .lengthDelimited: try pass(try length())
    }
  }

  // MARK: Values of the current field

  @usableFromInline mutating func uint64() throws(WireError) -> UInt64 {
    try expect(.varint)
    return try varint()
  }

  @usableFromInline mutating func fixed32() throws(WireError) -> UInt32 {
    try expect(.fixed32)
    let offset = position
    try pass(4)
    return UInt32(littleEndian: file.base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  @usableFromInline mutating func fixed64() throws(WireError) -> UInt64 {
    try expect(.fixed64)
    let offset = position
    try pass(8)
    return UInt64(littleEndian: file.base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @usableFromInline mutating func bytes() throws(WireError) -> FileSlice {
    try expect(.lengthDelimited)
    let count = try length()
    let offset = position
    try pass(count)
    return FileSlice(file: file, offset: offset, count: count)
  }

  @usableFromInline mutating func message(_ inner: any WireMessage.Type) throws(WireError) -> WireCursor {
    guard depth < Self.depthLimit else { throw error("messages are nested more than \(Self.depthLimit) deep") }
    return WireCursor(try bytes(), of: inner, depth: depth + 1)
  }

  // MARK: Bytes

  private func expect(_ type: WireType) throws(WireError) {
    if wireType != type { throw error("found wire type \(wireType), expected \(type)") }
  }

  private mutating func pass(_ count: Int) throws(WireError) {
    guard count <= end - position else {
      throw error("\(count) bytes announced, \(end - position) left in the message")
    }
    position += count
  }

  private mutating func length() throws(WireError) -> Int {
    let length = try varint()
    guard length <= UInt64(end - position) else {
      throw error("\(length) bytes announced, \(end - position) left in the message")
    }
    return Int(length)
  }

  mutating func varint() throws(WireError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end {
      let byte = file.base.load(fromByteOffset: position, as: UInt8.self)
      position += 1
      // The tenth byte holds the topmost bit alone.
      if shift == 63, byte > 1 { throw error("varint longer than 64 bits") }
      value |= UInt64(byte & 0x7F) &<< shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw error("varint runs past the end of the message")
  }

  /// An error at the current position, in the name of the current field.
  func error(_ problem: String) -> WireError {
    let field = fieldNumber == 0 ? message.messageName : message.path(of: fieldNumber)
    return WireError(file: file.path, offset: position, field: field, problem: problem)
  }
}

extension WireMessage {
  /// Message and field as errors name them.
  fileprivate static func path(of number: Int) -> String {
    messageName + (Self(rawValue: number).map { "." + snakeCase("\($0)") } ?? " field \(number)")
  }
}
