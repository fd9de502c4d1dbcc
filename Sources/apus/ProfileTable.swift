import Engine

/// A profile for people: one line a step, slowest first.
struct ProfileTable {
  private let profile: Profile

  init(_ profile: Profile) { self.profile = profile }

  var text: String {
    let total = profile.steps.reduce(0) { $0 + $1.nanoseconds }
    var lines = ["      µs  share  GFLOP/s    GB/s  of bound  work"]
    for step in profile.steps.sorted(by: { $0.nanoseconds > $1.nanoseconds }) {
      let rates = [step.operationCount, step.byteCount].map { $0.map { Double($0) / max(step.nanoseconds, 1) } }
      lines.append(
        [
          Self.padded(step.nanoseconds / 1000, 8), Self.padded(100 * step.nanoseconds / max(total, 1), 5) + "%",
          Self.padded(rates[0], 8), Self.padded(rates[1], 7),
          Self.padded(profile.boundNanoseconds(step).map { 100 * $0 / max(step.nanoseconds, 1) }, 8) + "%",
          " \(step.work)  \(step.source)",
        ].joined(separator: " "))
    }
    lines.append("\(Self.padded(total / 1000, 8)) µs in \(profile.steps.count) steps on \(profile.threadCount) threads")
    if let peaks = profile.peaks {
      lines.append(
        "one core, measured: \(Self.padded(peaks.gigaflopsPerSecond, 0)) GFLOP/s of float32 multiply-adds, "
          + "\(Self.padded(peaks.gigabytesPerSecond, 0)) GB/s copying memory")
    }
    return lines.joined(separator: "\n")
  }

  /// One decimal, right-aligned; a dash for what is unknown.
  private static func padded(_ number: Double?, _ width: Int) -> String {
    let text = number.map { "\(($0 * 10).rounded() / 10)" } ?? "-"
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
