import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import Serving

@Suite struct RequestHeadTests {
  private func parse(_ text: String) throws -> RequestHead { try parse(Array(text.utf8)) }
  private func parse(_ bytes: [UInt8]) throws -> RequestHead {
    try bytes.withUnsafeBytes { try RequestHead(parsing: $0) }
  }

  @Test func readsEveryHeader() throws {
    for header in HeaderName.allCases {
      let value =
        switch header {
        case .contentLength: "12"
        case .transferEncoding: "chunked"
        default: "a, b"
        }
      let host = header == .host ? "" : "Host: h\r\n"
      let name = header.text.description
      for spelling in [name, name.uppercased()] {
        let text = "GET / HTTP/1.1\r\n\(host)\(spelling): \t\(value) \r\nOther: c\r\n\r\n"
        let range = try parse(text)[header]
        #expect(Array(text.utf8.dropFirst(Int(range.start)).prefix(Int(range.count))) == Array(value.utf8))
      }
    }
  }

  @Test func tellsLookAlikesApart() throws {
    let head = try parse(
      "GET / HTTP/1.1\r\nHost: h\r\nContent_Length: 5\r\nx-request-i\u{4}d: a\r\n\r\n".replacing("\u{4}", with: ""))
    #expect(head[.contentLength].isAbsent)
    #expect(head.contentLength == 0)
  }

  @Test(arguments: [
    ("", true), ("Connection: close\r\n", false), ("Connection: keep-alive, Close\r\n", false),
    ("Connection: upgrade\r\nConnection: close\r\n", false), ("Connection: closed\r\n", true),
  ])
  func tellsWhetherTheConnectionGoesOn(_ field: String, _ expected: Bool) throws {
    #expect(try parse("GET / HTTP/1.1\r\nHost: h\r\n\(field)\r\n").keepsAlive == expected)
  }

  /// llhttp, which NIO's HTTP server uses, is the judge: what this parser accepts, llhttp accepts, and both see the
  /// same request. The reverse need not hold, as this parser is stricter.
  @Test func agreesWithAnotherParser() throws {
    let seeds = [
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "POST /score?a=1 HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n",
      "POST /score HTTP/1.1\r\nhost:h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
      "POST /a%20b HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\nX: \u{e9}\r\n\r\n",
    ]
    var random = SplitMix64(seed: 2026)
    let alphabet = Array("\r\n\t :,;/%?0159aAzZ-_\"()\u{0}\u{7f}".utf8) + [0x80, 0xFF]
    var acceptedCount = 0
    for round in 0..<20_000 {
      var bytes = Array(seeds[round % seeds.count].utf8)
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = alphabet.randomElement(using: &random) ?? 0
        case 1: bytes.insert(alphabet.randomElement(using: &random) ?? 0, at: place)
        case 2: bytes.remove(at: place)
        default:
          let end = min(place + Int.random(in: 1...30, using: &random), bytes.count)
          bytes.insert(contentsOf: bytes[place..<end], at: place)
        }
      }
      // The connection hands over what ends with the first empty line.
      guard let end = Self.endOfHead(bytes) else { continue }
      bytes = Array(bytes[..<end])
      // llhttp has its own list of methods, and takes no tab around a length, which RFC 9110 allows.
      guard let head = try? parse(bytes), head.method != .other, !bytes.contains(9) else { continue }
      acceptedCount += 1
      let other = try #require(
        Self.llhttp(bytes), "llhttp refuses \(String(decoding: bytes, as: UTF8.self).debugDescription)")
      let target = String(decoding: bytes, as: UTF8.self).split(separator: " ")[1]
      #expect(other.uri == String(target))
      #expect(other.isKeepAlive == head.keepsAlive)
      #expect(other.version == (head.isVersion10 ? .http1_0 : .http1_1))
      #expect(other.headers["content-length"].first.flatMap { Int($0) } ?? 0 == head.contentLength)
      #expect(other.headers["transfer-encoding"].isEmpty != head.isChunked)
    }
    // A fuzzer that is refused everything tests nothing.
    #expect(acceptedCount > 3000)
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    for index in bytes.indices.dropFirst(3) where bytes[index - 3...index].elementsEqual([13, 10, 13, 10]) {
      return index + 1
    }
    return nil
  }

  private static func llhttp(_ bytes: [UInt8]) -> HTTPRequestHead? {
    let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
    defer { _ = try? channel.finish() }
    _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
    guard case .head(let head)? = try? channel.readInbound(as: HTTPServerRequestPart.self) else { return nil }
    return head
  }

  /// Whatever arrives in whatever pieces: an answer or the end of the connection, and the server lives on.
  @Test func survivesNoise() throws {
    let server = try TestServer { $0.limits.readMilliseconds = 50 }
    let valid = Array((Client.post(#"{"data": [[1, 2]]}"#) + Client.get("/")).utf8)
    for seed in 0..<150 {
      var random = SplitMix64(seed: UInt64(seed))
      var bytes = valid
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
      }
      let client = try server.connect()
      let cut = Int.random(in: 0...bytes.count, using: &random)
      client.send(Array(bytes[..<cut]))
      client.send(Array(bytes[cut...]))
      client.finishSending()
      while (try? client.response()) != nil {}
    }
    #expect(try server.request(Client.get("/")).status == 200)
  }
}
