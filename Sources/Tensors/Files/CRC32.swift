/// The checksum of zip and gzip (reflected polynomial 0xEDB88320), eight bytes a step.
struct CRC32 {
  private var state: UInt32 = 0xffff_ffff

  var value: UInt32 { ~state }

  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var checksum = CRC32()
    checksum.add(bytes)
    return checksum.value
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    let tables = Self.tables
    var state = state
    var index = 0
    while bytes.count - index >= 8 {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ UInt64(state)
      state = 0
      // Byte k of the word has 7 - k bytes behind it, which is the table that it takes.
      for byte in 0..<8 {
        state ^= tables[(7 &- byte) &* 256 &+ Int(truncatingIfNeeded: word >> UInt64(8 &* byte) & 0xff)]
      }
      index &+= 8
    }
    while index < bytes.count {
      state = tables[Int((state ^ UInt32(bytes[index])) & 0xff)] ^ state >> 8
      index &+= 1
    }
    self.state = state
  }

  /// Table n: what a byte contributes when n zero bytes follow it.
  nonisolated(unsafe) private static let tables: UnsafePointer<UInt32> = {
    let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 1 ? 0xedb8_8320 : 0) }
      (tables + byte).initialize(to: value)
    }
    for index in 256..<8 * 256 {
      let value = tables[index - 256]
      (tables + index).initialize(to: tables[Int(value & 0xff)] ^ value >> 8)
    }
    return UnsafePointer(tables)
  }()
}
