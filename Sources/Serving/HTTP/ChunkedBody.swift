import NIOCore

/// Decodes a chunked body (RFC 9112, section 7.1) piece by piece. Extensions and trailers are read over.
struct ChunkedBody {
  private enum State {
    case size
    case data(remaining: Int)
    case dataEnd, trailer, done
  }

  /// A size line with its extensions, and all trailers together.
  static let lineLimit = 1024
  static let trailerLimit = 8192
  /// Tiny chunks cost more than they bring: 2^20 of them are a 100 MiB body in pieces of 100 bytes.
  static let chunkLimit = 1 << 20

  private(set) var body = ByteBuffer()
  private var state = State.size
  private var trailerByteCount = 0
  private var chunkCount = 0
  private let byteLimit: Int

  init(byteLimit: Int) { self.byteLimit = byteLimit }

  /// Takes what it can from `input`; true when the body is complete. Everything behind it stays in `input`.
  mutating func consume(_ input: inout ByteBuffer) throws(HTTPError) -> Bool {
    while true {
      switch state {
      case .size:
        guard let line = try Self.readLine(&input, limit: Self.lineLimit) else { return false }
        let size = try Self.size(line)
        guard size <= byteLimit - body.readableBytes else {
          throw HTTPError(.contentTooLarge, ServerLimits.bodyMessage(byteLimit))
        }
        chunkCount += 1
        guard chunkCount <= Self.chunkLimit else {
          throw HTTPError(.contentTooLarge, "More than \(Self.chunkLimit) chunks.")
        }
        state = size == 0 ? .trailer : .data(remaining: size)
      case .data(let remaining):
        let count = min(remaining, input.readableBytes)
        guard count > 0, var slice = input.readSlice(length: count) else { return false }
        body.writeBuffer(&slice)
        state = count == remaining ? .dataEnd : .data(remaining: remaining - count)
      case .dataEnd:
        guard input.readableBytes >= 2 else { return false }
        guard input.readBytes(length: 2) == [0x0D, 0x0A] else {
          throw HTTPError(.badRequest, "A chunk is longer than its size.")
        }
        state = .size
      case .trailer:
        guard let line = try Self.readLine(&input, limit: Self.trailerLimit) else { return false }
        trailerByteCount += line.readableBytes + 2
        guard trailerByteCount <= Self.trailerLimit else {
          throw HTTPError(.headerFieldsTooLarge, "Trailers of more than \(Self.trailerLimit) bytes.")
        }
        if line.readableBytes == 0 {
          state = .done
          return true
        }
      case .done: return true
      }
    }
  }

  private static func readLine(_ input: inout ByteBuffer, limit: Int) throws(HTTPError) -> ByteBuffer? {
    guard let lineFeed = input.readableBytesView.firstIndex(of: 0x0A) else {
      if input.readableBytes > limit { throw HTTPError(.badRequest, "A line of a chunked body is too long.") }
      return nil
    }
    let count = lineFeed - input.readerIndex
    guard count > 0, count <= limit + 1, input.getInteger(at: lineFeed - 1, as: UInt8.self) == 0x0D,
      let line = input.readSlice(length: count - 1)
    else { throw HTTPError(.badRequest, "Malformed line in a chunked body.") }
    input.moveReaderIndex(forwardBy: 2)
    return line
  }

  private static func size(_ line: ByteBuffer) throws(HTTPError) -> Int {
    var size = 0
    var digitCount = 0
    for byte in line.readableBytesView {
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x37
      case 0x61...0x66: digit = byte - 0x57
      case UInt8(ascii: ";") where digitCount > 0, 0x20 where digitCount > 0, 0x09 where digitCount > 0: return size
      default: throw HTTPError(.badRequest, "Malformed chunk size.")
      }
      digitCount += 1
      // 15 digits hold every size below 2^60; more of them are beyond every limit.
      guard digitCount <= 15 else { throw HTTPError(.badRequest, "Malformed chunk size.") }
      size = size << 4 | Int(digit)
    }
    guard digitCount > 0 else { throw HTTPError(.badRequest, "Malformed chunk size.") }
    return size
  }
}
