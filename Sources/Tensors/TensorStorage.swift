import Glibc
import Synchronization

/// The bytes (or strings) behind one or more tensors.
///
/// Owned memory is 64-byte aligned, so that vector code may use aligned accesses, and padded to a multiple of 64.
/// Mapped and borrowed memory belongs to `owner`, which the storage keeps alive. Derived bytes do not exist until
/// somebody asks for them: see `init(deriving:)`.
///
/// Writers must be the only ones who hold the storage, or have agreed among themselves; nothing here locks.
public final class TensorStorage: @unchecked Sendable {
  public static let alignment = 64

  public let byteCount: Int
  /// Elements of a string tensor; empty for every other type.
  public var strings: [String]
  /// First byte, unless the bytes are derived.
  @usableFromInline let place: UnsafeMutableRawPointer?
  private let derivation: Derivation?
  private let owner: AnyObject?
  private let isOwned: Bool
  private let isFileMapping: Bool

  /// First byte. Derived bytes are made by the first who asks, and stay from then on; where there may be no memory for
  /// them, `materialize` comes first.
  @inlinable public var base: UnsafeMutableRawPointer { place ?? derivedBase() }

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
    self.byteCount = byteCount
    strings = []
    place = memory
    derivation = nil
    owner = nil
    isOwned = true
    isFileMapping = false
  }

  /// Memory that `owner` keeps valid for as long as it lives: a mapped file, an arena, a network buffer.
  /// `isFileMapping`: clean pages of a mapped file, which come back when they are read again.
  public init(
    borrowing base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject?, isFileMapping: Bool = false
  ) {
    self.byteCount = byteCount
    strings = []
    place = base
    derivation = nil
    self.owner = owner
    isOwned = false
    self.isFileMapping = isFileMapping
  }

  /// Bytes that follow from others, and which it is better to make twice than to hold: the weights of a model, which
  /// the engine reads once to lay them out as its kernels want them.
  init(deriving byteCount: Int, by derivation: Derivation) {
    self.byteCount = byteCount
    strings = []
    place = nil
    self.derivation = derivation
    owner = nil
    isOwned = false
    isFileMapping = false
  }

  public init(strings: [String]) {
    byteCount = 0
    self.strings = strings
    place = Self.nothing
    derivation = nil
    owner = nil
    isOwned = false
    isFileMapping = false
  }

  deinit {
    guard isOwned, let place else { return }
    free(place)
    TensorMemory.release(byteCount)
  }

  // MARK: Derived bytes

  /// What the bytes are made of, while nobody has asked for a lasting copy of them.
  var source: Derivation.Source? { derivation?.source }

  /// False for derived bytes that nobody has asked for.
  public var isInMemory: Bool { derivation?.isMade ?? true }

  /// Makes derived bytes that do not exist yet, to stay. Throws `TensorError.outOfMemory`.
  public func materialize() throws(TensorError) { _ = try derivation?.lasting() }

  @usableFromInline func derivedBase() -> UnsafeMutableRawPointer {
    do {
      // Without a place there is a derivation.
      return try derivation!.lasting().base
    } catch {
      // As when an array finds no memory.
      fatalError("\(error)")
    }
  }

  /// The bytes for one reader that comes once, as a storage that lives no longer than it: derived bytes are made for
  /// it, and gone afterwards.
  func passing() throws(TensorError) -> TensorStorage { try derivation?.passing() ?? self }

  /// Gives the memory of a mapped file's pages back to the system; they come back when they are read again.
  func discardPages() {
    if isFileMapping, let place { Self.discardPages(UnsafeRawBufferPointer(start: place, count: byteCount)) }
  }

  /// Of the pages that lie wholly inside `bytes`, which are a file's.
  static func discardPages(_ bytes: UnsafeRawBufferPointer) {
    let first = (Int(bitPattern: bytes.baseAddress) + pageSize - 1) / pageSize * pageSize
    let last = (Int(bitPattern: bytes.baseAddress) + bytes.count) / pageSize * pageSize
    if last > first { madvise(UnsafeMutableRawPointer(bitPattern: first), last - first, MADV_DONTNEED) }
  }

  private static let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

  // MARK: Memory

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
