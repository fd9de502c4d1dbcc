import Testing

@testable import ModelFiles

/// A message with one field of each kind.
private enum SampleField: Int, WireMessage {
  static var messageName: String { "Sample" }
  case count = 1
  case label = 2
  case inner = 3
  case ratio = 4
  case weight = 5
  case manyInts = 6
  case manyFloats = 7
  case manyDoubles = 8
  case manyNames = 9
}

private func reader(_ bytes: [UInt8]) throws -> WireReader<SampleField> {
  WireReader(try MappedFile(copying: bytes, path: "sample").slice)
}

@Suite struct WireReaderTests {
  @Test func fieldsAreReadInTheOrderOfTheFile() throws {
    var reader = try reader(
      [0x08, 0x96, 0x01]  // count = 150: the example of the encoding's documentation
        + [0x12, 0x07] + Array("testing".utf8)  // label
        + [0x25, 0x00, 0x00, 0x80, 0x3F]  // ratio = 1.0
        + [0x29, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F])  // weight = 1.0
    #expect(try reader.next() == .count)
    #expect(try reader.uint64() == 150)
    #expect(try reader.next() == .label)
    #expect(try reader.string() == "testing")
    #expect(try reader.next() == .ratio)
    #expect(try reader.float() == 1)
    #expect(try reader.next() == .weight)
    #expect(try reader.double() == 1)
    #expect(try reader.next() == nil)
    #expect(try reader.next() == nil)
  }

  @Test func unknownFieldsOfEveryTypeAreSkipped() throws {
    var reader = try reader(
      [0xA0, 0x06, 0xFF, 0x01]  // field 100, varint
        + [0xA5, 0x06, 1, 2, 3, 4]  // fixed32
        + [0xA1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8]  // fixed64
        + [0xA2, 0x06, 3, 1, 2, 3]  // length-delimited
        + [0x08, 0x01])
    #expect(try reader.next() == .count)
    #expect(try reader.uint64() == 1)
    #expect(try reader.next() == nil)
  }

  @Test(
    arguments: [
      ([0x08, 0x00], 0),
      ([0x08, 0x7F], 127),
      ([0x08, 0x80, 0x01], 128),
      ([0x08, 0x80, 0x00], 0),  // longer than needed, and valid
      ([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], .max),
      ([0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], -1),
      ([0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], .min),
    ] as [(bytes: [UInt8], value: Int64)])
  func varints(bytes: [UInt8], value: Int64) throws {
    var reader = try reader(bytes)
    _ = try reader.next()
    #expect(try reader.int64() == value)
    #expect(try reader.next() == nil)
  }

  @Test(
    arguments: [
      ([0x08], 1, "Sample.count", "varint runs past the end of the message"),
      ([0x08, 0x80], 2, "Sample.count", "varint runs past the end of the message"),
      ([0x08] + Array(repeating: 0xFF, count: 10), 11, "Sample.count", "varint longer than 64 bits"),
      ([0x08] + Array(repeating: 0x80, count: 11), 11, "Sample.count", "varint longer than 64 bits"),
      ([0x00], 1, "Sample", "invalid tag 0"),
      ([0x07], 1, "Sample", "invalid tag 7"),
      ([0x80, 0x80, 0x80, 0x80, 0x10], 5, "Sample", "invalid tag 4294967296"),
      ([0x0B], 1, "Sample.count", "groups are not supported"),
      ([0x0C], 1, "Sample.count", "groups are not supported"),
      ([0x0E], 1, "Sample.count", "invalid wire type 6"),
      ([0x12, 0x05, 1, 2], 2, "Sample.label", "5 bytes announced, 2 left in the message"),
      (
        [0x12] + Array(repeating: 0xFF, count: 9) + [0x01], 11, "Sample.label",
        "18446744073709551615 bytes announced, 0 left in the message"
      ),
      ([0x25, 1, 2], 1, "Sample.ratio", "4 bytes announced, 2 left in the message"),
      ([0x29, 1, 2], 1, "Sample.weight", "8 bytes announced, 2 left in the message"),
      ([0xA2, 0x06, 0x09], 3, "Sample field 100", "9 bytes announced, 0 left in the message"),
      ([0x0D, 1, 2, 3, 4], 1, "Sample.count", "found wire type fixed32, expected varint"),
      ([0x4D, 1, 2, 3, 4], 1, "Sample.many_names", "found wire type fixed32, expected bytes"),
      ([0x3A, 3, 1, 2, 3], 5, "Sample.many_floats", "3 packed bytes, expected a multiple of 4"),
      ([0x32, 2, 1, 0x80], 4, "Sample.many_ints", "varint runs past the end of the field"),
      ([0x32, 11] + Array(repeating: 0x80, count: 11), 13, "Sample.many_ints", "varint longer than 64 bits"),
    ] as [(bytes: [UInt8], offset: Int, field: String, problem: String)])
  func malformedBytesAreErrorsThatSayWhere(bytes: [UInt8], offset: Int, field: String, problem: String) {
    #expect(throws: WireError(file: "sample", offset: offset, field: field, problem: problem)) {
      try readAll(reader(bytes))
    }
  }

  /// Messages within messages, as deep as the bytes go.
  private func readAll(_ start: WireReader<SampleField>) throws {
    var reader = start
    var repeated: [SampleField: RepeatedField] = [:]
    while let field = try reader.next() {
      switch field {
      case .count: _ = try reader.uint64()
      case .label: _ = try reader.string()
      case .inner: try readAll(try reader.message())
      case .ratio: _ = try reader.float()
      case .weight: _ = try reader.double()
      case .manyInts: try reader.repeated(.varint, into: &repeated[field])
      case .manyFloats: try reader.repeated(.fixed32, into: &repeated[field])
      case .manyDoubles: try reader.repeated(.fixed64, into: &repeated[field])
      case .manyNames: try reader.repeated(.bytes, into: &repeated[field])
      }
    }
  }

  @Test func nestingHasALimit() throws {
    func nested(_ depth: Int) -> [UInt8] {
      (0..<depth).reduce([]) { bytes, _ in
        var length: [UInt8] = []
        var rest = bytes.count
        while rest > 127 {
          length.append(UInt8(rest & 127) | 128)
          rest >>= 7
        }
        return [0x1A] + length + [UInt8(rest)] + bytes
      }
    }
    try readAll(reader(nested(100)))
    #expect(throws: WireError.self) { try readAll(reader(nested(101))) }
    #expect(throws: WireError.self) { try readAll(reader(nested(5_000))) }
  }

  @Test func anInnerReaderStopsAtItsMessage() throws {
    var reader = try reader([0x1A, 0x02, 0x08, 0x05, 0x08, 0x06])
    _ = try reader.next()
    var inner = try reader.message(SampleField.self)
    #expect(try inner.next() == .count)
    #expect(try inner.int32() == 5)
    #expect(try inner.next() == nil)
    #expect(try reader.next() == .count)
    #expect(try reader.int32() == 6)
  }
}

@Suite struct RepeatedFieldTests {
  private func field(_ kind: RepeatedField.Kind, _ bytes: [UInt8]) throws -> RepeatedField? {
    var reader = try reader(bytes)
    var found: RepeatedField?
    while let field = try reader.next() {
      if field == .count { try reader.skip() } else { try reader.repeated(kind, into: &found) }
    }
    return found
  }

  @Test func packedAndUnpackedVarintsMayMix() throws {
    let ints = try field(
      .varint,
      [0x08, 0x63, 0x32, 0x03, 0x01, 0x96, 0x01, 0x30, 0x07, 0x08, 0x63, 0x32, 0x00]
        + [0x30] + Array(repeating: 0xFF, count: 9) + [0x01])
    #expect(ints?.count == 4)
    #expect(try ints?.integers(as: Int.self) == [1, 150, 7, -1])
    #expect(try ints?.integers(as: UInt8.self) == [1, 150, 7, 255])
  }

  @Test func packedAndUnpackedFloatsMayMix() throws {
    let one: [UInt8] = [0, 0, 0x80, 0x3F]
    let two: [UInt8] = [0, 0, 0, 0x40]
    let mixed = try field(.fixed32, [0x3A, 8] + one + two + [0x3D] + two)
    #expect(try mixed?.floats() == [1, 2, 2])
    #expect(try mixed?.contiguous() == nil)
    let packed = try field(.fixed32, [0x08, 0x01, 0x3A, 8] + one + two)
    #expect(try packed?.contiguous()?.bytes == one + two)
    #expect(try packed?.floats() == [1, 2])
  }

  @Test func doublesAreCopied() throws {
    let doubles = try field(.fixed64, [0x41, 1, 2, 3, 4, 5, 6, 7, 8, 0x42, 8, 9, 10, 11, 12, 13, 14, 15, 16])
    var bytes = [UInt8](repeating: 0, count: 16)
    try bytes.withUnsafeMutableBytes { try doubles?.copyFixed(to: $0) }
    #expect(bytes == Array(1...16))
  }

  @Test func namesStayInTheFile() throws {
    let names = try field(.bytes, [0x4A, 1, 0x61, 0x08, 0x01, 0x4A, 0, 0x4A, 2, 0x62, 0xFF])
    var found: [String] = []
    try names?.forEachBytes { found.append($0.string) }
    #expect(names?.count == 3)
    #expect(found == ["a", "", "b\u{FFFD}"])
  }
}
