import NIOCore

/// A complete request. Its bytes are valid only during the call that receives it.
struct Request {
  let head: RequestHead
  /// The bytes that `head` points into.
  let bytes: UnsafeRawBufferPointer
  let body: UnsafeRawBufferPointer

  /// The value of a header field.
  subscript(header: HeaderName) -> UnsafeRawBufferPointer? {
    let range = head[header]
    return range.isAbsent ? nil : bytes[range]
  }

  var path: UnsafeRawBufferPointer { head.path.isAbsent ? bytes[ByteRange(0, 0)] : bytes[head.path] }
  var query: UnsafeRawBufferPointer? { head.query.isAbsent ? nil : bytes[head.query] }

  /// The same request with another body: parameters of a query that became JSON.
  func replacingBody(_ body: UnsafeRawBufferPointer) -> Request { Request(head: head, bytes: bytes, body: body) }
}

/// What a request is answered with. A protocol adds its headers when it is written.
struct Reply {
  enum ContentType: Sendable {
    case json, html, bytes, metrics

    var line: StaticString {
      switch self {
      case .json: "Content-Type: application/json\r\n"
      case .html: "Content-Type: text/html; charset=utf-8\r\n"
      case .bytes: "Content-Type: application/octet-stream\r\n"
      case .metrics: "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
      }
    }
  }

  var status = Status.ok
  var contentType = ContentType.json
  var body: ByteBuffer
  /// How long the model itself ran; nil when it did not.
  var executionNanoseconds: Int?
  /// The model failed, or took too long.
  var modelFailed = false
  /// The answer is the router's, not the service's: no such path, no such method.
  var isFromRouter = false
  /// The answer to whoever watches the server: it carries no word about runs, and is not logged.
  var isProbe = false
  /// Methods of the path, for 405.
  var allow: String?
  var retryAfterSeconds: Int?
  var rejection: Rejection?
  /// The answer to a preflight: what a browser may do.
  var isPreflight = false

  init(body: ByteBuffer = ByteBuffer()) { self.body = body }

  mutating func reset() {
    var body = self.body
    body.clear()
    self = Reply(body: body)
  }
}
