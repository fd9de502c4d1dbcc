// swift-format-ignore-file
// AMX: tiles of up to 16 rows of 64 bytes.
// One line an instruction, however long.

extension Instruction {
  public static let ldtilecfg = Instruction("ldtilecfg", .memory, .none, .m0F38, 0x49, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none)
  public static let sttilecfg = Instruction("sttilecfg", .memory, .p66, .m0F38, 0x49, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none)
  public static let tilerelease = Instruction("tilerelease", .none, .none, .m0F38, 0x49, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none)
  public static let tilezero = Instruction("tilezero", .tile, .pF2, .m0F38, 0x49, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none)
  // Rows from [base + row·index]: the index register is the stride in bytes.
  public static let tileloadd = Instruction("tileloadd", .tileLoad, .pF2, .m0F38, 0x4B, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none, needsSIB: true)
  public static let tileloaddt1 = Instruction("tileloaddt1", .tileLoad, .p66, .m0F38, 0x4B, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none, needsSIB: true)
  public static let tilestored = Instruction("tilestored", .tileStore, .pF3, .m0F38, 0x4B, .w0, .scalar(0), vex: .amxTile, lengths: .l0, masking: .none, needsSIB: true)
  // a += b · c; s signed, u unsigned bytes.
  public static let tdpbssd = Instruction("tdpbssd", .tileProduct, .pF2, .m0F38, 0x5E, .w0, .scalar(0), vex: .amxInt8, lengths: .l0, masking: .none)
  public static let tdpbsud = Instruction("tdpbsud", .tileProduct, .pF3, .m0F38, 0x5E, .w0, .scalar(0), vex: .amxInt8, lengths: .l0, masking: .none)
  public static let tdpbusd = Instruction("tdpbusd", .tileProduct, .p66, .m0F38, 0x5E, .w0, .scalar(0), vex: .amxInt8, lengths: .l0, masking: .none)
  public static let tdpbuud = Instruction("tdpbuud", .tileProduct, .none, .m0F38, 0x5E, .w0, .scalar(0), vex: .amxInt8, lengths: .l0, masking: .none)
  public static let tdpbf16ps = Instruction("tdpbf16ps", .tileProduct, .pF3, .m0F38, 0x5C, .w0, .scalar(0), vex: .amxBF16, lengths: .l0, masking: .none)

  static let tile: [Instruction] = [
    .ldtilecfg, .sttilecfg, .tilerelease, .tilezero, .tileloadd, .tileloaddt1, .tilestored, .tdpbssd, .tdpbsud,
    .tdpbusd, .tdpbuud, .tdpbf16ps,
  ]
}
