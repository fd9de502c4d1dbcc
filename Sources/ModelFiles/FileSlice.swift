/// A range of a file that keeps the file alive: the zero-copy reference that parsed models hold.
public struct FileSlice: Sendable {
  public let file: MappedFile
  /// First byte, counted from the start of the file.
  public let offset: Int
  public let count: Int

  /// The caller has checked the range; a range outside of the file traps.
  public init(file: MappedFile, offset: Int, count: Int) {
    precondition(
      offset >= 0 && count >= 0 && offset <= file.byteCount && count <= file.byteCount - offset,
      "slice outside of \(file.path)")
    self.file = file
    self.offset = offset
    self.count = count
  }

  /// First byte. Valid while the caller holds the slice (or its file).
  public var base: UnsafeRawPointer { file.base + offset }

  public var range: Range<Int> { offset..<offset + count }

  public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(file) { try body(UnsafeRawBufferPointer(start: base, count: count)) }
  }

  /// The bytes as text; bytes that are not UTF-8 become U+FFFD.
  public var string: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }

  public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

  public func isAligned(to alignment: Int) -> Bool { UInt(bitPattern: base) % UInt(alignment) == 0 }

  /// Copies all bytes to `target`, giving the pages of the file back on the way, so that the copy and its source are
  /// never in memory together. Meant for weights, which nobody reads twice.
  public func move(to target: UnsafeMutableRawPointer) {
    // 4 MiB: far above the cost of a system call, far below what a process notices.
    let step = 4 << 20
    var done = 0
    while done < count {
      let length = min(step, count - done)
      withExtendedLifetime(file) {
        (target + done).copyMemory(from: base + done, byteCount: length)
      }
      if count >= step / 4 { file.dontNeed(offset + done..<offset + done + length) }
      done += length
    }
  }
}
