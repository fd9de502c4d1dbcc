import NIOCore

// What happens when nothing happens: limits on time, looked at by the sweep of the event loop.

extension HTTPConnection {
  private static let lingerMilliseconds = 2000
  /// After the server was told to stop: a request that is on its way to an idle connection still gets its answer.
  private static let drainIdleMilliseconds = 300

  func checkTime(_ now: NIODeadline) {
    guard let context else { return }
    let limits = service.limits
    if stalledWrite != nil, !hasProgress(now, context) { return abort() }
    switch phase {
    case .idle:
      if let drainStart = loop.drainStart {
        if isOver(Self.drainIdleMilliseconds, drainStart, now) { closeWhenWritten(context) }
      } else if isOver(limits.idleMilliseconds, phaseStart, now) {
        closeWhenWritten(context)
      }
    case .head:
      if isOver(limits.readMilliseconds, phaseStart, now) {
        refuseAndClose(HTTPError(.requestTimeout, "The request's header section took too long."), context)
      }
    case .body:
      let received = chunks?.body.readableBytes ?? input.readableBytes
      if isOver(limits.readMilliseconds + Self.patience(received), phaseStart, now) {
        refuseAndClose(HTTPError(.requestTimeout, "The request's body took too long."), context)
      }
    case .scoring:
      if isOver(limits.scoringMilliseconds, phaseStart, now) { giveUpScoring(context) }
    case .lingering:
      if isOver(Self.lingerMilliseconds, phaseStart, now) { abort() }
    case .closed: break
    }
  }

  /// Whether the client has taken anything of a response within the time that it has for a request.
  private func hasProgress(_ now: NIODeadline, _ context: ChannelHandlerContext) -> Bool {
    guard let stalled = stalledWrite else { return true }
    let byteCount = Self.unsentByteCount(context)
    if byteCount == stalled.byteCount { return !isOver(service.limits.readMilliseconds, stalled.lastProgress, now) }
    stalledWrite = (byteCount, now)
    return true
  }

  static func unsentByteCount(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  private func giveUpScoring(_ context: ChannelHandlerContext) {
    var reply = Reply()
    service.write(.scoringTimeout(milliseconds: service.limits.scoringMilliseconds), into: &reply)
    // The thread finds out when it is done that nobody waits any more.
    exchange &+= 1
    _ = respondToPending(reply, keepsAlive: false, context)
    linger(context)
  }

  private func isOver(_ milliseconds: Int, _ start: NIODeadline, _ now: NIODeadline) -> Bool {
    now - start > .milliseconds(Int64(milliseconds))
  }

  private static func patience(_ byteCount: Int) -> Int {
    Int(Double(byteCount) / ServerLimits.minimumBytesPerMillisecond)
  }
}
