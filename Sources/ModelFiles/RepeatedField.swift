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

  init(kind: Kind, message: FileSlice, number: Int) {
    self.kind = kind
    self.count = 0
    self.message = message
    self.number = number
  }

  /// The message that holds the field: an upper bound of the bytes that the elements take.
  public var messageByteCount: Int { message.count }

  // MARK: Elements

  /// Every element of a varint field, in order.
  @inlinable public func forEachVarint(_ body: (UInt64) -> Void) throws(WireError) {
    try forEachChunk { (reader: inout WireReader<AnyField>) throws(WireError) in
      while !reader.isAtEnd { body(try reader.rawVarint()) }
    }
  }

  /// Every element of a bytes field, in order.
  public func forEachBytes(_ body: (FileSlice) -> Void) throws(WireError) {
    var reader = WireReader<AnyField>(message)
    while let field = try reader.next() {
      if field.rawValue == number { body(try reader.bytes()) } else { try reader.skip() }
    }
  }

  /// Elements of an `int64`, `int32`, `uint64`, `bool` or enum field.
  public func integers<Element: FixedWidthInteger>(as _: Element.Type = Element.self) throws(WireError) -> [Element] {
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
    var written = 0
    try forEachChunk { (reader: inout WireReader<AnyField>) throws(WireError) in
      let chunk = reader.rest
      guard chunk.count <= target.count - written else { throw reader.error("the file changed while it was read") }
      if chunk.count > 0, let base = target.baseAddress { chunk.move(to: base + written) }
      written += chunk.count
    }
    guard written == target.count else {
      throw WireError(
        file: message.file.path, offset: message.offset, field: "field \(number)",
        problem: "the file changed while it was read")
    }
  }

  /// All elements of a fixed-width field, when they lie side by side in the file; nil otherwise.
  public func contiguous() throws(WireError) -> FileSlice? {
    var found: FileSlice?
    try forEachChunk { (reader: inout WireReader<AnyField>) throws(WireError) in
      if found == nil { found = reader.rest }
    }
    return found?.count == count * width ? found : nil
  }

  /// Bytes of one fixed-width element.
  private var width: Int {
    switch kind {
    case .fixed32: 4
    case .fixed64: 8
    case .varint, .bytes: preconditionFailure("\(kind) elements have no width")
    }
  }

  /// Calls `body` with a reader over the elements of each occurrence of the field: a packed run, or a single element.
  @usableFromInline func forEachChunk(
    _ body: (inout WireReader<AnyField>) throws(WireError) -> Void
  ) throws(WireError) {
    var reader = WireReader<AnyField>(message)
    while let field = try reader.next() {
      guard field.rawValue == number else {
        try reader.skip()
        continue
      }
      var chunk = try reader.chunk()
      try body(&chunk)
    }
  }

  /// Validates the current field of `reader` and counts its elements.
  fileprivate mutating func add<Message: WireMessage>(from reader: inout WireReader<Message>) throws(WireError) {
    switch (kind, reader.wireType) {
    case (.bytes, .lengthDelimited), (.varint, .varint), (.fixed32, .fixed32), (.fixed64, .fixed64):
      try reader.skip()
      count += 1
    case (.varint, .lengthDelimited):
      count += try reader.countPackedVarints()
    case (.fixed32, .lengthDelimited), (.fixed64, .lengthDelimited):
      let length = try reader.bytes().count
      guard length % width == 0 else { throw reader.error("\(length) packed bytes, expected a multiple of \(width)") }
      count += length / width
    default:
      throw reader.error("found wire type \(reader.wireType), expected \(kind)")
    }
  }
}

extension WireReader {
  /// Adds the current field to `field`, which is nil before its first occurrence.
  public mutating func repeated(
    _ kind: RepeatedField.Kind, into field: inout RepeatedField?
  ) throws(WireError) {
    var all = field ?? RepeatedField(kind: kind, message: slice, number: fieldNumber)
    try all.add(from: &self)
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

  @usableFromInline var isAtEnd: Bool { position == end }

  fileprivate var rest: FileSlice { FileSlice(file: file, offset: position, count: end - position) }

  /// The elements of the current repeated field: the packed run, or the one element itself.
  fileprivate mutating func chunk() throws(WireError) -> WireReader<AnyField> {
    if wireType == .lengthDelimited { return WireReader<AnyField>(try bytes()) }
    let offset = position
    try skip()
    return WireReader<AnyField>(FileSlice(file: file, offset: offset, count: position - offset))
  }
}

/// Any field number: for messages that were read before under their own name.
@usableFromInline struct AnyField: WireMessage {
  @usableFromInline static var messageName: String { "message" }
  @usableFromInline let rawValue: Int
  @usableFromInline init(rawValue: Int) { self.rawValue = rawValue }
}
