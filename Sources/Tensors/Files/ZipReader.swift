/// The members of a zip archive in memory (PKWARE APPNOTE 6.3), stored or deflated, with zip64 sizes. Everything is
/// taken from the central directory, so data descriptors behind members do not matter.
struct ZipReader {
  struct Member {
    let name: String
    let isDeflated: Bool
    let checksum: UInt32
    let compressedByteCount: Int
    let byteCount: Int
    let headerOffset: Int
  }

  let members: [Member]
  private let bytes: UnsafeRawBufferPointer
  private let source: String

  init(_ bytes: UnsafeRawBufferPointer, source: String) throws(TensorError) {
    self.bytes = bytes
    self.source = source
    let fields = LittleEndianFields(bytes)
    func fail(_ problem: String) -> TensorError { .malformed(source: source, problem: problem) }
    guard let directory = Self.directory(fields) else { throw fail("not a zip archive: no central directory") }

    var members: [Member] = []
    var position = directory.offset
    // Each member takes at least 46 bytes, so a false count ends at the end of the file.
    for _ in 0..<directory.count {
      guard fields.uint32(position) == 0x0201_4b50, let flags = fields.uint16(position + 8),
        let method = fields.uint16(position + 10), let checksum = fields.uint32(position + 16),
        let compressed = fields.uint32(position + 20), let full = fields.uint32(position + 24),
        let nameCount = fields.uint16(position + 28), let extraCount = fields.uint16(position + 30),
        let commentCount = fields.uint16(position + 32), let header = fields.uint32(position + 42),
        let nameBytes = fields.range(position + 46, nameCount)
      else { throw fail("central directory is damaged at byte \(position)") }
      let name = String(decoding: nameBytes, as: UTF8.self)
      guard flags & 1 == 0 else { throw fail("member '\(name)' is encrypted") }
      guard method == 0 || method == 8 else {
        throw fail("member '\(name)' has compression method \(method); stored and deflate are supported")
      }
      let extra = position + 46 + nameCount
      guard
        let sizes = Self.sizes(fields, full: full, compressed: compressed, header: header, extra..<extra + extraCount),
        // Deflate makes at most 1032 bytes of one.
        sizes.full / 1032 <= sizes.compressed, method == 8 || sizes.full == sizes.compressed
      else { throw fail("sizes of member '\(name)' are not possible") }
      members.append(
        Member(
          name: name, isDeflated: method == 8, checksum: UInt32(truncatingIfNeeded: checksum),
          compressedByteCount: sizes.compressed, byteCount: sizes.full, headerOffset: sizes.header))
      position = extra + extraCount + commentCount
    }
    self.members = members
  }

  /// Calls `body` with a member's bytes, decompressed and checked, and its name for errors.
  func withContent<Result>(
    of member: Member, _ body: (UnsafeRawBufferPointer, String) throws(TensorError) -> Result
  ) throws(TensorError) -> Result {
    let place = "\(source)(\(member.name))"
    let fields = LittleEndianFields(bytes)
    guard fields.uint32(member.headerOffset) == 0x0403_4b50, let nameCount = fields.uint16(member.headerOffset + 26),
      let extraCount = fields.uint16(member.headerOffset + 28),
      let data = fields.range(member.headerOffset + 30 + nameCount + extraCount, member.compressedByteCount)
    else { throw .malformed(source: place, problem: "local header is damaged or lies outside of the file") }
    var content = data
    var inflated: TensorStorage?
    if member.isDeflated {
      let storage = try TensorStorage(byteCount: member.byteCount, zeroed: false)
      let target = UnsafeMutableRawBufferPointer(start: storage.base, count: member.byteCount)
      guard Inflate.inflate(data, into: target) else {
        throw .malformed(source: place, problem: "compressed data is damaged")
      }
      content = UnsafeRawBufferPointer(target)
      inflated = storage
    }
    return try withExtendedLifetime(inflated) { () throws(TensorError) in
      guard CRC32.of(content) == member.checksum else {
        throw .malformed(source: place, problem: "checksum does not match: the file is damaged")
      }
      return try body(content, place)
    }
  }

  /// Finds the end record, which a comment of up to 65,535 bytes may follow, and reads where the directory is.
  private static func directory(_ fields: LittleEndianFields) -> (offset: Int, count: Int)? {
    let last = fields.bytes.count - 22
    guard last >= 0 else { return nil }
    for position in stride(from: last, through: max(0, last - 65_535), by: -1)
    where fields.uint32(position) == 0x0605_4b50 {
      guard let comment = fields.uint16(position + 20), position + 22 + comment <= fields.bytes.count,
        let count = fields.uint16(position + 10), let offset = fields.uint32(position + 16)
      else { continue }
      guard count == 0xffff || offset == 0xffff_ffff else { return (offset, count) }
      // The zip64 locator stands right before the end record.
      guard fields.uint32(position - 20) == 0x0706_4b50, let record = fields.uint64(position - 12),
        fields.uint32(record) == 0x0606_4b50, let count = fields.uint64(record + 32),
        let offset = fields.uint64(record + 48), offset <= fields.bytes.count
      else { return nil }
      return (offset, count)
    }
    return nil
  }

  /// Sizes that are all ones stand in the zip64 extra field, in this order, and only those.
  private static func sizes(
    _ fields: LittleEndianFields, full: Int, compressed: Int, header: Int, _ extra: Range<Int>
  ) -> (full: Int, compressed: Int, header: Int)? {
    var values = [full, compressed, header]
    guard values.contains(0xffff_ffff) else { return (full, compressed, header) }
    var position = extra.lowerBound
    while position + 4 <= extra.upperBound {
      guard let tag = fields.uint16(position), let count = fields.uint16(position + 2) else { return nil }
      if tag == 1 {
        var next = position + 4
        for index in values.indices where values[index] == 0xffff_ffff {
          guard next + 8 <= position + 4 + count, let value = fields.uint64(next) else { return nil }
          values[index] = value
          next += 8
        }
        return (values[0], values[1], values[2])
      }
      position += 4 + count
    }
    return nil
  }
}

/// Numbers at byte positions; nil outside of the bytes, or when a 64-bit one does not fit `Int`.
struct LittleEndianFields {
  let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func uint16(_ position: Int) -> Int? { load(position, UInt16.self).map(Int.init) }
  func uint32(_ position: Int) -> Int? { load(position, UInt32.self).map(Int.init) }
  func uint64(_ position: Int) -> Int? { load(position, UInt64.self).flatMap(Int.init(exactly:)) }

  func range(_ position: Int, _ count: Int) -> UnsafeRawBufferPointer? {
    guard position >= 0, count >= 0, position <= bytes.count, count <= bytes.count - position else { return nil }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  private func load<Integer: FixedWidthInteger>(_ position: Int, _ type: Integer.Type) -> Integer? {
    guard position >= 0, position <= bytes.count - MemoryLayout<Integer>.size else { return nil }
    return Integer(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: type))
  }
}
