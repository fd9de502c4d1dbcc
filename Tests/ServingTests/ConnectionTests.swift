import Glibc
import Testing

@testable import Serving

@Suite struct ConnectionTests {
  static let body = #"{"data": [[1, 2], [3, 4]]}"#

  // MARK: - Several requests on a connection

  @Test func answersOnTheSameConnectionUntilToldToClose() throws {
    let client = try TestServer().connect()
    for _ in 0..<5 { #expect(try client.request(Client.post(Self.body)).body == "[3.0, 7.0]") }
    let last = try client.request(Client.post(Self.body, headers: ["Connection: close"]))
    #expect(last.status == 200)
    #expect(last["Connection"] == "close")
    #expect(client.isClosed())
  }

  @Test func answersPipelinedRequestsInOrder() throws {
    let server = try TestServer()
    let client = try server.connect()
    let bodies = (0..<50).map { #"{"data": [[\#($0), 0]]}"# }
    client.send(bodies.map { Client.post($0) }.joined())
    for index in 0..<50 { #expect(try client.response().body == "[\(index).0]") }
    #expect(try client.request(Client.get("/")).body == "Healthy")
  }

  @Test func answersPipelinedRequestsInOrderWhenScoredElsewhere() throws {
    let client = try TestServer([.slow(milliseconds: 5)]).connect()
    client.send(Client.post(#"{"data": [[1, 0]]}"#) + Client.get("/") + Client.post(#"{"data": [[2, 0]]}"#))
    #expect(try client.response().body == "[1.0]")
    #expect(try client.response().body == "Healthy")
    #expect(try client.response().body == "[2.0]")
  }

  @Test func takesRequestsByteByByte() throws {
    let client = try TestServer().connect()
    for byte in Array(Client.post(Self.body).utf8) { client.send([byte]) }
    #expect(try client.response().body == "[3.0, 7.0]")
  }

  @Test func speaksVersion10() throws {
    let server = try TestServer()
    let text = "POST /score HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 19\r\n"
    let client = try server.connect()
    let kept = try client.request(text + "Connection: Keep-Alive\r\n\r\n{\"data\": [[1, 2]]} ")
    #expect(kept.body == "[3.0]")
    #expect(kept["Connection"] == "keep-alive")
    #expect(try client.request(text + "\r\n{\"data\": [[1, 2]]} ").body == "[3.0]")
    #expect(client.isClosed())
  }

  @Test func ignoresEmptyLinesBeforeARequest() throws {
    #expect(try TestServer().request("\r\n\r\n" + Client.get("/")).body == "Healthy")
  }

  @Test func answersAClientThatSaysItIsDone() throws {
    let client = try TestServer([.slow(milliseconds: 50)]).connect()
    client.send(Client.post(Self.body))
    client.finishSending()
    #expect(try client.response().body == "[3.0, 7.0]")
    #expect(client.isClosed())
  }

  @Test func sendsAndTakesMegabytes() throws {
    let rows = (0..<200_000).map { "[\($0), 1]" }.joined(separator: ",")
    let client = try TestServer().connect()
    for _ in 0..<2 {
      let response = try client.request(Client.post(#"{"data": [\#(rows)]}"#))
      #expect(response.body.hasPrefix("[1.0, 2.0, 3.0, ") && response.body.hasSuffix("199999.0, 200000.0]"))
    }
  }

  // MARK: - HEAD, OPTIONS

  @Test func leavesOutTheBodyForHead() throws {
    let client = try TestServer().connect()
    for path in ["/", "/swagger.json"] {
      let whole = try client.request(Client.get(path))
      let head = try client.request("HEAD \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
      #expect(head.status == 200)
      #expect(head["Content-Length"] == "\(whole.body.utf8.count)")
      #expect(head["Content-Type"] == whole["Content-Type"])
    }
  }

  @Test(arguments: ["/score", "/", "*"]) func answersOptions(_ path: String) throws {
    let response = try TestServer().request("OPTIONS \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
    #expect(response.status == 200)
    #expect(response.body == "")
  }

  @Test(arguments: ["http://test/score", "/s%63ore", "/score?x=1"]) func findsTheRoute(_ target: String) throws {
    #expect(try TestServer().post(Self.body, path: target).status == 200)
  }

  // MARK: - Bodies in chunks

  static func chunked(_ chunks: [String], trailer: String = "") -> String {
    let head =
      "POST /score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + chunks.map { String($0.utf8.count, radix: 16) + "\r\n" + $0 + "\r\n" }.joined()
      + "0\r\n\(trailer)\r\n"
  }

  @Test func takesChunks() throws {
    let client = try TestServer().connect()
    for trailer in ["", "Checksum: 1\r\n"] {
      let text = Self.chunked([#"{"da"#, #"ta": [[1, "#, "2], [3, 4]]}"], trailer: trailer)
      #expect(try client.request(text).body == "[3.0, 7.0]")
    }
    for byte in Array(Self.chunked(["{\"data\": [[1, 2]]}"]).utf8) { client.send([byte]) }
    #expect(try client.response().body == "[3.0]")
    #expect(try client.request(Client.get("/")).body == "Healthy")
  }

  @Test(arguments: ["x\r\n", "-1\r\n", "\r\n", "1\n", "ffffffffffffffff\r\n", "1\r\nab\r\n", " 1\r\n"])
  func refusesMalformedChunks(_ chunk: String) throws {
    let head = Self.chunked([]).split(separator: "0\r\n")[0]
    let client = try TestServer().connect()
    let response = try client.request(head + chunk)
    #expect(response.status == 400)
    #expect(response["Connection"] == "close")
    #expect(client.isClosed())
  }

  // MARK: - Expect: 100-continue

  @Test func saysContinue() throws {
    let client = try TestServer().connect()
    let text = Client.post(Self.body, headers: ["Expect: 100-continue"])
    client.send(Array(text.utf8.dropLast(Self.body.utf8.count)))
    #expect(try client.response().status == 100)
    client.send(Self.body)
    #expect(try client.response().body == "[3.0, 7.0]")
  }

  @Test func refusesInsteadOfContinuing() throws {
    let client = try TestServer { $0.limits.bodyBytes = 10 }.connect()
    let text = Client.post(Self.body, headers: ["Expect: 100-continue"])
    client.send(Array(text.utf8.dropLast(Self.body.utf8.count)))
    #expect(try client.response().status == 413)
    #expect(client.isClosed())
  }

  // MARK: - Limits

  @Test func refusesALargeBodyBeforeItCame() throws {
    let client = try TestServer { $0.limits.bodyBytes = 1000 }.connect()
    client.send(
      "POST /score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n")
    let response = try client.response()
    #expect(response.status == 413)
    #expect(response.message == "The request body is larger than the limit of 1000 bytes.")
    #expect(client.isClosed())
  }

  @Test func refusesALargeBodyThatCameWhole() throws {
    let client = try TestServer { $0.limits.bodyBytes = 10 }.connect()
    #expect(try client.request(Client.post(Self.body)).status == 413)
    // All of it was read over, so the connection is still good.
    #expect(try client.request(Client.get("/")).status == 200)
  }

  @Test func refusesALengthBeyondAllNumbers() throws {
    let text = Client.post("").replacing("Content-Length: 0", with: "Content-Length: 99999999999999999999999")
    #expect(try TestServer().request(text).status == 413)
  }

  @Test func refusesChunksBeyondTheLimit() throws {
    let client = try TestServer { $0.limits.bodyBytes = 100 }.connect()
    let response = try client.request(Self.chunked(Array(repeating: String(repeating: " ", count: 30), count: 5)))
    #expect(response.status == 413)
    #expect(client.isClosed())
  }

  @Test func deliversARefusalToAClientThatKeepsSending() throws {
    let client = try TestServer { $0.limits.bodyBytes = 1000 }.connect()
    client.send(Client.post(String(repeating: " ", count: 3_000_000)))
    #expect(try client.response().status == 413)
  }

  @Test func refusesALargeHead() throws {
    let client = try TestServer { $0.limits.headBytes = 1000 }.connect()
    let response = try client.request(Client.get("/", headers: ["X: " + String(repeating: "x", count: 2000)]))
    #expect(response.status == 431)
    #expect(client.isClosed())
    let endless = try TestServer { $0.limits.headBytes = 1000 }.connect()
    endless.send("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 2000))
    #expect(try endless.response().status == 431)
    #expect(try TestServer().request(Client.get("/", headers: Array(repeating: "A: b", count: 200))).status == 431)
  }

  @Test func refusesTooManyConnections() throws {
    let server = try TestServer { $0.limits.connections = 2 }
    let kept = try [server.connect(), server.connect()]
    for client in kept { #expect(try client.request(Client.get("/")).status == 200) }
    let refused = try server.connect()
    let response = try refused.response()
    #expect(response.status == 503)
    #expect(response["Retry-After"] == "1")
    #expect(refused.isClosed())
    // A client that is released closes its connection.
    withExtendedLifetime(kept) {}
  }

  @Test func closesConnectionsBeyondAllLimits() throws {
    let server = try TestServer { $0.limits.connections = 1 }
    let kept = try server.connect()
    #expect(try kept.request(Client.get("/")).status == 200)
    let others = try (0..<20).map { _ in try server.connect() }
    #expect(others.compactMap { try? $0.response().status }.allSatisfy { $0 == 503 })
    #expect(others.allSatisfy { $0.isClosed() })
    #expect(try kept.request(Client.get("/")).status == 200)
  }

  // MARK: - Time

  @Test func givesUpOnAClientThatDoesNotRead() throws {
    let server = try TestServer([.echo([.test("x", .uint8, [-1])])]) { $0.limits.readMilliseconds = 300 }
    let client = try server.connect()
    let body = String(repeating: "a", count: 30_000_000)
    let headers = ["Content-Type: application/octet-stream", "Accept: application/octet-stream"]
    client.send(Client.text("POST", "/score", headers, body))
    sleep(2)
    #expect(throws: Client.Closed.self) { try client.response() }
    #expect(try server.request(Client.text("POST", "/score", headers, body)).body == body)
  }

  @Test func givesUpOnASlowHead() throws {
    let client = try TestServer { $0.limits.readMilliseconds = 100 }.connect()
    client.send("GET / HTTP/1.1\r\nHost:")
    let response = try client.response()
    #expect(response.status == 408)
    #expect(response["Connection"] == "close")
    #expect(client.isClosed())
  }

  @Test func givesUpOnASlowBody() throws {
    let client = try TestServer { $0.limits.readMilliseconds = 100 }.connect()
    client.send(String(Client.post(Self.body, headers: ["x-request-id: slow"]).dropLast(1)))
    let response = try client.response()
    #expect(response.status == 408)
    #expect(response["x-request-id"] == "slow")
    #expect(client.isClosed())
  }

  @Test func closesIdleConnections() throws {
    let client = try TestServer { $0.limits.idleMilliseconds = 100 }.connect()
    #expect(try client.request(Client.get("/")).status == 200)
    #expect(client.isClosed())
  }

  @Test func closesAConnectionThatNeverSpeaks() throws {
    #expect(try TestServer { $0.limits.idleMilliseconds = 100 }.connect().isClosed())
  }

  // MARK: - Malformed

  @Test(arguments: [
    "GET / HTTP/1.1\nHost: test\n\n", "GET  / HTTP/1.1\r\nHost: test\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /\r\n\r\n", "GET / HTTX/1.1\r\nHost: test\r\n\r\n",
    "G(T / HTTP/1.1\r\nHost: test\r\n\r\n", "GET / HTTP/1.1\r\nHost : test\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: test\r\n folded\r\n\r\n", "GET / HTTP/1.1\r\nHost: te\u{1}st\r\n\r\n",
    "GET nowhere HTTP/1.1\r\nHost: test\r\n\r\n", "GET / HTTP/1.1\r\nHost: test\r\nNoColon\r\n\r\n",
    "POST /score HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "POST /score HTTP/1.1\r\nHost: test\r\nContent-Length: +1\r\n\r\na",
    "POST /score HTTP/1.1\r\nHost: test\r\nContent-Length: \r\n\r\na",
    "POST /score HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na",
    "POST /score HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n",
  ])
  func refusesMalformedRequests(_ text: String) throws {
    let client = try TestServer().connect()
    let response = try client.request(text)
    #expect(response.status == 400)
    #expect(response["Connection"] == "close")
    #expect(client.isClosed())
  }

  @Test func refusesOtherVersionsAndCodings() throws {
    let server = try TestServer()
    #expect(try server.request("GET / HTTP/2.0\r\nHost: test\r\n\r\n").status == 505)
    #expect(
      try server.request("POST /score HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n").status == 501
    )
  }

  // MARK: - Ending

  @Test func drains() throws {
    let server = try TestServer([.slow(milliseconds: 300)])
    let busy = try server.connect()
    let idle = try server.connect()
    #expect(try idle.request(Client.get("/")).body == "Healthy")
    busy.send(Client.post(Self.body))
    usleep(50_000)
    // The test's own thread drains, so another asks meanwhile.
    let answer = Answer()
    let thread = try startThread {
      usleep(100_000)
      answer.set(try? idle.request(Client.get("/")))
    }
    #expect(server.drain())
    pthread_join(thread, nil)
    let health = try #require(answer.get())
    #expect(health.status == 503)
    #expect(health["Connection"] == "close")
    let last = try busy.response()
    #expect(last.body == "[3.0, 7.0]")
    #expect(last["Connection"] == "close")
    #expect(busy.isClosed())
    #expect(throws: Client.Closed.self) { try server.connect() }
  }

  @Test func cutsOffWhatDoesNotEnd() throws {
    let server = try TestServer([.stuck(milliseconds: 1500)]) { $0.limits.drainMilliseconds = 200 }
    let client = try server.connect()
    client.send(Client.post(Self.body))
    usleep(50_000)
    #expect(!server.drain())
    #expect(client.isClosed())
  }
}
