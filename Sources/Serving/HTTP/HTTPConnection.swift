import Glibc
import Logging
import NIOCore

/// The state machine of one connection: bytes arrive, requests are answered in order, time and sizes are bounded.
///
/// Used on the thread of its event loop only, which is why closures that run there may hold it.
final class HTTPConnection: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum Phase {
    /// Between requests.
    case idle
    /// Part of a head has come.
    case head
    /// The head has come, the body not yet.
    case body
    /// A scoring thread has the request; nothing more is read meanwhile.
    case scoring
    /// The last response is out. What the client still sends is read and dropped, since closing a socket with unread
    /// bytes resets the connection, and the client might lose the response.
    case lingering
    case closed
  }

  /// Position in `EventLoopState.connections`.
  var slot = -1
  let loop: EventLoopState
  let service: Service
  var context: ChannelHandlerContext?

  var phase = Phase.idle
  /// When the phase began. In `.idle` it is the time of the last sweep, which saves a look at the clock.
  var phaseStart: NIODeadline
  /// Bytes that came and are not used up; a request in work starts at its reader index.
  var input = ByteBuffer()
  /// Bytes of `input` that were searched for the end of the head.
  private var scannedCount = 0
  private var head = RequestHead()
  /// When the request in work was complete, or while it is not, when its head was, on the monotonic clock.
  private var startNanoseconds = 0
  /// The model that the request in work asks, from its head to its answer; nil when there is none.
  private var modelIndex: Int?
  /// `head` is that of the request in work.
  private var isHeadKnown = false
  /// The head's bytes, while its body comes in chunks or a scoring thread works.
  private var headBytes = ByteBuffer()
  var chunks: ChunkedBody?
  /// What to do with the request once its body is here.
  private var decision = Decision.refuse(HTTPError(.internalServerError, ""))
  /// Responses that are not flushed yet.
  var output = ByteBuffer()
  /// Counts requests, so that a result that comes too late finds out.
  var exchange = 0
  var isInputClosed = false
  /// Reading is suspended: the event loop asked for it while a request was in work.
  private var isReadHeld = false
  /// Bytes that wait for a client that takes them slowly, and when one of them last went out.
  var stalledWrite: (byteCount: Int, lastProgress: NIODeadline)?
  private let isOverLimit: Bool

  private enum Decision {
    case serve(Route)
    case preflight
    case refuse(HTTPError)
  }

  init(loop: EventLoopState, isOverLimit: Bool) {
    self.loop = loop
    self.service = loop.service
    self.isOverLimit = isOverLimit
    phaseStart = .now()
  }

  // MARK: - Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.add(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    phase = .closed
    self.context = nil
    loop.remove(self)
    let counter = isOverLimit ? service.refusedConnectionCount : service.connectionCount
    counter.remove()
    if !isOverLimit { loop.metrics.add(.closedConnections) }
    if let modelIndex { loop.metrics.add(.abandoned, model: modelIndex) }
    modelIndex = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    context.fireChannelActive()
    if isOverLimit {
      var error = HTTPError(.serviceUnavailable, "The limit of \(service.limits.connections) connections is reached.")
      error.retryAfterSeconds = 1
      refuseAndClose(error, context)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    phase = .closed
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The client is gone, or never spoke: nobody to tell.
    phase = .closed
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent {
      isInputClosed = true
      if phase == .lingering {
        context.close(promise: nil)
      } else if phase != .scoring, stalledWrite == nil {
        closeWhenWritten(context)
      }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func abort() {
    phase = .closed
    context?.close(promise: nil)
  }

  // MARK: - Reading and flow control

  func read(context: ChannelHandlerContext) {
    if phase == .scoring || stalledWrite != nil {
      isReadHeld = true
    } else {
      context.read()
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var incoming = unwrapInboundIn(data)
    loop.metrics.add(.receivedBytes, incoming.readableBytes)
    if phase == .lingering || phase == .closed { return }
    if input.readableBytes == 0 {
      input = incoming
    } else {
      input.writeBuffer(&incoming)
    }
    process(context)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable, stalledWrite != nil {
      stalledWrite = nil
      process(context)
      resumeReading(context)
    }
    context.fireChannelWritabilityChanged()
  }

  private func resumeReading(_ context: ChannelHandlerContext) {
    if isReadHeld, phase != .scoring, stalledWrite == nil {
      isReadHeld = false
      context.read()
    }
  }

  /// Serves every request that is complete.
  private func process(_ context: ChannelHandlerContext) {
    var isProgressing = true
    while isProgressing, stalledWrite == nil {
      do throws(HTTPError) {
        switch phase {
        case .idle, .head: isProgressing = try readHead(context)
        case .body: isProgressing = try readBody(context)
        case .scoring, .lingering, .closed: isProgressing = false
        }
      } catch {
        refuseAndClose(error, context)
      }
      if output.readableBytes > Service.copiedBodyBytes { flush(context) }
    }
    flush(context)
    if input.readableBytes == 0 {
      // The event loop gives the same memory to the next read when nobody holds it.
      input = Self.nothing
    } else if input.readerIndex > 1 << 20 {
      input.discardReadBytes()
    }
    if isInputClosed, phase == .idle || phase == .head || phase == .body, stalledWrite == nil {
      closeWhenWritten(context)
    }
  }

  static let nothing = ByteBuffer()

  // MARK: - Head

  /// False when more bytes are needed.
  private func readHead(_ context: ChannelHandlerContext) throws(HTTPError) -> Bool {
    if phase == .idle { skipEmptyLines() }
    guard input.readableBytes > 0 else { return false }
    let limit = service.limits.headBytes
    guard let byteCount = try endOfHead() else {
      if input.readableBytes > limit { throw Self.headTooLarge(limit) }
      if phase == .idle { enter(.head) }
      return false
    }
    guard byteCount <= limit else { throw Self.headTooLarge(limit) }
    let bytes = input
    return try bytes.withUnsafeReadableBytes { all throws(HTTPError) in
      let headBytes = UnsafeRawBufferPointer(rebasing: all[0..<byteCount])
      head = try RequestHead(parsing: headBytes)
      isHeadKnown = true
      startNanoseconds = MonotonicClock.nanoseconds()
      let request = Request(head: head, bytes: headBytes, body: UnsafeRawBufferPointer(start: nil, count: 0))
      decision = decide(request)
      return try startBody(request, all, context)
    }
  }

  private static func headTooLarge(_ limit: Int) -> HTTPError {
    HTTPError(.headerFieldsTooLarge, "The request's header section is larger than the limit of \(limit) bytes.")
  }

  /// RFC 9112, section 2.2: empty lines before a request are ignored.
  private func skipEmptyLines() {
    while input.readableBytes >= 2, input.getInteger(at: input.readerIndex, as: UInt16.self) == 0x0D0A {
      input.moveReaderIndex(forwardBy: 2)
    }
  }

  /// Bytes of the head with its empty line, or nil when the empty line has not come.
  private func endOfHead() throws(HTTPError) -> Int? {
    let scanned = scannedCount
    let found = try input.withUnsafeReadableBytes { bytes throws(HTTPError) -> Int? in
      guard let base = bytes.baseAddress else { return nil }
      var at = scanned
      while let found = memchr(base + at, 0x0A, bytes.count - at) {
        at = base.distance(to: UnsafeRawPointer(found))
        guard at > 0, bytes[at - 1] == 0x0D else { throw HTTPError(.badRequest, "A line must end with CR LF.") }
        if at > 1, bytes[at - 2] == 0x0A { return at + 1 }
        at += 1
      }
      return nil
    }
    scannedCount = found == nil ? input.readableBytes : 0
    return found
  }

  private func decide(_ request: Request) -> Decision {
    do throws(HTTPError) {
      switch service.router.find(request) {
      case .route(let route):
        modelIndex = route.modelIndex
        if let modelIndex { loop.metrics.add(.begun, model: modelIndex) }
        try service.wireProtocol.admit(request)
        if route.needsKey, let keys = service.keys, !keys.admit(request[.authorization]) {
          throw HTTPError(.unauthorized, "A valid key is required: Authorization: Bearer KEY.")
        }
        let limit = service.limits.bodyBytes
        guard head.contentLength <= limit else { throw HTTPError(.contentTooLarge, ServerLimits.bodyMessage(limit)) }
        return .serve(route)
      case .options: return .preflight
      case .methodNotAllowed(let allow):
        var error = HTTPError(.methodNotAllowed, "The method is not allowed for the requested URL.")
        error.allow = allow
        error.isFromRouter = true
        throw error
      case .notFound:
        var error = HTTPError(
          .notFound,
          "The requested URL was not found on the server. If you entered the URL manually please check your "
            + "spelling and try again.")
        error.isFromRouter = true
        throw error
      }
    } catch {
      return .refuse(error)
    }
  }

  // MARK: - Body

  /// A refused body up to this size is read over, which keeps the connection usable.
  private static let skippedBodyBytes = 64 << 10

  private func startBody(
    _ request: Request, _ bytes: UnsafeRawBufferPointer, _ context: ChannelHandlerContext
  ) throws(HTTPError) -> Bool {
    let byteCount = head.byteCount
    if !head.isChunked, bytes.count - byteCount >= head.contentLength {
      let body = UnsafeRawBufferPointer(rebasing: bytes[byteCount..<(byteCount + head.contentLength)])
      serve(Request(head: head, bytes: request.bytes, body: body), context)
      return true
    }
    if case .refuse(let error) = decision,
      head.isChunked || head.expectsContinue || head.contentLength > Self.skippedBodyBytes
    {
      throw error
    }
    if head.isChunked {
      headBytes = input.readSlice(length: byteCount) ?? Self.nothing
      chunks = ChunkedBody(byteLimit: service.limits.bodyBytes)
    }
    enter(.body)
    if head.expectsContinue, input.readableBytes == (head.isChunked ? 0 : byteCount) {
      output.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
    }
    return true
  }

  /// False when more bytes are needed.
  private func readBody(_ context: ChannelHandlerContext) throws(HTTPError) -> Bool {
    if head.isChunked {
      guard try chunks?.consume(&input) == true, let body = chunks?.body else { return false }
      chunks = nil
      startNanoseconds = MonotonicClock.nanoseconds()
      headBytes.withUnsafeReadableBytes { bytes in
        body.withUnsafeReadableBytes { serve(Request(head: head, bytes: bytes, body: $0), owned: body, context) }
      }
      return true
    }
    let byteCount = head.byteCount
    guard input.readableBytes - byteCount >= head.contentLength else { return false }
    startNanoseconds = MonotonicClock.nanoseconds()
    let bytes = input
    bytes.withUnsafeReadableBytes { all in
      let headBytes = UnsafeRawBufferPointer(rebasing: all[0..<byteCount])
      let body = UnsafeRawBufferPointer(rebasing: all[byteCount..<(byteCount + head.contentLength)])
      serve(Request(head: head, bytes: headBytes, body: body), context)
    }
    return true
  }

  // MARK: - Answering

  /// The request is complete. `owned` is its body when that does not lie behind the head in `input`.
  private func serve(_ request: Request, owned: ByteBuffer? = nil, _ context: ChannelHandlerContext) {
    exchange &+= 1
    // Nobody else uses the loop's reply during this call; taking it out keeps its buffer's only reference here.
    var reply = loop.reply
    loop.reply = Reply()
    reply.reset()
    do throws(HTTPError) {
      switch decision {
      case .refuse(let error): throw error
      case .preflight:
        reply.isPreflight = true
        reply.contentType = .html
      case .serve(let route):
        switch route.action {
        case .reply(let answer): try answer(request, &reply)
        case .score(let model, let score):
          guard service.scheduler.runsInline(model, bodyBytes: request.body.count), let lane = loop.lane(of: model)
          else {
            loop.reply = reply
            try submit(route, request, owned)
            return
          }
          try score(request, lane, &reply)
        }
      }
    } catch {
      reply.reset()
      service.write(error, into: &reply)
    }
    consume(request)
    let keepsAlive = respond(reply, to: request, keepsAlive: true, context)
    loop.reply = reply
    if !keepsAlive { closeWhenWritten(context) }
  }

  /// Drops the request's bytes from `input`.
  private func consume(_ request: Request) {
    if !head.isChunked { input.moveReaderIndex(forwardBy: head.byteCount + head.contentLength) }
    isHeadKnown = false
    phase = .idle
    phaseStart = loop.lastSweep
  }

  private func submit(_ route: Route, _ request: Request, _ owned: ByteBuffer?) throws(HTTPError) {
    var body = owned
    if !head.isChunked {
      headBytes = input.getSlice(at: input.readerIndex, length: head.byteCount) ?? Self.nothing
      body = input.getSlice(at: input.readerIndex + head.byteCount, length: head.contentLength)
    }
    let exchange = exchange
    let job = Scheduler.Job(
      route: route, head: head, bytes: headBytes, body: body ?? Self.nothing, startNanoseconds: startNanoseconds
    ) { [self] result in
      loop.eventLoop.execute { self.finish(exchange, result) }
    }
    guard service.scheduler.submit(job) else {
      var error = HTTPError(.serviceUnavailable, "The queue of \(service.limits.queuedRequests) requests is full.")
      error.retryAfterSeconds = 1
      error.rejection = .queueFull
      throw error
    }
    loop.metrics.add(.queuedJobs)
    consume(request)
    enter(.scoring)
  }

  /// A scoring thread is done.
  private func finish(_ exchange: Int, _ result: Result<Reply, HTTPError>) {
    guard phase == .scoring, exchange == self.exchange, let context else { return }
    var reply: Reply
    switch result {
    case .success(let success): reply = success
    case .failure(let error):
      reply = Reply()
      service.write(error, into: &reply)
    }
    phase = .idle
    phaseStart = loop.lastSweep
    if !respondToPending(reply, keepsAlive: true, context) { closeWhenWritten(context) }
    process(context)
    resumeReading(context)
  }

  /// Answers the request whose head was kept.
  func respondToPending(_ reply: Reply, keepsAlive: Bool, _ context: ChannelHandlerContext) -> Bool {
    let bytes = headBytes
    headBytes = Self.nothing
    return bytes.withUnsafeReadableBytes { bytes in
      let request = Request(head: head, bytes: bytes, body: UnsafeRawBufferPointer(start: nil, count: 0))
      return respond(reply, to: request, keepsAlive: keepsAlive, context)
    }
  }

  /// False when the connection ends with this response.
  private func respond(
    _ reply: Reply, to request: Request, keepsAlive: Bool, _ context: ChannelHandlerContext
  ) -> Bool {
    let keepsAlive = keepsAlive && request.head.keepsAlive && loop.drainStart == nil
    let body = service.write(reply, to: request, keepsAlive: keepsAlive, on: loop, into: &output)
    count(reply)
    if service.logsAccess, !reply.isProbe { service.log(request, reply) }
    if let body {
      flush(context)
      write(body, context)
    }
    return keepsAlive
  }

  /// Counts the answer to the request in work.
  private func count(_ reply: Reply) {
    if let rejection = reply.rejection { loop.metrics.add(rejection) }
    guard let modelIndex else { return loop.metrics.addAnswer(reply.status) }
    let elapsed = MonotonicClock.nanoseconds() - startNanoseconds
    loop.metrics.addAnswer(reply.status, model: modelIndex, nanoseconds: elapsed)
    self.modelIndex = nil
  }

  /// Answers what cannot be served, and ends the connection: where the next request would start is not known.
  func refuseAndClose(_ error: HTTPError, _ context: ChannelHandlerContext) {
    var reply = Reply()
    service.write(error, into: &reply)
    if isHeadKnown {
      // Chunks behind the head are taken out of `input`; a refused head is still in it.
      if chunks == nil {
        headBytes = input.getSlice(at: input.readerIndex, length: head.byteCount) ?? Self.nothing
      }
      _ = respondToPending(reply, keepsAlive: false, context)
    } else {
      _ = service.write(reply, to: nil, keepsAlive: false, on: loop, into: &output)
      count(reply)
      if service.logsAccess { service.log(nil, reply) }
    }
    input = Self.nothing
    linger(context)
  }
}
