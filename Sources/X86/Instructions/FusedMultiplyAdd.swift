// swift-format-ignore-file
// Fused multiply-add, one rounding.
// One line an instruction, however long.

extension Instruction {
  // 132: a = a·c + b. 213: a = b·a + c. 231: a = b·c + a, the accumulating one.
  public static let vfmadd132ps = Instruction("vfmadd132ps", .rvm, .p66, .m0F38, 0x98, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmadd132pd = Instruction("vfmadd132pd", .rvm, .p66, .m0F38, 0x98, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmadd132ss = Instruction("vfmadd132ss", .scalar, .p66, .m0F38, 0x99, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmadd132sd = Instruction("vfmadd132sd", .scalar, .p66, .m0F38, 0x99, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmadd213ps = Instruction("vfmadd213ps", .rvm, .p66, .m0F38, 0xA8, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmadd213pd = Instruction("vfmadd213pd", .rvm, .p66, .m0F38, 0xA8, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmadd213ss = Instruction("vfmadd213ss", .scalar, .p66, .m0F38, 0xA9, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmadd213sd = Instruction("vfmadd213sd", .scalar, .p66, .m0F38, 0xA9, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmadd231ps = Instruction("vfmadd231ps", .rvm, .p66, .m0F38, 0xB8, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmadd231pd = Instruction("vfmadd231pd", .rvm, .p66, .m0F38, 0xB8, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmadd231ss = Instruction("vfmadd231ss", .scalar, .p66, .m0F38, 0xB9, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmadd231sd = Instruction("vfmadd231sd", .scalar, .p66, .m0F38, 0xB9, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmsub132ps = Instruction("vfmsub132ps", .rvm, .p66, .m0F38, 0x9A, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmsub132pd = Instruction("vfmsub132pd", .rvm, .p66, .m0F38, 0x9A, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmsub132ss = Instruction("vfmsub132ss", .scalar, .p66, .m0F38, 0x9B, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmsub132sd = Instruction("vfmsub132sd", .scalar, .p66, .m0F38, 0x9B, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmsub213ps = Instruction("vfmsub213ps", .rvm, .p66, .m0F38, 0xAA, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmsub213pd = Instruction("vfmsub213pd", .rvm, .p66, .m0F38, 0xAA, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmsub213ss = Instruction("vfmsub213ss", .scalar, .p66, .m0F38, 0xAB, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmsub213sd = Instruction("vfmsub213sd", .scalar, .p66, .m0F38, 0xAB, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmsub231ps = Instruction("vfmsub231ps", .rvm, .p66, .m0F38, 0xBA, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmsub231pd = Instruction("vfmsub231pd", .rvm, .p66, .m0F38, 0xBA, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfmsub231ss = Instruction("vfmsub231ss", .scalar, .p66, .m0F38, 0xBB, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfmsub231sd = Instruction("vfmsub231sd", .scalar, .p66, .m0F38, 0xBB, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmadd132ps = Instruction("vfnmadd132ps", .rvm, .p66, .m0F38, 0x9C, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmadd132pd = Instruction("vfnmadd132pd", .rvm, .p66, .m0F38, 0x9C, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmadd132ss = Instruction("vfnmadd132ss", .scalar, .p66, .m0F38, 0x9D, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmadd132sd = Instruction("vfnmadd132sd", .scalar, .p66, .m0F38, 0x9D, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmadd213ps = Instruction("vfnmadd213ps", .rvm, .p66, .m0F38, 0xAC, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmadd213pd = Instruction("vfnmadd213pd", .rvm, .p66, .m0F38, 0xAC, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmadd213ss = Instruction("vfnmadd213ss", .scalar, .p66, .m0F38, 0xAD, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmadd213sd = Instruction("vfnmadd213sd", .scalar, .p66, .m0F38, 0xAD, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmadd231ps = Instruction("vfnmadd231ps", .rvm, .p66, .m0F38, 0xBC, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmadd231pd = Instruction("vfnmadd231pd", .rvm, .p66, .m0F38, 0xBC, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmadd231ss = Instruction("vfnmadd231ss", .scalar, .p66, .m0F38, 0xBD, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmadd231sd = Instruction("vfnmadd231sd", .scalar, .p66, .m0F38, 0xBD, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmsub132ps = Instruction("vfnmsub132ps", .rvm, .p66, .m0F38, 0x9E, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmsub132pd = Instruction("vfnmsub132pd", .rvm, .p66, .m0F38, 0x9E, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmsub132ss = Instruction("vfnmsub132ss", .scalar, .p66, .m0F38, 0x9F, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmsub132sd = Instruction("vfnmsub132sd", .scalar, .p66, .m0F38, 0x9F, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmsub213ps = Instruction("vfnmsub213ps", .rvm, .p66, .m0F38, 0xAE, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmsub213pd = Instruction("vfnmsub213pd", .rvm, .p66, .m0F38, 0xAE, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmsub213ss = Instruction("vfnmsub213ss", .scalar, .p66, .m0F38, 0xAF, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmsub213sd = Instruction("vfnmsub213sd", .scalar, .p66, .m0F38, 0xAF, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmsub231ps = Instruction("vfnmsub231ps", .rvm, .p66, .m0F38, 0xBE, .w0, .full(4), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmsub231pd = Instruction("vfnmsub231pd", .rvm, .p66, .m0F38, 0xBE, .w1, .full(8), vex: .fma, evex: .avx512f, rounding: .embedded)
  public static let vfnmsub231ss = Instruction("vfnmsub231ss", .scalar, .p66, .m0F38, 0xBF, .w0, .scalar(4), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)
  public static let vfnmsub231sd = Instruction("vfnmsub231sd", .scalar, .p66, .m0F38, 0xBF, .w1, .scalar(8), vex: .fma, evex: .avx512f, lengths: .l0, rounding: .embedded)

  static let fusedMultiplyAdd: [Instruction] = [
    .vfmadd132ps, .vfmadd132pd, .vfmadd132ss, .vfmadd132sd, .vfmadd213ps, .vfmadd213pd, .vfmadd213ss, .vfmadd213sd,
    .vfmadd231ps, .vfmadd231pd, .vfmadd231ss, .vfmadd231sd, .vfmsub132ps, .vfmsub132pd, .vfmsub132ss, .vfmsub132sd,
    .vfmsub213ps, .vfmsub213pd, .vfmsub213ss, .vfmsub213sd, .vfmsub231ps, .vfmsub231pd, .vfmsub231ss, .vfmsub231sd,
    .vfnmadd132ps, .vfnmadd132pd, .vfnmadd132ss, .vfnmadd132sd, .vfnmadd213ps, .vfnmadd213pd, .vfnmadd213ss,
    .vfnmadd213sd, .vfnmadd231ps, .vfnmadd231pd, .vfnmadd231ss, .vfnmadd231sd, .vfnmsub132ps, .vfnmsub132pd,
    .vfnmsub132ss, .vfnmsub132sd, .vfnmsub213ps, .vfnmsub213pd, .vfnmsub213ss, .vfnmsub213sd, .vfnmsub231ps,
    .vfnmsub231pd, .vfnmsub231ss, .vfnmsub231sd,
  ]
}
