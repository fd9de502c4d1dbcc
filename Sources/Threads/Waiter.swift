import Glibc
import Synchronization

/// Waits until another thread has done something: a bounded spin, since most waits within an inference are shorter
/// than falling asleep and waking up, and then asleep, since a thread that spins takes a core from somebody.
///
/// Lives in memory that does not move, on one side of which the waiting thread stands and on the other those that
/// call `wake` after they have made the condition true. Conditions must be read, and made true, with sequentially
/// consistent atomics: then either the waker sees `isAsleep` or the sleeper sees the condition, never neither.
struct Waiter: ~Copyable {
  private let isAsleep = Atomic<Bool>(false)
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    condition = .allocate(capacity: 1)
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Returns once `isDone`, which is called many times, gives true. With `spinNanoseconds` of 0, which is for more
  /// threads than cores, it lets other threads run instead of spinning.
  @inline(__always)
  func wait(spinNanoseconds: UInt64, until isDone: () -> Bool) {
    if isDone() { return }
    if spinNanoseconds == 0 {
      for _ in 0..<Self.yieldCount {
        sched_yield()
        if isDone() { return }
      }
    } else {
      let deadline = Self.now() &+ spinNanoseconds
      repeat {
        for _ in 0..<Self.pausesPerClockRead {
          spinPause()
          if isDone() { return }
        }
      } while Self.now() < deadline
    }
    sleep(until: isDone)
  }

  @inline(never)
  private func sleep(until isDone: () -> Bool) {
    pthread_mutex_lock(mutex)
    isAsleep.store(true, ordering: .sequentiallyConsistent)
    while !isDone() { pthread_cond_wait(condition, mutex) }
    isAsleep.store(false, ordering: .relaxed)
    pthread_mutex_unlock(mutex)
  }

  /// Ends the wait of a thread whose condition has just been made true. Costs a load where it is not asleep.
  @inline(__always)
  func wake() {
    if isAsleep.load(ordering: .sequentiallyConsistent) { wakeSleeper() }
  }

  @inline(never)
  private func wakeSleeper() {
    // Under the mutex, so that it is not between its look at the condition and its wait.
    pthread_mutex_lock(mutex)
    pthread_mutex_unlock(mutex)
    pthread_cond_signal(condition)
  }

  /// Reading the clock takes some 25 ns, a pause between 4 and 60 ns.
  private static let pausesPerClockRead = 16
  private static let yieldCount = 4

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

#if arch(x86_64)
  /// Tells the core that this is a spin: it saves power, and leaves the other hyper-thread more of the core.
  @_silgen_name("llvm.x86.sse2.pause") private func spinPause()
#else
  private func spinPause() {}
#endif
