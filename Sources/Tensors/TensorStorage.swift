import Glibc

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

  /// New memory. Throws `TensorError.outOfMemory` when the allocator refuses.
  public init(byteCount: Int, zeroed: Bool = true) throws(TensorError) {
    let rounded = byteCount.addingReportingOverflow(Self.alignment)
    guard byteCount >= 0, !rounded.overflow, rounded.partialValue < 1 << 46,
      let memory = Self.allocate((byteCount + Self.alignment - 1) / Self.alignment * Self.alignment)
    else { throw .outOfMemory(bytes: byteCount) }
    if zeroed { memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
    self.base = memory
    self.byteCount = byteCount
    self.strings = []
    self.owner = nil
    self.isOwned = true
  }

  /// Memory that `owner` keeps valid for as long as it lives: a mapped file, an arena, a network buffer.
  public init(borrowing base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject?) {
    self.base = base
    self.byteCount = byteCount
    self.strings = []
    self.owner = owner
    self.isOwned = false
  }

  public init(strings: [String]) {
    self.base = Self.nothing
    self.byteCount = 0
    self.strings = strings
    self.owner = nil
    self.isOwned = false
  }

  deinit {
    if isOwned { free(base) }
  }

  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
    var memory: UnsafeMutableRawPointer?
    return posix_memalign(&memory, alignment, max(byteCount, alignment)) == 0 ? memory : nil
  }

  /// Where empty borrowed storage points: valid, aligned, never read.
  nonisolated(unsafe) private static let nothing = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
}
