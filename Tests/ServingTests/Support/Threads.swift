import Glibc
import Synchronization

/// Runs `body` beside the test; the caller joins the thread.
func startThread(_ body: @escaping () -> Void) throws -> pthread_t {
  final class Box {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let argument = Unmanaged.passRetained(Box(body)).toOpaque()
  let code = pthread_create(
    &thread, nil,
    { argument in
      guard let argument else { return nil }
      Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
      return nil
    }, argument)
  precondition(code == 0)
  return thread
}

/// What a thread found out.
final class Answer: Sendable {
  private let value = Mutex<Response?>(nil)

  func set(_ response: Response?) { value.withLock { $0 = response } }
  func get() -> Response? { value.withLock { $0 } }
}

func join(_ thread: pthread_t) { pthread_join(thread, nil) }

/// Files that are open until they are closed, `count` of them; nil when there are no more.
func openFiles(count: Int) -> [Int32]? {
  let files = (0..<count).map { _ in open("/dev/null", O_RDONLY) }
  return files.allSatisfy { $0 >= 0 } ? files : nil
}

func closeFile(_ file: Int32) { close(file) }
