/// The upper bounds of the histograms' buckets, which include them: from 10 µs, which a small model on an event loop
/// takes, to a minute, which is the default limit of a run.
enum LatencyBuckets {
  /// In seconds, as they are printed.
  static let labels: [StaticString] = [
    "1e-05", "2.5e-05", "5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
    "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "60",
  ]
  static let nanoseconds: [UInt64] = [
    10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000,
    50_000_000, 100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    60_000_000_000,
  ]
  static var count: Int { 20 }

  /// `nanoseconds` for as long as the process lives: read without a reference count or a range check.
  nonisolated(unsafe) static let pointer: UnsafePointer<UInt64> = {
    precondition(labels.count == count && nanoseconds.count == count, "a label for each bound")
    let bounds = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
    bounds.initialize(from: nanoseconds, count: count)
    return UnsafePointer(bounds)
  }()
}
