import Logging
import NIOCore
import Synchronization

/// What every event loop serves: models, routes, keys, limits. Immutable but for the flags and counters.
final class Service: Sendable {
  let models: [ServedModel]
  let wireProtocol: WireProtocol
  let router: Router
  let keys: AccessKeys?
  let limits: ServerLimits
  let scheduler: Scheduler
  let logger: Logger
  let logsAccess: Bool
  /// Owns the memory that the threads count in.
  let metrics: Metrics
  /// False while the server drains: a load balancer stops sending.
  let readiness: Readiness
  /// Open connections of all event loops.
  let connectionCount = Counter()
  /// Those above the limit, which are only told so.
  let refusedConnectionCount = Counter()

  /// - Parameter routes: what is answered besides the protocol.
  init(
    models: [ServedModel], wireProtocol: WireProtocol, routes: [Route], keys: AccessKeys?, limits: ServerLimits,
    scheduler: Scheduler, metrics: Metrics, readiness: Readiness, logger: Logger, logsAccess: Bool
  ) {
    self.models = models
    self.wireProtocol = wireProtocol
    self.router = Router(wireProtocol.routes + routes)
    self.keys = keys
    self.limits = limits
    self.scheduler = scheduler
    self.metrics = metrics
    self.readiness = readiness
    self.logger = logger
    self.logsAccess = logsAccess
  }
}

/// How many there are of something, from any thread.
final class Counter: Sendable {
  private let count = Atomic<Int>(0)

  var value: Int { count.load(ordering: .relaxed) }

  /// Counts one more unless there are `limit` already.
  func add(limit: Int) -> Bool {
    if count.wrappingAdd(1, ordering: .relaxed).oldValue < limit { return true }
    remove()
    return false
  }

  func remove() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// Whether new requests are welcome.
final class Readiness: Sendable {
  private let flag = Atomic<Bool>(true)

  var isReady: Bool { flag.load(ordering: .relaxed) }
  func end() { flag.store(false, ordering: .relaxed) }
}

extension Service {
  func write(_ error: HTTPError, into reply: inout Reply) {
    reply.status = error.status
    reply.contentType = .json
    reply.allow = error.allow
    reply.isFromRouter = error.isFromRouter
    reply.modelFailed = error.modelFailed
    reply.retryAfterSeconds = error.retryAfterSeconds
    reply.rejection = error.rejection
    reply.body.clear()
    wireProtocol.writeError(error, &reply)
  }

  func log(_ request: Request?, _ reply: Reply) {
    let path = request?.path.text ?? "-"
    let milliseconds = reply.executionNanoseconds.map { " \(Double($0 / 1000) / 1000) ms" } ?? ""
    logger.info("\(path) \(reply.status.rawValue) \(reply.body.readableBytes) bytes\(milliseconds)")
  }
}
