/// Decompresses DEFLATE (RFC 1951) into memory whose size is known beforehand, so that hostile input cannot make
/// it write more. Canonical codes are decoded bit by bit from counts per length (as in Mark Adler's `puff`): slow
/// beside zlib, and short enough to be read.
struct Inflate {
  private enum Failure: Error {
    case truncated, overflow, invalidBlock, invalidCode, invalidDistance
  }

  private let input: UnsafeRawBufferPointer
  private let output: UnsafeMutableRawBufferPointer
  private var inputPosition = 0
  private var outputPosition = 0
  private var bits: UInt64 = 0
  private var bitCount = 0

  /// Whether `input` is a whole stream that fills `output` exactly.
  static func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
    var stream = Inflate(input, output)
    do {
      try stream.run()
    } catch {
      return false
    }
    return stream.outputPosition == output.count
  }

  private init(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) {
    self.input = input
    self.output = output
  }

  private mutating func run() throws(Failure) {
    var isLast = false
    while !isLast {
      isLast = try take(1) == 1
      switch try take(2) {
      case 0: try stored()
      case 1: try compressed(Self.fixedLengths, Self.fixedDistances)
      case 2:
        let (lengths, distances) = try codes()
        try compressed(lengths, distances)
      default: throw .invalidBlock
      }
    }
  }

  @inline(__always)
  private mutating func take(_ count: Int) throws(Failure) -> Int {
    while bitCount < count {
      guard inputPosition < input.count else { throw .truncated }
      bits |= UInt64(input[inputPosition]) << UInt64(bitCount)
      inputPosition += 1
      bitCount += 8
    }
    let value = Int(bits & (1 << UInt64(count) - 1))
    bits >>= UInt64(count)
    bitCount -= count
    return value
  }

  private mutating func stored() throws(Failure) {
    // The rest of a byte is skipped; whole bytes that were taken ahead are never held, as `take` stops early.
    bits = 0
    bitCount = 0
    guard input.count - inputPosition >= 4 else { throw .truncated }
    let count = Int(UInt16(littleEndian: input.loadUnaligned(fromByteOffset: inputPosition, as: UInt16.self)))
    let check = UInt16(littleEndian: input.loadUnaligned(fromByteOffset: inputPosition + 2, as: UInt16.self))
    guard count == Int(~check) else { throw .invalidBlock }
    inputPosition += 4
    guard input.count - inputPosition >= count else { throw .truncated }
    guard output.count - outputPosition >= count else { throw .overflow }
    UnsafeMutableRawBufferPointer(rebasing: output[outputPosition..<outputPosition + count])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: input[inputPosition..<inputPosition + count]))
    inputPosition += count
    outputPosition += count
  }

  private mutating func compressed(_ lengths: Huffman, _ distances: Huffman) throws(Failure) {
    while true {
      let symbol = try decode(lengths)
      if symbol < 256 {
        guard outputPosition < output.count else { throw .overflow }
        output[outputPosition] = UInt8(truncatingIfNeeded: symbol)
        outputPosition += 1
        continue
      }
      if symbol == 256 { return }
      guard symbol <= 285 else { throw .invalidCode }
      let length = Self.lengthBase[symbol - 257] + (try take(Self.lengthExtra[symbol - 257]))
      let distanceSymbol = try decode(distances)
      guard distanceSymbol < 30 else { throw .invalidCode }
      let distance = Self.distanceBase[distanceSymbol] + (try take(Self.distanceExtra[distanceSymbol]))
      guard distance <= outputPosition else { throw .invalidDistance }
      guard length <= output.count - outputPosition else { throw .overflow }
      // Source and target may overlap: byte by byte is the meaning.
      for _ in 0..<length {
        output[outputPosition] = output[outputPosition &- distance]
        outputPosition &+= 1
      }
    }
  }

  private mutating func decode(_ code: Huffman) throws(Failure) -> Int {
    var value = 0
    var first = 0
    var index = 0
    for length in 1...15 {
      value |= try take(1)
      let count = code.counts[length]
      if value - count < first { return code.symbols[index + value - first] }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    throw .invalidCode
  }

  private mutating func codes() throws(Failure) -> (Huffman, Huffman) {
    let lengthCount = try take(5) + 257
    let distanceCount = try take(5) + 1
    let codeCount = try take(4) + 4
    guard lengthCount <= 286, distanceCount <= 30 else { throw .invalidBlock }
    var lengths = [Int](repeating: 0, count: 320)
    for index in 0..<codeCount { lengths[Self.codeOrder[index]] = try take(3) }
    guard let code = Huffman(lengths[..<19]) else { throw .invalidBlock }
    lengths = Array(repeating: 0, count: 320)
    var index = 0
    while index < lengthCount + distanceCount {
      let symbol = try decode(code)
      if symbol < 16 {
        lengths[index] = symbol
        index += 1
        continue
      }
      if symbol == 16 && index == 0 { throw .invalidBlock }
      let value = symbol == 16 ? lengths[index - 1] : 0
      let count = symbol == 16 ? try take(2) + 3 : symbol == 17 ? try take(3) + 3 : try take(7) + 11
      guard index + count <= lengthCount + distanceCount else { throw .invalidBlock }
      for _ in 0..<count {
        lengths[index] = value
        index += 1
      }
    }
    // Without an end-of-block code the block could not end.
    guard lengths[256] > 0, let first = Huffman(lengths[..<lengthCount]),
      let second = Huffman(lengths[lengthCount..<lengthCount + distanceCount])
    else { throw .invalidBlock }
    return (first, second)
  }

  /// A canonical code: symbols in the order of their codes, and how many codes there are of each length.
  private struct Huffman {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int]

    /// nil when more codes are asked for than their lengths leave room for. Incomplete codes are harmless: decoding
    /// an unused one fails.
    init?(_ lengths: ArraySlice<Int>) {
      for length in lengths { counts[length] += 1 }
      counts[0] = 0
      var room = 1
      for length in 1...15 {
        room = room << 1 - counts[length]
        if room < 0 { return nil }
      }
      var offsets = [Int](repeating: 0, count: 17)
      for length in 1...15 { offsets[length + 1] = offsets[length] + counts[length] }
      symbols = Array(repeating: 0, count: offsets[16])
      for (symbol, length) in lengths.enumerated() where length > 0 {
        symbols[offsets[length]] = symbol
        offsets[length] += 1
      }
    }
  }

  private static let fixedLengths = fixed(
    (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  private static let fixedDistances = fixed(Array(repeating: 5, count: 30))

  private static func fixed(_ lengths: [Int]) -> Huffman {
    guard let code = Huffman(lengths[...]) else { preconditionFailure("the fixed codes of RFC 1951 are valid") }
    return code
  }

  private static let codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
  private static let lengthBase = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let lengthExtra = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceBase = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]
  private static let distanceExtra = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
  ]
}
