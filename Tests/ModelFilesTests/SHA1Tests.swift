import Testing

@testable import ModelFiles

@Suite struct SHA1Tests {
  /// Digests by Python's hashlib of the bytes 0, 7, 14 … modulo 256: around the ends of blocks.
  @Test(arguments: [
    (0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    (1, "5ba93c9db0cff93f52b521d7420e43f6eda2784f"),
    (55, "aecd1643c9903b9bae8cb94f53c50f8a4e18605b"),
    (56, "f5d65c621c02cc8e785159feff8088e3072da1bc"),
    (63, "4952f0fe097e4d6410ae9eab4855aa836caf3bff"),
    (64, "1e17ae1fc093e5daca033553c97a5192ca164486"),
    (65, "ac44f5dbe3e9b5d2733fc9537fcad715c3c20bc3"),
    (119, "b4a4e69060d0b1e7e8ebbf7041a4211c63438b57"),
    (120, "b651390c2996406336a3f6647e4b590c18cdd6f8"),
    (200, "6071e0338c68d8fbc6ce92fe6ba208fea2b68cf1"),
  ])
  func digests(count: Int, expected: String) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
    #expect(bytes.withUnsafeBytes { SHA1.hexadecimalDigest(of: $0) } == expected)
  }
}
