import Glibc

enum Method: UInt8, Sendable {
  case get, head, post, options, other
}

/// Header fields that the server reads. Raw values index `RequestHead.fields`.
enum HeaderName: Int, CaseIterable {
  case host, connection, contentLength, contentType, contentEncoding, transferEncoding, authorization, expect, accept
  case origin, accessControlRequestHeaders
  case xRequestID, xMsRequestID, xMsClientRequestID, traceID

  /// In lower case.
  var text: StaticString {
    switch self {
    case .host: "host"
    case .connection: "connection"
    case .contentLength: "content-length"
    case .contentType: "content-type"
    case .contentEncoding: "content-encoding"
    case .transferEncoding: "transfer-encoding"
    case .authorization: "authorization"
    case .expect: "expect"
    case .accept: "accept"
    case .origin: "origin"
    case .accessControlRequestHeaders: "access-control-request-headers"
    case .xRequestID: "x-request-id"
    case .xMsRequestID: "x-ms-request-id"
    case .xMsClientRequestID: "x-ms-client-request-id"
    case .traceID: "traceid"
    }
  }

  /// Names of one length: at most three, so that a look-up is a comparison or two.
  private static func candidates(count: Int) -> [HeaderName] { table[min(count, table.count - 1)] }
  private static let table: [[HeaderName]] = (0...31).map { count in
    allCases.filter { $0.text.utf8CodeUnitCount == count }
  }

  init?(_ name: UnsafeRawBufferPointer) {
    for candidate in Self.candidates(count: name.count) where name.equalsIgnoringCase(candidate.text) {
      self = candidate
      return
    }
    return nil
  }
}

/// Where something lies in the bytes of a head. Heads are smaller than 4 GiB by `ServerLimits`.
struct ByteRange {
  var start: UInt32
  var count: UInt32

  init(_ start: Int, _ end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.count = UInt32(truncatingIfNeeded: end - start)
  }

  static let absent = ByteRange(-1, -1)
  var isAbsent: Bool { start == .max }
}

/// A parsed request line and header section (RFC 9112), as offsets into its bytes.
///
/// Strict where leniency lets two parsers disagree about where a request ends: no bare line feeds, no folded lines, no
/// space before a colon, one `Content-Length` and never beside `Transfer-Encoding`, one `Host`.
struct RequestHead {
  static let fieldCountLimit = 128

  private(set) var method = Method.other
  /// Without the query, still percent-encoded.
  private(set) var path = ByteRange.absent
  /// After the question mark.
  private(set) var query = ByteRange.absent
  /// HTTP/1.0 has no chunks and closes unless asked to keep the connection.
  private(set) var isVersion10 = false
  private(set) var keepsAlive = true
  private(set) var isChunked = false
  private(set) var expectsContinue = false
  private(set) var contentLength = 0
  /// Bytes of the head with the empty line.
  private(set) var byteCount = 0
  private var fields = InlineArray<15, ByteRange>(repeating: .absent)

  subscript(header: HeaderName) -> ByteRange { fields[header.rawValue] }

  init() {}

  /// `bytes` is a whole head: it ends with the first empty line.
  init(parsing bytes: UnsafeRawBufferPointer) throws(HTTPError) {
    byteCount = bytes.count
    var start = try parseRequestLine(bytes)
    let end = bytes.count - 2
    var fieldCount = 0
    while start < end {
      fieldCount += 1
      if fieldCount > Self.fieldCountLimit {
        throw HTTPError(.headerFieldsTooLarge, "More than \(Self.fieldCountLimit) header fields.")
      }
      start = try parseField(bytes, from: start)
    }
    try finish(bytes)
  }

  // MARK: - Request line

  private mutating func parseRequestLine(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) -> Int {
    let lineEnd = try Self.endOfLine(bytes, from: 0)
    var at = 0
    while at < lineEnd, Character.isToken(bytes[at]) { at += 1 }
    guard at > 0, at < lineEnd, bytes[at] == UInt8(ascii: " ") else { throw Self.malformedRequestLine }
    method = Self.method(UnsafeRawBufferPointer(rebasing: bytes[0..<at]))
    let target = at + 1
    at = target
    while at < lineEnd, bytes[at] > 0x20, bytes[at] < 0x7F { at += 1 }
    guard at > target, lineEnd - at == 9, bytes[at] == UInt8(ascii: " ") else { throw Self.malformedRequestLine }
    try parseVersion(UnsafeRawBufferPointer(rebasing: bytes[(at + 1)..<lineEnd]))
    try parseTarget(bytes, target..<at)
    return lineEnd + 2
  }

  private static let malformedRequestLine = HTTPError(.badRequest, "Malformed request line.")

  private static func method(_ text: UnsafeRawBufferPointer) -> Method {
    if text.equals("POST") { return .post }
    if text.equals("GET") { return .get }
    if text.equals("HEAD") { return .head }
    return text.equals("OPTIONS") ? .options : .other
  }

  private mutating func parseVersion(_ text: UnsafeRawBufferPointer) throws(HTTPError) {
    if text.equals("HTTP/1.1") { return }
    guard text.equals("HTTP/1.0") else {
      if text.starts(with: "HTTP/".utf8) { throw HTTPError(.versionNotSupported, "Only HTTP/1.1 and 1.0 are spoken.") }
      throw Self.malformedRequestLine
    }
    isVersion10 = true
    keepsAlive = false
  }

  /// Origin form (`/score?data=1`), absolute form (`http://host/score`) and the asterisk of OPTIONS.
  private mutating func parseTarget(_ bytes: UnsafeRawBufferPointer, _ target: Range<Int>) throws(HTTPError) {
    var start = target.lowerBound
    if bytes[start] != UInt8(ascii: "/") {
      let text = UnsafeRawBufferPointer(rebasing: bytes[target])
      if text.equals("*"), method == .options {
        path = ByteRange(start, target.upperBound)
        return
      }
      let scheme = text.startsIgnoringCase("http://") ? 7 : text.startsIgnoringCase("https://") ? 8 : 0
      guard scheme > 0 else { throw Self.malformedRequestLine }
      start += scheme
      while start < target.upperBound, bytes[start] != UInt8(ascii: "/") { start += 1 }
      guard start < target.upperBound else { throw Self.malformedRequestLine }
    }
    var pathEnd = start
    while pathEnd < target.upperBound, bytes[pathEnd] != UInt8(ascii: "?") { pathEnd += 1 }
    path = ByteRange(start, pathEnd)
    if pathEnd < target.upperBound { query = ByteRange(pathEnd + 1, target.upperBound) }
  }

  // MARK: - Fields

  private mutating func parseField(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(HTTPError) -> Int {
    var at = start
    while Character.isToken(bytes[at]) { at += 1 }
    guard at > start, bytes[at] == UInt8(ascii: ":") else {
      throw HTTPError(.badRequest, "Malformed header field.")
    }
    let name = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
    let lineEnd = try Self.endOfLine(bytes, from: at)
    var valueStart = at + 1
    var valueEnd = lineEnd
    while valueStart < valueEnd, Character.isBlank(bytes[valueStart]) { valueStart += 1 }
    while valueEnd > valueStart, Character.isBlank(bytes[valueEnd - 1]) { valueEnd -= 1 }
    for index in valueStart..<valueEnd where !Character.isFieldContent(bytes[index]) {
      throw HTTPError(.badRequest, "Control character in a header field.")
    }
    if let header = HeaderName(name) { try store(header, ByteRange(valueStart, valueEnd), bytes) }
    return lineEnd + 2
  }

  private mutating func store(
    _ header: HeaderName, _ range: ByteRange, _ bytes: UnsafeRawBufferPointer
  ) throws(HTTPError) {
    switch header {
    case .connection:
      let value = bytes[range]
      if value.hasToken("close") {
        keepsAlive = false
      } else if isVersion10, value.hasToken("keep-alive") {
        keepsAlive = true
      }
    case .host, .contentLength, .contentType, .contentEncoding, .transferEncoding, .authorization, .expect:
      guard fields[header.rawValue].isAbsent else {
        throw HTTPError(.badRequest, "Header field \(header.text) is given twice.")
      }
    default: break
    }
    fields[header.rawValue] = range
  }

  /// The index of the carriage return of this line's end.
  private static func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) throws(HTTPError) -> Int {
    guard let base = bytes.baseAddress, let found = memchr(base + start, 0x0A, bytes.count - start) else {
      throw HTTPError(.badRequest, "Unfinished line.")
    }
    let lineFeed = base.distance(to: UnsafeRawPointer(found))
    guard lineFeed > start, bytes[lineFeed - 1] == 0x0D else {
      throw HTTPError(.badRequest, "A line must end with CR LF.")
    }
    return lineFeed - 1
  }

  // MARK: - What the fields mean together

  private mutating func finish(_ bytes: UnsafeRawBufferPointer) throws(HTTPError) {
    if !isVersion10, self[.host].isAbsent { throw HTTPError(.badRequest, "Header field Host is missing.") }
    if !self[.contentLength].isAbsent {
      guard self[.transferEncoding].isAbsent else {
        throw HTTPError(.badRequest, "Content-Length and Transfer-Encoding exclude each other.")
      }
      contentLength = try Self.length(bytes[self[.contentLength]])
    }
    if !self[.transferEncoding].isAbsent {
      guard !isVersion10 else { throw HTTPError(.badRequest, "HTTP/1.0 has no Transfer-Encoding.") }
      guard bytes[self[.transferEncoding]].equalsIgnoringCase("chunked") else {
        throw HTTPError(.notImplemented, "The only Transfer-Encoding understood is chunked.")
      }
      isChunked = true
    }
    if !self[.expect].isAbsent, !isVersion10 {
      expectsContinue = bytes[self[.expect]].equalsIgnoringCase("100-continue")
    }
  }

  /// A length beyond `Int` is as good as the largest one: every limit is below it.
  private static func length(_ digits: UnsafeRawBufferPointer) throws(HTTPError) -> Int {
    var length = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { throw HTTPError(.badRequest, "Content-Length is not a number.") }
      let (tens, overflow) = length.multipliedReportingOverflow(by: 10)
      length = overflow || tens > Int.max - 9 ? Int.max - 9 : tens + Int(digit - 0x30)
    }
    guard !digits.isEmpty else { throw HTTPError(.badRequest, "Content-Length is not a number.") }
    return length
  }
}

/// Character classes of RFC 9110, section 5.6.
private enum Character {
  private static let tokenBits: (low: UInt64, high: UInt64) = {
    let letters = (UInt8(ascii: "a")...UInt8(ascii: "z")).flatMap { [$0, $0 - 0x20] }
    let all = Array("!#$%&'*+-.^_`|~0123456789".utf8) + letters
    return (
      all.filter { $0 < 64 }.reduce(0) { $0 | 1 << UInt64($1) },
      all.filter { $0 >= 64 }.reduce(0) { $0 | 1 << UInt64($1 - 64) }
    )
  }()

  static func isToken(_ byte: UInt8) -> Bool {
    let bits = byte < 64 ? tokenBits.low : byte < 128 ? tokenBits.high : 0
    return bits >> UInt64(byte & 63) & 1 == 1
  }

  static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
  static func isFieldContent(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }
}
