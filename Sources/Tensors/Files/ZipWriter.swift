/// Writes a zip archive of stored members. Sizes and offsets are always written in zip64 fields: one way that every
/// size of file takes (and tests), which all readers of `.npz` files know.
struct ZipWriter {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count = 0

  /// Modified on 1980-01-01, the first day of zip's calendar: equal tensors give equal files.
  private static let date: UInt32 = 0x0021_0000

  /// Throws when the name is longer than zip can say.
  mutating func add(name: String, _ content: [UInt8]) throws(TensorError) {
    guard let nameByteCount = UInt16(exactly: name.utf8.count) else {
      throw .malformed(source: "member '\(name.prefix(40))'", problem: "name is longer than 65,535 bytes")
    }
    let offset = bytes.count
    let checksum = content.withUnsafeBytes { CRC32.of($0) }
    let size = UInt64(content.count)

    func common(_ target: inout [UInt8], extraByteCount: UInt16) {
      // Needs version 4.5 (zip64); names are UTF-8; stored.
      Self.append(45 as UInt16, &target)
      Self.append(0x0800 as UInt16, &target)
      Self.append(0 as UInt16, &target)
      Self.append(Self.date, &target)
      Self.append(checksum, &target)
      Self.append(0xffff_ffff as UInt32, &target)
      Self.append(0xffff_ffff as UInt32, &target)
      Self.append(nameByteCount, &target)
      Self.append(extraByteCount, &target)
    }

    Self.append(0x0403_4b50 as UInt32, &bytes)
    common(&bytes, extraByteCount: 20)
    bytes.append(contentsOf: name.utf8)
    Self.append(1 as UInt16, &bytes)
    Self.append(16 as UInt16, &bytes)
    Self.append(size, &bytes)
    Self.append(size, &bytes)
    bytes.append(contentsOf: content)

    Self.append(0x0201_4b50 as UInt32, &directory)
    // Made by version 4.5 on Unix.
    Self.append(0x032d as UInt16, &directory)
    common(&directory, extraByteCount: 28)
    // No comment, first disk, no internal attributes; a file that its owner may read and write; offset in zip64.
    Self.append(0 as UInt16, &directory)
    Self.append(0 as UInt16, &directory)
    Self.append(0 as UInt16, &directory)
    Self.append(0o100600 << 16 as UInt32, &directory)
    Self.append(0xffff_ffff as UInt32, &directory)
    directory.append(contentsOf: name.utf8)
    Self.append(1 as UInt16, &directory)
    Self.append(24 as UInt16, &directory)
    Self.append(size, &directory)
    Self.append(size, &directory)
    Self.append(UInt64(offset), &directory)
    count += 1
  }

  /// The archive.
  mutating func finish() -> [UInt8] {
    let start = UInt64(bytes.count)
    let size = UInt64(directory.count)
    bytes.append(contentsOf: directory)
    // Zip64 end record, its locator, and the old end record that points at them by being all ones.
    Self.append(0x0606_4b50 as UInt32, &bytes)
    Self.append(44 as UInt64, &bytes)
    Self.append(0x032d as UInt16, &bytes)
    Self.append(45 as UInt16, &bytes)
    Self.append(0 as UInt64, &bytes)
    Self.append(UInt64(count), &bytes)
    Self.append(UInt64(count), &bytes)
    Self.append(size, &bytes)
    Self.append(start, &bytes)
    Self.append(0x0706_4b50 as UInt32, &bytes)
    Self.append(0 as UInt32, &bytes)
    Self.append(start + size, &bytes)
    Self.append(1 as UInt32, &bytes)
    Self.append(0x0605_4b50 as UInt32, &bytes)
    Self.append(0 as UInt32, &bytes)
    Self.append(0xffff_ffff as UInt32, &bytes)
    Self.append(0xffff_ffff as UInt32, &bytes)
    Self.append(0xffff_ffff as UInt32, &bytes)
    Self.append(0 as UInt16, &bytes)
    return bytes
  }

  private static func append<Integer: FixedWidthInteger>(_ value: Integer, _ target: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { target.append(contentsOf: $0) }
  }
}
