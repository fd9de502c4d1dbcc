/// The fields of one protobuf message as an enum over field numbers: the table that the reader switches over and that
/// errors take their names from.
public protocol WireMessage: RawRepresentable, Sendable where RawValue == Int {
  /// The name in the `.proto` file.
  static var messageName: String { get }
}

/// A Swift name as protobuf writes it: `opType` becomes `op_type`.
public func snakeCase(_ name: String) -> String {
  name.reduce(into: "") { result, letter in
    if letter.isUppercase { result += "_" + letter.lowercased() } else { result.append(letter) }
  }
}

/// How a field lies on the wire (protobuf encoding, "Message Structure"). Groups, 3 and 4, are rejected.
@frozen public enum WireType: UInt8, Sendable {
  case varint = 0
  case fixed64 = 1
  case lengthDelimited = 2
  case fixed32 = 5
}

/// What is wrong with a message, and where.
public struct WireError: Error, Equatable, Sendable, CustomStringConvertible {
  public let file: String
  /// Bytes from the start of the file.
  public let offset: Int
  /// Message and field, such as `NodeProto.op_type`.
  public let field: String
  public let problem: String

  public init(file: String, offset: Int, field: String, problem: String) {
    self.file = file
    self.offset = offset
    self.field = field
    self.problem = problem
  }

  public var description: String { "\(file): byte \(offset): \(field): \(problem)" }
}

/// Reads one message, field by field, without copying and without trusting a byte.
///
///     while let field = try reader.next() {
///       switch field {
///       case .name: name = try reader.string()
///       case .node: nodes.append(try Node(reader.message(NodeField.self)))
///       }
///     }
///
/// After `next` the caller reads the field's value with exactly one call. Fields that the enum does not know are
/// skipped. A field that lies on the wire as another type than the one asked for is an error.
public struct WireReader<Message: WireMessage> {
  /// Messages within messages: what protobuf's own parsers allow.
  public static var depthLimit: Int { 100 }

  public let file: MappedFile
  /// The next byte to read, counted from the start of the file.
  @usableFromInline internal var position: Int
  @usableFromInline internal let start: Int
  @usableFromInline internal let end: Int
  @usableFromInline internal let depth: Int
  @usableFromInline internal var fieldNumber = 0
  @usableFromInline internal var wireType = WireType.varint

  /// Reads `slice` as one message.
  @inlinable public init(_ slice: FileSlice, _: Message.Type = Message.self) {
    self.init(slice, depth: 0)
  }

  @inlinable init(_ slice: FileSlice, depth: Int) {
    self.file = slice.file
    self.start = slice.offset
    self.position = slice.offset
    self.end = slice.offset + slice.count
    self.depth = depth
  }

  /// The whole message.
  @inlinable public var slice: FileSlice { FileSlice(file: file, offset: start, count: end - start) }

  // MARK: Fields

  /// Moves to the next known field; nil at the end of the message.
  @inlinable public mutating func next() throws(WireError) -> Message? {
    while try advance() {
      if let field = Message(rawValue: fieldNumber) { return field }
      try skip()
    }
    return nil
  }

  /// Reads the next tag; false at the end of the message.
  @inlinable mutating func advance() throws(WireError) -> Bool {
    if position == end { return false }
    fieldNumber = 0
    let tag = try rawVarint()
    guard tag <= UInt64(UInt32.max), tag >> 3 != 0 else { throw error("invalid tag \(tag)") }
    fieldNumber = Int(tag >> 3)
    guard let type = WireType(rawValue: UInt8(tag & 7)) else {
      throw error(tag & 7 < 5 ? "groups are not supported" : "invalid wire type \(tag & 7)")
    }
    wireType = type
    return true
  }

  /// Passes over the current field's value.
  @inlinable public mutating func skip() throws(WireError) {
    switch wireType {
    case .varint: _ = try rawVarint()
    case .fixed64: try pass(8)
    case .fixed32: try pass(4)
    case .lengthDelimited: try pass(try rawLength())
    }
  }

  // MARK: Values of the current field

  @inlinable public mutating func uint64() throws(WireError) -> UInt64 {
    try expect(.varint)
    return try rawVarint()
  }

  @inlinable public mutating func int64() throws(WireError) -> Int64 { Int64(bitPattern: try uint64()) }

  /// `int32` and enums: negative values take ten bytes; higher bits are dropped, as protobuf prescribes.
  @inlinable public mutating func int32() throws(WireError) -> Int32 { Int32(truncatingIfNeeded: try uint64()) }

  @inlinable public mutating func float() throws(WireError) -> Float {
    try expect(.fixed32)
    return Float(bitPattern: try rawFixed(UInt32.self))
  }

  @inlinable public mutating func double() throws(WireError) -> Double {
    try expect(.fixed64)
    return Double(bitPattern: try rawFixed(UInt64.self))
  }

  /// Bytes, left in the file.
  @inlinable public mutating func bytes() throws(WireError) -> FileSlice {
    try expect(.lengthDelimited)
    let length = try rawLength()
    let offset = position
    try pass(length)
    return FileSlice(file: file, offset: offset, count: length)
  }

  @inlinable public mutating func string() throws(WireError) -> String { try bytes().string }

  /// A reader for an embedded message, which the caller reads to its end (or not at all).
  @inlinable public mutating func message<Inner: WireMessage>(
    _: Inner.Type = Inner.self
  ) throws(WireError) -> WireReader<Inner> {
    guard depth < Self.depthLimit else { throw error("messages are nested more than \(Self.depthLimit) deep") }
    return WireReader<Inner>(try bytes(), depth: depth + 1)
  }

  // MARK: Errors

  /// An error at the current position, in the name of the current field.
  public func error(_ problem: String) -> WireError {
    var field = Message.messageName
    if fieldNumber != 0 {
      field += Message(rawValue: fieldNumber).map { "." + snakeCase("\($0)") } ?? " field \(fieldNumber)"
    }
    return WireError(file: file.path, offset: position, field: field, problem: problem)
  }

  // MARK: Bytes

  @inlinable mutating func expect(_ type: WireType) throws(WireError) {
    if wireType != type { throw error("found wire type \(wireType), expected \(type)") }
  }

  @inlinable mutating func pass(_ count: Int) throws(WireError) {
    guard count <= end - position else {
      throw error("\(count) bytes announced, \(end - position) left in the message")
    }
    position += count
  }

  @inlinable mutating func rawLength() throws(WireError) -> Int {
    let length = try rawVarint()
    guard length <= UInt64(end - position) else {
      throw error("\(length) bytes announced, \(end - position) left in the message")
    }
    return Int(length)
  }

  @inlinable mutating func rawFixed<Bits: FixedWidthInteger & BitwiseCopyable>(
    _: Bits.Type
  ) throws(WireError) -> Bits {
    let offset = position
    try pass(MemoryLayout<Bits>.size)
    return Bits(littleEndian: file.base.loadUnaligned(fromByteOffset: offset, as: Bits.self))
  }

  @inlinable mutating func rawVarint() throws(WireError) -> UInt64 {
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
}
