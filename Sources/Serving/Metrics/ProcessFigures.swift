import FoundationEssentials
import Glibc

/// What Linux says about this process (proc(5)), as Prometheus's client libraries ask. A file that cannot be read
/// leaves its figures out.
struct ProcessFigures {
  var cpuNanoseconds: UInt64?
  var residentBytes: Int?
  var virtualBytes: Int?
  var openFileCount: Int?
  var openFileLimit: UInt64?

  init() {
    var time = timespec()
    if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 {
      cpuNanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
    if let pages = Self.read("/proc/self/statm")?.split(separator: " "), pages.count > 1 {
      virtualBytes = Int(pages[0]).map { $0 * Int(getpagesize()) }
      residentBytes = Int(pages[1]).map { $0 * Int(getpagesize()) }
    }
    openFileCount = Self.openFileCount()
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur != .max {
      openFileLimit = UInt64(limit.rlim_cur)
    }
  }

  /// When the process started, in nanoseconds since 1970. It never changes, but for the clock being set.
  static func startNanoseconds() -> UInt64? {
    // Its second field, the name in parentheses, may hold spaces; the time is the twentieth behind it.
    guard let text = read("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    let ticksInSecond = sysconf(Int32(_SC_CLK_TCK))
    guard fields.count > 19, let ticks = UInt64(fields[19]), ticksInSecond > 0 else { return nil }
    func nanoseconds(_ clock: clockid_t) -> UInt64 {
      var time = timespec()
      clock_gettime(clock, &time)
      return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
    let sinceBoot = ticks * (1_000_000_000 / UInt64(ticksInSecond))
    return nanoseconds(CLOCK_REALTIME) &- nanoseconds(CLOCK_BOOTTIME) &+ sinceBoot
  }

  /// Since Linux 6.2 the size of the folder is their number; before, it is 0 and its entries have to be counted.
  private static func openFileCount() -> Int? {
    var status = stat()
    guard stat("/proc/self/fd", &status) == 0 else { return nil }
    if status.st_size > 0 { return Int(status.st_size) }
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    // Not counted: the entries "." and "..", and the folder itself.
    return count - 3
  }

  /// The first 1,024 bytes of a file.
  private static func read(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { bytes in
      let count = Glibc.read(file, bytes.baseAddress, bytes.count)
      return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
  }
}
