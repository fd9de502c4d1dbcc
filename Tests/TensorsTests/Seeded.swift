/// xorshift64: the same numbers on every run, and easy to repeat in another language.
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64 = 0x9E37_79B9_7F4A_7C15) { state = seed }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

/// FNV-1a over whole words: golden values of long tables in sixteen digits.
struct Checksum {
  var value: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ word: UInt64) { value = (value ^ word) &* 0x100_0000_01b3 }
}
