@testable import X86

/// One instruction with operands: what the golden bytes are about.
struct InstructionCase {
  var instruction: Instruction
  var operands: [Operand]
  var mask: Register?
  var zeroing = false
  var rounding = Rounding.current

  var request: Request {
    func operand(_ position: Int) -> Operand { position < operands.count ? operands[position] : .none }
    return Request(
      instruction: instruction, a: operand(0), b: operand(1), c: operand(2), d: operand(3), mask: mask,
      zeroing: zeroing, rounding: rounding)
  }

  var text: String { request.text }

  /// The bytes of the instruction alone, which no label follows.
  func encode() throws(AssemblerError) -> [UInt8] {
    var assembler = Assembler()
    let request = request
    try assembler.emit(
      instruction, request.a, request.b, request.c, request.d, mask: mask, zeroing: zeroing, rounding: rounding)
    return try assembler.finish().bytes
  }
}

/// Every operand form of an instruction with the registers, addresses and decorations where encodings change.
struct CaseEnumerator {
  static let displacements: [Int32] = [0, 8, 64, 127, 128, 4096, -64]
  static let bases: [Register] = [.rax, .rsp, .rbp, .r12, .r13]

  static func cases(_ instruction: Instruction) -> [InstructionCase] {
    if case .legacy(let shape) = instruction.encoding { return legacy(instruction, shape) }
    return lengths(instruction).flatMap { vector(instruction, vectorBytes: $0) }
  }

  static func lengths(_ instruction: Instruction) -> [Int] {
    switch instruction.lengths {
    case .l0: [16]
    case .l1: [32]
    case .l2: [64]
    case .all: instruction.evex == nil ? [16, 32] : [16, 32, 64]
    case .wide: instruction.evex == nil ? [32] : [32, 64]
    }
  }

  // MARK: VEX and EVEX

  private static func vector(_ instruction: Instruction, vectorBytes: Int) -> [InstructionCase] {
    let form = instruction.form
    let slots = (0..<form.operandCount).map { form[$0] }
    let hasEVEX = instruction.evex != nil
    let needsMask = instruction.masking == .required
    var cases: [InstructionCase] = []

    func add(_ operands: [Operand], mask: UInt8? = nil, zeroing: Bool = false, rounding: Rounding = .current) {
      let mask = mask ?? (needsMask ? 1 : nil)
      cases.append(
        InstructionCase(
          instruction: instruction, operands: operands, mask: mask.map { .k($0) }, zeroing: zeroing, rounding: rounding)
      )
      // The same instruction in its store form.
      if instruction.storeOpcode != 0, operands.count == 2, operands[1].isMemory || isGeneral(operands[1]), !zeroing {
        cases.append(
          InstructionCase(
            instruction: instruction, operands: [operands[1], operands[0]], mask: mask.map { .k($0) },
            rounding: rounding))
      }
    }
    func registers(_ number: (Int) -> UInt8, general: Register.Kind = .gpr64) -> [Operand] {
      slots.enumerated().map { position, slot in
        operand(slot.kind, number(position), vectorBytes: vectorBytes, general: general)
      }
    }
    guard !slots.isEmpty else { return [InstructionCase(instruction: instruction, operands: [])] }

    // Distinct small numbers elsewhere, so that no two registers are the same where that is forbidden.
    let plain = registers { UInt8($0 + 1) }
    if !slots.contains(where: { [.m, .vsib, .vsibHalf].contains($0.kind) }) {
      for general in [Register.Kind.gpr64, .gpr32] {
        if general == .gpr32, !slots.contains(where: { $0.kind == .r || $0.kind == .rm }) { continue }
        for position in slots.indices where slots[position].kind != .imm8 {
          for number in numbers(slots[position].kind, hasEVEX: hasEVEX) {
            add(registers({ $0 == position ? number : number == UInt8($0 + 1) ? 5 : UInt8($0 + 1) }, general: general))
          }
        }
      }
      if hasEVEX, instruction.masking != .none {
        for mask in [1, 4, 7] as [UInt8] {
          add(plain, mask: mask)
          if instruction.masking == .zeroing { add(plain, mask: mask, zeroing: true) }
        }
      }
      if vectorBytes == 64 || instruction.lengths == .l0 {
        for rounding in supported(instruction.rounding) {
          add(plain, rounding: rounding)
          if instruction.masking == .zeroing { add(plain, mask: 2, zeroing: true, rounding: rounding) }
        }
      }
    }
    for position in slots.indices where slots[position].kind.allowsMemory {
      for memory in addresses(slots[position], vectorBytes: vectorBytes, hasEVEX: hasEVEX) {
        if instruction.form.a.role == .vvvv, !hasEVEX { continue }
        var operands = plain
        operands[position] = .memory(memory)
        add(operands)
        if hasEVEX, memory.displacement == 64, instruction.masking != .none {
          add(operands, mask: 3)
          if instruction.masking == .zeroing, position != 0 { add(operands, mask: 7, zeroing: true) }
        }
        if hasEVEX, instruction.tuple.broadcastBytes != nil {
          operands[position] = .memory(memory.broadcast)
          add(operands)
        }
      }
      // Every other register beside memory: the bits of an index and of vvvv share a byte.
      for other in slots.indices where other != position && slots[other].kind != .imm8 {
        for number in numbers(slots[other].kind, hasEVEX: hasEVEX) {
          if instruction.form.a.role == .vvvv, !hasEVEX { continue }
          var operands = plain
          operands[other] = operand(slots[other].kind, number, vectorBytes: vectorBytes, general: .gpr64)
          let index = slots[position].vectorIndex(vectorBytes: vectorBytes).map { Register($0, 6) }
          operands[position] = .memory(Memory(.r13, index: index ?? .r12, scale: 4, displacement: 128))
          add(operands)
        }
      }
    }
    return cases.filter { valid($0) }
  }

  /// VEX gathers and tile products need registers that differ, which the enumeration does not always give.
  private static func valid(_ item: InstructionCase) -> Bool {
    do {
      _ = try item.encode()
      return true
    } catch {
      return error.problem != .sameRegister
    }
  }

  private static func isGeneral(_ operand: Operand) -> Bool {
    if case .register(let register) = operand { register.kind.isGeneralPurpose } else { false }
  }

  private static func supported(_ rounding: Instruction.RoundingSupport) -> [Rounding] {
    switch rounding {
    case .none: []
    case .suppressExceptions: [.suppressExceptions]
    case .embedded: [.nearestEven, .down, .up, .towardZero]
    }
  }

  static func numbers(_ kind: Slot.Kind, hasEVEX: Bool) -> [UInt8] {
    switch kind {
    case .k, .km, .t: [0, 1, 5, 7]
    case .r32, .r32m, .r64, .r64m, .r, .rm: [0, 4, 5, 7, 8, 12, 13, 15]
    default: hasEVEX ? [0, 7, 8, 15, 16, 31] : [0, 7, 8, 15]
    }
  }

  static func operand(_ kind: Slot.Kind, _ number: UInt8, vectorBytes: Int, general: Register.Kind) -> Operand {
    switch kind {
    case .absent: .none
    case .v, .vm: .register(Register(Slot.vector(vectorBytes), number))
    case .h, .hm: .register(Register(Slot.vector(vectorBytes / 2), number))
    case .q, .qm: .register(Register(Slot.vector(vectorBytes / 4), number))
    case .e, .em: .register(Register(Slot.vector(vectorBytes / 8), number))
    case .x, .xm: .xmm(number)
    case .y, .ym: .ymm(number)
    case .k, .km: .k(number)
    case .t: .tmm(number)
    case .r32, .r32m: .register(Register(.gpr32, number))
    case .r64, .r64m: .register(Register(.gpr64, number))
    case .r, .rm: .register(Register(general, number))
    case .m, .vsib, .vsibHalf: .memory(.rax)
    case .imm8: .immediate(3)
    }
  }

  private static func addresses(_ slot: Slot, vectorBytes: Int, hasEVEX: Bool) -> [Memory] {
    let vectorIndex = slot.vectorIndex(vectorBytes: vectorBytes)
    if let kind = vectorIndex {
      var result: [Memory] = []
      for (place, number) in numbers(.v, hasEVEX: hasEVEX).enumerated() {
        for base in bases {
          let index = Register(kind, number)
          result.append(Memory(base, index: index, scale: 1 << (place % 4), displacement: displacements[place]))
        }
        result.append(Memory(nil, index: Register(kind, number), scale: 8, displacement: 64))
      }
      return result
    }
    return generalAddresses
  }

  static let generalAddresses: [Memory] = {
    var result: [Memory] = []
    for base in bases {
      for displacement in displacements { result.append(Memory(base, displacement: displacement)) }
    }
    for (place, index) in ([.rax, .rbp, .r9, .r12, .r13, .r15] as [Register]).enumerated() {
      result.append(Memory(bases[place % 5], index: index, scale: 1 << (place % 4), displacement: displacements[place]))
      result.append(Memory(.rdi, index: index, scale: 8, displacement: 64 * Int32(place - 3)))
    }
    result.append(Memory(nil, index: .rcx, scale: 4, displacement: 64))
    result.append(Memory(nil, displacement: 4096))
    return result
  }()

  // MARK: General-purpose registers

  private static func legacy(_ instruction: Instruction, _ shape: LegacyShape) -> [InstructionCase] {
    var cases: [InstructionCase] = []
    func add(_ operands: Operand...) { cases.append(InstructionCase(instruction: instruction, operands: operands)) }
    let wide: [Register.Kind] = [.gpr16, .gpr32, .gpr64]
    let all: [Register.Kind] = [.gpr8] + wide
    let numbers: [UInt8] = [0, 1, 4, 5, 7, 8, 12, 13, 15]
    func immediates(_ kind: Register.Kind) -> [Int64] {
      kind == .gpr8 ? [1, 127, -128] : kind == .gpr16 ? [1, 127, 1000, -129] : [1, 127, -128, 128, 100_000, -100_000]
    }
    switch shape {
    case .arithmetic, .move, .test:
      for kind in all {
        for number in numbers {
          add(.register(Register(kind, number)), .register(Register(kind, 2)))
          add(.register(Register(kind, 2)), .register(Register(kind, number)))
          for value in immediates(kind) { add(.register(Register(kind, number)), .immediate(value)) }
          if shape == .move, kind == .gpr64 { add(.register(Register(kind, number)), .immediate(0x1234_5678_9ABC)) }
          if shape != .test {
            add(.register(Register(kind, number)), .memory(.r12, index: .r13, scale: 2, displacement: 8))
            add(.memory(.rbp, displacement: -64), .register(Register(kind, number)))
          }
        }
        if shape != .test {
          for memory in generalAddresses {
            add(.register(Register(kind, 6)), .memory(memory))
            add(.memory(memory), .register(Register(kind, 9)))
          }
        }
      }
    case .shift:
      for kind in all {
        for number in numbers {
          add(.register(Register(kind, number)), 3)
          add(.register(Register(kind, number)), .register(Register(.gpr8, 1)))
        }
      }
    case .unary:
      for kind in all { for number in numbers { add(.register(Register(kind, number))) } }
    case .load, .address:
      for kind in wide {
        for number in numbers {
          if shape == .load {
            add(.register(Register(kind, number)), .register(Register(kind, 2)))
            add(.register(Register(kind, 2)), .register(Register(kind, number)))
          }
          add(.register(Register(kind, number)), .memory(.rdi, displacement: 8))
        }
        for memory in generalAddresses { add(.register(Register(kind, 14)), .memory(memory)) }
      }
    case .extend:
      let bytes = instruction.tuple.byteCount(vectorBytes: 0)
      let source: Register.Kind = bytes == 1 ? .gpr8 : bytes == 2 ? .gpr16 : .gpr32
      for kind in wide where kind.byteCount > bytes {
        for number in numbers {
          add(.register(Register(kind, number)), .register(Register(source, 5)))
          add(.register(Register(kind, 3)), .register(Register(source, number)))
        }
        for memory in generalAddresses { add(.register(Register(kind, 11)), .memory(memory)) }
      }
    case .multiplyImmediate:
      for kind in wide {
        for number in numbers {
          for value in immediates(kind) {
            add(.register(Register(kind, number)), .register(Register(kind, 2)), .immediate(value))
          }
          add(.register(Register(kind, 2)), .memory(Register(.gpr64, number), displacement: 64), 24)
        }
      }
    case .condition:
      for number in numbers { add(.register(Register(.gpr8, number))) }
      for memory in generalAddresses { add(.memory(memory)) }
    case .indirect:
      for number in numbers { add(.register(Register(.gpr64, number))) }
      // Without a register, assemblers read the text of an address as that of a direct jump.
      for memory in generalAddresses where memory.base != nil { add(.memory(memory)) }
    case .stack:
      for number in numbers { add(.register(Register(.gpr64, number))) }
    case .memory:
      for memory in generalAddresses { add(.memory(memory)) }
    case .noOperands: add()
    case .jump, .call: break  // labels: LabelTests
    }
    return cases
  }
}
