// swift-format-ignore-file
// Hints that bring a cache line closer.
// One line an instruction, however long.

extension Instruction {
  public static let prefetchnta = Instruction("prefetchnta", .memory, .none, .m0F, 0x18, digit: 0, memory: 1)
  public static let prefetcht0 = Instruction("prefetcht0", .memory, .none, .m0F, 0x18, digit: 1, memory: 1)
  public static let prefetcht1 = Instruction("prefetcht1", .memory, .none, .m0F, 0x18, digit: 2, memory: 1)
  public static let prefetcht2 = Instruction("prefetcht2", .memory, .none, .m0F, 0x18, digit: 3, memory: 1)
  public static let prefetchw = Instruction("prefetchw", .memory, .none, .m0F, 0x0D, digit: 1, memory: 1, feature: .prefetchw)

  static let prefetch: [Instruction] = [
    .prefetchnta, .prefetcht0, .prefetcht1, .prefetcht2, .prefetchw,
  ]
}
