import Glibc
import NIOCore
import Synchronization

/// Decides which thread runs a model, and bounds how many requests wait.
///
/// A model that answers within `inlineNanoseconds` runs on the event loop that read the request: handing it to
/// another thread and back costs 10–20 µs and two context switches. A slower one, or one that no run has measured yet, goes to a
/// fixed number of threads through a bounded queue, so that it never holds up the connections of an event loop.
final class Scheduler: Sendable {
  static let inlineNanoseconds = 300_000
  /// Larger bodies take longer to parse than that.
  static let inlineBodyBytes = 64 << 10

  /// A request on its way to a scoring thread. It owns the bytes.
  struct Job: Sendable {
    let route: Route
    let head: RequestHead
    let bytes: ByteBuffer
    let body: ByteBuffer
    /// When the request was complete, on the monotonic clock.
    let startNanoseconds: Int
    /// Called on the scoring thread.
    let finish: @Sendable (Result<Reply, HTTPError>) -> Void
  }

  private struct State {
    var jobs = CircularBuffer<Job>()
    /// Jobs that a thread works on.
    var runningCount = 0
    var isStopped = false
  }

  private let queueLimit: Int
  private let timeLimitMilliseconds: Int
  private let state = Mutex(State())
  private let available = Semaphore()
  private let ended = Semaphore()
  let threadCount: Int

  init(threadCount: Int, limits: ServerLimits) {
    self.threadCount = threadCount
    queueLimit = limits.queuedRequests
    timeLimitMilliseconds = limits.scoringMilliseconds
  }

  /// - Parameter firstThread: the index of the first of these threads among those of `metrics`.
  func start(models: [ServedModel], metrics: Metrics, firstThread: Int) {
    for index in 0..<threadCount {
      startThread { [self] in
        // A thread that is stuck in a model outlives the server.
        withExtendedLifetime(metrics) { work(models, metrics.thread(firstThread + index)) }
        ended.signal()
      }
    }
  }

  /// Ends the threads; false when one is still at work after `milliseconds`.
  func stop(milliseconds: Int) -> Bool {
    state.withLock { $0.isStopped = true }
    for _ in 0..<threadCount { available.signal() }
    return (0..<threadCount).allSatisfy { _ in ended.wait(milliseconds: milliseconds) }
  }

  func runsInline(_ model: ServedModel, bodyBytes: Int) -> Bool {
    let average = model.cost.averageNanoseconds
    return average > 0 && average < Self.inlineNanoseconds && bodyBytes <= Self.inlineBodyBytes
  }

  /// False when the queue is full.
  func submit(_ job: Job) -> Bool {
    let isAccepted = state.withLock { state in
      guard !state.isStopped, state.jobs.count + state.runningCount < queueLimit + threadCount else { return false }
      state.jobs.append(job)
      return true
    }
    if isAccepted { available.signal() }
    return isAccepted
  }

  private func work(_ models: [ServedModel], _ metrics: ThreadMetrics) {
    var lanes: [Lane?] = Array(repeating: nil, count: models.count)
    while true {
      available.wait()
      let job = state.withLock { state in
        let job = state.jobs.popFirst()
        if job != nil { state.runningCount += 1 }
        return job
      }
      // A signal without a job is the one that ends the thread.
      guard let job else { return }
      metrics.add(.takenJobs)
      let result = perform(job, metrics, &lanes)
      metrics.add(.doneJobs)
      state.withLock { $0.runningCount -= 1 }
      job.finish(result)
    }
  }

  private func perform(
    _ job: Job, _ metrics: ThreadMetrics, _ lanes: inout [Lane?]
  ) -> Result<Reply, HTTPError> {
    guard case .score(let model, let score) = job.route.action else { preconditionFailure("only scoring is scheduled") }
    metrics.observe(.queue, model: model.index, nanoseconds: MonotonicClock.nanoseconds() - job.startNanoseconds)
    var reply = Reply()
    do {
      let lane: Lane
      if let known = lanes[model.index] {
        lane = known
      } else {
        lane = try Lane(model, metrics, timeLimitMilliseconds: timeLimitMilliseconds)
        lanes[model.index] = lane
      }
      try job.bytes.withUnsafeReadableBytes { bytes throws(HTTPError) in
        try job.body.withUnsafeReadableBytes { body throws(HTTPError) in
          try score(Request(head: job.head, bytes: bytes, body: body), lane, &reply)
        }
      }
      return .success(reply)
    } catch let error as HTTPError {
      return .failure(error)
    } catch {
      return .failure(HTTPError(.internalServerError, "The model cannot be run: \(error)"))
    }
  }
}

/// Runs `body` on a new thread with a stack of 8 MiB, whatever the limits of the process say.
private func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var attributes = pthread_attr_t()
  pthread_attr_init(&attributes)
  pthread_attr_setstacksize(&attributes, 8 << 20)
  pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  var thread = pthread_t()
  let argument = Unmanaged.passRetained(Box(body)).toOpaque()
  let code = pthread_create(
    &thread, &attributes,
    { argument in
      guard let argument else { return nil }
      Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
      return nil
    }, argument)
  pthread_attr_destroy(&attributes)
  precondition(code == 0, "no thread for scoring: error \(code)")
}
