import Glibc

/// How many threads are worth having: CPUs that this process may run on, bounded by the quota of its control groups.
public struct CoreCount: Sendable, Hashable {
  /// CPUs of the affinity mask.
  public var allowed: Int
  /// CPUs worth of time for each period, from control groups; nil where there is no quota.
  public var quota: Double?

  /// A quota of 2.5 CPUs keeps two threads always running; a third would be stopped half of the time, and every
  /// parallel loop would wait for it.
  public var usable: Int { max(1, min(allowed, quota.map { Int($0) } ?? allowed)) }

  public static func current() -> CoreCount {
    // Where the mask cannot be read, the number of CPUs that are online bounds it from above.
    let allowed = allowed(reading: readSmallFile) ?? sysconf(Int32(_SC_NPROCESSORS_ONLN))
    return CoreCount(allowed: max(1, allowed), quota: quota(reading: readSmallFile))
  }

  /// CPUs that the calling thread may run on: `Cpus_allowed_list: 0-3,8`, which Glibc's `sched_getaffinity`, hidden
  /// behind _GNU_SOURCE, would say too.
  static func allowed(reading read: (String) -> String?) -> Int? {
    let lines = (read("/proc/thread-self/status") ?? "").split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("Cpus_allowed_list:") }) else { return nil }
    var count = 0
    for range in line.dropFirst("Cpus_allowed_list:".count).filter({ !$0.isWhitespace }).split(separator: ",") {
      let bounds = range.split(separator: "-").map { Int($0) }
      guard let first = bounds.first ?? nil, let last = bounds.last ?? nil, first <= last else { return nil }
      count += last - first + 1
    }
    return count > 0 ? count : nil
  }

  /// The smallest quota of the process's control group and of those around it, version 2 or 1.
  static func quota(reading read: (String) -> String?) -> Double? {
    var quotas: [Double] = []
    for line in (read("/proc/self/cgroup") ?? "").split(separator: "\n") {
      // hierarchy:controllers:path; version 2 has hierarchy 0 and no controllers.
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isVersion2 = fields[0] == "0" && fields[1].isEmpty
      guard isVersion2 || fields[1].split(separator: ",").contains("cpu") else { continue }
      for path in pathsUpwards(fields[2]) {
        if isVersion2 {
          quotas += [version2(read("/sys/fs/cgroup" + path + "/cpu.max"))].compactMap(\.self)
        } else {
          for mount in ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"] {
            quotas += [
              version1(
                quota: read(mount + path + "/cpu.cfs_quota_us"), period: read(mount + path + "/cpu.cfs_period_us"))
            ].compactMap(\.self)
          }
        }
      }
    }
    return quotas.min()
  }

  /// `/a/b`, `/a` and the root as an empty path. Inside a container the own path may not exist, but the root does.
  private static func pathsUpwards(_ path: Substring) -> [String] {
    let parts = path.split(separator: "/")
    return (0...parts.count).reversed().map { parts.prefix($0).reduce("") { $0 + "/" + $1 } }
  }

  /// `max 100000` or `250000 100000`.
  private static func version2(_ text: String?) -> Double? {
    let fields = (text ?? "").split { $0 == " " || $0 == "\n" }
    guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]) else { return nil }
    return quota > 0 && period > 0 ? quota / period : nil
  }

  private static func version1(quota: String?, period: String?) -> Double? {
    guard let quota, let period else { return nil }
    return version2(quota + " " + period)
  }

  private static func readSmallFile(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(file, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes[0..<count], as: UTF8.self)
  }
}
