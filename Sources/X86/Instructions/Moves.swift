// swift-format-ignore-file
// Loads, stores, broadcasts, inserts and extracts of single elements.
// One line an instruction, however long.

extension Instruction {
  public static let vmovups = Instruction("vmovups", .rm, .none, .m0F, 0x10, .w0, .fullMemory, vex: .avx, evex: .avx512f, store: 0x11)
  public static let vmovupd = Instruction("vmovupd", .rm, .p66, .m0F, 0x10, .evexW1, .fullMemory, vex: .avx, evex: .avx512f, store: 0x11)
  public static let vmovaps = Instruction("vmovaps", .rm, .none, .m0F, 0x28, .w0, .fullMemory, vex: .avx, evex: .avx512f, store: 0x29)
  public static let vmovapd = Instruction("vmovapd", .rm, .p66, .m0F, 0x28, .evexW1, .fullMemory, vex: .avx, evex: .avx512f, store: 0x29)
  public static let vmovdqu = Instruction("vmovdqu", .rm, .pF3, .m0F, 0x6F, .w0, .fullMemory, vex: .avx, store: 0x7F)
  public static let vmovdqa = Instruction("vmovdqa", .rm, .p66, .m0F, 0x6F, .w0, .fullMemory, vex: .avx, store: 0x7F)
  public static let vmovdqu8 = Instruction("vmovdqu8", .rm, .pF2, .m0F, 0x6F, .w0, .fullMemory, evex: .avx512bw, store: 0x7F)
  public static let vmovdqu16 = Instruction("vmovdqu16", .rm, .pF2, .m0F, 0x6F, .w1, .fullMemory, evex: .avx512bw, store: 0x7F)
  public static let vmovdqu32 = Instruction("vmovdqu32", .rm, .pF3, .m0F, 0x6F, .w0, .fullMemory, evex: .avx512f, store: 0x7F)
  public static let vmovdqu64 = Instruction("vmovdqu64", .rm, .pF3, .m0F, 0x6F, .w1, .fullMemory, evex: .avx512f, store: 0x7F)
  public static let vmovdqa32 = Instruction("vmovdqa32", .rm, .p66, .m0F, 0x6F, .w0, .fullMemory, evex: .avx512f, store: 0x7F)
  public static let vmovdqa64 = Instruction("vmovdqa64", .rm, .p66, .m0F, 0x6F, .w1, .fullMemory, evex: .avx512f, store: 0x7F)
  public static let vmovntps = Instruction("vmovntps", .store, .none, .m0F, 0x2B, .w0, .fullMemory, vex: .avx, evex: .avx512f, masking: .none)
  public static let vmovntdq = Instruction("vmovntdq", .store, .p66, .m0F, 0xE7, .w0, .fullMemory, vex: .avx, evex: .avx512f, masking: .none)
  /// Between memory and a register; between registers it is `vmovssBlend`.
  public static let vmovss = Instruction("vmovss", .scalarMemory, .pF3, .m0F, 0x10, .w0, .scalar(4), vex: .avx, evex: .avx512f, store: 0x11, lengths: .l0)
  public static let vmovsd = Instruction("vmovsd", .scalarMemory, .pF2, .m0F, 0x10, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, store: 0x11, lengths: .l0)
  public static let vmovssBlend = Instruction("vmovss", Form(.reg(.x), .vvvv(.x), .rm(.x)), .pF3, .m0F, 0x10, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0)
  public static let vmovsdBlend = Instruction("vmovsd", Form(.reg(.x), .vvvv(.x), .rm(.x)), .pF2, .m0F, 0x10, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0)
  public static let vmovd = Instruction("vmovd", .xFromR32, .p66, .m0F, 0x6E, .w0, .scalar(4), vex: .avx, evex: .avx512f, store: 0x7E, lengths: .l0, masking: .none)
  public static let vmovq = Instruction("vmovq", .xFromR64, .p66, .m0F, 0x6E, .w1, .scalar(8), vex: .avx, evex: .avx512f, store: 0x7E, lengths: .l0, masking: .none)
  public static let vmovhlps = Instruction("vmovhlps", Form(.reg(.x), .vvvv(.x), .rm(.x)), .none, .m0F, 0x12, .w0, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none)
  public static let vmovlhps = Instruction("vmovlhps", Form(.reg(.x), .vvvv(.x), .rm(.x)), .none, .m0F, 0x16, .w0, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none)
  public static let vmovddup = Instruction("vmovddup", .rm, .pF2, .m0F, 0x12, .evexW1, .duplicate, vex: .avx, evex: .avx512f)
  public static let vmovsldup = Instruction("vmovsldup", .rm, .pF3, .m0F, 0x12, .w0, .fullMemory, vex: .avx, evex: .avx512f)
  public static let vmovshdup = Instruction("vmovshdup", .rm, .pF3, .m0F, 0x16, .w0, .fullMemory, vex: .avx, evex: .avx512f)

  // Masked by the sign bits of a vector: AVX2 has no mask registers.
  public static let vmaskmovps = Instruction("vmaskmovps", .maskedLoad, .p66, .m0F38, 0x2C, .w0, .fullMemory, vex: .avx)
  public static let vmaskmovpsStore = Instruction("vmaskmovps", .maskedStore, .p66, .m0F38, 0x2E, .w0, .fullMemory, vex: .avx)
  public static let vmaskmovpd = Instruction("vmaskmovpd", .maskedLoad, .p66, .m0F38, 0x2D, .w0, .fullMemory, vex: .avx)
  public static let vmaskmovpdStore = Instruction("vmaskmovpd", .maskedStore, .p66, .m0F38, 0x2F, .w0, .fullMemory, vex: .avx)
  public static let vpmaskmovd = Instruction("vpmaskmovd", .maskedLoad, .p66, .m0F38, 0x8C, .w0, .fullMemory, vex: .avx2)
  public static let vpmaskmovdStore = Instruction("vpmaskmovd", .maskedStore, .p66, .m0F38, 0x8E, .w0, .fullMemory, vex: .avx2)
  public static let vpmaskmovq = Instruction("vpmaskmovq", .maskedLoad, .p66, .m0F38, 0x8C, .w1, .fullMemory, vex: .avx2)
  public static let vpmaskmovqStore = Instruction("vpmaskmovq", .maskedStore, .p66, .m0F38, 0x8E, .w1, .fullMemory, vex: .avx2)

  public static let vbroadcastss = Instruction("vbroadcastss", .fromScalar, .p66, .m0F38, 0x18, .w0, .scalar(4), vex: .avx2, evex: .avx512f)
  public static let vbroadcastsd = Instruction("vbroadcastsd", .fromScalar, .p66, .m0F38, 0x19, .evexW1, .scalar(8), vex: .avx2, evex: .avx512f, lengths: .wide)
  public static let vpbroadcastb = Instruction("vpbroadcastb", .fromScalar, .p66, .m0F38, 0x78, .w0, .scalar(1), vex: .avx2, evex: .avx512bw)
  public static let vpbroadcastw = Instruction("vpbroadcastw", .fromScalar, .p66, .m0F38, 0x79, .w0, .scalar(2), vex: .avx2, evex: .avx512bw)
  public static let vpbroadcastd = Instruction("vpbroadcastd", .fromScalar, .p66, .m0F38, 0x58, .w0, .scalar(4), vex: .avx2, evex: .avx512f)
  public static let vpbroadcastq = Instruction("vpbroadcastq", .fromScalar, .p66, .m0F38, 0x59, .evexW1, .scalar(8), vex: .avx2, evex: .avx512f)
  public static let vpbroadcastbFromGeneral = Instruction("vpbroadcastb", .fromR32, .p66, .m0F38, 0x7A, .w0, .scalar(1), evex: .avx512bw)
  public static let vpbroadcastwFromGeneral = Instruction("vpbroadcastw", .fromR32, .p66, .m0F38, 0x7B, .w0, .scalar(2), evex: .avx512bw)
  public static let vpbroadcastdFromGeneral = Instruction("vpbroadcastd", .fromR32, .p66, .m0F38, 0x7C, .w0, .scalar(4), evex: .avx512f)
  public static let vpbroadcastqFromGeneral = Instruction("vpbroadcastq", .fromR64, .p66, .m0F38, 0x7C, .w1, .scalar(8), evex: .avx512f)
  public static let vbroadcastf128 = Instruction("vbroadcastf128", Form(.reg(.y), .rm(.m)), .p66, .m0F38, 0x1A, .w0, .scalar(16), vex: .avx, lengths: .l1)
  public static let vbroadcasti128 = Instruction("vbroadcasti128", Form(.reg(.y), .rm(.m)), .p66, .m0F38, 0x5A, .w0, .scalar(16), vex: .avx2, lengths: .l1)
  public static let vbroadcastf32x4 = Instruction("vbroadcastf32x4", .fromMemory, .p66, .m0F38, 0x1A, .w0, .scalar(16), evex: .avx512f, lengths: .wide)
  public static let vbroadcasti32x4 = Instruction("vbroadcasti32x4", .fromMemory, .p66, .m0F38, 0x5A, .w0, .scalar(16), evex: .avx512f, lengths: .wide)
  public static let vbroadcastf32x8 = Instruction("vbroadcastf32x8", .fromMemory, .p66, .m0F38, 0x1B, .w0, .scalar(32), evex: .avx512dq, lengths: .l2)
  public static let vbroadcastf64x4 = Instruction("vbroadcastf64x4", .fromMemory, .p66, .m0F38, 0x1B, .w1, .scalar(32), evex: .avx512f, lengths: .l2)
  public static let vbroadcasti64x4 = Instruction("vbroadcasti64x4", .fromMemory, .p66, .m0F38, 0x5B, .w1, .scalar(32), evex: .avx512f, lengths: .l2)

  public static let vpinsrb = Instruction("vpinsrb", .insertR32, .p66, .m0F3A, 0x20, .w0, .scalar(1), vex: .avx, evex: .avx512bw, lengths: .l0, masking: .none)
  public static let vpinsrw = Instruction("vpinsrw", .insertR32, .p66, .m0F, 0xC4, .w0, .scalar(2), vex: .avx, evex: .avx512bw, lengths: .l0, masking: .none)
  public static let vpinsrd = Instruction("vpinsrd", .insertR32, .p66, .m0F3A, 0x22, .w0, .scalar(4), vex: .avx, evex: .avx512dq, lengths: .l0, masking: .none)
  public static let vpinsrq = Instruction("vpinsrq", .insertR64, .p66, .m0F3A, 0x22, .w1, .scalar(8), vex: .avx, evex: .avx512dq, lengths: .l0, masking: .none)
  public static let vpextrb = Instruction("vpextrb", .extractR32, .p66, .m0F3A, 0x14, .w0, .scalar(1), vex: .avx, evex: .avx512bw, lengths: .l0, masking: .none)
  public static let vpextrw = Instruction("vpextrw", .extractR32, .p66, .m0F3A, 0x15, .w0, .scalar(2), vex: .avx, evex: .avx512bw, lengths: .l0, masking: .none)
  public static let vpextrd = Instruction("vpextrd", .extractR32, .p66, .m0F3A, 0x16, .w0, .scalar(4), vex: .avx, evex: .avx512dq, lengths: .l0, masking: .none)
  public static let vpextrq = Instruction("vpextrq", .extractR64, .p66, .m0F3A, 0x16, .w1, .scalar(8), vex: .avx, evex: .avx512dq, lengths: .l0, masking: .none)
  public static let vinsertps = Instruction("vinsertps", .scalarImmediate, .p66, .m0F3A, 0x21, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none)
  public static let vextractps = Instruction("vextractps", .extractR32, .p66, .m0F3A, 0x17, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none)

  static let moves: [Instruction] = [
    .vmovups, .vmovupd, .vmovaps, .vmovapd, .vmovdqu, .vmovdqa, .vmovdqu8, .vmovdqu16, .vmovdqu32, .vmovdqu64,
    .vmovdqa32, .vmovdqa64, .vmovntps, .vmovntdq, .vmovss, .vmovsd, .vmovssBlend, .vmovsdBlend, .vmovd, .vmovq,
    .vmovhlps, .vmovlhps, .vmovddup, .vmovsldup, .vmovshdup, .vmaskmovps, .vmaskmovpsStore, .vmaskmovpd,
    .vmaskmovpdStore, .vpmaskmovd, .vpmaskmovdStore, .vpmaskmovq, .vpmaskmovqStore, .vbroadcastss, .vbroadcastsd,
    .vpbroadcastb, .vpbroadcastw, .vpbroadcastd, .vpbroadcastq, .vpbroadcastbFromGeneral, .vpbroadcastwFromGeneral,
    .vpbroadcastdFromGeneral, .vpbroadcastqFromGeneral, .vbroadcastf128, .vbroadcasti128, .vbroadcastf32x4,
    .vbroadcasti32x4, .vbroadcastf32x8, .vbroadcastf64x4, .vbroadcasti64x4, .vpinsrb, .vpinsrw, .vpinsrd, .vpinsrq,
    .vpextrb, .vpextrw, .vpextrd, .vpextrq, .vinsertps, .vextractps,
  ]
}
