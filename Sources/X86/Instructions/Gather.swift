// swift-format-ignore-file
// Gathers and scatters. The mask is cleared as elements are done: it must be set again before the next one.
// One line an instruction, however long.

extension Instruction {
  public static let vgatherdps = Instruction("vgatherdps", .gather, .p66, .m0F38, 0x92, .w0, .scalar(4), evex: .avx512f, masking: .required)
  public static let vgatherdpd = Instruction("vgatherdpd", .gatherHalf, .p66, .m0F38, 0x92, .w1, .scalar(8), evex: .avx512f, masking: .required)
  public static let vpgatherdd = Instruction("vpgatherdd", .gather, .p66, .m0F38, 0x90, .w0, .scalar(4), evex: .avx512f, masking: .required)
  public static let vpgatherdq = Instruction("vpgatherdq", .gatherHalf, .p66, .m0F38, 0x90, .w1, .scalar(8), evex: .avx512f, masking: .required)
  public static let vgatherqpd = Instruction("vgatherqpd", .gather, .p66, .m0F38, 0x93, .w1, .scalar(8), evex: .avx512f, masking: .required)
  public static let vpgatherqq = Instruction("vpgatherqq", .gather, .p66, .m0F38, 0x91, .w1, .scalar(8), evex: .avx512f, masking: .required)
  public static let vgatherdpsVEX = Instruction("vgatherdps", .gatherVEX, .p66, .m0F38, 0x92, .w0, .scalar(4), vex: .avx2)
  public static let vgatherdpdVEX = Instruction("vgatherdpd", .gatherHalfVEX, .p66, .m0F38, 0x92, .w1, .scalar(8), vex: .avx2)
  public static let vpgatherddVEX = Instruction("vpgatherdd", .gatherVEX, .p66, .m0F38, 0x90, .w0, .scalar(4), vex: .avx2)
  public static let vpgatherdqVEX = Instruction("vpgatherdq", .gatherHalfVEX, .p66, .m0F38, 0x90, .w1, .scalar(8), vex: .avx2)
  public static let vgatherqpdVEX = Instruction("vgatherqpd", .gatherVEX, .p66, .m0F38, 0x93, .w1, .scalar(8), vex: .avx2)
  public static let vpgatherqqVEX = Instruction("vpgatherqq", .gatherVEX, .p66, .m0F38, 0x91, .w1, .scalar(8), vex: .avx2)
  public static let vscatterdps = Instruction("vscatterdps", .scatter, .p66, .m0F38, 0xA2, .w0, .scalar(4), evex: .avx512f, masking: .required)
  public static let vscatterdpd = Instruction("vscatterdpd", .scatterHalf, .p66, .m0F38, 0xA2, .w1, .scalar(8), evex: .avx512f, masking: .required)
  public static let vpscatterdd = Instruction("vpscatterdd", .scatter, .p66, .m0F38, 0xA0, .w0, .scalar(4), evex: .avx512f, masking: .required)
  public static let vpscatterdq = Instruction("vpscatterdq", .scatterHalf, .p66, .m0F38, 0xA0, .w1, .scalar(8), evex: .avx512f, masking: .required)

  static let gather: [Instruction] = [
    .vgatherdps, .vgatherdpd, .vpgatherdd, .vpgatherdq, .vgatherqpd, .vpgatherqq, .vgatherdpsVEX, .vgatherdpdVEX,
    .vpgatherddVEX, .vpgatherdqVEX, .vgatherqpdVEX, .vpgatherqqVEX, .vscatterdps, .vscatterdpd, .vpscatterdd,
    .vpscatterdq,
  ]
}
