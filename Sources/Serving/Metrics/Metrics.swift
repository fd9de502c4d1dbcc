// Metrics: what a server counts about itself, and the page that shows it. Start here.
//
//   Metrics          memory for the counters of every thread; sums them when somebody asks
//     ThreadMetrics  the counters of one event loop or scoring thread, which alone writes them
//     MetricLayout   where each counter lies: a table of server-wide ones, then the same table for each model
//   LatencyBuckets   the histograms' bounds
//   MetricsPage      GET /metrics: a table of metric families, written in Prometheus's text format
//   MetricsWriter    that format's rules
//   ProcessFigures   what the operating system says about the process
//
// On the way of a request a metric is an addition to memory that no other thread writes: no lock, no look-up, no
// allocation. That is why swift-metrics is not used: its handlers are existentials and reference-counted, and there is
// one for each combination of labels.

import Synchronization

/// The counters of all threads of a server. A new metric is a case of one of the enumerations below and a line in
/// `MetricsPage.families`.
final class Metrics: Sendable {
  /// Counted once for the whole server.
  enum ServerCounter: Int, CaseIterable {
    case receivedBytes, sentBytes
    /// Connections that were admitted, those of them that are gone, and those that the limit kept out.
    case openedConnections, closedConnections, refusedConnections
    /// Requests that were given to scoring threads, taken by one, and done with.
    case queuedJobs, takenJobs, doneJobs

    static var count: Int { doneJobs.rawValue + 1 }
  }

  /// Counted for each model.
  enum ModelCounter: Int, CaseIterable {
    /// Requests whose head was read.
    case begun
    /// Those of them whose client went away before there was an answer.
    case abandoned

    static var count: Int { abandoned.rawValue + 1 }
  }

  /// Measured for each model.
  enum Histogram: Int, CaseIterable {
    /// From the complete request to its answer.
    case request
    /// From the complete request to a scoring thread.
    case queue
    /// The model itself.
    case run

    static var count: Int { run.rawValue + 1 }
  }

  /// Where the counters of a thread lie, in words. Computed, so that the compiler knows them where they are used.
  enum Layout {
    static var rejections: Int { ServerCounter.count }
    static var otherAnswers: Int { rejections + Rejection.count }
    static var models: Int { otherAnswers + Status.count }

    /// Inside the part of a model.
    static var answers: Int { ModelCounter.count }
    static var histograms: Int { answers + Status.count }
    /// Counts of the buckets, the last of which has no bound, and the sum in nanoseconds.
    static var histogramStride: Int { LatencyBuckets.count + 2 }
    static var modelStride: Int { histograms + Histogram.count * histogramStride }

    static func model(_ index: Int) -> Int { models + index * modelStride }
    static func histogram(_ histogram: Histogram, model: Int) -> Int {
      self.model(model) + histograms + histogram.rawValue * histogramStride
    }
  }

  /// Two lines, which processors fetch together: what one thread writes shares none with what another does.
  private static let alignment = 128

  let threadCount: Int
  let modelCount: Int
  private let memory: SendablePointer
  private let threadStride: Int

  /// - Parameter threadCount: event loops and scoring threads together.
  init(modelCount: Int, threadCount: Int) {
    self.modelCount = modelCount
    self.threadCount = threadCount
    let wordsInAlignment = Self.alignment / MemoryLayout<UInt64>.stride
    let wordCount = Layout.model(modelCount)
    threadStride = (wordCount + wordsInAlignment - 1) / wordsInAlignment * wordsInAlignment
    let total = threadStride * threadCount
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: total * MemoryLayout<UInt64>.stride, alignment: Self.alignment)
    let words = raw.bindMemory(to: Atomic<UInt64>.self, capacity: total)
    for index in 0..<total { (words + index).initialize(to: Atomic(0)) }
    memory = SendablePointer(words: words)
  }

  deinit {
    memory.words.deinitialize(count: threadStride * threadCount)
    UnsafeMutableRawPointer(memory.words).deallocate()
  }

  private struct SendablePointer: @unchecked Sendable {
    let words: UnsafeMutablePointer<Atomic<UInt64>>
  }

  /// The counters of the thread with this index. They live as long as this object.
  func thread(_ index: Int) -> ThreadMetrics {
    precondition(index >= 0 && index < threadCount, "a thread of this server")
    return ThreadMetrics(memory.words + index * threadStride, bounds: LatencyBuckets.pointer)
  }

  // MARK: - Sums over the threads

  subscript(_ counter: ServerCounter) -> UInt64 { sum(counter.rawValue) }
  subscript(_ rejection: Rejection) -> UInt64 { sum(Layout.rejections + rejection.rawValue) }
  subscript(_ counter: ModelCounter, model model: Int) -> UInt64 { sum(Layout.model(model) + counter.rawValue) }

  /// Answers of a model, or with `model` nil those that no model has to do with.
  subscript(_ status: Status, model model: Int?) -> UInt64 {
    sum((model.map { Layout.model($0) + Layout.answers } ?? Layout.otherAnswers) + status.index)
  }

  /// Observations in a bucket alone; the last one is of those beyond all bounds.
  func count(_ histogram: Histogram, model: Int, bucket: Int) -> UInt64 {
    sum(Layout.histogram(histogram, model: model) + bucket)
  }

  func nanoseconds(_ histogram: Histogram, model: Int) -> UInt64 {
    sum(Layout.histogram(histogram, model: model) + LatencyBuckets.count + 1)
  }

  private func sum(_ index: Int) -> UInt64 {
    var sum: UInt64 = 0
    for thread in 0..<threadCount { sum &+= memory.words[thread * threadStride + index].load(ordering: .relaxed) }
    return sum
  }
}

/// Why a request was refused or given up, other than for what it asked.
enum Rejection: Int, CaseIterable, Sendable {
  case unauthorized, bodyTooLarge, headerTooLarge, readTimeout, queueFull, outOfMemory, scoringTimeout

  static var count: Int { scoringTimeout.rawValue + 1 }

  /// The value of the label `reason`.
  var name: StaticString {
    switch self {
    case .unauthorized: "unauthorized"
    case .bodyTooLarge: "body_too_large"
    case .headerTooLarge: "header_too_large"
    case .readTimeout: "read_timeout"
    case .queueFull: "queue_full"
    case .outOfMemory: "out_of_memory"
    case .scoringTimeout: "scoring_timeout"
    }
  }

  /// Where the status alone tells.
  init?(_ status: Status) {
    switch status {
    case .unauthorized: self = .unauthorized
    case .contentTooLarge: self = .bodyTooLarge
    case .headerFieldsTooLarge: self = .headerTooLarge
    case .requestTimeout: self = .readTimeout
    default: return nil
    }
  }
}
