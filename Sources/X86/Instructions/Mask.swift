// swift-format-ignore-file
// Mask registers: moves, logic, shifts, and to and from vectors.
// One line an instruction, however long.

extension Instruction {
  public static let kmovb = Instruction("kmovb", .kMove, .p66, .m0F, 0x90, .w0, .scalar(1), vex: .avx512dq, store: 0x91, lengths: .l0, masking: .none)
  public static let kmovbFromGeneral = Instruction("kmovb", .kFromR32, .p66, .m0F, 0x92, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let kmovbToGeneral = Instruction("kmovb", .kToR32, .p66, .m0F, 0x93, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let kmovw = Instruction("kmovw", .kMove, .none, .m0F, 0x90, .w0, .scalar(2), vex: .avx512f, store: 0x91, lengths: .l0, masking: .none)
  public static let kmovwFromGeneral = Instruction("kmovw", .kFromR32, .none, .m0F, 0x92, .w0, .scalar(0), vex: .avx512f, lengths: .l0, masking: .none)
  public static let kmovwToGeneral = Instruction("kmovw", .kToR32, .none, .m0F, 0x93, .w0, .scalar(0), vex: .avx512f, lengths: .l0, masking: .none)
  public static let kmovd = Instruction("kmovd", .kMove, .p66, .m0F, 0x90, .w1, .scalar(4), vex: .avx512bw, store: 0x91, lengths: .l0, masking: .none)
  public static let kmovdFromGeneral = Instruction("kmovd", .kFromR32, .pF2, .m0F, 0x92, .w0, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kmovdToGeneral = Instruction("kmovd", .kToR32, .pF2, .m0F, 0x93, .w0, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kmovq = Instruction("kmovq", .kMove, .none, .m0F, 0x90, .w1, .scalar(8), vex: .avx512bw, store: 0x91, lengths: .l0, masking: .none)
  public static let kmovqFromGeneral = Instruction("kmovq", .kFromR64, .pF2, .m0F, 0x92, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kmovqToGeneral = Instruction("kmovq", .kToR64, .pF2, .m0F, 0x93, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kandb = Instruction("kandb", .kkk, .p66, .m0F, 0x41, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let kandw = Instruction("kandw", .kkk, .none, .m0F, 0x41, .w0, .scalar(0), vex: .avx512f, lengths: .l1, masking: .none)
  public static let kandd = Instruction("kandd", .kkk, .p66, .m0F, 0x41, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kandq = Instruction("kandq", .kkk, .none, .m0F, 0x41, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kandnb = Instruction("kandnb", .kkk, .p66, .m0F, 0x42, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let kandnw = Instruction("kandnw", .kkk, .none, .m0F, 0x42, .w0, .scalar(0), vex: .avx512f, lengths: .l1, masking: .none)
  public static let kandnd = Instruction("kandnd", .kkk, .p66, .m0F, 0x42, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kandnq = Instruction("kandnq", .kkk, .none, .m0F, 0x42, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let korb = Instruction("korb", .kkk, .p66, .m0F, 0x45, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let korw = Instruction("korw", .kkk, .none, .m0F, 0x45, .w0, .scalar(0), vex: .avx512f, lengths: .l1, masking: .none)
  public static let kord = Instruction("kord", .kkk, .p66, .m0F, 0x45, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let korq = Instruction("korq", .kkk, .none, .m0F, 0x45, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kxnorb = Instruction("kxnorb", .kkk, .p66, .m0F, 0x46, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let kxnorw = Instruction("kxnorw", .kkk, .none, .m0F, 0x46, .w0, .scalar(0), vex: .avx512f, lengths: .l1, masking: .none)
  public static let kxnord = Instruction("kxnord", .kkk, .p66, .m0F, 0x46, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kxnorq = Instruction("kxnorq", .kkk, .none, .m0F, 0x46, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kxorb = Instruction("kxorb", .kkk, .p66, .m0F, 0x47, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let kxorw = Instruction("kxorw", .kkk, .none, .m0F, 0x47, .w0, .scalar(0), vex: .avx512f, lengths: .l1, masking: .none)
  public static let kxord = Instruction("kxord", .kkk, .p66, .m0F, 0x47, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kxorq = Instruction("kxorq", .kkk, .none, .m0F, 0x47, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kaddb = Instruction("kaddb", .kkk, .p66, .m0F, 0x4A, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let kaddw = Instruction("kaddw", .kkk, .none, .m0F, 0x4A, .w0, .scalar(0), vex: .avx512dq, lengths: .l1, masking: .none)
  public static let kaddd = Instruction("kaddd", .kkk, .p66, .m0F, 0x4A, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kaddq = Instruction("kaddq", .kkk, .none, .m0F, 0x4A, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let knotb = Instruction("knotb", .kk, .p66, .m0F, 0x44, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let knotw = Instruction("knotw", .kk, .none, .m0F, 0x44, .w0, .scalar(0), vex: .avx512f, lengths: .l0, masking: .none)
  public static let knotd = Instruction("knotd", .kk, .p66, .m0F, 0x44, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let knotq = Instruction("knotq", .kk, .none, .m0F, 0x44, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kortestb = Instruction("kortestb", .kk, .p66, .m0F, 0x98, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let kortestw = Instruction("kortestw", .kk, .none, .m0F, 0x98, .w0, .scalar(0), vex: .avx512f, lengths: .l0, masking: .none)
  public static let kortestd = Instruction("kortestd", .kk, .p66, .m0F, 0x98, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kortestq = Instruction("kortestq", .kk, .none, .m0F, 0x98, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let ktestb = Instruction("ktestb", .kk, .p66, .m0F, 0x99, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let ktestw = Instruction("ktestw", .kk, .none, .m0F, 0x99, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let ktestd = Instruction("ktestd", .kk, .p66, .m0F, 0x99, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let ktestq = Instruction("ktestq", .kk, .none, .m0F, 0x99, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kunpckbw = Instruction("kunpckbw", .kkk, .p66, .m0F, 0x4B, .w0, .scalar(0), vex: .avx512f, lengths: .l1, masking: .none)
  public static let kunpckwd = Instruction("kunpckwd", .kkk, .none, .m0F, 0x4B, .w0, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kunpckdq = Instruction("kunpckdq", .kkk, .none, .m0F, 0x4B, .w1, .scalar(0), vex: .avx512bw, lengths: .l1, masking: .none)
  public static let kshiftlb = Instruction("kshiftlb", .kki, .p66, .m0F3A, 0x32, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let kshiftlw = Instruction("kshiftlw", .kki, .p66, .m0F3A, 0x32, .w1, .scalar(0), vex: .avx512f, lengths: .l0, masking: .none)
  public static let kshiftld = Instruction("kshiftld", .kki, .p66, .m0F3A, 0x33, .w0, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kshiftlq = Instruction("kshiftlq", .kki, .p66, .m0F3A, 0x33, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kshiftrb = Instruction("kshiftrb", .kki, .p66, .m0F3A, 0x30, .w0, .scalar(0), vex: .avx512dq, lengths: .l0, masking: .none)
  public static let kshiftrw = Instruction("kshiftrw", .kki, .p66, .m0F3A, 0x30, .w1, .scalar(0), vex: .avx512f, lengths: .l0, masking: .none)
  public static let kshiftrd = Instruction("kshiftrd", .kki, .p66, .m0F3A, 0x31, .w0, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let kshiftrq = Instruction("kshiftrq", .kki, .p66, .m0F3A, 0x31, .w1, .scalar(0), vex: .avx512bw, lengths: .l0, masking: .none)
  public static let vpmovm2b = Instruction("vpmovm2b", Form(.reg(.v), .rm(.k)), .pF3, .m0F38, 0x28, .w0, .fullMemory, evex: .avx512bw, masking: .none)
  public static let vpmovb2m = Instruction("vpmovb2m", Form(.reg(.k), .rm(.v)), .pF3, .m0F38, 0x29, .w0, .fullMemory, evex: .avx512bw, masking: .none)
  public static let vpmovm2w = Instruction("vpmovm2w", Form(.reg(.v), .rm(.k)), .pF3, .m0F38, 0x28, .w1, .fullMemory, evex: .avx512bw, masking: .none)
  public static let vpmovw2m = Instruction("vpmovw2m", Form(.reg(.k), .rm(.v)), .pF3, .m0F38, 0x29, .w1, .fullMemory, evex: .avx512bw, masking: .none)
  public static let vpmovm2d = Instruction("vpmovm2d", Form(.reg(.v), .rm(.k)), .pF3, .m0F38, 0x38, .w0, .fullMemory, evex: .avx512dq, masking: .none)
  public static let vpmovd2m = Instruction("vpmovd2m", Form(.reg(.k), .rm(.v)), .pF3, .m0F38, 0x39, .w0, .fullMemory, evex: .avx512dq, masking: .none)
  public static let vpmovm2q = Instruction("vpmovm2q", Form(.reg(.v), .rm(.k)), .pF3, .m0F38, 0x38, .w1, .fullMemory, evex: .avx512dq, masking: .none)
  public static let vpmovq2m = Instruction("vpmovq2m", Form(.reg(.k), .rm(.v)), .pF3, .m0F38, 0x39, .w1, .fullMemory, evex: .avx512dq, masking: .none)

  static let mask: [Instruction] = [
    .kmovb, .kmovbFromGeneral, .kmovbToGeneral, .kmovw, .kmovwFromGeneral, .kmovwToGeneral, .kmovd,
    .kmovdFromGeneral, .kmovdToGeneral, .kmovq, .kmovqFromGeneral, .kmovqToGeneral, .kandb, .kandw, .kandd, .kandq,
    .kandnb, .kandnw, .kandnd, .kandnq, .korb, .korw, .kord, .korq, .kxnorb, .kxnorw, .kxnord, .kxnorq, .kxorb,
    .kxorw, .kxord, .kxorq, .kaddb, .kaddw, .kaddd, .kaddq, .knotb, .knotw, .knotd, .knotq, .kortestb, .kortestw,
    .kortestd, .kortestq, .ktestb, .ktestw, .ktestd, .ktestq, .kunpckbw, .kunpckwd, .kunpckdq, .kshiftlb, .kshiftlw,
    .kshiftld, .kshiftlq, .kshiftrb, .kshiftrw, .kshiftrd, .kshiftrq, .vpmovm2b, .vpmovb2m, .vpmovm2w, .vpmovw2m,
    .vpmovm2d, .vpmovd2m, .vpmovm2q, .vpmovq2m,
  ]
}
