import Glibc

/// A file's bytes, mapped read-only and private, or bytes held in memory under a file's name.
///
/// The mapping lives as long as the object. Whoever shortens a mapped file in place takes its pages away and the
/// process receives SIGBUS: replace model files by renaming, never by writing into them.
public final class MappedFile: @unchecked Sendable {
  public let path: String
  public let byteCount: Int
  /// First byte. Valid while the object lives; a valid address even for an empty file.
  public let base: UnsafeRawPointer
  private let origin: Origin

  private enum Origin { case mapped, owned, empty }

  /// The bytes are pages of the file, not a copy.
  public var isMapping: Bool { origin == .mapped }

  /// Maps the regular file at `path`, which may have at most `limitInBytes` bytes.
  ///
  /// - Parameter followsLinks: whether the last component of `path` may be a symbolic link.
  public init(path: String, limitInBytes: Int = .max, followsLinks: Bool = true) throws(ModelFileError) {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (followsLinks ? 0 : O_NOFOLLOW)
    let descriptor = open(path, flags)
    guard descriptor >= 0 else { throw ModelFileError(path: path, problem: .system(call: "open", code: errno)) }
    defer { close(descriptor) }

    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw ModelFileError(path: path, problem: .system(call: "stat", code: errno))
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw ModelFileError(path: path, problem: .notARegularFile) }
    let byteCount = Int(status.st_size)
    guard byteCount <= limitInBytes else {
      throw ModelFileError(path: path, problem: .tooLarge(bytes: byteCount, limit: limitInBytes))
    }

    self.path = path
    self.byteCount = byteCount
    if byteCount == 0 {
      self.base = Self.nothing
      self.origin = .empty
      return
    }
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw ModelFileError(path: path, problem: .system(call: "map", code: errno))
    }
    self.base = UnsafeRawPointer(address)
    self.origin = .mapped
  }

  /// A copy of `bytes`, page-aligned like a mapping, so that both behave alike.
  public init(copying bytes: some Collection<UInt8>, path: String) throws(ModelFileError) {
    self.path = path
    self.byteCount = bytes.count
    if bytes.isEmpty {
      self.base = Self.nothing
      self.origin = .empty
      return
    }
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, Self.pageSize, byteCount) == 0, let memory else {
      throw ModelFileError(path: path, problem: .outOfMemory(bytes: byteCount))
    }
    UnsafeMutableRawBufferPointer(start: memory, count: byteCount).copyBytes(from: bytes)
    self.base = UnsafeRawPointer(memory)
    self.origin = .owned
  }

  deinit {
    switch origin {
    case .mapped: munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
    case .owned: free(UnsafeMutableRawPointer(mutating: base))
    case .empty: break
    }
  }

  /// All bytes.
  public var slice: FileSlice { FileSlice(file: self, offset: 0, count: byteCount) }

  /// Asks the kernel to read the pages that `range` touches ahead of their use.
  public func willNeed(_ range: Range<Int>) {
    let lower = range.lowerBound / Self.pageSize * Self.pageSize
    advise(lower..<range.upperBound, MADV_WILLNEED)
  }

  /// Gives back the memory of the pages that lie wholly inside `range`, after their contents were copied elsewhere.
  /// They stay readable: a later access reads the file again.
  public func dontNeed(_ range: Range<Int>) {
    let lower = (range.lowerBound + Self.pageSize - 1) / Self.pageSize * Self.pageSize
    // The file's last page ends with the file.
    let upper = range.upperBound == byteCount ? byteCount : range.upperBound / Self.pageSize * Self.pageSize
    if lower < upper { advise(lower..<upper, MADV_DONTNEED) }
  }

  private func advise(_ range: Range<Int>, _ advice: Int32) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "advice outside of \(path)")
    // On anonymous memory MADV_DONTNEED would lose the contents. Advice that fails changes nothing but speed.
    guard origin == .mapped, !range.isEmpty else { return }
    _ = madvise(UnsafeMutableRawPointer(mutating: base + range.lowerBound), range.count, advice)
  }

  static let pageSize = sysconf(Int32(_SC_PAGESIZE))

  /// Where an empty file's `base` points: valid, never read.
  nonisolated(unsafe) private static let nothing = UnsafeRawPointer(
    UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64))
}
