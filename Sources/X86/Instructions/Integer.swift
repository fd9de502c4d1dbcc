// swift-format-ignore-file
// Integers of 8 to 64 bits in vectors.
// One line an instruction, however long.

extension Instruction {
  public static let vpaddb = Instruction("vpaddb", .rvm, .p66, .m0F, 0xFC, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpaddw = Instruction("vpaddw", .rvm, .p66, .m0F, 0xFD, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpaddd = Instruction("vpaddd", .rvm, .p66, .m0F, 0xFE, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpaddq = Instruction("vpaddq", .rvm, .p66, .m0F, 0xD4, .evexW1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpsubb = Instruction("vpsubb", .rvm, .p66, .m0F, 0xF8, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsubw = Instruction("vpsubw", .rvm, .p66, .m0F, 0xF9, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsubd = Instruction("vpsubd", .rvm, .p66, .m0F, 0xFA, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpsubq = Instruction("vpsubq", .rvm, .p66, .m0F, 0xFB, .evexW1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpaddsb = Instruction("vpaddsb", .rvm, .p66, .m0F, 0xEC, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpaddsw = Instruction("vpaddsw", .rvm, .p66, .m0F, 0xED, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpaddusb = Instruction("vpaddusb", .rvm, .p66, .m0F, 0xDC, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpaddusw = Instruction("vpaddusw", .rvm, .p66, .m0F, 0xDD, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsubsb = Instruction("vpsubsb", .rvm, .p66, .m0F, 0xE8, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsubsw = Instruction("vpsubsw", .rvm, .p66, .m0F, 0xE9, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsubusb = Instruction("vpsubusb", .rvm, .p66, .m0F, 0xD8, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsubusw = Instruction("vpsubusw", .rvm, .p66, .m0F, 0xD9, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpavgb = Instruction("vpavgb", .rvm, .p66, .m0F, 0xE0, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpavgw = Instruction("vpavgw", .rvm, .p66, .m0F, 0xE3, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmullw = Instruction("vpmullw", .rvm, .p66, .m0F, 0xD5, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmulhw = Instruction("vpmulhw", .rvm, .p66, .m0F, 0xE5, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmulhuw = Instruction("vpmulhuw", .rvm, .p66, .m0F, 0xE4, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmaddwd = Instruction("vpmaddwd", .rvm, .p66, .m0F, 0xF5, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmaddubsw = Instruction("vpmaddubsw", .rvm, .p66, .m0F38, 0x04, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmulhrsw = Instruction("vpmulhrsw", .rvm, .p66, .m0F38, 0x0B, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpsadbw = Instruction("vpsadbw", .rvm, .p66, .m0F, 0xF6, .w0, .fullMemory, vex: .avx2, evex: .avx512bw, masking: .none)
  public static let vpmulld = Instruction("vpmulld", .rvm, .p66, .m0F38, 0x40, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpmullq = Instruction("vpmullq", .rvm, .p66, .m0F38, 0x40, .w1, .full(8), evex: .avx512dq)
  public static let vpmuludq = Instruction("vpmuludq", .rvm, .p66, .m0F, 0xF4, .evexW1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpmuldq = Instruction("vpmuldq", .rvm, .p66, .m0F38, 0x28, .evexW1, .full(8), vex: .avx2, evex: .avx512f)

  public static let vpminub = Instruction("vpminub", .rvm, .p66, .m0F, 0xDA, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmaxub = Instruction("vpmaxub", .rvm, .p66, .m0F, 0xDE, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpminsw = Instruction("vpminsw", .rvm, .p66, .m0F, 0xEA, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmaxsw = Instruction("vpmaxsw", .rvm, .p66, .m0F, 0xEE, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpminsb = Instruction("vpminsb", .rvm, .p66, .m0F38, 0x38, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmaxsb = Instruction("vpmaxsb", .rvm, .p66, .m0F38, 0x3C, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpminuw = Instruction("vpminuw", .rvm, .p66, .m0F38, 0x3A, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpmaxuw = Instruction("vpmaxuw", .rvm, .p66, .m0F38, 0x3E, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpminsd = Instruction("vpminsd", .rvm, .p66, .m0F38, 0x39, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpmaxsd = Instruction("vpmaxsd", .rvm, .p66, .m0F38, 0x3D, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpminud = Instruction("vpminud", .rvm, .p66, .m0F38, 0x3B, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpmaxud = Instruction("vpmaxud", .rvm, .p66, .m0F38, 0x3F, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpminsq = Instruction("vpminsq", .rvm, .p66, .m0F38, 0x39, .w1, .full(8), evex: .avx512f)
  public static let vpmaxsq = Instruction("vpmaxsq", .rvm, .p66, .m0F38, 0x3D, .w1, .full(8), evex: .avx512f)
  public static let vpminuq = Instruction("vpminuq", .rvm, .p66, .m0F38, 0x3B, .w1, .full(8), evex: .avx512f)
  public static let vpmaxuq = Instruction("vpmaxuq", .rvm, .p66, .m0F38, 0x3F, .w1, .full(8), evex: .avx512f)
  public static let vpabsb = Instruction("vpabsb", .rm, .p66, .m0F38, 0x1C, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpabsw = Instruction("vpabsw", .rm, .p66, .m0F38, 0x1D, .w0, .fullMemory, vex: .avx2, evex: .avx512bw)
  public static let vpabsd = Instruction("vpabsd", .rm, .p66, .m0F38, 0x1E, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpabsq = Instruction("vpabsq", .rm, .p66, .m0F38, 0x1F, .w1, .full(8), evex: .avx512f)

  // Bitwise: VEX has one size, EVEX two (the size of an element of the mask).
  public static let vpand = Instruction("vpand", .rvm, .p66, .m0F, 0xDB, .w0, .fullMemory, vex: .avx2)
  public static let vpandd = Instruction("vpandd", .rvm, .p66, .m0F, 0xDB, .w0, .full(4), evex: .avx512f)
  public static let vpandq = Instruction("vpandq", .rvm, .p66, .m0F, 0xDB, .w1, .full(8), evex: .avx512f)
  public static let vpandn = Instruction("vpandn", .rvm, .p66, .m0F, 0xDF, .w0, .fullMemory, vex: .avx2)
  public static let vpandnd = Instruction("vpandnd", .rvm, .p66, .m0F, 0xDF, .w0, .full(4), evex: .avx512f)
  public static let vpandnq = Instruction("vpandnq", .rvm, .p66, .m0F, 0xDF, .w1, .full(8), evex: .avx512f)
  public static let vpor = Instruction("vpor", .rvm, .p66, .m0F, 0xEB, .w0, .fullMemory, vex: .avx2)
  public static let vpord = Instruction("vpord", .rvm, .p66, .m0F, 0xEB, .w0, .full(4), evex: .avx512f)
  public static let vporq = Instruction("vporq", .rvm, .p66, .m0F, 0xEB, .w1, .full(8), evex: .avx512f)
  public static let vpxor = Instruction("vpxor", .rvm, .p66, .m0F, 0xEF, .w0, .fullMemory, vex: .avx2)
  public static let vpxord = Instruction("vpxord", .rvm, .p66, .m0F, 0xEF, .w0, .full(4), evex: .avx512f)
  public static let vpxorq = Instruction("vpxorq", .rvm, .p66, .m0F, 0xEF, .w1, .full(8), evex: .avx512f)
  public static let vpternlogd = Instruction("vpternlogd", .rvmi, .p66, .m0F3A, 0x25, .w0, .full(4), evex: .avx512f)
  public static let vpternlogq = Instruction("vpternlogq", .rvmi, .p66, .m0F3A, 0x25, .w1, .full(8), evex: .avx512f)

  // Shifts by an immediate (EVEX also of memory), by the low 64 bits of an xmm register, and by a vector.
  public static let vpsllw = Instruction("vpsllw", .vmi, .p66, .m0F, 0x71, .w0, .fullMemory, vex: .avx2, evex: .avx512bw, digit: 6)
  public static let vpslld = Instruction("vpslld", .vmi, .p66, .m0F, 0x72, .w0, .full(4), vex: .avx2, evex: .avx512f, digit: 6)
  public static let vpsllq = Instruction("vpsllq", .vmi, .p66, .m0F, 0x73, .evexW1, .full(8), vex: .avx2, evex: .avx512f, digit: 6)
  public static let vpsrlw = Instruction("vpsrlw", .vmi, .p66, .m0F, 0x71, .w0, .fullMemory, vex: .avx2, evex: .avx512bw, digit: 2)
  public static let vpsrld = Instruction("vpsrld", .vmi, .p66, .m0F, 0x72, .w0, .full(4), vex: .avx2, evex: .avx512f, digit: 2)
  public static let vpsrlq = Instruction("vpsrlq", .vmi, .p66, .m0F, 0x73, .evexW1, .full(8), vex: .avx2, evex: .avx512f, digit: 2)
  public static let vpsraw = Instruction("vpsraw", .vmi, .p66, .m0F, 0x71, .w0, .fullMemory, vex: .avx2, evex: .avx512bw, digit: 4)
  public static let vpsrad = Instruction("vpsrad", .vmi, .p66, .m0F, 0x72, .w0, .full(4), vex: .avx2, evex: .avx512f, digit: 4)
  public static let vpsraq = Instruction("vpsraq", .vmi, .p66, .m0F, 0x72, .w1, .full(8), evex: .avx512f, digit: 4)
  public static let vpsllwByXmm = Instruction("vpsllw", .shiftByXmm, .p66, .m0F, 0xF1, .w0, .scalar(16), vex: .avx2, evex: .avx512bw)
  public static let vpslldByXmm = Instruction("vpslld", .shiftByXmm, .p66, .m0F, 0xF2, .w0, .scalar(16), vex: .avx2, evex: .avx512f)
  public static let vpsllqByXmm = Instruction("vpsllq", .shiftByXmm, .p66, .m0F, 0xF3, .evexW1, .scalar(16), vex: .avx2, evex: .avx512f)
  public static let vpsrlwByXmm = Instruction("vpsrlw", .shiftByXmm, .p66, .m0F, 0xD1, .w0, .scalar(16), vex: .avx2, evex: .avx512bw)
  public static let vpsrldByXmm = Instruction("vpsrld", .shiftByXmm, .p66, .m0F, 0xD2, .w0, .scalar(16), vex: .avx2, evex: .avx512f)
  public static let vpsrlqByXmm = Instruction("vpsrlq", .shiftByXmm, .p66, .m0F, 0xD3, .evexW1, .scalar(16), vex: .avx2, evex: .avx512f)
  public static let vpsrawByXmm = Instruction("vpsraw", .shiftByXmm, .p66, .m0F, 0xE1, .w0, .scalar(16), vex: .avx2, evex: .avx512bw)
  public static let vpsradByXmm = Instruction("vpsrad", .shiftByXmm, .p66, .m0F, 0xE2, .w0, .scalar(16), vex: .avx2, evex: .avx512f)
  public static let vpsllvd = Instruction("vpsllvd", .rvm, .p66, .m0F38, 0x47, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpsllvq = Instruction("vpsllvq", .rvm, .p66, .m0F38, 0x47, .w1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpsllvw = Instruction("vpsllvw", .rvm, .p66, .m0F38, 0x12, .w1, .fullMemory, evex: .avx512bw)
  public static let vpsrlvd = Instruction("vpsrlvd", .rvm, .p66, .m0F38, 0x45, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpsrlvq = Instruction("vpsrlvq", .rvm, .p66, .m0F38, 0x45, .w1, .full(8), vex: .avx2, evex: .avx512f)
  public static let vpsrlvw = Instruction("vpsrlvw", .rvm, .p66, .m0F38, 0x10, .w1, .fullMemory, evex: .avx512bw)
  public static let vpsravd = Instruction("vpsravd", .rvm, .p66, .m0F38, 0x46, .w0, .full(4), vex: .avx2, evex: .avx512f)
  public static let vpsravq = Instruction("vpsravq", .rvm, .p66, .m0F38, 0x46, .w1, .full(8), evex: .avx512f)
  public static let vpsravw = Instruction("vpsravw", .rvm, .p66, .m0F38, 0x11, .w1, .fullMemory, evex: .avx512bw)
  public static let vpslldq = Instruction("vpslldq", .vri, .p66, .m0F, 0x73, .w0, .fullMemory, vex: .avx2, evex: .avx512bw, digit: 7, masking: .none)
  public static let vpsrldq = Instruction("vpsrldq", .vri, .p66, .m0F, 0x73, .w0, .fullMemory, vex: .avx2, evex: .avx512bw, digit: 3, masking: .none)
  public static let vprold = Instruction("vprold", .vmi, .p66, .m0F, 0x72, .w0, .full(4), evex: .avx512f, digit: 1)
  public static let vprolq = Instruction("vprolq", .vmi, .p66, .m0F, 0x72, .w1, .full(8), evex: .avx512f, digit: 1)
  public static let vphaddd = Instruction("vphaddd", .rvm, .p66, .m0F38, 0x02, .w0, .fullMemory, vex: .avx2)

  static let integer: [Instruction] = [
    .vpaddb, .vpaddw, .vpaddd, .vpaddq, .vpsubb, .vpsubw, .vpsubd, .vpsubq, .vpaddsb, .vpaddsw, .vpaddusb,
    .vpaddusw, .vpsubsb, .vpsubsw, .vpsubusb, .vpsubusw, .vpavgb, .vpavgw, .vpmullw, .vpmulhw, .vpmulhuw, .vpmaddwd,
    .vpmaddubsw, .vpmulhrsw, .vpsadbw, .vpmulld, .vpmullq, .vpmuludq, .vpmuldq, .vpminub, .vpmaxub, .vpminsw,
    .vpmaxsw, .vpminsb, .vpmaxsb, .vpminuw, .vpmaxuw, .vpminsd, .vpmaxsd, .vpminud, .vpmaxud, .vpminsq, .vpmaxsq,
    .vpminuq, .vpmaxuq, .vpabsb, .vpabsw, .vpabsd, .vpabsq, .vpand, .vpandd, .vpandq, .vpandn, .vpandnd, .vpandnq,
    .vpor, .vpord, .vporq, .vpxor, .vpxord, .vpxorq, .vpternlogd, .vpternlogq, .vpsllw, .vpslld, .vpsllq, .vpsrlw,
    .vpsrld, .vpsrlq, .vpsraw, .vpsrad, .vpsraq, .vpsllwByXmm, .vpslldByXmm, .vpsllqByXmm, .vpsrlwByXmm,
    .vpsrldByXmm, .vpsrlqByXmm, .vpsrawByXmm, .vpsradByXmm, .vpsllvd, .vpsllvq, .vpsllvw, .vpsrlvd, .vpsrlvq,
    .vpsrlvw, .vpsravd, .vpsravq, .vpsravw, .vpslldq, .vpsrldq, .vprold, .vprolq, .vphaddd,
  ]
}
