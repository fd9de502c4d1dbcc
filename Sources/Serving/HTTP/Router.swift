import Glibc

/// Finds what to do for a request: paths sorted by length and bytes, searched by halving.
final class Router: Sendable {
  private struct Entry {
    var path: [UInt8]
    var get: Route?
    var post: Route?
    /// For the `Allow` header.
    var allow: String
  }

  enum Answer {
    case route(Route)
    /// OPTIONS of a path that exists, or of the whole server.
    case options
    case methodNotAllowed(allow: String)
    case notFound
  }

  private let entries: [Entry]

  init(_ routes: [Route]) {
    var entries: [String: Entry] = [:]
    for route in routes {
      var entry = entries[route.path] ?? Entry(path: Array(route.path.utf8), allow: "")
      switch route.method {
      case .get: entry.get = route
      case .post: entry.post = route
      default: preconditionFailure("routes are for GET and POST: the router answers the rest")
      }
      entries[route.path] = entry
    }
    self.entries = entries.values
      .map { entry in
        var entry = entry
        let methods = (entry.get == nil ? [] : ["GET", "HEAD"]) + (entry.post == nil ? [] : ["POST"]) + ["OPTIONS"]
        entry.allow = methods.joined(separator: ", ")
        return entry
      }
      .sorted { a, b in a.path.withUnsafeBytes { a in b.path.withUnsafeBytes { Self.order(a, $0) < 0 } } }
  }

  func find(_ request: Request) -> Answer {
    guard request.path.contains(UInt8(ascii: "%")) else { return find(request.head.method, request.path) }
    guard let path = PercentEncoding.decode(request.path) else { return .notFound }
    return path.withUnsafeBytes { find(request.head.method, $0) }
  }

  private func find(_ method: Method, _ path: UnsafeRawBufferPointer) -> Answer {
    guard let entry = search(path) else {
      return method == .options && path.equals("*") ? .options : .notFound
    }
    let route: Route? =
      switch method {
      case .get, .head: entries[entry].get
      case .post: entries[entry].post
      case .options: nil
      case .other: nil
      }
    if let route { return .route(route) }
    return method == .options ? .options : .methodNotAllowed(allow: entries[entry].allow)
  }

  private func search(_ path: UnsafeRawBufferPointer) -> Int? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let order = entries[middle].path.withUnsafeBytes { Self.order($0, path) }
      if order == 0 { return middle }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  private static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    if a.count != b.count { return a.count - b.count }
    guard let left = a.baseAddress, let right = b.baseAddress else { return 0 }
    return Int(memcmp(left, right, a.count))
  }
}

/// RFC 3986, section 2.1.
enum PercentEncoding {
  /// nil for a percent sign that two hexadecimal digits do not follow. `plusIsSpace` as forms have it.
  static func decode(_ text: UnsafeRawBufferPointer, plusIsSpace: Bool = false) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var at = 0
    while at < text.count {
      let byte = text[at]
      if byte == UInt8(ascii: "%") {
        guard at + 2 < text.count, let high = digit(text[at + 1]), let low = digit(text[at + 2]) else { return nil }
        result.append(high << 4 | low)
        at += 3
      } else {
        result.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
        at += 1
      }
    }
    return result
  }

  /// `text` with everything but unreserved characters encoded.
  static func encode(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        result += byte < 16 ? "%0\(hex)" : "%\(hex)"
      }
    }
    return result
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}
