import Glibc
import Synchronization

/// Holds finished functions, so close together that rel32 reaches from any to any. No address of it is ever writable
/// and executable: the memory is mapped twice, once for writing and once for running; where that is not allowed, pages
/// are written first and then made executable for good.
///
/// Functions are only added, while others run; all go when the region is released. An entry pointer is valid for as
/// long as its region is held.
public final class CodeRegion: Sendable {
  /// A function in a region.
  public struct Entry: @unchecked Sendable {
    public let pointer: UnsafeRawPointer
    public let sizeInBytes: Int

    /// The function as Swift calls it: `Function` must be a `@convention(c)` type with the signature of the code.
    public func function<Function>(as type: Function.Type = Function.self) -> Function {
      precondition(MemoryLayout<Function>.size == MemoryLayout<UnsafeRawPointer>.size, "not a C function pointer")
      return unsafeBitCast(pointer, to: type)
    }
  }

  public enum Protection: Sendable {
    /// Two views of one memory file: new code appears without touching pages in use.
    case dualMapping
    /// One view; each addition starts on a page of its own, which turns from writable to executable.
    case writeThenExecute
  }

  public let capacity: Int
  public let protection: Protection
  private let views: Views
  private let used = Mutex(0)
  private let observers: PerfObservers?

  private struct Views: @unchecked Sendable {
    var executable: UnsafeMutableRawPointer
    /// Equal to `executable` without a dual mapping.
    var writable: UnsafeMutableRawPointer
  }

  /// Reserves addresses only; memory is used as functions are added.
  /// - Parameters:
  ///   - capacity: bytes, rounded up to whole pages.
  ///   - protection: nil takes the dual mapping where it is allowed.
  ///   - perf: the value of APUS_PERF: `map`, `jitdump`, both with a comma, or nil.
  public init(
    capacity: Int = 64 << 20, protection: Protection? = nil,
    perf: String? = getenv("APUS_PERF").map { String(cString: $0) }
  ) throws(MachineError) {
    precondition(capacity > 0 && capacity <= 1 << 30, "a region of \(capacity) bytes")
    observers = try PerfObservers.named(perf)
    let pageSize = Self.pageSize
    let capacity = (capacity + pageSize - 1) / pageSize * pageSize
    self.capacity = capacity
    switch protection {
    case .dualMapping:
      (self.protection, views) = (.dualMapping, try Self.mapTwice(capacity))
    case .writeThenExecute:
      (self.protection, views) = (.writeThenExecute, try Self.reserve(capacity))
    case nil:
      do {
        (self.protection, views) = (.dualMapping, try Self.mapTwice(capacity))
      } catch {
        (self.protection, views) = (.writeThenExecute, try Self.reserve(capacity))
      }
    }
  }

  deinit {
    munmap(views.executable, capacity)
    if views.writable != views.executable { munmap(views.writable, capacity) }
  }

  /// Bytes in use, gaps between functions included.
  public var sizeInBytes: Int { used.withLock { $0 } }

  /// Copies the code into the region, 64-byte aligned, under a name that profilers show.
  public func add(name: String, _ code: MachineCode) throws(MachineError) -> Entry {
    try add(name: name, code.bytes)
  }

  public func add(name: String, _ bytes: [UInt8]) throws(MachineError) -> Entry {
    let alignment = protection == .dualMapping ? 64 : Self.pageSize
    // The lock is held over the copy: additions are rare, and with one view pages change their protection.
    let result: Result<Entry, MachineError> = used.withLock { used in
      let start = (used + alignment - 1) / alignment * alignment
      guard bytes.count <= capacity - start else {
        return .failure(.regionFull(capacity: capacity, needed: bytes.count))
      }
      if let error = write(bytes, at: start) { return .failure(error) }
      used = start + bytes.count
      return .success(Entry(pointer: UnsafeRawPointer(views.executable + start), sizeInBytes: bytes.count))
    }
    let entry = try result.get()
    observers?.added(name: name, entry: entry, bytes: bytes)
    return entry
  }

  private func write(_ bytes: [UInt8], at start: Int) -> MachineError? {
    guard !bytes.isEmpty else { return nil }
    let pages = (bytes.count + Self.pageSize - 1) / Self.pageSize * Self.pageSize
    if protection == .writeThenExecute, mprotect(views.writable + start, pages, PROT_READ | PROT_WRITE) != 0 {
      return .system(call: "mprotect", code: errno)
    }
    // Not empty, so that there is a base address.
    bytes.withUnsafeBytes { (views.writable + start).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    if protection == .writeThenExecute, mprotect(views.writable + start, pages, PROT_READ | PROT_EXEC) != 0 {
      return .system(call: "mprotect", code: errno)
    }
    return nil
  }

  // MARK: Mapping

  private static let pageSize = sysconf(Int32(_SC_PAGESIZE))

  private static func mapTwice(_ capacity: Int) throws(MachineError) -> Views {
    let closeOnExec = 0x1
    let executable = 0x10
    let file: Int32
    do {
      file = try SystemCall.memfdCreate(name: "apus-code", flags: closeOnExec | executable)
    } catch {
      // Kernels before 6.3 do not know the flag, and map any memory file executable.
      file = try SystemCall.memfdCreate(name: "apus-code", flags: closeOnExec)
    }
    defer { close(file) }
    guard ftruncate(file, capacity) == 0 else { throw .system(call: "ftruncate", code: errno) }
    let writable = try map(capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file)
    do {
      return Views(executable: try map(capacity, PROT_READ | PROT_EXEC, MAP_SHARED, file), writable: writable)
    } catch {
      munmap(writable, capacity)
      throw error
    }
  }

  private static func reserve(_ capacity: Int) throws(MachineError) -> Views {
    let view = try map(capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1)
    return Views(executable: view, writable: view)
  }

  private static func map(
    _ size: Int, _ protection: Int32, _ flags: Int32, _ file: Int32
  ) throws(MachineError) -> UnsafeMutableRawPointer {
    guard let address = mmap(nil, size, protection, flags, file, 0), address != MAP_FAILED else {
      throw .system(call: "mmap", code: errno)
    }
    return address
  }
}
