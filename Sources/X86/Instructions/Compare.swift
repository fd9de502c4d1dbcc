// swift-format-ignore-file
// Comparisons and tests.
// One line an instruction, however long.

extension Instruction {
  // VEX compares into a vector, EVEX into a mask; the predicates of the immediate: 0 eq, 1 lt, 2 le, 3 unordered, 4 neq,
  // 5 nlt, 6 nle, 7 ordered (floating point); 0 eq, 1 lt, 2 le, 4 neq, 5 nlt, 6 nle (integers).
  public static let vcmpps = Instruction("vcmpps", .rvmi, .none, .m0F, 0xC2, .w0, .fullMemory, vex: .avx)
  public static let vcmppsMask = Instruction("vcmpps", .compareImmediate, .none, .m0F, 0xC2, .w0, .full(4), evex: .avx512f, masking: .merge, rounding: .suppressExceptions)
  public static let vcmppd = Instruction("vcmppd", .rvmi, .p66, .m0F, 0xC2, .w0, .fullMemory, vex: .avx)
  public static let vcmppdMask = Instruction("vcmppd", .compareImmediate, .p66, .m0F, 0xC2, .w1, .full(8), evex: .avx512f, masking: .merge, rounding: .suppressExceptions)
  public static let vcmpss = Instruction("vcmpss", .scalarImmediate, .pF3, .m0F, 0xC2, .w0, .scalar(4), vex: .avx, lengths: .l0)
  public static let vcmpsd = Instruction("vcmpsd", .scalarImmediate, .pF2, .m0F, 0xC2, .w0, .scalar(8), vex: .avx, lengths: .l0)
  public static let vpcmpeqb = Instruction("vpcmpeqb", .rvm, .p66, .m0F, 0x74, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpeqw = Instruction("vpcmpeqw", .rvm, .p66, .m0F, 0x75, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpeqd = Instruction("vpcmpeqd", .rvm, .p66, .m0F, 0x76, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpeqq = Instruction("vpcmpeqq", .rvm, .p66, .m0F38, 0x29, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpgtb = Instruction("vpcmpgtb", .rvm, .p66, .m0F, 0x64, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpgtw = Instruction("vpcmpgtw", .rvm, .p66, .m0F, 0x65, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpgtd = Instruction("vpcmpgtd", .rvm, .p66, .m0F, 0x66, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpgtq = Instruction("vpcmpgtq", .rvm, .p66, .m0F38, 0x37, .w0, .fullMemory, vex: .avx2)
  public static let vpcmpb = Instruction("vpcmpb", .compareImmediate, .p66, .m0F3A, 0x3F, .w0, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vpcmpub = Instruction("vpcmpub", .compareImmediate, .p66, .m0F3A, 0x3E, .w0, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vpcmpw = Instruction("vpcmpw", .compareImmediate, .p66, .m0F3A, 0x3F, .w1, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vpcmpuw = Instruction("vpcmpuw", .compareImmediate, .p66, .m0F3A, 0x3E, .w1, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vpcmpd = Instruction("vpcmpd", .compareImmediate, .p66, .m0F3A, 0x1F, .w0, .full(4), evex: .avx512f, masking: .merge)
  public static let vpcmpud = Instruction("vpcmpud", .compareImmediate, .p66, .m0F3A, 0x1E, .w0, .full(4), evex: .avx512f, masking: .merge)
  public static let vpcmpq = Instruction("vpcmpq", .compareImmediate, .p66, .m0F3A, 0x1F, .w1, .full(8), evex: .avx512f, masking: .merge)
  public static let vpcmpuq = Instruction("vpcmpuq", .compareImmediate, .p66, .m0F3A, 0x1E, .w1, .full(8), evex: .avx512f, masking: .merge)
  public static let vptestmb = Instruction("vptestmb", .compare, .p66, .m0F38, 0x26, .w0, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vptestmw = Instruction("vptestmw", .compare, .p66, .m0F38, 0x26, .w1, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vptestmd = Instruction("vptestmd", .compare, .p66, .m0F38, 0x27, .w0, .full(4), evex: .avx512f, masking: .merge)
  public static let vptestmq = Instruction("vptestmq", .compare, .p66, .m0F38, 0x27, .w1, .full(8), evex: .avx512f, masking: .merge)
  public static let vptestnmb = Instruction("vptestnmb", .compare, .pF3, .m0F38, 0x26, .w0, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vptestnmw = Instruction("vptestnmw", .compare, .pF3, .m0F38, 0x26, .w1, .fullMemory, evex: .avx512bw, masking: .merge)
  public static let vptestnmd = Instruction("vptestnmd", .compare, .pF3, .m0F38, 0x27, .w0, .full(4), evex: .avx512f, masking: .merge)
  public static let vptestnmq = Instruction("vptestnmq", .compare, .pF3, .m0F38, 0x27, .w1, .full(8), evex: .avx512f, masking: .merge)
  public static let vfpclassps = Instruction("vfpclassps", Form(.reg(.k), .rm(.v), .imm8), .p66, .m0F3A, 0x66, .w0, .full(4), evex: .avx512dq, masking: .merge)
  public static let vfpclasspd = Instruction("vfpclasspd", Form(.reg(.k), .rm(.v), .imm8), .p66, .m0F3A, 0x66, .w1, .full(8), evex: .avx512dq, masking: .merge)
  public static let vptest = Instruction("vptest", .rm, .p66, .m0F38, 0x17, .w0, .fullMemory, vex: .avx)
  public static let vtestps = Instruction("vtestps", .rm, .p66, .m0F38, 0x0E, .w0, .fullMemory, vex: .avx)
  public static let vmovmskps = Instruction("vmovmskps", .vectorToR32, .none, .m0F, 0x50, .w0, .fullMemory, vex: .avx)
  public static let vmovmskpd = Instruction("vmovmskpd", .vectorToR32, .p66, .m0F, 0x50, .w0, .fullMemory, vex: .avx)
  public static let vpmovmskb = Instruction("vpmovmskb", .vectorToR32, .p66, .m0F, 0xD7, .w0, .fullMemory, vex: .avx2)
  public static let vucomiss = Instruction("vucomiss", .scalarUnary, .none, .m0F, 0x2E, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .suppressExceptions)
  public static let vucomisd = Instruction("vucomisd", .scalarUnary, .p66, .m0F, 0x2E, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .suppressExceptions)
  public static let vcomiss = Instruction("vcomiss", .scalarUnary, .none, .m0F, 0x2F, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .suppressExceptions)
  public static let vcomisd = Instruction("vcomisd", .scalarUnary, .p66, .m0F, 0x2F, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, masking: .none, rounding: .suppressExceptions)

  static let compare: [Instruction] = [
    .vcmpps, .vcmppsMask, .vcmppd, .vcmppdMask, .vcmpss, .vcmpsd, .vpcmpeqb, .vpcmpeqw, .vpcmpeqd, .vpcmpeqq,
    .vpcmpgtb, .vpcmpgtw, .vpcmpgtd, .vpcmpgtq, .vpcmpb, .vpcmpub, .vpcmpw, .vpcmpuw, .vpcmpd, .vpcmpud, .vpcmpq,
    .vpcmpuq, .vptestmb, .vptestmw, .vptestmd, .vptestmq, .vptestnmb, .vptestnmw, .vptestnmd, .vptestnmq,
    .vfpclassps, .vfpclasspd, .vptest, .vtestps, .vmovmskps, .vmovmskpd, .vpmovmskb, .vucomiss, .vucomisd, .vcomiss,
    .vcomisd,
  ]
}
