import NIOCore

extension Service {
  /// A body above this size is written beside the head instead of being copied behind it.
  static let copiedBodyBytes = 64 << 10

  /// Appends the whole response to `output`; returns the body when it is better sent from where it lies.
  func write(
    _ reply: Reply, to request: Request?, keepsAlive: Bool, on loop: EventLoopState, into output: inout ByteBuffer
  ) -> ByteBuffer? {
    output.writeStaticString(reply.status.line)
    output.writeStaticString(reply.contentType.line)
    output.writeStaticString("Content-Length: ")
    output.writeDecimal(reply.body.readableBytes)
    output.writeStaticString("\r\n")
    output.writeBytes(loop.dateLine)
    if !keepsAlive {
      output.writeStaticString("Connection: close\r\n")
    } else if request?.head.isVersion10 == true {
      output.writeStaticString("Connection: keep-alive\r\n")
    }
    if let allow = reply.allow {
      output.writeStaticString("Allow: ")
      output.writeString(allow)
      output.writeStaticString("\r\n")
    }
    if let seconds = reply.retryAfterSeconds {
      output.writeStaticString("Retry-After: ")
      output.writeDecimal(seconds)
      output.writeStaticString("\r\n")
    }
    if reply.status == .unauthorized { output.writeStaticString("WWW-Authenticate: Bearer\r\n") }
    wireProtocol.writeHeaders(request, reply, loop, &output)
    output.writeStaticString("\r\n")
    if request?.head.method == .head { return nil }
    if reply.body.readableBytes > Self.copiedBodyBytes { return reply.body }
    output.writeImmutableBuffer(reply.body)
    return nil
  }
}
