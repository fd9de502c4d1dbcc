import NIOCore

/// How a client finds its request in the logs again: three headers, of which two are older names.
///
/// A = `x-request-id`, B = `x-ms-request-id`, C = `x-ms-client-request-id`, g = made here:
///
/// | sent    | x-request-id | x-ms-request-id | x-ms-client-request-id |
/// |---------|--------------|-----------------|------------------------|
/// | nothing | g            | g               |                        |
/// | A       | A            | A               |                        |
/// | B       | g            | B               | B                      |
/// | C       | g            | C               | C                      |
/// | A, B, C | A            | B               | C                      |
enum RequestIdentifiers {
  static let largestCount = 100

  static func check(_ request: Request) throws(HTTPError) {
    if let id = request[.xRequestID], id.count > largestCount {
      throw HTTPError(.headerFieldsTooLarge, "x-request-id must not exceed \(largestCount) characters")
    }
    for header in [HeaderName.xMsRequestID, .xMsClientRequestID] {
      if let id = request[header], id.count > largestCount {
        throw HTTPError(
          .headerFieldsTooLarge,
          "x-ms-request-id and x-ms-client-request-id must not exceed \(largestCount) characters")
      }
    }
  }

  static func write(_ request: Request?, _ loop: EventLoopState, into output: inout ByteBuffer) {
    let general = valid(request?[.xRequestID])
    let older = valid(request?[.xMsRequestID])
    let client = valid(request?[.xMsClientRequestID])
    let generated = loop.makeUUID()
    output.writeStaticString("x-request-id: ")
    write(general, or: generated, into: &output)
    output.writeStaticString("\r\nx-ms-request-id: ")
    write(older ?? client ?? general, or: generated, into: &output)
    if let client = client ?? older {
      output.writeStaticString("\r\nx-ms-client-request-id: ")
      write(client, or: generated, into: &output)
    }
    output.writeStaticString("\r\n")
    if let trace = valid(request?[.traceID]) {
      output.writeStaticString("TraceId: ")
      write(trace, or: generated, into: &output)
      output.writeStaticString("\r\n")
    }
  }

  /// An id that is refused for its length is not repeated either.
  private static func valid(_ id: UnsafeRawBufferPointer?) -> UnsafeRawBufferPointer? {
    guard let id, !id.isEmpty, id.count <= largestCount else { return nil }
    return id
  }

  /// The parser lets no line break through; what is not printable ASCII is replaced all the same.
  private static func write(
    _ id: UnsafeRawBufferPointer?, or generated: InlineArray<36, UInt8>, into output: inout ByteBuffer
  ) {
    output.writeWithUnsafeMutableBytes(minimumWritableBytes: largestCount) { target in
      guard let id else {
        for index in generated.indices { target[index] = generated[index] }
        return generated.count
      }
      for index in id.indices {
        let byte = id[index]
        target[index] = byte >= 0x20 && byte < 0x7F ? byte : UInt8(ascii: "_")
      }
      return id.count
    }
  }
}
