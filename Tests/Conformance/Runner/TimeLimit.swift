import Foundation

/// Runs work on a thread of its own and gives up waiting after a while.
enum TimeLimit {
  private final class Box: @unchecked Sendable {
    var result: Result<Void, any Error>?
    let done = DispatchSemaphore(value: 0)
  }

  /// The outcome, or nil when the limit passed: the thread then goes on alone until the process ends.
  static func run(seconds: Double, _ work: @escaping @Sendable () throws -> Void) -> Result<Void, any Error>? {
    let box = Box()
    let thread = Thread {
      box.result = Result { try work() }
      box.done.signal()
    }
    thread.stackSize = 16 << 20
    thread.start()
    return box.done.wait(timeout: .now() + seconds) == .success ? box.result : nil
  }
}

/// Names the case that crashes the process: a trap is a defect, and must be found.
enum CrashReport {
  nonisolated(unsafe) private static let name = UnsafeMutablePointer<CChar>.allocate(capacity: 256)

  static func install() {
    name.initialize(repeating: 0, count: 256)
    for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT] {
      signal(number) { _ in
        let message: StaticString = "\nCRASH in "
        _ = message.withUTF8Buffer { Glibc.write(2, $0.baseAddress, $0.count) }
        _ = Glibc.write(2, CrashReport.name, strlen(CrashReport.name))
        _ = Glibc.write(2, "\n", 1)
        _exit(3)
      }
    }
  }

  static func current(_ text: String) { _ = text.withCString { strncpy(name, $0, 255) } }
}
