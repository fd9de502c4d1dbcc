// VEX and EVEX: operands are matched against the form, then one function writes either prefix.

/// The fields of a VEX or EVEX instruction.
private struct VectorFields {
  var opcode: UInt8
  var reg: UInt8 = 0
  var vvvv: UInt8 = 0
  var rm: RegisterOrMemory?
  /// The last byte: an immediate, or the register of is4.
  var last: UInt8?
  var vectorBytes = 16
  var w: UInt8 = 0
  var isEVEX = false
  var broadcasts = false

  /// The fifth, fourth … bits of the registers, as VEX and EVEX split them.
  var r: UInt8 { reg >> 3 & 1 }
  var rHigh: UInt8 { reg >> 4 & 1 }
  var b: UInt8 {
    switch rm {
    case .register(let register): register.number >> 3 & 1
    case .memory(let memory): (memory.base?.number ?? 0) >> 3 & 1
    case nil: 0
    }
  }
  var x: UInt8 {
    switch rm {
    // Without an index the X bit is the fifth bit of a vector register.
    case .register(let register): register.number >> 4 & 1
    case .memory(let memory): (memory.index?.number ?? 0) >> 3 & 1
    case nil: 0
    }
  }
  /// The fifth bit of vvvv, or of a vector index (no form has both).
  var vHigh: UInt8 {
    if let index = rm?.memory?.index, index.kind.isVector { return index.number >> 4 & 1 }
    return vvvv >> 4 & 1
  }
}

extension Request {
  /// The length of the vectors: fixed by the table, or that of the first operand of full length.
  private func vectorBytes(_ operands: Request) throws(AssemblerError) -> Int {
    switch instruction.lengths {
    case .l0: return 16
    case .l1: return 32
    case .l2: return 64
    case .all, .wide: break
    }
    for position in 0..<Form.count {
      switch instruction.form[position].kind {
      case .v, .vm:
        guard let register = operands[position].register else { continue }
        guard register.kind.isVector else {
          throw error(.operand(position: position, expected: instruction.form[position].kind.text))
        }
        guard instruction.lengths == .all || register.kind != .xmm else { throw error(.vectorLength(bytes: 16)) }
        return register.kind.byteCount
      default: continue
      }
    }
    throw error(.operand(position: 0, expected: "a vector register"))
  }

  fileprivate func vectorFields() throws(AssemblerError) -> VectorFields {
    var operands = self
    var fields = VectorFields(opcode: instruction.opcode)
    if instruction.storeOpcode != 0, storesFirstOperand {
      swap(&operands.a, &operands.b)
      fields.opcode = instruction.storeOpcode
    }
    fields.vectorBytes = try vectorBytes(operands)
    fields.reg = instruction.digit
    var general: Register.Kind?
    for position in 0..<Form.count {
      let slot = instruction.form[position]
      let operand = operands[position]
      guard (slot.role == .absent) == (operand == .none) else {
        throw error(.operandCount(expected: instruction.form.operandCount))
      }
      guard slot.accepts(operand, vectorBytes: fields.vectorBytes) else {
        throw error(.operand(position: position, expected: slot.kind.text))
      }
      if slot.kind == .r || slot.kind == .rm, let register = operand.register {
        guard general == nil || general == register.kind else {
          throw error(.operand(position: position, expected: "as wide as the other registers"))
        }
        general = register.kind
      }
      switch (slot.role, operand) {
      case (.reg, .register(let register)): fields.reg = register.number
      case (.vvvv, .register(let register)): fields.vvvv = register.number
      case (.rm, .register(let register)): fields.rm = .register(register)
      case (.rm, .memory(let memory)):
        let indexKind = slot.vectorIndex(vectorBytes: fields.vectorBytes)
        if let problem = memory.violation(vectorIndex: indexKind, needsSIB: instruction.needsSIB) {
          throw error(problem)
        }
        fields.rm = .memory(memory)
      case (.is4, .register(let register)):
        if register.isUpperVector { throw error(.noEVEX) }
        fields.last = register.number << 4
      case (.imm8, .immediate(let value)):
        guard (-128...255).contains(value) else { throw error(.immediate(value)) }
        fields.last = UInt8(truncatingIfNeeded: value)
      default: break
      }
    }
    try checkDistinct(operands, fields)
    try checkDecorations(fields)
    fields.broadcasts = fields.rm?.memory?.isBroadcast ?? false
    fields.isEVEX = needsEVEX(operands, fields)
    if fields.isEVEX, instruction.evex == nil { throw error(.noEVEX) }
    fields.w =
      switch instruction.w {
      case .w0: 0
      case .w1: 1
      case .evexW1: fields.isEVEX ? 1 : 0
      case .byRegister: general == .gpr64 ? 1 : 0
      }
    return fields
  }

  /// Memory, or a general-purpose register, in front: the store form of a move.
  fileprivate var storesFirstOperand: Bool {
    a.isMemory || a.register?.kind.isGeneralPurpose ?? false
  }

  private func needsEVEX(_ operands: Request, _ fields: VectorFields) -> Bool {
    if instruction.vex == nil || mask != nil || rounding != .current || fields.broadcasts { return true }
    if fields.vectorBytes == 64 { return true }
    for position in 0..<Form.count {
      if let register = operands[position].register, register.isUpperVector { return true }
    }
    if let index = fields.rm?.memory?.index, index.isUpperVector { return true }
    // Only EVEX shifts memory by an immediate.
    return instruction.form.a.role == .vvvv && fields.rm?.memory != nil
  }

  private func checkDistinct(_ operands: Request, _ fields: VectorFields) throws(AssemblerError) {
    if instruction.form == .tileProduct {
      guard case .register(let second) = fields.rm,
        fields.reg != second.number, fields.reg != fields.vvvv, second.number != fields.vvvv
      else { throw error(.sameRegister) }
    }
    if let index = fields.rm?.memory?.index, index.kind.isVector, instruction.form.a.role == .reg {
      // A gather that faults half-way starts again from its index: it must still be there.
      let maskIsSame =
        instruction.form.c.role == .vvvv && (fields.vvvv == fields.reg || fields.vvvv == index.number)
      guard index.number != fields.reg, !maskIsSame else { throw error(.sameRegister) }
    }
  }

  private func checkDecorations(_ fields: VectorFields) throws(AssemblerError) {
    if let mask {
      guard mask.kind == .mask, mask.isValid else { throw error(.mask("the mask must be one of k1 to k7")) }
      guard mask.number != 0 else { throw error(.mask("k0 as a mask means none")) }
      guard instruction.masking != .none, instruction.evex != nil else { throw error(.mask("it takes no mask")) }
    } else {
      if zeroing { throw error(.mask("zeroing needs a mask")) }
      if instruction.masking == .required { throw error(.mask("it needs a mask")) }
    }
    if zeroing, instruction.masking != .zeroing || a.isMemory {
      throw error(.mask("its destination can only be merged, not zeroed"))
    }
    if fields.rm?.memory?.isBroadcast ?? false {
      guard instruction.tuple.broadcastBytes != nil, !storesFirstOperand else { throw error(.broadcast) }
    }
    guard rounding != .current else { return }
    switch instruction.rounding {
    case .none: throw error(.rounding("it takes no rounding"))
    case .suppressExceptions where rounding != .suppressExceptions:
      throw error(.rounding("it can only suppress exceptions"))
    case .embedded where rounding == .suppressExceptions:
      throw error(.rounding("it suppresses exceptions only together with a rounding mode"))
    default: break
    }
    guard fields.rm?.memory == nil else { throw error(.rounding("only register operands are rounded")) }
    guard instruction.lengths == .l0 || fields.vectorBytes == 64 else {
      throw error(.rounding("only vectors of 512 bits and scalars take a rounding"))
    }
  }
}

extension Slot {
  func accepts(_ operand: Operand, vectorBytes: Int) -> Bool {
    switch operand {
    case .none: kind == .absent
    case .label: false
    case .immediate: kind == .imm8
    case .memory: kind.allowsMemory
    case .register(let register):
      switch kind {
      case .v, .vm: register.kind == Self.vector(vectorBytes)
      case .h, .hm: register.kind == Self.vector(vectorBytes / 2)
      case .q, .qm: register.kind == Self.vector(vectorBytes / 4)
      case .e, .em: register.kind == Self.vector(vectorBytes / 8)
      case .x, .xm: register.kind == .xmm
      case .y, .ym: register.kind == .ymm
      case .k, .km: register.kind == .mask
      case .t: register.kind == .tile
      case .r32, .r32m: register.kind == .gpr32
      case .r64, .r64m: register.kind == .gpr64
      case .r, .rm: register.kind == .gpr32 || register.kind == .gpr64
      case .absent, .m, .vsib, .vsibHalf, .imm8: false
      }
    }
  }

  func vectorIndex(vectorBytes: Int) -> Register.Kind? {
    switch kind {
    case .vsib: Self.vector(vectorBytes)
    case .vsibHalf: Self.vector(vectorBytes / 2)
    default: nil
    }
  }

  /// The kind of a vector of so many bytes, 128 bits at least.
  static func vector(_ bytes: Int) -> Register.Kind { bytes >= 64 ? .zmm : bytes == 32 ? .ymm : .xmm }
}

extension Form {
  var operandCount: Int { (0..<Form.count).count { self[$0].role != .absent } }
}

extension Assembler {
  mutating func emitVector(_ request: Request) throws(AssemblerError) {
    let fields = try request.vectorFields()
    let instruction = request.instruction
    if fields.isEVEX {
      appendEVEX(instruction, fields, request)
      require(instruction.evex ?? .avx512f)
      // Scalars and forms of one length are part of the feature itself.
      if fields.vectorBytes < 64, instruction.lengths == .all || instruction.lengths == .wide { require(.avx512vl) }
    } else {
      appendVEX(instruction, fields)
      require(instruction.vex ?? .avx)
    }
    bytes.append(fields.opcode)
    if instruction.form == .none, instruction.map == .m0F { return }  // vzeroupper, vzeroall: no ModRM
    let unit =
      fields.isEVEX
      ? instruction.tuple.displacementUnit(vectorBytes: fields.vectorBytes, broadcasts: fields.broadcasts) : 1
    appendAddress(
      reg: fields.reg, fields.rm ?? .register(Register(.gpr64, 0)), displacementUnit: unit,
      trailing: fields.last == nil ? 0 : 1, needsSIB: instruction.needsSIB, name: instruction.name)
    if let last = fields.last { bytes.append(last) }
  }

  //  C5  ~R ~vvvv L pp                    when X, B and W are 0 and the map is 0F
  //  C4  ~R ~X ~B mmmmm   W ~vvvv L pp
  private mutating func appendVEX(_ instruction: Instruction, _ fields: VectorFields) {
    let length: UInt8 = fields.vectorBytes == 32 ? 1 : 0
    let tail = (~fields.vvvv & 15) << 3 | length << 2 | instruction.prefix.rawValue
    let notR = (fields.r ^ 1) << 7
    if fields.x == 0, fields.b == 0, fields.w == 0, instruction.map == .m0F {
      bytes.append(0xC5)
      bytes.append(notR | tail)
    } else {
      bytes.append(0xC4)
      bytes.append(notR | (fields.x ^ 1) << 6 | (fields.b ^ 1) << 5 | instruction.map.rawValue)
      bytes.append(fields.w << 7 | tail)
    }
  }

  //  62  ~R ~X ~B ~R' 0 mmm   W ~vvvv 1 pp   z L'L b ~V' aaa
  private mutating func appendEVEX(_ instruction: Instruction, _ fields: VectorFields, _ request: Request) {
    let rounding: UInt8? =
      switch request.rounding {
      case .current: nil
      case .nearestEven: 0
      case .down: 1
      case .up: 2
      case .towardZero: 3
      case .suppressExceptions: 0
      }
    let length: UInt8 = fields.vectorBytes == 64 ? 2 : fields.vectorBytes == 32 ? 1 : 0
    let b: UInt8 = fields.broadcasts || rounding != nil ? 1 : 0
    bytes.append(0x62)
    bytes.append(
      (fields.r ^ 1) << 7 | (fields.x ^ 1) << 6 | (fields.b ^ 1) << 5 | (fields.rHigh ^ 1) << 4
        | instruction.map.rawValue)
    bytes.append(fields.w << 7 | (~fields.vvvv & 15) << 3 | 0x04 | instruction.prefix.rawValue)
    bytes.append(
      (request.zeroing ? 0x80 : 0) | (rounding ?? length) << 5 | b << 4 | (fields.vHigh ^ 1) << 3
        | (request.mask?.number ?? 0))
  }
}
