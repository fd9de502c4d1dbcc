import NIOCore

/// Which web pages may read the answers (the Fetch standard's CORS protocol).
public struct CrossOrigin: Sendable {
  private let origins: [[UInt8]]
  private let isAny: Bool

  /// `list` is separated by commas: "https://a.example, https://b.example", or "*" for every page. Nil when it names
  /// nobody.
  public init?(list: String) {
    let names = list.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    guard !names.isEmpty, names.allSatisfy({ $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }) else { return nil }
    origins = names.map { Array($0.utf8) }
    isAny = names.contains("*")
  }

  func writeHeaders(_ request: Request?, isPreflight: Bool, into output: inout ByteBuffer) {
    guard let request, let origin = request[.origin] else {
      // A cache must not give this answer, which lacks the header, to a page that needs it.
      if !isAny { output.writeVary() }
      return
    }
    if isAny {
      output.writeStaticString("Access-Control-Allow-Origin: *\r\n")
    } else {
      guard origins.contains(where: { origin.equals($0) }) else { return output.writeVary() }
      output.writeStaticString("Access-Control-Allow-Origin: ")
      output.writeBytes(origin)
      output.writeStaticString("\r\n")
    }
    if isPreflight {
      if let headers = request[.accessControlRequestHeaders], !headers.isEmpty {
        output.writeStaticString("Access-Control-Allow-Headers: ")
        output.writeBytes(headers)
        output.writeStaticString("\r\n")
      }
      output.writeStaticString("Access-Control-Allow-Methods: GET, POST\r\n")
    }
    if !isAny { output.writeVary() }
  }
}

extension ByteBuffer {
  fileprivate mutating func writeVary() { writeStaticString("Vary: Origin\r\n") }
}
