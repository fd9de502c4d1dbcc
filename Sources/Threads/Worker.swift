import Glibc
import Synchronization

/// A thread of a team besides the caller's, seen from both sides.
///
/// Tickets count the runs that it has taken part in. The caller writes the work and then the next ticket; the worker
/// does it and writes the same ticket into `finished`. The two are in blocks of their own, so that spinning on one does
/// not slow down writing the other, and the work travels in the cache line of the ticket.
struct Worker {
  private let order: UnsafeMutablePointer<Order>
  private let finished: UnsafeMutablePointer<Atomic<UInt64>>
  /// Where the worker waits for work, and where the caller waits for workers.
  private let waiter: UnsafeMutablePointer<Waiter>
  private let caller: UnsafeMutablePointer<Waiter>

  private struct Order: ~Copyable {
    let ticket = Atomic<UInt64>(0)
    var work = Work()
  }

  struct Work {
    /// Nil ends the worker.
    var function: ThreadTeam.Function?
    var context: UnsafeRawPointer?
    var range = 0..<0
    var thread = 0
    /// How long to wait awake for the next work.
    var spinNanoseconds: UInt64 = 0
  }

  init(caller: UnsafeMutablePointer<Waiter>) {
    order = allocateBlock(Order())
    finished = allocateBlock(Atomic(0))
    waiter = allocateBlock(Waiter())
    self.caller = caller
  }

  func deallocate() {
    deallocateBlock(order)
    deallocateBlock(finished)
    deallocateBlock(waiter)
  }

  // MARK: The caller's side

  /// Hands over work. The one before must be finished.
  func post(_ work: Work) {
    order.pointee.work = work
    order.pointee.ticket.add(1, ordering: .sequentiallyConsistent)
    waiter.pointee.wake()
  }

  var isFinished: Bool {
    finished.pointee.load(ordering: .sequentiallyConsistent) == order.pointee.ticket.load(ordering: .relaxed)
  }

  /// Nil when the system has no thread to give. Signals are for other threads, but for those that an instruction of
  /// this one raises: blocked, they would end the process without asking the handlers that report crashes.
  func start() -> pthread_t? {
    var blocked = sigset_t()
    var previous = sigset_t()
    sigfillset(&blocked)
    for signal in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV] { sigdelset(&blocked, signal) }
    pthread_sigmask(SIG_SETMASK, &blocked, &previous)
    defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
    let argument = UnsafeMutablePointer<Worker>.allocate(capacity: 1)
    argument.initialize(to: self)
    var thread = pthread_t()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let worker = argument?.assumingMemoryBound(to: Worker.self) else { return nil }
        let copy = worker.move()
        worker.deallocate()
        copy.work()
        return nil
      }, argument)
    if status == 0 { return thread }
    argument.deallocate()
    return nil
  }

  // MARK: The worker's side

  private func work() {
    var ticket: UInt64 = 0
    // A worker is started for work that is about to come.
    var spinNanoseconds = ThreadTeam.defaultSpinNanoseconds
    while true {
      waiter.pointee.wait(spinNanoseconds: spinNanoseconds) {
        order.pointee.ticket.load(ordering: .sequentiallyConsistent) != ticket
      }
      ticket += 1
      let work = order.pointee.work
      guard let function = work.function else { return }
      function(work.context, work.range.lowerBound, work.range.upperBound, work.thread)
      spinNanoseconds = work.spinNanoseconds
      finished.pointee.store(ticket, ordering: .sequentiallyConsistent)
      caller.pointee.wake()
    }
  }
}

/// Two cache lines: processors fetch the neighbour of a line along with it.
private let blockSize = 128

/// Memory that shares no cache line with anything else.
func allocateBlock<Value: ~Copyable>(_ value: consuming Value) -> UnsafeMutablePointer<Value> {
  let size = (MemoryLayout<Value>.size + blockSize - 1) / blockSize * blockSize
  let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: blockSize)
    .bindMemory(to: Value.self, capacity: 1)
  block.initialize(to: value)
  return block
}

func deallocateBlock<Value: ~Copyable>(_ block: UnsafeMutablePointer<Value>) {
  block.deinitialize(count: 1)
  UnsafeMutableRawPointer(block).deallocate()
}
