import Glibc
import Logging
import Testing

@testable import Serving

/// A server on loopback for the length of a test.
final class TestServer {
  let server: Server
  private var isDrained = false

  init(_ models: [ServedModel] = [.sums()], _ configure: (inout Server.Configuration) -> Void = { _ in }) throws {
    var configuration = Server.Configuration()
    configuration.port = 0
    configuration.eventLoopCount = 1
    configuration.scoringThreadCount = 1
    configuration.limits.drainMilliseconds = 2000
    configure(&configuration)
    server = try Server(configuration, models: models, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  deinit {
    if !isDrained { server.drain() }
  }

  func drain() -> Bool {
    isDrained = true
    return server.drain()
  }

  func connect() throws -> Client { try Client(self) }

  /// One request on a connection of its own.
  func request(_ text: String) throws -> Response { try connect().request(text) }

  func post(_ body: String, path: String = "/score", headers: [String] = []) throws -> Response {
    try request(Client.post(body, path: path, headers: headers))
  }
}

struct Response: CustomStringConvertible {
  var status = 0
  var headers: [(name: String, value: String)] = []
  var body = ""

  subscript(name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }

  /// The text of an error.
  var message: String {
    body.split(separator: "\"message\": \"", maxSplits: 1).last.map { String($0.dropLast(2)) } ?? ""
  }

  var description: String { "\(status) \(headers.map { "\($0.name): \($0.value)" }) \(body)" }
}

/// A plain blocking socket: what is on the wire is what the test wrote.
final class Client {
  struct TimeOut: Error {}
  struct Closed: Error {}

  /// Kept for as long as somebody talks to it.
  private let server: TestServer
  private let file: Int32
  private var unread: [UInt8] = []
  private(set) var receivedByteCount = 0

  init(_ server: TestServer) throws {
    self.server = server
    file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(server.server.port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if result != 0 { throw Closed() }
    var time = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    var one: Int32 = 1
    setsockopt(file, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
  }

  deinit { close(file) }

  static func get(_ path: String, headers: [String] = []) -> String { text("GET", path, headers, nil) }
  static func post(_ body: String, path: String = "/score", headers: [String] = []) -> String {
    text("POST", path, ["Content-Type: application/json"] + headers, body)
  }

  static func text(_ method: String, _ path: String, _ headers: [String], _ body: String?) -> String {
    let length = body.map { ["Content-Length: \($0.utf8.count)"] } ?? []
    let lines = ["\(method) \(path) HTTP/1.1", "Host: test"] + headers + length
    return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      // The server may have hung up already; what it answered is still there to be read.
      if count <= 0 { return }
      sent += count
    }
  }

  /// Ends the connection as a client that crashed.
  func reset() {
    var linger = linger(l_onoff: 1, l_linger: 0)
    setsockopt(file, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
    // Takes the socket's place, which closes it.
    let nothing = open("/dev/null", O_RDWR)
    dup2(nothing, file)
    Glibc.close(nothing)
  }

  func finishSending() { shutdown(file, Int32(SHUT_WR)) }

  func request(_ text: String) throws -> Response {
    send(text)
    return try response(isHead: text.hasPrefix("HEAD "))
  }

  func response(isHead: Bool = false) throws -> Response {
    var response = Response()
    let first = try line().split(separator: " ", maxSplits: 2)
    response.status = Int(first[1]) ?? 0
    while true {
      let line = try line()
      if line.isEmpty { break }
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      response.headers.append((String(parts[0]), parts[1].trimmingPrefix(" ").description))
    }
    if isHead || response.status == 100 { return response }
    let count = Int(response["Content-Length"] ?? "") ?? 0
    while unread.count < count { try receive() }
    response.body = String(decoding: unread.prefix(count), as: UTF8.self)
    unread.removeFirst(count)
    return response
  }

  /// Whether the server ends the connection, with nothing more on it.
  func isClosed() -> Bool {
    do {
      try receive()
      return false
    } catch {
      return error is Closed && unread.isEmpty
    }
  }

  private func line() throws -> String {
    while true {
      if let end = unread.firstIndex(of: 0x0A) {
        let line = String(decoding: unread[..<end].dropLast(), as: UTF8.self)
        unread.removeFirst(end + 1)
        return line
      }
      try receive()
    }
  }

  private func receive() throws {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(file, &buffer, buffer.count, 0)
    if count == 0 || count < 0 && errno == ECONNRESET { throw Closed() }
    if count < 0 { throw TimeOut() }
    unread += buffer[..<count]
    receivedByteCount += count
  }
}
