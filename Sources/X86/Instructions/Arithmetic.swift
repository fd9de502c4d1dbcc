// swift-format-ignore-file
// float32 and float64: arithmetic, bitwise logic, rounding, exponents.
// One line an instruction, however long.

extension Instruction {
  public static let vaddps = Instruction("vaddps", .rvm, .none, .m0F, 0x58, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vaddpd = Instruction("vaddpd", .rvm, .p66, .m0F, 0x58, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vaddss = Instruction("vaddss", .scalar, .pF3, .m0F, 0x58, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vaddsd = Instruction("vaddsd", .scalar, .pF2, .m0F, 0x58, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vsubps = Instruction("vsubps", .rvm, .none, .m0F, 0x5C, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vsubpd = Instruction("vsubpd", .rvm, .p66, .m0F, 0x5C, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vsubss = Instruction("vsubss", .scalar, .pF3, .m0F, 0x5C, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vsubsd = Instruction("vsubsd", .scalar, .pF2, .m0F, 0x5C, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vmulps = Instruction("vmulps", .rvm, .none, .m0F, 0x59, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vmulpd = Instruction("vmulpd", .rvm, .p66, .m0F, 0x59, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vmulss = Instruction("vmulss", .scalar, .pF3, .m0F, 0x59, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vmulsd = Instruction("vmulsd", .scalar, .pF2, .m0F, 0x59, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vdivps = Instruction("vdivps", .rvm, .none, .m0F, 0x5E, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vdivpd = Instruction("vdivpd", .rvm, .p66, .m0F, 0x5E, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vdivss = Instruction("vdivss", .scalar, .pF3, .m0F, 0x5E, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vdivsd = Instruction("vdivsd", .scalar, .pF2, .m0F, 0x5E, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vminps = Instruction("vminps", .rvm, .none, .m0F, 0x5D, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vminpd = Instruction("vminpd", .rvm, .p66, .m0F, 0x5D, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vminss = Instruction("vminss", .scalar, .pF3, .m0F, 0x5D, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)
  public static let vminsd = Instruction("vminsd", .scalar, .pF2, .m0F, 0x5D, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)
  public static let vmaxps = Instruction("vmaxps", .rvm, .none, .m0F, 0x5F, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vmaxpd = Instruction("vmaxpd", .rvm, .p66, .m0F, 0x5F, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .suppressExceptions)
  public static let vmaxss = Instruction("vmaxss", .scalar, .pF3, .m0F, 0x5F, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)
  public static let vmaxsd = Instruction("vmaxsd", .scalar, .pF2, .m0F, 0x5F, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)

  public static let vsqrtps = Instruction("vsqrtps", .rm, .none, .m0F, 0x51, .w0, .full(4), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vsqrtpd = Instruction("vsqrtpd", .rm, .p66, .m0F, 0x51, .evexW1, .full(8), vex: .avx, evex: .avx512f, rounding: .embedded)
  public static let vsqrtss = Instruction("vsqrtss", .scalar, .pF3, .m0F, 0x51, .w0, .scalar(4), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vsqrtsd = Instruction("vsqrtsd", .scalar, .pF2, .m0F, 0x51, .evexW1, .scalar(8), vex: .avx, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vrcpps = Instruction("vrcpps", .rm, .none, .m0F, 0x53, .w0, .fullMemory, vex: .avx)
  public static let vrsqrtps = Instruction("vrsqrtps", .rm, .none, .m0F, 0x52, .w0, .fullMemory, vex: .avx)
  public static let vrcp14ps = Instruction("vrcp14ps", .rm, .p66, .m0F38, 0x4C, .w0, .full(4), evex: .avx512f)
  public static let vrcp14pd = Instruction("vrcp14pd", .rm, .p66, .m0F38, 0x4C, .w1, .full(8), evex: .avx512f)
  public static let vrsqrt14ps = Instruction("vrsqrt14ps", .rm, .p66, .m0F38, 0x4E, .w0, .full(4), evex: .avx512f)
  public static let vrsqrt14pd = Instruction("vrsqrt14pd", .rm, .p66, .m0F38, 0x4E, .w1, .full(8), evex: .avx512f)

  public static let vandps = Instruction("vandps", .rvm, .none, .m0F, 0x54, .w0, .full(4), vex: .avx, evex: .avx512dq)
  public static let vandpd = Instruction("vandpd", .rvm, .p66, .m0F, 0x54, .evexW1, .full(8), vex: .avx, evex: .avx512dq)
  public static let vandnps = Instruction("vandnps", .rvm, .none, .m0F, 0x55, .w0, .full(4), vex: .avx, evex: .avx512dq)
  public static let vandnpd = Instruction("vandnpd", .rvm, .p66, .m0F, 0x55, .evexW1, .full(8), vex: .avx, evex: .avx512dq)
  public static let vorps = Instruction("vorps", .rvm, .none, .m0F, 0x56, .w0, .full(4), vex: .avx, evex: .avx512dq)
  public static let vorpd = Instruction("vorpd", .rvm, .p66, .m0F, 0x56, .evexW1, .full(8), vex: .avx, evex: .avx512dq)
  public static let vxorps = Instruction("vxorps", .rvm, .none, .m0F, 0x57, .w0, .full(4), vex: .avx, evex: .avx512dq)
  public static let vxorpd = Instruction("vxorpd", .rvm, .p66, .m0F, 0x57, .evexW1, .full(8), vex: .avx, evex: .avx512dq)

  // The immediate: 0 nearest even, 1 down, 2 up, 3 towards zero; 8 leaves the inexact exception out.
  public static let vroundps = Instruction("vroundps", .rmi, .p66, .m0F3A, 0x08, .w0, .fullMemory, vex: .avx)
  public static let vroundpd = Instruction("vroundpd", .rmi, .p66, .m0F3A, 0x09, .w0, .fullMemory, vex: .avx)
  public static let vroundss = Instruction("vroundss", .scalarImmediate, .p66, .m0F3A, 0x0A, .w0, .scalar(4), vex: .avx, lengths: .l0)
  public static let vroundsd = Instruction("vroundsd", .scalarImmediate, .p66, .m0F3A, 0x0B, .w0, .scalar(8), vex: .avx, lengths: .l0)
  public static let vrndscaleps = Instruction("vrndscaleps", .rmi, .p66, .m0F3A, 0x08, .w0, .full(4), evex: .avx512f, rounding: .suppressExceptions)
  public static let vrndscalepd = Instruction("vrndscalepd", .rmi, .p66, .m0F3A, 0x09, .w1, .full(8), evex: .avx512f, rounding: .suppressExceptions)
  public static let vrndscaless = Instruction("vrndscaless", .scalarImmediate, .p66, .m0F3A, 0x0A, .w0, .scalar(4), evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)
  public static let vrndscalesd = Instruction("vrndscalesd", .scalarImmediate, .p66, .m0F3A, 0x0B, .w1, .scalar(8), evex: .avx512f, lengths: .l0, rounding: .suppressExceptions)
  public static let vreduceps = Instruction("vreduceps", .rmi, .p66, .m0F3A, 0x56, .w0, .full(4), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vrangeps = Instruction("vrangeps", .rvmi, .p66, .m0F3A, 0x50, .w0, .full(4), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vfixupimmps = Instruction("vfixupimmps", .rvmi, .p66, .m0F3A, 0x54, .w0, .full(4), evex: .avx512f, rounding: .suppressExceptions)
  public static let vgetexpps = Instruction("vgetexpps", .rm, .p66, .m0F38, 0x42, .w0, .full(4), evex: .avx512f, rounding: .suppressExceptions)
  public static let vgetmantps = Instruction("vgetmantps", .rmi, .p66, .m0F3A, 0x26, .w0, .full(4), evex: .avx512f, rounding: .suppressExceptions)
  public static let vscalefps = Instruction("vscalefps", .rvm, .p66, .m0F38, 0x2C, .w0, .full(4), evex: .avx512f, rounding: .embedded)
  public static let vreducepd = Instruction("vreducepd", .rmi, .p66, .m0F3A, 0x56, .w1, .full(8), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vrangepd = Instruction("vrangepd", .rvmi, .p66, .m0F3A, 0x50, .w1, .full(8), evex: .avx512dq, rounding: .suppressExceptions)
  public static let vfixupimmpd = Instruction("vfixupimmpd", .rvmi, .p66, .m0F3A, 0x54, .w1, .full(8), evex: .avx512f, rounding: .suppressExceptions)
  public static let vgetexppd = Instruction("vgetexppd", .rm, .p66, .m0F38, 0x42, .w1, .full(8), evex: .avx512f, rounding: .suppressExceptions)
  public static let vgetmantpd = Instruction("vgetmantpd", .rmi, .p66, .m0F3A, 0x26, .w1, .full(8), evex: .avx512f, rounding: .suppressExceptions)
  public static let vscalefpd = Instruction("vscalefpd", .rvm, .p66, .m0F38, 0x2C, .w1, .full(8), evex: .avx512f, rounding: .embedded)
  public static let vhaddps = Instruction("vhaddps", .rvm, .pF2, .m0F, 0x7C, .w0, .fullMemory, vex: .avx)
  public static let vhaddpd = Instruction("vhaddpd", .rvm, .p66, .m0F, 0x7C, .w0, .fullMemory, vex: .avx)

  static let arithmetic: [Instruction] = [
    .vaddps, .vaddpd, .vaddss, .vaddsd, .vsubps, .vsubpd, .vsubss, .vsubsd, .vmulps, .vmulpd, .vmulss, .vmulsd,
    .vdivps, .vdivpd, .vdivss, .vdivsd, .vminps, .vminpd, .vminss, .vminsd, .vmaxps, .vmaxpd, .vmaxss, .vmaxsd,
    .vsqrtps, .vsqrtpd, .vsqrtss, .vsqrtsd, .vrcpps, .vrsqrtps, .vrcp14ps, .vrcp14pd, .vrsqrt14ps, .vrsqrt14pd,
    .vandps, .vandpd, .vandnps, .vandnpd, .vorps, .vorpd, .vxorps, .vxorpd, .vroundps, .vroundpd, .vroundss,
    .vroundsd, .vrndscaleps, .vrndscalepd, .vrndscaless, .vrndscalesd, .vreduceps, .vrangeps, .vfixupimmps,
    .vgetexpps, .vgetmantps, .vscalefps, .vreducepd, .vrangepd, .vfixupimmpd, .vgetexppd, .vgetmantpd, .vscalefpd,
    .vhaddps, .vhaddpd,
  ]
}
