/// The digest that ONNX's `checksum` of external data asks for (FIPS 180-4). It finds damaged files; against forgers it
/// is of no use.
public struct SHA1 {
  private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
    0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0
  )

  /// 40 hexadecimal digits, lower case.
  public static func hexadecimalDigest(of bytes: UnsafeRawBufferPointer) -> String {
    var digest = SHA1()
    let whole = bytes.count / 64 * 64
    for start in stride(from: 0, to: whole, by: 64) {
      digest.add(UnsafeRawBufferPointer(rebasing: bytes[start..<start + 64]))
    }
    // The rest, a one bit, zeros, and the length in bits, in one block or two.
    var tail = Array(bytes[whole...]) + [0x80]
    tail += [UInt8](repeating: 0, count: (tail.count <= 56 ? 56 : 120) - tail.count)
    tail += withUnsafeBytes(of: (UInt64(bytes.count) &* 8).bigEndian, Array.init)
    tail.withUnsafeBytes { tail in
      for start in stride(from: 0, to: tail.count, by: 64) {
        digest.add(UnsafeRawBufferPointer(rebasing: tail[start..<start + 64]))
      }
    }
    let words = [digest.state.0, digest.state.1, digest.state.2, digest.state.3, digest.state.4]
    return words.map { word in
      let text = String(word, radix: 16)
      return String(repeating: "0", count: 8 - text.count) + text
    }.joined()
  }

  /// Takes in a block of 64 bytes.
  private mutating func add(_ block: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { words in
      for index in 0..<16 {
        words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
      }
      for index in 16..<80 {
        words[index] = Self.rotate(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1)
      }
      var (a, b, c, d, e) = state
      for index in 0..<80 {
        let (mix, constant): (UInt32, UInt32) =
          switch index {
          case ..<20: (b & c | ~b & d, 0x5A82_7999)
          case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
          case ..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
          default: (b ^ c ^ d, 0xCA62_C1D6)
          }
        let next = Self.rotate(a, 5) &+ mix &+ e &+ constant &+ words[index]
        (a, b, c, d, e) = (next, a, Self.rotate(b, 30), c, d)
      }
      state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }
  }

  private static func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}
