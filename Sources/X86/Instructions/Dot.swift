// swift-format-ignore-file
// Dot products: four bytes, two int16 or two bfloat16 to one 32-bit accumulator.
// One line an instruction, however long.

extension Instruction {
  public static let vpdpbusd = Instruction("vpdpbusd", .rvm, .p66, .m0F38, 0x50, .w0, .full(4), evex: .avx512vnni)
  public static let vpdpbusds = Instruction("vpdpbusds", .rvm, .p66, .m0F38, 0x51, .w0, .full(4), evex: .avx512vnni)
  public static let vpdpwssd = Instruction("vpdpwssd", .rvm, .p66, .m0F38, 0x52, .w0, .full(4), evex: .avx512vnni)
  public static let vpdpwssds = Instruction("vpdpwssds", .rvm, .p66, .m0F38, 0x53, .w0, .full(4), evex: .avx512vnni)
  // AVX-VNNI: the same products in VEX form, on CPUs that have them without AVX-512.
  public static let vpdpbusdVEX = Instruction("vpdpbusd", .rvm, .p66, .m0F38, 0x50, .w0, .fullMemory, vex: .avxVNNI, vexText: true)
  public static let vpdpbusdsVEX = Instruction("vpdpbusds", .rvm, .p66, .m0F38, 0x51, .w0, .fullMemory, vex: .avxVNNI, vexText: true)
  public static let vpdpwssdVEX = Instruction("vpdpwssd", .rvm, .p66, .m0F38, 0x52, .w0, .fullMemory, vex: .avxVNNI, vexText: true)
  public static let vpdpwssdsVEX = Instruction("vpdpwssds", .rvm, .p66, .m0F38, 0x53, .w0, .fullMemory, vex: .avxVNNI, vexText: true)
  public static let vdpbf16ps = Instruction("vdpbf16ps", .rvm, .pF3, .m0F38, 0x52, .w0, .full(4), evex: .avx512bf16)

  static let dot: [Instruction] = [
    .vpdpbusd, .vpdpbusds, .vpdpwssd, .vpdpwssds, .vpdpbusdVEX, .vpdpbusdsVEX, .vpdpwssdVEX, .vpdpwssdsVEX,
    .vdpbf16ps,
  ]
}
