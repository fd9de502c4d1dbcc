import Glibc
import Synchronization

/// Threads that wait to take part in a loop. The caller is thread 0; the others are started when first asked for.
///
/// One caller at a time has the team. A second one, and one that is itself a part of a run, is not made to wait: it runs
/// all of its ranges on its own thread.
public final class ThreadTeam: @unchecked Sendable {
  /// Gets the context, the first unit, the one after the last, and the thread's number. The range is never empty.
  /// Machine code may be called directly.
  public typealias Function = @convention(c) (UnsafeRawPointer?, Int, Int, Int) -> Void

  /// The team of the process.
  public static let shared = ThreadTeam()

  /// More threads than anything asks for. A run with more has ranges that the caller works off.
  public static let maximumThreadCount = 1024

  /// Between two kernels of one inference there is less, and waking up a sleeping thread takes as long: a run for two
  /// threads that both are awake costs 0.2 µs more than its function, one that wakes the second up 40 µs (measured on
  /// two virtual cores of an EPYC 9005).
  static let defaultSpinNanoseconds: UInt64 = 50_000

  /// The caller spins longer: it knows that the others are at work, and a request waits for it.
  private static let callerPatience: UInt64 = 4

  private let isBusy = Atomic<Bool>(false)
  private let coreCount: Int
  private let spinNanoseconds: UInt64
  private let caller: UnsafeMutablePointer<Waiter>
  /// Worker i is thread i + 1. Touched by the caller that has the team, and so is what follows.
  private let workers: UnsafeMutablePointer<Worker>
  private let state: UnsafeMutablePointer<State>

  private struct State {
    var startedCount = 0
    var hasFailedToStart = false
    /// For `deinit`.
    var threads: [pthread_t] = []
  }

  /// The arguments are for tests; use `shared`.
  init(coreCount: Int = CoreCount.current().usable, spinNanoseconds: UInt64 = ThreadTeam.defaultSpinNanoseconds) {
    self.coreCount = coreCount
    self.spinNanoseconds = spinNanoseconds
    caller = allocateBlock(Waiter())
    workers = .allocate(capacity: Self.maximumThreadCount - 1)
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    for index in 0..<state.pointee.startedCount {
      workers[index].post(Worker.Work())
      pthread_join(state.pointee.threads[index], nil)
      workers[index].deallocate()
    }
    workers.deallocate()
    state.deinitialize(count: 1)
    state.deallocate()
    deallocateBlock(caller)
  }

  /// Splits `0..<units` into one contiguous range for each of `threadCount` threads, calls `function` for all of them
  /// at once, thread i for range i, and returns when all have returned. With fewer units than threads a range is one
  /// unit.
  public func run(units: Int, threadCount: Int, _ function: Function, context: UnsafeRawPointer?) {
    guard units > 0 else { return }
    let split = Split(units: units, threadCount: max(1, min(threadCount, units)))
    if split.threadCount == 1 { return function(context, 0, units, 0) }
    guard !isBusy.exchange(true, ordering: .acquiring) else {
      return Self.runAlone(split, from: 0, function, context)
    }
    defer { isBusy.store(false, ordering: .releasing) }

    let workerCount = startedWorkers(atMost: split.threadCount - 1)
    // Where threads take turns on the cores, a spinning one keeps another from working.
    let spinNanoseconds = split.threadCount <= coreCount ? spinNanoseconds : 0
    for index in 0..<workerCount {
      workers[index].post(
        Worker.Work(
          function: function, context: context, range: split[index + 1], thread: index + 1,
          spinNanoseconds: spinNanoseconds))
    }
    let own = split[0]
    function(context, own.lowerBound, own.upperBound, 0)
    Self.runAlone(split, from: workerCount + 1, function, context)
    var finishedCount = 0
    caller.pointee.wait(spinNanoseconds: spinNanoseconds * Self.callerPatience) {
      while finishedCount < workerCount, workers[finishedCount].isFinished { finishedCount += 1 }
      return finishedCount == workerCount
    }
  }

  /// As above, for a closure that gets its range.
  public func run(units: Int, threadCount: Int, _ body: (Range<Int>) -> Void) {
    // The function does not outlive this call, and neither does the pointer to it.
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) { pointer in
        run(
          units: units, threadCount: threadCount,
          { context, first, end, _ in
            guard let body = context?.assumingMemoryBound(to: ((Range<Int>) -> Void).self) else { return }
            body.pointee(first..<end)
          }, context: pointer)
      }
    }
  }

  private static func runAlone(
    _ split: Split, from firstThread: Int, _ function: Function, _ context: UnsafeRawPointer?
  ) {
    for thread in firstThread..<max(firstThread, split.threadCount) {
      let range = split[thread]
      function(context, range.lowerBound, range.upperBound, thread)
    }
  }

  /// How many of so many workers there are, after starting what is missing.
  private func startedWorkers(atMost wanted: Int) -> Int {
    let wanted = min(wanted, Self.maximumThreadCount - 1)
    if state.pointee.startedCount < wanted { startWorkers(wanted) }
    return min(state.pointee.startedCount, wanted)
  }

  @inline(never)
  private func startWorkers(_ wanted: Int) {
    while state.pointee.startedCount < wanted, !state.pointee.hasFailedToStart {
      let worker = Worker(caller: caller)
      guard let thread = worker.start() else {
        // Asking again at each run would cost more than the thread is worth.
        state.pointee.hasFailedToStart = true
        return worker.deallocate()
      }
      (workers + state.pointee.startedCount).initialize(to: worker)
      state.pointee.threads.append(thread)
      state.pointee.startedCount += 1
    }
  }
}

/// Contiguous ranges of `0..<units` whose lengths differ by at most one, the longer ones first.
struct Split {
  let units: Int
  /// Not more than units.
  let threadCount: Int

  subscript(thread: Int) -> Range<Int> {
    let (length, longer) = units.quotientAndRemainder(dividingBy: threadCount)
    let first = thread * length + min(thread, longer)
    return first..<first + length + (thread < longer ? 1 : 0)
  }
}
