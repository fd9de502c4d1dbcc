import Testing

@testable import X86

@Suite struct AssemblerTests {
  @Test func operandsThatDoNotExistAreErrors() {
    func problem(_ instruction: Instruction, _ operands: Operand..., mask: Register? = nil) -> AssemblerError.Problem? {
      do {
        _ = try InstructionCase(instruction: instruction, operands: operands, mask: mask).encode()
        return nil
      } catch {
        return error.problem
      }
    }
    #expect(problem(.vaddps, .ymm(0), .ymm(1), .ymm(2)) == nil)
    #expect(problem(.vpand, .ymm(0), .ymm(1), .ymm(16)) == .noEVEX)
    #expect(problem(.vaddps, .zmm(32), .zmm(1), .zmm(2)) == .registerNumber("zmm32"))
    #expect(problem(.vpgatherdd, .zmm(0), .memory(.rax, index: .zmm(1))) == .mask("it needs a mask"))
    #expect(problem(.vpgatherdd, .zmm(1), .memory(.rax, index: .zmm(1)), mask: .k(1)) == .sameRegister)
    #expect(problem(.vmovups, .broadcast(.rax), .zmm(0)) == .broadcast)
    #expect(problem(.add, .rax, 0x1_0000_0000) == .immediate(0x1_0000_0000))
  }

  @Test func distancesAreShortBackwardsAndLongForwards() throws {
    var assembler = Assembler()
    let start = assembler.newLabel()
    let end = assembler.newLabel()
    try assembler.bind(start)
    try assembler.emit(.jne, .label(end))
    try assembler.emit(.jmp, .label(start))
    try assembler.bind(end)
    try assembler.emit(.call, .label(start))
    #expect(try assembler.finish().bytes == [0x0F, 0x85, 2, 0, 0, 0, 0xEB, 0xF8, 0xE8, 0xF3, 0xFF, 0xFF, 0xFF])
  }

  @Test func conditionsOfJumpsAreThoseOfConditionalMoves() {
    // The golden files check cmov and set; the low four bits are the condition in all three.
    let jumps = Instruction.branch.filter { $0.encoding == .legacy(.jump) && $0.map == .m0F }
    #expect(jumps.count == 16)
    for jump in jumps {
      let move = Instruction.general.first { $0.mnemonic == "cmov" + jump.mnemonic.dropFirst() }
      #expect(move?.opcode == jump.opcode - 0x40, "\(jump.mnemonic)")
    }
  }

  @Test func anUnboundLabelIsAnError() throws {
    var assembler = Assembler()
    try assembler.emit(.jmp, .label(assembler.newLabel()))
    do {
      _ = try assembler.finish()
      Issue.record("finished with an unbound label")
    } catch {
      #expect(error == AssemblerError(instruction: "jmp", problem: .unboundLabel))
    }
  }

  @Test func equalConstantsShareTheirPlace() throws {
    var assembler = Assembler()
    #expect(try assembler.constant(1) == assembler.constant(1))
    #expect(try assembler.constant(1) != assembler.constant(2))
    try assembler.emit(.ret)
    let code = try assembler.finish()
    #expect(code.codeSize == 1)
    #expect(code.bytes.count == 64 + 8)
  }

  /// Random operands for every instruction: an answer or an error, and nothing half-emitted.
  @Test func noCombinationTraps() throws {
    var generator = SplitMix64(state: 0x5EED)
    let instructions = Instruction.families.flatMap(\.instructions)
    func operand() -> Operand {
      let kinds = Register.Kind.allCases
      let register = Register(kinds.randomElement(using: &generator)!, UInt8.random(in: 0...33, using: &generator))
      switch UInt8.random(in: 0..<8, using: &generator) {
      case 0: return .none
      case 1:
        return .immediate(
          Int64.random(in: .min ... .max, using: &generator) >> Int64.random(in: 0...63, using: &generator))
      case 2, 3:
        var memory = Memory(
          Bool.random(using: &generator) ? Register(.gpr64, UInt8.random(in: 0...16, using: &generator)) : nil,
          index: Bool.random(using: &generator) ? register : nil, scale: UInt8.random(in: 0...9, using: &generator),
          displacement: Int32.random(in: .min ... .max, using: &generator) >> 16)
        memory.isBroadcast = Bool.random(using: &generator)
        return .memory(memory)
      default: return .register(register)
      }
    }
    var assembler = Assembler()
    for _ in 0..<50_000 {
      let before = assembler.offset
      do {
        try assembler.emit(
          instructions.randomElement(using: &generator)!, operand(), operand(), operand(), operand(),
          mask: Bool.random(using: &generator) ? .k(UInt8.random(in: 0...9, using: &generator)) : nil,
          zeroing: Bool.random(using: &generator), rounding: Rounding.allCases.randomElement(using: &generator)!)
        #expect((1...15).contains(assembler.offset - before))
      } catch {
        #expect(assembler.offset == before, "\(error)")
      }
    }
  }
}

struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
