import NIOCore

// Writing, and the ways in which a connection ends.

extension HTTPConnection {
  func flush(_ context: ChannelHandlerContext) {
    guard output.readableBytes > 0 else { return }
    write(output, context)
    // The event loop has usually written it all by now and let go of it: the same memory serves the next response.
    output.clear()
  }

  func write(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
    loop.metrics.add(.sentBytes, buffer.readableBytes)
    context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    if stalledWrite == nil, !context.channel.isWritable { stalledWrite = (Self.unsentByteCount(context), .now()) }
  }

  /// Closes once everything is sent; politely when the client may still be sending.
  func closeWhenWritten(_ context: ChannelHandlerContext) {
    guard phase != .lingering, phase != .closed else { return }
    if input.readableBytes > 0 { return linger(context) }
    flush(context)
    phase = .closed
    // An empty write is done when all before it are.
    context.writeAndFlush(wrapOutboundOut(Self.nothing)).assumeIsolated().whenComplete { _ in
      context.close(promise: nil)
    }
  }

  func linger(_ context: ChannelHandlerContext) {
    guard phase != .lingering, phase != .closed else { return }
    flush(context)
    input = Self.nothing
    enter(.lingering)
    context.close(mode: .output, promise: nil)
    if isInputClosed { context.close(promise: nil) }
  }

  func enter(_ phase: Phase) {
    self.phase = phase
    phaseStart = .now()
  }
}
