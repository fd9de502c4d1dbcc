import Glibc
import Synchronization

/// The bytes (or strings) behind one or more tensors.
///
/// Owned memory is 64-byte aligned, so that vector code may use aligned accesses, and padded to a multiple of 64.
/// Mapped and borrowed memory belongs to `owner`, which the storage keeps alive.
///
/// Writers must be the only ones who hold the storage, or have agreed among themselves; nothing here locks.
public final class TensorStorage: @unchecked Sendable {
  public static let alignment = 64

  public let base: UnsafeMutableRawPointer
  public let byteCount: Int
  /// Elements of a string tensor; empty for every other type.
  public var strings: [String]
  private let owner: AnyObject?
  private let isOwned: Bool
  private let isFileMapping: Bool

  /// New memory. Throws `TensorError.outOfMemory` when the allocator refuses.
  ///
  /// `prefersHugePages`: for memory of a few megabytes that is used again and again, as an arena is. It begins at a huge
  /// page and is in such pages where the system allows that: out of the last-level cache 20 % more bandwidth. Not for
  /// weights, which are read from memory, where there is no gain: on a virtual machine whose host gives memory at the
  /// first touch, huge pages take twice as long to get (3.4 instead of 1.5 ms a MiB), and loading them is mostly that.
  public init(byteCount: Int, zeroed: Bool = true, prefersHugePages: Bool = false) throws(TensorError) {
    let rounded = byteCount.addingReportingOverflow(Self.alignment)
    guard byteCount >= 0, !rounded.overflow, TensorMemory.reserve(byteCount) else {
      throw .outOfMemory(bytes: byteCount)
    }
    let paddedByteCount = (byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
    let isHuge = prefersHugePages && byteCount >= Self.minimumHugeByteCount
    guard let memory = isHuge ? Self.allocateHuge(paddedByteCount) : Self.allocate(paddedByteCount) else {
      TensorMemory.release(byteCount)
      throw .outOfMemory(bytes: byteCount)
    }
    if zeroed { memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
    self.base = memory
    self.byteCount = byteCount
    self.strings = []
    self.owner = nil
    self.isOwned = true
    self.isFileMapping = false
  }

  /// Memory that `owner` keeps valid for as long as it lives: a mapped file, an arena, a network buffer.
  /// `isFileMapping`: clean pages of a mapped file, which come back when they are read again.
  public init(
    borrowing base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject?, isFileMapping: Bool = false
  ) {
    self.base = base
    self.byteCount = byteCount
    self.strings = []
    self.owner = owner
    self.isOwned = false
    self.isFileMapping = isFileMapping
  }

  public init(strings: [String]) {
    self.base = Self.nothing
    self.byteCount = 0
    self.strings = strings
    self.owner = nil
    self.isOwned = false
    self.isFileMapping = false
  }

  /// Gives the memory of mapped pages back to the system: for weights that were copied into another form and will
  /// hardly be read again. Does nothing for other memory.
  public func discardPages() {
    guard isFileMapping else { return }
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (Int(bitPattern: base) + pageSize - 1) / pageSize * pageSize
    let last = (Int(bitPattern: base) + byteCount) / pageSize * pageSize
    if last > first { madvise(UnsafeMutableRawPointer(bitPattern: first), last - first, MADV_DONTNEED) }
  }

  deinit {
    guard isOwned else { return }
    free(base)
    TensorMemory.release(byteCount)
  }

  private static func allocate(
    _ byteCount: Int, alignment: Int = TensorStorage.alignment
  ) -> UnsafeMutableRawPointer? {
    var memory: UnsafeMutableRawPointer?
    return posix_memalign(&memory, alignment, max(byteCount, alignment)) == 0 ? memory : nil
  }

  private static func allocateHuge(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    guard let memory = allocate(byteCount, alignment: hugePageSize) else { return nil }
    // A wish: where /sys/kernel/mm/transparent_hugepage/enabled says never, or the kernel has none, nothing changes.
    // Whole pages only, so that the rest of the last one is not taken too.
    madvise(memory, byteCount / hugePageSize * hugePageSize, MADV_HUGEPAGE)
    return memory
  }

  static let minimumHugeByteCount = 4 << 20
  static let hugePageSize = 2 << 20

  /// Where empty borrowed storage points: valid, aligned, never read.
  nonisolated(unsafe) private static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
}

/// Bytes that all owned storages together hold, and the most they may: what a hostile model or request asks for is
/// refused before the kernel kills the process. Storages of mapped files do not count.
public enum TensorMemory {
  private static let live = Atomic<Int>(0)
  private static let limit = Atomic<Int>(.max)

  public static var liveByteCount: Int { live.load(ordering: .relaxed) }

  /// Unlimited unless set. Reservations beyond it throw `TensorError.outOfMemory`.
  public static var limitInBytes: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(newValue, ordering: .relaxed) }
  }

  fileprivate static func reserve(_ byteCount: Int) -> Bool {
    // Wraps at 2^63, which only a claim that is refused below can reach.
    let after = live.wrappingAdd(byteCount, ordering: .relaxed).newValue
    if after >= 0, after <= limitInBytes { return true }
    release(byteCount)
    return false
  }

  fileprivate static func release(_ byteCount: Int) { _ = live.wrappingSubtract(byteCount, ordering: .relaxed) }
}
