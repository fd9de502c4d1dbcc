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
  /// Everything but the enum, so that only this thin face is generic.
  @usableFromInline internal var cursor: WireCursor

  /// Reads `slice` as one message.
  @inlinable public init(_ slice: FileSlice, _: Message.Type = Message.self) {
    self.cursor = WireCursor(slice, of: Message.self, depth: 0)
  }

  @inlinable init(_ cursor: WireCursor) { self.cursor = cursor }

  @inlinable public var file: MappedFile { cursor.file }

  /// The whole message.
  @inlinable public var slice: FileSlice { cursor.slice }

  // MARK: Fields

  /// Moves to the next known field; nil at the end of the message.
  @inlinable public mutating func next() throws(WireError) -> Message? {
    while try cursor.advance() {
      if let field = Message(rawValue: cursor.fieldNumber) { return field }
      try cursor.skip()
    }
    return nil
  }

  /// Passes over the current field's value.
  @inlinable public mutating func skip() throws(WireError) { try cursor.skip() }

  // MARK: Values of the current field

  @inlinable public mutating func uint64() throws(WireError) -> UInt64 { try cursor.uint64() }

  @inlinable public mutating func int64() throws(WireError) -> Int64 { Int64(bitPattern: try cursor.uint64()) }

  /// `int32` and enums: negative values take ten bytes; higher bits are dropped, as protobuf prescribes.
  @inlinable public mutating func int32() throws(WireError) -> Int32 { Int32(truncatingIfNeeded: try cursor.uint64()) }

  @inlinable public mutating func float() throws(WireError) -> Float { Float(bitPattern: try cursor.fixed32()) }

  @inlinable public mutating func double() throws(WireError) -> Double { Double(bitPattern: try cursor.fixed64()) }

  /// Bytes, left in the file.
  @inlinable public mutating func bytes() throws(WireError) -> FileSlice { try cursor.bytes() }

  @inlinable public mutating func string() throws(WireError) -> String { try cursor.bytes().string }

  /// A reader for an embedded message, which the caller reads to its end (or not at all).
  @inlinable public mutating func message<Inner: WireMessage>(
    _: Inner.Type = Inner.self
  ) throws(WireError) -> WireReader<Inner> {
    WireReader<Inner>(try cursor.message(Inner.self))
  }

  /// Adds the current field to `field`, which is nil before its first occurrence.
  @inlinable public mutating func repeated(
    _ kind: RepeatedField.Kind, into field: inout RepeatedField?
  ) throws(WireError) {
    try cursor.repeated(kind, into: &field)
  }

  /// An error at the current position, in the name of the current field.
  public func error(_ problem: String) -> WireError { cursor.error(problem) }
}
