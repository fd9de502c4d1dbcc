/// The two keys of a service: clients move to one while the other is replaced.
public struct AccessKeys: Sendable, Equatable {
  /// Longer keys are refused when they are set, so that every comparison looks at this many bytes.
  public static let largestByteCount = 256

  public let primary: String
  public let secondary: String
  private let primaryBytes: Padded
  private let secondaryBytes: Padded

  /// Nil for an empty key, one of more than 256 bytes, or one that a header field cannot carry.
  public init?(primary: String, secondary: String) {
    guard let primaryBytes = Padded(key: primary), let secondaryBytes = Padded(key: secondary) else { return nil }
    self.primary = primary
    self.secondary = secondary
    self.primaryBytes = primaryBytes
    self.secondaryBytes = secondaryBytes
  }

  public static func == (a: Self, b: Self) -> Bool { (a.primary, a.secondary) == (b.primary, b.secondary) }

  /// Whether the value of an `Authorization` field is `Bearer` and one of the keys.
  func admit(_ authorization: UnsafeRawBufferPointer?) -> Bool {
    guard let authorization, authorization.startsIgnoringCase("bearer ") else { return false }
    let key = UnsafeRawBufferPointer(rebasing: authorization[7...]).trimmed
    guard let padded = Padded(key) else { return false }
    // Both are compared to the end whatever the first says, so that time tells nothing.
    let isPrimary = padded.equals(primaryBytes)
    let isSecondary = padded.equals(secondaryBytes)
    return isPrimary || isSecondary
  }

  /// A key in a field of fixed size.
  private struct Padded: Sendable {
    private var words = InlineArray<32, UInt64>(repeating: 0)
    private var byteCount: Int

    init?(key: String) {
      guard key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
      let padded = Array(key.utf8).withUnsafeBytes { Padded($0) }
      guard let padded else { return nil }
      self = padded
    }

    init?(_ key: UnsafeRawBufferPointer) {
      guard !key.isEmpty, key.count <= AccessKeys.largestByteCount else { return nil }
      byteCount = key.count
      for (index, byte) in key.enumerated() { words[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8) }
    }

    /// In a time that does not depend on what differs.
    func equals(_ other: Padded) -> Bool {
      var difference = UInt64(bitPattern: Int64(byteCount ^ other.byteCount))
      for index in words.indices { difference |= words[index] ^ other.words[index] }
      return difference == 0
    }
  }
}
