import Glibc
import Logging
import NIOCore
import NIOPosix

/// A running server: sockets, event loops, scoring threads.
public final class Server: Sendable {
  public struct Configuration: Sendable {
    public var host = "127.0.0.1"
    /// 0 lets the system choose.
    public var port = 5001
    public var eventLoopCount = max(System.coreCount, 1)
    public var scoringThreadCount = max(System.coreCount, 1)
    public var limits = ServerLimits()
    public var description = AzureML.Description()
    public var crossOrigin: CrossOrigin?
    /// Nil serves everybody.
    public var keys: AccessKeys?
    public var logsAccess = false
    /// Whether /metrics needs no key where /score does.
    public var hasPublicMetrics = false

    public init() {}
  }

  public enum Problem: Error, CustomStringConvertible {
    case cannotListen(host: String, port: Int, reason: String)

    public var description: String {
      switch self {
      case .cannotListen(let host, let port, let reason): "cannot listen on \(host):\(port): \(reason)"
      }
    }
  }

  public let address: SocketAddress
  private let group: MultiThreadedEventLoopGroup
  private let loops: [EventLoopState]
  private let listener: any Channel
  private let service: Service

  /// Listens and serves from now on. `models` are in the order of their indices.
  public init(_ configuration: Configuration, models: [ServedModel], defaultIndex: Int = 0, logger: Logger) throws {
    precondition(models.indices.allSatisfy { models[$0].index == $0 }, "models are in the order of their indices")
    precondition(models.indices.contains(defaultIndex), "the default model is one of the models")
    let readiness = Readiness()
    let azureML = AzureML(
      description: configuration.description, crossOrigin: configuration.crossOrigin, readiness: readiness,
      logger: logger)
    let scheduler = Scheduler(threadCount: configuration.scoringThreadCount, limits: configuration.limits)
    let metrics = Metrics(
      modelCount: models.count, threadCount: configuration.eventLoopCount + configuration.scoringThreadCount)
    let page = MetricsPage(
      metrics, models: models,
      MetricsPage.Facts(
        limits: configuration.limits, eventLoopCount: configuration.eventLoopCount,
        scoringThreadCount: configuration.scoringThreadCount, readiness: readiness))
    let service = Service(
      models: models,
      wireProtocol: azureML.wireProtocol(
        models: models, defaultIndex: defaultIndex, needsKey: configuration.keys != nil),
      routes: [page.route(needsKey: !configuration.hasPublicMetrics)], keys: configuration.keys,
      limits: configuration.limits, scheduler: scheduler, metrics: metrics, readiness: readiness, logger: logger,
      logsAccess: configuration.logsAccess)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
    let loops = group.makeIterator().enumerated().map { index, eventLoop in
      EventLoopState(eventLoop: eventLoop, service: service, index: index)
    }
    do {
      listener = try Self.listen(configuration, group, loops)
    } catch {
      try? group.syncShutdownGracefully()
      throw Problem.cannotListen(
        host: configuration.host, port: configuration.port, reason: (error as? IOError)?.reasonText ?? "\(error)")
    }
    guard let address = listener.localAddress else { preconditionFailure("a listening socket has an address") }
    (self.group, self.loops, self.service, self.address) = (group, loops, service, address)
    scheduler.start(models: models, metrics: metrics, firstThread: configuration.eventLoopCount)
    Self.startSweeping(loops, configuration.limits)
  }

  private static func listen(
    _ configuration: Configuration, _ group: MultiThreadedEventLoopGroup, _ loops: [EventLoopState]
  ) throws -> any Channel {
    let limit = configuration.limits.connections
    return try ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      // Requests are small: a second read would only hear that nothing is left. The loop asks again by itself.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 4096, maximum: 256 << 10)
      )
      // A client may say that it has sent everything and still wait for the answer.
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        guard let loop = loops.first(where: { $0.eventLoop === channel.eventLoop }) else {
          preconditionFailure("a channel runs on a loop of its group")
        }
        let isAdmitted = loop.service.connectionCount.add(limit: limit)
        loop.metrics.add(isAdmitted ? .openedConnections : .refusedConnections)
        // Those above the limit hear so; when as many are being told, the rest are not.
        guard isAdmitted || loop.service.refusedConnectionCount.add(limit: limit) else { return channel.close() }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(HTTPConnection(loop: loop, isOverLimit: !isAdmitted))
        }
      }
      .bind(host: configuration.host, port: configuration.port)
      .wait()
  }

  /// Time is looked at four times in the shortest limit, but at most every 5 ms and at least every 250 ms.
  private static func startSweeping(_ loops: [EventLoopState], _ limits: ServerLimits) {
    let shortest = min(limits.readMilliseconds, limits.idleMilliseconds, limits.scoringMilliseconds)
    let interval = TimeAmount.milliseconds(Int64(min(max(shortest / 4, 5), 250)))
    for loop in loops {
      loop.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in loop.sweep() }
    }
  }

  public var port: Int { address.port ?? 0 }

  // MARK: - Ending

  /// Says that it is not ready, stops listening, lets requests in flight end, then ends everything. Returns false when
  /// some had to be cut off after `ServerLimits.drainMilliseconds`.
  @discardableResult
  public func drain() -> Bool {
    service.readiness.end()
    try? listener.close().wait()
    for loop in loops { loop.eventLoop.execute { loop.beginDrain() } }
    let deadline = NIODeadline.now() + .milliseconds(Int64(service.limits.drainMilliseconds))
    while service.connectionCount.value > 0, NIODeadline.now() < deadline { usleep(5000) }
    let isDrained = service.connectionCount.value == 0
    stop()
    return isDrained
  }

  private func stop() {
    for loop in loops { loop.eventLoop.execute { loop.closeAll() } }
    // A thread that is still at work will hand its result to an event loop, which therefore has to live.
    if service.scheduler.stop(milliseconds: 100) { try? group.syncShutdownGracefully() }
  }
}

extension IOError {
  /// "Address already in use"
  fileprivate var reasonText: String { String(cString: strerror(errnoCode)) }
}
