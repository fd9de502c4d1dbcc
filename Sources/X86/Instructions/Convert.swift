// swift-format-ignore-file
// Between number formats: integers, float16, bfloat16, float32, float64; widening and (saturating) narrowing.
// One line an instruction, however long.

extension Instruction {
  public static let vcvtdq2ps = Instruction("vcvtdq2ps", .rm, .none, .m0F, 0x5B, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vcvtps2dq = Instruction("vcvtps2dq", .rm, .p66, .m0F, 0x5B, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vcvttps2dq = Instruction("vcvttps2dq", .rm, .pF3, .m0F, 0x5B, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vcvtdq2pd = Instruction("vcvtdq2pd", .widen2, .pF3, .m0F, 0xE6, .w0, .half(4), vex: .avx, evex: .avx512f)
  public static let vcvtps2pd = Instruction("vcvtps2pd", .widen2, .none, .m0F, 0x5A, .w0, .half(4), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vcvtpd2ps = Instruction("vcvtpd2ps", .narrow, .p66, .m0F, 0x5A, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vcvtpd2dq = Instruction("vcvtpd2dq", .narrow, .pF2, .m0F, 0xE6, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vcvttpd2dq = Instruction("vcvttpd2dq", .narrow, .p66, .m0F, 0xE6, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vcvtudq2ps = Instruction("vcvtudq2ps", .rm, .pF2, .m0F, 0x7A, .w0, .full(4), evex: .avx512f, rounding: .embedded)
  public static let vcvtudq2pd = Instruction("vcvtudq2pd", .widen2, .pF3, .m0F, 0x7A, .w0, .half(4), evex: .avx512f)
  public static let vcvtps2udq = Instruction("vcvtps2udq", .rm, .none, .m0F, 0x79, .w0, .full(4), evex: .avx512f, rounding: .embedded)
  public static let vcvttps2udq = Instruction("vcvttps2udq", .rm, .none, .m0F, 0x78, .w0, .full(4), evex: .avx512f, rounding: .suppressExceptions)
  public static let vcvtqq2pd = Instruction("vcvtqq2pd", .rm, .pF3, .m0F, 0xE6, .w1, .full(8), evex: .avx512dq, rounding: .embedded)
  public static let vcvtqq2ps = Instruction("vcvtqq2ps", .narrow, .none, .m0F, 0x5B, .w1, .full(8), evex: .avx512dq, rounding: .embedded)
  public static let vcvtuqq2pd = Instruction("vcvtuqq2pd", .rm, .pF3, .m0F, 0x7A, .w1, .full(8), evex: .avx512dq, rounding: .embedded)
  public static let vcvtuqq2ps = Instruction("vcvtuqq2ps", .narrow, .pF2, .m0F, 0x7A, .w1, .full(8), evex: .avx512dq, rounding: .embedded)
  public static let vcvttps2qq = Instruction("vcvttps2qq", .widen2, .p66, .m0F, 0x7A, .w0, .half(4), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vcvttpd2qq = Instruction("vcvttpd2qq", .rm, .p66, .m0F, 0x7A, .w1, .full(8), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vcvtpd2qq = Instruction("vcvtpd2qq", .rm, .p66, .m0F, 0x7B, .w1, .full(8), evex: .avx512dq, rounding: .embedded)
  public static let vcvttps2uqq = Instruction("vcvttps2uqq", .widen2, .p66, .m0F, 0x78, .w0, .half(4), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vcvttpd2uqq = Instruction("vcvttpd2uqq", .rm, .p66, .m0F, 0x78, .w1, .full(8), evex: .avx512dq, rounding: .suppressExceptions)

  public static let vcvtph2ps = Instruction("vcvtph2ps", .widen2, .p66, .m0F38, 0x13, .w0, .halfMemory, vex: .f16c, evex: .avx512f, rounding: .suppressExceptions)
  public static let vcvtps2ph = Instruction("vcvtps2ph", Form(.rm(.hm), .reg(.v), .imm8), .p66, .m0F3A, 0x1D, .w0, .halfMemory, vex: .f16c, evex: .avx512f, rounding: .suppressExceptions)
  public static let vcvtneps2bf16 = Instruction("vcvtneps2bf16", .narrow, .pF3, .m0F38, 0x72, .w0, .full(4), evex: .avx512bf16)
  public static let vcvtne2ps2bf16 = Instruction("vcvtne2ps2bf16", .rvm, .pF2, .m0F38, 0x72, .w0, .full(4), evex: .avx512bf16)

  public static let vpmovsxbw = Instruction("vpmovsxbw", .widen2, .p66, .m0F38, 0x20, .w0, .halfMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmovzxbw = Instruction("vpmovzxbw", .widen2, .p66, .m0F38, 0x30, .w0, .halfMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmovsxbd = Instruction("vpmovsxbd", .widen4, .p66, .m0F38, 0x21, .w0, .quarter, vex: .avx2, evex: .avx512f)
  public static let vpmovzxbd = Instruction("vpmovzxbd", .widen4, .p66, .m0F38, 0x31, .w0, .quarter, vex: .avx2, evex: .avx512f)
  public static let vpmovsxbq = Instruction("vpmovsxbq", .widen8, .p66, .m0F38, 0x22, .w0, .eighth, vex: .avx2, evex: .avx512f)
  public static let vpmovzxbq = Instruction("vpmovzxbq", .widen8, .p66, .m0F38, 0x32, .w0, .eighth, vex: .avx2, evex: .avx512f)
  public static let vpmovsxwd = Instruction("vpmovsxwd", .widen2, .p66, .m0F38, 0x23, .w0, .halfMemory, vex: .avx2, evex: .avx512f)
  public static let vpmovzxwd = Instruction("vpmovzxwd", .widen2, .p66, .m0F38, 0x33, .w0, .halfMemory, vex: .avx2, evex: .avx512f)
  public static let vpmovsxwq = Instruction("vpmovsxwq", .widen4, .p66, .m0F38, 0x24, .w0, .quarter, vex: .avx2, evex: .avx512f)
  public static let vpmovzxwq = Instruction("vpmovzxwq", .widen4, .p66, .m0F38, 0x34, .w0, .quarter, vex: .avx2, evex: .avx512f)
  public static let vpmovsxdq = Instruction("vpmovsxdq", .widen2, .p66, .m0F38, 0x25, .w0, .halfMemory, vex: .avx2, evex: .avx512f)
  public static let vpmovzxdq = Instruction("vpmovzxdq", .widen2, .p66, .m0F38, 0x35, .w0, .halfMemory, vex: .avx2, evex: .avx512f)
  public static let vpmovwb = Instruction("vpmovwb", .narrow2, .pF3, .m0F38, 0x30, .w0, .halfMemory, evex: .avx512bw)
  public static let vpmovswb = Instruction("vpmovswb", .narrow2, .pF3, .m0F38, 0x20, .w0, .halfMemory, evex: .avx512bw)
  public static let vpmovuswb = Instruction("vpmovuswb", .narrow2, .pF3, .m0F38, 0x10, .w0, .halfMemory, evex: .avx512bw)
  public static let vpmovdb = Instruction("vpmovdb", .narrow4, .pF3, .m0F38, 0x31, .w0, .quarter, evex: .avx512f)
  public static let vpmovsdb = Instruction("vpmovsdb", .narrow4, .pF3, .m0F38, 0x21, .w0, .quarter, evex: .avx512f)
  public static let vpmovusdb = Instruction("vpmovusdb", .narrow4, .pF3, .m0F38, 0x11, .w0, .quarter, evex: .avx512f)
  public static let vpmovqb = Instruction("vpmovqb", .narrow8, .pF3, .m0F38, 0x32, .w0, .eighth, evex: .avx512f)
  public static let vpmovsqb = Instruction("vpmovsqb", .narrow8, .pF3, .m0F38, 0x22, .w0, .eighth, evex: .avx512f)
  public static let vpmovusqb = Instruction("vpmovusqb", .narrow8, .pF3, .m0F38, 0x12, .w0, .eighth, evex: .avx512f)
  public static let vpmovdw = Instruction("vpmovdw", .narrow2, .pF3, .m0F38, 0x33, .w0, .halfMemory, evex: .avx512f)
  public static let vpmovsdw = Instruction("vpmovsdw", .narrow2, .pF3, .m0F38, 0x23, .w0, .halfMemory, evex: .avx512f)
  public static let vpmovusdw = Instruction("vpmovusdw", .narrow2, .pF3, .m0F38, 0x13, .w0, .halfMemory, evex: .avx512f)
  public static let vpmovqw = Instruction("vpmovqw", .narrow4, .pF3, .m0F38, 0x34, .w0, .quarter, evex: .avx512f)
  public static let vpmovsqw = Instruction("vpmovsqw", .narrow4, .pF3, .m0F38, 0x24, .w0, .quarter, evex: .avx512f)
  public static let vpmovusqw = Instruction("vpmovusqw", .narrow4, .pF3, .m0F38, 0x14, .w0, .quarter, evex: .avx512f)
  public static let vpmovqd = Instruction("vpmovqd", .narrow2, .pF3, .m0F38, 0x35, .w0, .halfMemory, evex: .avx512f)
  public static let vpmovsqd = Instruction("vpmovsqd", .narrow2, .pF3, .m0F38, 0x25, .w0, .halfMemory, evex: .avx512f)
  public static let vpmovusqd = Instruction("vpmovusqd", .narrow2, .pF3, .m0F38, 0x15, .w0, .halfMemory, evex: .avx512f)

  public static let vcvtsi2ss = Instruction("vcvtsi2ss", .scalarFromR, .pF3, .m0F, 0x2A, .byRegister, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none)
  public static let vcvtss2si = Instruction("vcvtss2si", .scalarToR, .pF3, .m0F, 0x2D, .byRegister, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .embedded)
  public static let vcvttss2si = Instruction("vcvttss2si", .scalarToR, .pF3, .m0F, 0x2C, .byRegister, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .suppressExceptions)
  public static let vcvtsi2sd = Instruction("vcvtsi2sd", .scalarFromR, .pF2, .m0F, 0x2A, .byRegister, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none)
  public static let vcvtsd2si = Instruction("vcvtsd2si", .scalarToR, .pF2, .m0F, 0x2D, .byRegister, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .embedded)
  public static let vcvttsd2si = Instruction("vcvttsd2si", .scalarToR, .pF2, .m0F, 0x2C, .byRegister, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .suppressExceptions)
  public static let vcvtss2sd = Instruction("vcvtss2sd", .scalar, .pF3, .m0F, 0x5A, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)
  public static let vcvtsd2ss = Instruction("vcvtsd2ss", .scalar, .pF2, .m0F, 0x5A, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)

  static let convert: [Instruction] = [
    .vcvtdq2ps, .vcvtps2dq, .vcvttps2dq, .vcvtdq2pd, .vcvtps2pd, .vcvtpd2ps, .vcvtpd2dq, .vcvttpd2dq, .vcvtudq2ps,
    .vcvtudq2pd, .vcvtps2udq, .vcvttps2udq, .vcvtqq2pd, .vcvtqq2ps, .vcvtuqq2pd, .vcvtuqq2ps, .vcvttps2qq,
    .vcvttpd2qq, .vcvtpd2qq, .vcvttps2uqq, .vcvttpd2uqq, .vcvtph2ps, .vcvtps2ph, .vcvtneps2bf16, .vcvtne2ps2bf16,
    .vpmovsxbw, .vpmovzxbw, .vpmovsxbd, .vpmovzxbd, .vpmovsxbq, .vpmovzxbq, .vpmovsxwd, .vpmovzxwd, .vpmovsxwq,
    .vpmovzxwq, .vpmovsxdq, .vpmovzxdq, .vpmovwb, .vpmovswb, .vpmovuswb, .vpmovdb, .vpmovsdb, .vpmovusdb, .vpmovqb,
    .vpmovsqb, .vpmovusqb, .vpmovdw, .vpmovsdw, .vpmovusdw, .vpmovqw, .vpmovsqw, .vpmovusqw, .vpmovqd, .vpmovsqd,
    .vpmovusqd, .vcvtsi2ss, .vcvtss2si, .vcvttss2si, .vcvtsi2sd, .vcvtsd2si, .vcvttsd2si, .vcvtss2sd, .vcvtsd2ss,
  ]
}
