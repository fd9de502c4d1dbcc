import Glibc
import Synchronization

/// The counters of one thread, which alone writes them; any thread may read.
///
/// Two pointers without a reference count: `Metrics`, which owns the memory, has to outlive it.
struct ThreadMetrics: @unchecked Sendable {
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let bounds: UnsafePointer<UInt64>

  init(_ words: UnsafeMutablePointer<Atomic<UInt64>>, bounds: UnsafePointer<UInt64>) {
    self.words = words
    self.bounds = bounds
  }

  /// A load and a store instead of one atomic addition: nobody else writes here.
  private func add(_ index: Int, _ amount: UInt64) {
    words[index].store(words[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  func add(_ counter: Metrics.ServerCounter, _ amount: Int = 1) {
    add(counter.rawValue, UInt64(truncatingIfNeeded: amount))
  }

  func add(_ counter: Metrics.ModelCounter, model: Int) { add(Metrics.Layout.model(model) + counter.rawValue, 1) }

  func add(_ rejection: Rejection) { add(Metrics.Layout.rejections + rejection.rawValue, 1) }

  /// An answer that no model has to do with.
  func addAnswer(_ status: Status) { add(Metrics.Layout.otherAnswers + status.index, 1) }

  /// A model's answer, and how long it took.
  func addAnswer(_ status: Status, model: Int, nanoseconds: Int) {
    add(Metrics.Layout.model(model) + Metrics.Layout.answers + status.index, 1)
    observe(.request, model: model, nanoseconds: nanoseconds)
  }

  func observe(_ histogram: Metrics.Histogram, model: Int, nanoseconds: Int) {
    // A clock that was set back is no reason to trap.
    let nanoseconds = UInt64(max(nanoseconds, 0))
    let base = Metrics.Layout.histogram(histogram, model: model)
    // From the shortest: a model that is often asked is a fast one.
    var bucket = 0
    while bucket < LatencyBuckets.count, nanoseconds > bounds[bucket] { bucket += 1 }
    add(base + bucket, 1)
    add(base + LatencyBuckets.count + 1, nanoseconds)
  }
}

/// The clock of all durations.
enum MonotonicClock {
  static func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}
