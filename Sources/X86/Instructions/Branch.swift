// swift-format-ignore-file
// Jumps and calls. `jmp` and `jcc` take the short form where the label is behind and near.
// One line an instruction, however long.

extension Instruction {
  public static let jmp = Instruction("jmp", .jump, .none, .one, 0xE9)
  public static let jo = Instruction("jo", .jump, .none, .m0F, 0x80)
  public static let jno = Instruction("jno", .jump, .none, .m0F, 0x81)
  public static let jb = Instruction("jb", .jump, .none, .m0F, 0x82)
  public static let jae = Instruction("jae", .jump, .none, .m0F, 0x83)
  public static let je = Instruction("je", .jump, .none, .m0F, 0x84)
  public static let jne = Instruction("jne", .jump, .none, .m0F, 0x85)
  public static let jbe = Instruction("jbe", .jump, .none, .m0F, 0x86)
  public static let ja = Instruction("ja", .jump, .none, .m0F, 0x87)
  public static let js = Instruction("js", .jump, .none, .m0F, 0x88)
  public static let jns = Instruction("jns", .jump, .none, .m0F, 0x89)
  public static let jp = Instruction("jp", .jump, .none, .m0F, 0x8A)
  public static let jnp = Instruction("jnp", .jump, .none, .m0F, 0x8B)
  public static let jl = Instruction("jl", .jump, .none, .m0F, 0x8C)
  public static let jge = Instruction("jge", .jump, .none, .m0F, 0x8D)
  public static let jle = Instruction("jle", .jump, .none, .m0F, 0x8E)
  public static let jg = Instruction("jg", .jump, .none, .m0F, 0x8F)
  public static let call = Instruction("call", .call, .none, .one, 0xE8)
  public static let callIndirect = Instruction("call", .indirect, .none, .one, 0xFF, digit: 2)
  public static let jmpIndirect = Instruction("jmp", .indirect, .none, .one, 0xFF, digit: 4)

  static let branch: [Instruction] = [
    .jmp, .jo, .jno, .jb, .jae, .je, .jne, .jbe, .ja, .js, .jns, .jp, .jnp, .jl, .jge, .jle, .jg, .call,
    .callIndirect, .jmpIndirect,
  ]
}
