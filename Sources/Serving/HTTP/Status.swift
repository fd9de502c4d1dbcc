/// The status codes that this server answers with.
public enum Status: Int, CaseIterable, Sendable {
  case ok = 200
  case badRequest = 400
  case unauthorized = 401
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case contentTooLarge = 413
  case unsupportedMediaType = 415
  case headerFieldsTooLarge = 431
  case internalServerError = 500
  case notImplemented = 501
  case serviceUnavailable = 503
  case versionNotSupported = 505

  static var count: Int { versionNotSupported.index + 1 }

  /// Position among all cases.
  var index: Int {
    switch self {
    case .ok: 0
    case .badRequest: 1
    case .unauthorized: 2
    case .notFound: 3
    case .methodNotAllowed: 4
    case .requestTimeout: 5
    case .contentTooLarge: 6
    case .unsupportedMediaType: 7
    case .headerFieldsTooLarge: 8
    case .internalServerError: 9
    case .notImplemented: 10
    case .serviceUnavailable: 11
    case .versionNotSupported: 12
    }
  }

  var line: StaticString {
    switch self {
    case .ok: "HTTP/1.1 200 OK\r\n"
    case .badRequest: "HTTP/1.1 400 Bad Request\r\n"
    case .unauthorized: "HTTP/1.1 401 Unauthorized\r\n"
    case .notFound: "HTTP/1.1 404 Not Found\r\n"
    case .methodNotAllowed: "HTTP/1.1 405 Method Not Allowed\r\n"
    case .requestTimeout: "HTTP/1.1 408 Request Timeout\r\n"
    case .contentTooLarge: "HTTP/1.1 413 Content Too Large\r\n"
    case .unsupportedMediaType: "HTTP/1.1 415 Unsupported Media Type\r\n"
    case .headerFieldsTooLarge: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    case .internalServerError: "HTTP/1.1 500 Internal Server Error\r\n"
    case .notImplemented: "HTTP/1.1 501 Not Implemented\r\n"
    case .serviceUnavailable: "HTTP/1.1 503 Service Unavailable\r\n"
    case .versionNotSupported: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
    }
  }
}

/// A request that is refused: the protocol words it as its clients expect.
struct HTTPError: Error {
  var status: Status
  var message: String
  /// The methods of the path, for 405.
  var allow: String?
  /// The router says it, not the service.
  var isFromRouter = false
  /// The model failed, or took too long.
  var modelFailed = false
  var retryAfterSeconds: Int?
  /// What metrics count it as; nil for what is wrong with the request itself.
  var rejection: Rejection?

  init(_ status: Status, _ message: String) {
    self.status = status
    self.message = message
    rejection = Rejection(status)
  }

  static func scoringTimeout(milliseconds: Int) -> HTTPError {
    var error = HTTPError(.internalServerError, "Scoring timeout after \(milliseconds) ms")
    error.modelFailed = true
    error.rejection = .scoringTimeout
    return error
  }
}
