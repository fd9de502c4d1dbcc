// swift-format-ignore-file
// float16 arithmetic (AVX512-FP16).
// One line an instruction, however long.

extension Instruction {
  public static let vaddph = Instruction("vaddph", .rvm, .none, .m5, 0x58, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vmulph = Instruction("vmulph", .rvm, .none, .m5, 0x59, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vsubph = Instruction("vsubph", .rvm, .none, .m5, 0x5C, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vdivph = Instruction("vdivph", .rvm, .none, .m5, 0x5E, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vminph = Instruction("vminph", .rvm, .none, .m5, 0x5D, .w0, .full(2), evex: .avx512fp16, rounding: .suppressExceptions)
  public static let vmaxph = Instruction("vmaxph", .rvm, .none, .m5, 0x5F, .w0, .full(2), evex: .avx512fp16, rounding: .suppressExceptions)
  public static let vsqrtph = Instruction("vsqrtph", .rm, .none, .m5, 0x51, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vfmadd213ph = Instruction("vfmadd213ph", .rvm, .p66, .m6, 0xA8, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vfmadd231ph = Instruction("vfmadd231ph", .rvm, .p66, .m6, 0xB8, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vfnmadd213ph = Instruction("vfnmadd213ph", .rvm, .p66, .m6, 0xAC, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vfnmadd231ph = Instruction("vfnmadd231ph", .rvm, .p66, .m6, 0xBC, .w0, .full(2), evex: .avx512fp16, rounding: .embedded)
  public static let vcvtph2psx = Instruction("vcvtph2psx", .widen2, .p66, .m6, 0x13, .w0, .half(2), evex: .avx512fp16, rounding: .suppressExceptions)
  public static let vcvtps2phx = Instruction("vcvtps2phx", .narrow, .p66, .m5, 0x1D, .w0, .full(4), evex: .avx512fp16, rounding: .embedded)
  public static let vmovsh = Instruction("vmovsh", .scalarMemory, .pF3, .m5, 0x10, .w0, .scalar(2), evex: .avx512fp16, store: 0x11, lengths: .l0)
  public static let vmovw = Instruction("vmovw", .xFromR32, .p66, .m5, 0x6E, .w0, .scalar(2), evex: .avx512fp16, store: 0x7E, lengths: .l0, masking: .none)

  static let halfPrecision: [Instruction] = [
    .vaddph, .vmulph, .vsubph, .vdivph, .vminph, .vmaxph, .vsqrtph, .vfmadd213ph, .vfmadd231ph, .vfnmadd213ph,
    .vfnmadd231ph, .vcvtph2psx, .vcvtps2phx, .vmovsh, .vmovw,
  ]
}
