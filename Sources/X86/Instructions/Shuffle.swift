// swift-format-ignore-file
// Elements moved between lanes: shuffles, permutations, blends, packs, inserts and extracts of parts of a vector.
// One line an instruction, however long.

extension Instruction {
  public static let vshufps = Instruction("vshufps", .rvmi, .none, .m0F, 0xC6, .w0, .full(4), vex: .avx, evex: .avx512f)
  public static let vshufpd = Instruction("vshufpd", .rvmi, .p66, .m0F, 0xC6, .evexW1, .full(8), vex: .avx, evex: .avx512f)
  public static let vunpcklps = Instruction("vunpcklps", .rvm, .none, .m0F, 0x14, .w0, .full(4), vex: .avx, evex: .avx512f)
  public static let vunpckhps = Instruction("vunpckhps", .rvm, .none, .m0F, 0x15, .w0, .full(4), vex: .avx, evex: .avx512f)
  public static let vunpcklpd = Instruction("vunpcklpd", .rvm, .p66, .m0F, 0x14, .evexW1, .full(8), vex: .avx, evex: .avx512f)
  public static let vunpckhpd = Instruction("vunpckhpd", .rvm, .p66, .m0F, 0x15, .evexW1, .full(8), vex: .avx, evex: .avx512f)
  public static let vpunpcklbw = Instruction("vpunpcklbw", .rvm, .p66, .m0F, 0x60, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpunpcklwd = Instruction("vpunpcklwd", .rvm, .p66, .m0F, 0x61, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpunpckhbw = Instruction("vpunpckhbw", .rvm, .p66, .m0F, 0x68, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpunpckhwd = Instruction("vpunpckhwd", .rvm, .p66, .m0F, 0x69, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpunpckldq = Instruction("vpunpckldq", .rvm, .p66, .m0F, 0x62, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpunpckhdq = Instruction("vpunpckhdq", .rvm, .p66, .m0F, 0x6A, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpunpcklqdq = Instruction("vpunpcklqdq", .rvm, .p66, .m0F, 0x6C, .evexW1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpunpckhqdq = Instruction("vpunpckhqdq", .rvm, .p66, .m0F, 0x6D, .evexW1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpacksswb = Instruction("vpacksswb", .rvm, .p66, .m0F, 0x63, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpackuswb = Instruction("vpackuswb", .rvm, .p66, .m0F, 0x67, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpackssdw = Instruction("vpackssdw", .rvm, .p66, .m0F, 0x6B, .w0, .full(4), vex: .avx2, evex: .avx512bw)
  public static let vpackusdw = Instruction("vpackusdw", .rvm, .p66, .m0F38, 0x2B, .w0, .full(4), vex: .avx2, evex: .avx512bw)

  public static let vpshufd = Instruction("vpshufd", .rmi, .p66, .m0F, 0x70, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpshufhw = Instruction("vpshufhw", .rmi, .pF3, .m0F, 0x70, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpshuflw = Instruction("vpshuflw", .rmi, .pF2, .m0F, 0x70, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpshufb = Instruction("vpshufb", .rvm, .p66, .m0F38, 0x00, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpermilps = Instruction("vpermilps", .rmi, .p66, .m0F3A, 0x04, .w0, .full(4), vex: .avx, evex: .avx512f)
  public static let vpermilpd = Instruction("vpermilpd", .rmi, .p66, .m0F3A, 0x05, .evexW1, .full(8), vex: .avx, evex: .avx512f)
  public static let vpermilpsByVector = Instruction("vpermilps", .rvm, .p66, .m0F38, 0x0C, .w0, .full(4), vex: .avx, evex: .avx512f)
  public static let vpermilpdByVector = Instruction("vpermilpd", .rvm, .p66, .m0F38, 0x0D, .evexW1, .full(8), vex: .avx, evex: .avx512f)
  public static let vpermps = Instruction("vpermps", .rvm, .p66, .m0F38, 0x16, .w0, .full(4), vex: .avx2, evex: .avx512f, lengths: .wide)
  public static let vpermd = Instruction("vpermd", .rvm, .p66, .m0F38, 0x36, .w0, .full(4), vex: .avx2, evex: .avx512f, lengths: .wide)
  public static let vpermq = Instruction("vpermq", .rmi, .p66, .m0F3A, 0x00, .w1, .full(8), vex: .avx2, evex: .avx512f, lengths: .wide)
  public static let vpermpd = Instruction("vpermpd", .rmi, .p66, .m0F3A, 0x01, .w1, .full(8), vex: .avx2, evex: .avx512f, lengths: .wide)
  public static let vpermqByVector = Instruction("vpermq", .rvm, .p66, .m0F38, 0x36, .w1, .full(8), evex: .avx512f, lengths: .wide)
  public static let vpermpdByVector = Instruction("vpermpd", .rvm, .p66, .m0F38, 0x16, .w1, .full(8), evex: .avx512f, lengths: .wide)
  public static let vpermw = Instruction("vpermw", .rvm, .p66, .m0F38, 0x8D, .w1, .fullMemory, evex: .avx512bw)
  public static let vpermb = Instruction("vpermb", .rvm, .p66, .m0F38, 0x8D, .w0, .fullMemory, evex: .avx512vbmi)
  public static let vpermi2b = Instruction("vpermi2b", .rvm, .p66, .m0F38, 0x75, .w0, .fullMemory, evex: .avx512vbmi)
  public static let vpermi2w = Instruction("vpermi2w", .rvm, .p66, .m0F38, 0x75, .w1, .fullMemory, evex: .avx512bw)
  public static let vpermi2d = Instruction("vpermi2d", .rvm, .p66, .m0F38, 0x76, .w0, .full(4), evex: .avx512f)
  public static let vpermi2q = Instruction("vpermi2q", .rvm, .p66, .m0F38, 0x76, .w1, .full(8), evex: .avx512f)
  public static let vpermi2ps = Instruction("vpermi2ps", .rvm, .p66, .m0F38, 0x77, .w0, .full(4), evex: .avx512f)
  public static let vpermi2pd = Instruction("vpermi2pd", .rvm, .p66, .m0F38, 0x77, .w1, .full(8), evex: .avx512f)
  public static let vpermt2b = Instruction("vpermt2b", .rvm, .p66, .m0F38, 0x7D, .w0, .fullMemory, evex: .avx512vbmi)
  public static let vpermt2w = Instruction("vpermt2w", .rvm, .p66, .m0F38, 0x7D, .w1, .fullMemory, evex: .avx512bw)
  public static let vpermt2d = Instruction("vpermt2d", .rvm, .p66, .m0F38, 0x7E, .w0, .full(4), evex: .avx512f)
  public static let vpermt2q = Instruction("vpermt2q", .rvm, .p66, .m0F38, 0x7E, .w1, .full(8), evex: .avx512f)
  public static let vpermt2ps = Instruction("vpermt2ps", .rvm, .p66, .m0F38, 0x7F, .w0, .full(4), evex: .avx512f)
  public static let vpermt2pd = Instruction("vpermt2pd", .rvm, .p66, .m0F38, 0x7F, .w1, .full(8), evex: .avx512f)

  public static let vperm2f128 = Instruction("vperm2f128", Form(.reg(.y), .vvvv(.y), .rm(.ym), .imm8), .p66, .m0F3A, 0x06, .w0, .scalar(32), vex: .avx, lengths: .l1)
  public static let vperm2i128 = Instruction("vperm2i128", Form(.reg(.y), .vvvv(.y), .rm(.ym), .imm8), .p66, .m0F3A, 0x46, .w0, .scalar(32), vex: .avx2, lengths: .l1)
  public static let vinsertf128 = Instruction("vinsertf128", Form(.reg(.y), .vvvv(.y), .rm(.xm), .imm8), .p66, .m0F3A, 0x18, .w0, .scalar(16), vex: .avx, lengths: .l1)
  public static let vextractf128 = Instruction("vextractf128", Form(.rm(.xm), .reg(.y), .imm8), .p66, .m0F3A, 0x19, .w0, .scalar(16), vex: .avx, lengths: .l1)
  public static let vinsertf32x4 = Instruction("vinsertf32x4", .insertX, .p66, .m0F3A, 0x18, .w0, .scalar(16), evex: .avx512f, lengths: .wide)
  public static let vextractf32x4 = Instruction("vextractf32x4", .extractX, .p66, .m0F3A, 0x19, .w0, .scalar(16), evex: .avx512f, lengths: .wide)
  public static let vinsertf64x2 = Instruction("vinsertf64x2", .insertX, .p66, .m0F3A, 0x18, .w1, .scalar(16), evex: .avx512dq, lengths: .wide)
  public static let vextractf64x2 = Instruction("vextractf64x2", .extractX, .p66, .m0F3A, 0x19, .w1, .scalar(16), evex: .avx512dq, lengths: .wide)
  public static let vinsertf32x8 = Instruction("vinsertf32x8", .insertY, .p66, .m0F3A, 0x1A, .w0, .scalar(32), evex: .avx512dq, lengths: .l2)
  public static let vextractf32x8 = Instruction("vextractf32x8", .extractY, .p66, .m0F3A, 0x1B, .w0, .scalar(32), evex: .avx512dq, lengths: .l2)
  public static let vinsertf64x4 = Instruction("vinsertf64x4", .insertY, .p66, .m0F3A, 0x1A, .w1, .scalar(32), evex: .avx512f, lengths: .l2)
  public static let vextractf64x4 = Instruction("vextractf64x4", .extractY, .p66, .m0F3A, 0x1B, .w1, .scalar(32), evex: .avx512f, lengths: .l2)
  public static let vinserti128 = Instruction("vinserti128", Form(.reg(.y), .vvvv(.y), .rm(.xm), .imm8), .p66, .m0F3A, 0x38, .w0, .scalar(16), vex: .avx2, lengths: .l1)
  public static let vextracti128 = Instruction("vextracti128", Form(.rm(.xm), .reg(.y), .imm8), .p66, .m0F3A, 0x39, .w0, .scalar(16), vex: .avx2, lengths: .l1)
  public static let vinserti32x4 = Instruction("vinserti32x4", .insertX, .p66, .m0F3A, 0x38, .w0, .scalar(16), evex: .avx512f, lengths: .wide)
  public static let vextracti32x4 = Instruction("vextracti32x4", .extractX, .p66, .m0F3A, 0x39, .w0, .scalar(16), evex: .avx512f, lengths: .wide)
  public static let vinserti64x2 = Instruction("vinserti64x2", .insertX, .p66, .m0F3A, 0x38, .w1, .scalar(16), evex: .avx512dq, lengths: .wide)
  public static let vextracti64x2 = Instruction("vextracti64x2", .extractX, .p66, .m0F3A, 0x39, .w1, .scalar(16), evex: .avx512dq, lengths: .wide)
  public static let vinserti32x8 = Instruction("vinserti32x8", .insertY, .p66, .m0F3A, 0x3A, .w0, .scalar(32), evex: .avx512dq, lengths: .l2)
  public static let vextracti32x8 = Instruction("vextracti32x8", .extractY, .p66, .m0F3A, 0x3B, .w0, .scalar(32), evex: .avx512dq, lengths: .l2)
  public static let vinserti64x4 = Instruction("vinserti64x4", .insertY, .p66, .m0F3A, 0x3A, .w1, .scalar(32), evex: .avx512f, lengths: .l2)
  public static let vextracti64x4 = Instruction("vextracti64x4", .extractY, .p66, .m0F3A, 0x3B, .w1, .scalar(32), evex: .avx512f, lengths: .l2)
  public static let vshuff32x4 = Instruction("vshuff32x4", .rvmi, .p66, .m0F3A, 0x23, .w0, .full(4), evex: .avx512f, lengths: .wide)
  public static let vshuff64x2 = Instruction("vshuff64x2", .rvmi, .p66, .m0F3A, 0x23, .w1, .full(8), evex: .avx512f, lengths: .wide)
  public static let vshufi32x4 = Instruction("vshufi32x4", .rvmi, .p66, .m0F3A, 0x43, .w0, .full(4), evex: .avx512f, lengths: .wide)
  public static let vshufi64x2 = Instruction("vshufi64x2", .rvmi, .p66, .m0F3A, 0x43, .w1, .full(8), evex: .avx512f, lengths: .wide)
  public static let valignd = Instruction("valignd", .rvmi, .p66, .m0F3A, 0x03, .w0, .full(4), evex: .avx512f)
  public static let valignq = Instruction("valignq", .rvmi, .p66, .m0F3A, 0x03, .w1, .full(8), evex: .avx512f)
  public static let vpalignr = Instruction("vpalignr", .rvmi, .p66, .m0F3A, 0x0F, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)

  public static let vblendps = Instruction("vblendps", .rvmi, .p66, .m0F3A, 0x0C, .w0, .fullMemory, vex: .avx)
  public static let vblendpd = Instruction("vblendpd", .rvmi, .p66, .m0F3A, 0x0D, .w0, .fullMemory, vex: .avx)
  public static let vpblendd = Instruction("vpblendd", .rvmi, .p66, .m0F3A, 0x02, .w0, .fullMemory, vex: .avx2)
  public static let vpblendw = Instruction("vpblendw", .rvmi, .p66, .m0F3A, 0x0E, .w0, .fullMemory, vex: .avx2)
  public static let vblendvps = Instruction("vblendvps", .rvmr, .p66, .m0F3A, 0x4A, .w0, .fullMemory, vex: .avx)
  public static let vblendvpd = Instruction("vblendvpd", .rvmr, .p66, .m0F3A, 0x4B, .w0, .fullMemory, vex: .avx)
  public static let vpblendvb = Instruction("vpblendvb", .rvmr, .p66, .m0F3A, 0x4C, .w0, .fullMemory, vex: .avx2)
  public static let vblendmps = Instruction("vblendmps", .rvm, .p66, .m0F38, 0x65, .w0, .full(4), evex: .avx512f)
  public static let vblendmpd = Instruction("vblendmpd", .rvm, .p66, .m0F38, 0x65, .w1, .full(8), evex: .avx512f)
  public static let vpblendmd = Instruction("vpblendmd", .rvm, .p66, .m0F38, 0x64, .w0, .full(4), evex: .avx512f)
  public static let vpblendmq = Instruction("vpblendmq", .rvm, .p66, .m0F38, 0x64, .w1, .full(8), evex: .avx512f)
  public static let vpblendmb = Instruction("vpblendmb", .rvm, .p66, .m0F38, 0x66, .w0, .fullMemory, evex: .avx512bw)
  public static let vpblendmw = Instruction("vpblendmw", .rvm, .p66, .m0F38, 0x66, .w1, .fullMemory, evex: .avx512bw)
  // disp8 counts elements: any number of them may be moved.
  public static let vcompressps = Instruction("vcompressps", .compressed, .p66, .m0F38, 0x8A, .w0, .elements(4), evex: .avx512f)
  public static let vcompresspd = Instruction("vcompresspd", .compressed, .p66, .m0F38, 0x8A, .w1, .elements(8), evex: .avx512f)
  public static let vpcompressd = Instruction("vpcompressd", .compressed, .p66, .m0F38, 0x8B, .w0, .elements(4), evex: .avx512f)
  public static let vpcompressq = Instruction("vpcompressq", .compressed, .p66, .m0F38, 0x8B, .w1, .elements(8), evex: .avx512f)
  public static let vexpandps = Instruction("vexpandps", .rm, .p66, .m0F38, 0x88, .w0, .elements(4), evex: .avx512f)
  public static let vexpandpd = Instruction("vexpandpd", .rm, .p66, .m0F38, 0x88, .w1, .elements(8), evex: .avx512f)
  public static let vpexpandd = Instruction("vpexpandd", .rm, .p66, .m0F38, 0x89, .w0, .elements(4), evex: .avx512f)
  public static let vpexpandq = Instruction("vpexpandq", .rm, .p66, .m0F38, 0x89, .w1, .elements(8), evex: .avx512f)

  static let shuffle: [Instruction] = [
    .vshufps, .vshufpd, .vunpcklps, .vunpckhps, .vunpcklpd, .vunpckhpd, .vpunpcklbw, .vpunpcklwd, .vpunpckhbw,
    .vpunpckhwd, .vpunpckldq, .vpunpckhdq, .vpunpcklqdq, .vpunpckhqdq, .vpacksswb, .vpackuswb, .vpackssdw,
    .vpackusdw, .vpshufd, .vpshufhw, .vpshuflw, .vpshufb, .vpermilps, .vpermilpd, .vpermilpsByVector,
    .vpermilpdByVector, .vpermps, .vpermd, .vpermq, .vpermpd, .vpermqByVector, .vpermpdByVector, .vpermw, .vpermb,
    .vpermi2b, .vpermi2w, .vpermi2d, .vpermi2q, .vpermi2ps, .vpermi2pd, .vpermt2b, .vpermt2w, .vpermt2d, .vpermt2q,
    .vpermt2ps, .vpermt2pd, .vperm2f128, .vperm2i128, .vinsertf128, .vextractf128, .vinsertf32x4, .vextractf32x4,
    .vinsertf64x2, .vextractf64x2, .vinsertf32x8, .vextractf32x8, .vinsertf64x4, .vextractf64x4, .vinserti128,
    .vextracti128, .vinserti32x4, .vextracti32x4, .vinserti64x2, .vextracti64x2, .vinserti32x8, .vextracti32x8,
    .vinserti64x4, .vextracti64x4, .vshuff32x4, .vshuff64x2, .vshufi32x4, .vshufi64x2, .valignd, .valignq,
    .vpalignr, .vblendps, .vblendpd, .vpblendd, .vpblendw, .vblendvps, .vblendvpd, .vpblendvb, .vblendmps,
    .vblendmpd, .vpblendmd, .vpblendmq, .vpblendmb, .vpblendmw, .vcompressps, .vcompresspd, .vpcompressd,
    .vpcompressq, .vexpandps, .vexpandpd, .vpexpandd, .vpexpandq,
  ]
}
