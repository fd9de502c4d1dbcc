// General-purpose instructions: an optional REX prefix and one of the shapes of `LegacyShape`.

extension Assembler {
  mutating func emitLegacy(_ request: Request, _ shape: LegacyShape) throws(AssemblerError) {
    try request.requireDecorationsAbsent()
    for position in 0..<Form.count {
      guard case .memory(let memory) = request[position] else { continue }
      if memory.isBroadcast { throw request.error(.broadcast) }
      if let problem = memory.violation(vectorIndex: nil, needsSIB: false) { throw request.error(problem) }
    }
    switch shape {
    case .arithmetic, .move: try emitArithmetic(request, isMove: shape == .move)
    case .test: try emitTest(request)
    case .shift: try emitShift(request)
    case .unary: try emitUnary(request)
    case .load, .address: try emitLoad(request, memoryOnly: shape == .address)
    case .extend: try emitExtend(request)
    case .multiplyImmediate: try emitMultiplyImmediate(request)
    case .condition: try emitCondition(request)
    case .jump, .call: try emitBranch(request, allowsShort: shape == .jump)
    case .indirect: try emitIndirect(request)
    case .stack: try emitStack(request)
    case .memory: try emitMemory(request)
    case .noOperands:
      try request.requireCount(0)
      if let prefix = request.instruction.prefix.byte { bytes.append(prefix) }
      if request.instruction.map == .m0F { bytes.append(0x0F) }
      bytes.append(request.instruction.opcode)
    }
    require(request.instruction.vex ?? .baseline)
  }

  /// Prefixes, REX, opcode and address. `width` is the operand size: 16 bits take 66, 64 bits REX.W.
  private mutating func appendLegacy(
    _ request: Request, opcode: UInt8, map: Instruction.Map, width: Register.Kind, reg: UInt8,
    _ target: RegisterOrMemory, trailing: Int = 0, emptyREX: Bool = false
  ) {
    if width == .gpr16 { bytes.append(0x66) }
    if let prefix = request.instruction.prefix.byte { bytes.append(prefix) }
    var rex: UInt8 = (width == .gpr64 ? 8 : 0) | (reg >> 3 & 1) << 2
    switch target {
    case .register(let register): rex |= register.number >> 3
    case .memory(let memory): rex |= ((memory.index?.number ?? 0) >> 3) << 1 | (memory.base?.number ?? 0) >> 3
    }
    if rex != 0 || emptyREX { bytes.append(0x40 | rex) }
    if map == .m0F { bytes.append(0x0F) }
    bytes.append(opcode)
    appendAddress(
      reg: reg, target, displacementUnit: 1, trailing: trailing, needsSIB: false, name: request.instruction.name)
  }

  private mutating func emitArithmetic(_ request: Request, isMove: Bool) throws(AssemblerError) {
    try request.requireCount(2)
    let instruction = request.instruction
    switch (request.a, request.b) {
    case (.register(let a), .register(let b)):
      let a = try request.general(a, at: 0)
      guard a.kind == b.kind else { throw request.error(.operand(position: 1, expected: "as wide as the first")) }
      appendLegacy(
        request, opcode: instruction.storeOpcode.narrowed(a.kind), map: .one, width: a.kind, reg: b.number,
        .register(a), emptyREX: a.needsREXAsByte || b.needsREXAsByte)
    case (.register(let a), .memory(let memory)):
      let a = try request.general(a, at: 0)
      appendLegacy(
        request, opcode: instruction.opcode.narrowed(a.kind), map: .one, width: a.kind, reg: a.number, .memory(memory),
        emptyREX: a.needsREXAsByte)
    case (.memory(let memory), .register(let b)):
      let b = try request.general(b, at: 1)
      appendLegacy(
        request, opcode: instruction.storeOpcode.narrowed(b.kind), map: .one, width: b.kind, reg: b.number,
        .memory(memory), emptyREX: b.needsREXAsByte)
    case (.register(let a), .immediate(let value)):
      let a = try request.general(a, at: 0)
      if isMove {
        try emitMove(request, a, value)
      } else {
        let value = try request.signed(value, a.kind)
        let isShort = a.kind != .gpr8 && Int8(exactly: value) != nil
        appendLegacy(
          request, opcode: a.kind == .gpr8 ? 0x80 : isShort ? 0x83 : 0x81, map: .one, width: a.kind,
          reg: instruction.digit, .register(a), emptyREX: a.needsREXAsByte)
        append(value, byteCount: isShort ? 1 : min(4, a.kind.byteCount))
      }
    default:
      throw request.error(.operand(position: request.a.isMemory ? 1 : 0, expected: "a general-purpose register"))
    }
  }

  private mutating func emitMove(_ request: Request, _ register: Register, _ value: Int64) throws(AssemblerError) {
    if register.kind == .gpr64, let short = Int32(exactly: value) {
      appendLegacy(request, opcode: 0xC7, map: .one, width: .gpr64, reg: 0, .register(register))
      append(short)
      return
    }
    let value = register.kind == .gpr64 ? value : try request.signed(value, register.kind)
    if register.kind == .gpr16 { bytes.append(0x66) }
    let rex: UInt8 = (register.kind == .gpr64 ? 8 : 0) | register.number >> 3
    if rex != 0 || register.needsREXAsByte { bytes.append(0x40 | rex) }
    bytes.append((register.kind == .gpr8 ? 0xB0 : 0xB8) | register.number & 7)
    append(value, byteCount: register.kind.byteCount)
  }

  private mutating func emitTest(_ request: Request) throws(AssemblerError) {
    try request.requireCount(2)
    switch (request.a, request.b) {
    case (.register(let a), .register(let b)):
      let a = try request.general(a, at: 0)
      guard a.kind == b.kind else { throw request.error(.operand(position: 1, expected: "as wide as the first")) }
      appendLegacy(
        request, opcode: request.instruction.opcode.narrowed(a.kind), map: .one, width: a.kind, reg: b.number,
        .register(a), emptyREX: a.needsREXAsByte || b.needsREXAsByte)
    case (.register(let a), .immediate(let value)):
      let a = try request.general(a, at: 0)
      let value = try request.signed(value, a.kind)
      appendLegacy(
        request, opcode: UInt8(0xF7).narrowed(a.kind), map: .one, width: a.kind, reg: 0, .register(a),
        emptyREX: a.needsREXAsByte)
      append(value, byteCount: min(4, a.kind.byteCount))
    default: throw request.error(.operand(position: 0, expected: "a general-purpose register"))
    }
  }

  private mutating func emitShift(_ request: Request) throws(AssemblerError) {
    try request.requireCount(2)
    let a = try request.general(request.a.register, at: 0)
    switch request.b {
    case .immediate(let value):
      guard (0..<Int64(a.kind.byteCount * 8)).contains(value) else { throw request.error(.immediate(value)) }
      appendLegacy(
        request, opcode: request.instruction.opcode.narrowed(a.kind), map: .one, width: a.kind,
        reg: request.instruction.digit, .register(a), emptyREX: a.needsREXAsByte)
      bytes.append(UInt8(value))
    case .register(Register(.gpr8, 1)):
      appendLegacy(
        request, opcode: request.instruction.storeOpcode.narrowed(a.kind), map: .one, width: a.kind,
        reg: request.instruction.digit, .register(a), emptyREX: a.needsREXAsByte)
    default: throw request.error(.operand(position: 1, expected: "an immediate or cl"))
    }
  }

  private mutating func emitUnary(_ request: Request) throws(AssemblerError) {
    try request.requireCount(1)
    let a = try request.general(request.a.register, at: 0)
    appendLegacy(
      request, opcode: request.instruction.opcode.narrowed(a.kind), map: .one, width: a.kind,
      reg: request.instruction.digit, .register(a), emptyREX: a.needsREXAsByte)
  }

  private mutating func emitLoad(_ request: Request, memoryOnly: Bool) throws(AssemblerError) {
    try request.requireCount(2)
    let a = try request.general(request.a.register, at: 0)
    guard a.kind != .gpr8 else { throw request.error(.operand(position: 0, expected: "wider than 8 bits")) }
    let source: RegisterOrMemory
    switch request.b {
    case .memory(let memory): source = .memory(memory)
    case .register(let b) where b.kind == a.kind && !memoryOnly: source = .register(b)
    default:
      let expected = memoryOnly ? "memory" : "memory, or a register as wide as the first"
      throw request.error(.operand(position: 1, expected: expected))
    }
    appendLegacy(
      request, opcode: request.instruction.opcode, map: request.instruction.map, width: a.kind, reg: a.number, source)
  }

  private mutating func emitExtend(_ request: Request) throws(AssemblerError) {
    try request.requireCount(2)
    let sourceBytes = request.instruction.tuple.byteCount(vectorBytes: 0)
    let a = try request.general(request.a.register, at: 0)
    guard a.kind.byteCount > sourceBytes else {
      throw request.error(.operand(position: 0, expected: "wider than \(sourceBytes) bytes"))
    }
    switch request.b {
    case .memory(let memory):
      appendLegacy(
        request, opcode: request.instruction.opcode, map: request.instruction.map, width: a.kind, reg: a.number,
        .memory(memory))
    case .register(let b) where b.kind.isGeneralPurpose && b.kind.byteCount == sourceBytes:
      appendLegacy(
        request, opcode: request.instruction.opcode, map: request.instruction.map, width: a.kind, reg: a.number,
        .register(b), emptyREX: b.needsREXAsByte)
    default: throw request.error(.operand(position: 1, expected: "a register or memory of \(sourceBytes) bytes"))
    }
  }

  private mutating func emitMultiplyImmediate(_ request: Request) throws(AssemblerError) {
    try request.requireCount(3)
    let a = try request.general(request.a.register, at: 0)
    guard a.kind != .gpr8 else { throw request.error(.operand(position: 0, expected: "wider than 8 bits")) }
    let source: RegisterOrMemory
    switch request.b {
    case .memory(let memory): source = .memory(memory)
    case .register(let b) where b.kind == a.kind: source = .register(b)
    default: throw request.error(.operand(position: 1, expected: "memory, or a register as wide as the first"))
    }
    guard case .immediate(let wide) = request.c else {
      throw request.error(.operand(position: 2, expected: "an immediate"))
    }
    let value = try request.signed(wide, a.kind)
    let isShort = Int8(exactly: value) != nil
    let count = isShort ? 1 : min(4, a.kind.byteCount)
    appendLegacy(
      request, opcode: isShort ? 0x6B : 0x69, map: .one, width: a.kind, reg: a.number, source, trailing: count)
    append(value, byteCount: count)
  }

  private mutating func emitCondition(_ request: Request) throws(AssemblerError) {
    try request.requireCount(1)
    switch request.a {
    case .memory(let memory):
      appendLegacy(request, opcode: request.instruction.opcode, map: .m0F, width: .gpr8, reg: 0, .memory(memory))
    case .register(let a) where a.kind == .gpr8:
      appendLegacy(
        request, opcode: request.instruction.opcode, map: .m0F, width: .gpr8, reg: 0, .register(a),
        emptyREX: a.needsREXAsByte)
    default: throw request.error(.operand(position: 0, expected: "an 8-bit register or memory"))
    }
  }

  private mutating func emitBranch(_ request: Request, allowsShort: Bool) throws(AssemblerError) {
    try request.requireCount(1)
    guard case .label(let label) = request.a else { throw request.error(.operand(position: 0, expected: "a label")) }
    let opcode = request.instruction.opcode
    if allowsShort, let target = offset(of: label), let distance = Int8(exactly: target - (bytes.count + 2)) {
      // jmp is EB, jcc 70–7F instead of 0F 80–8F.
      bytes.append(request.instruction.map == .one ? 0xEB : opcode - 0x10)
      bytes.append(UInt8(bitPattern: distance))
      return
    }
    if request.instruction.map == .m0F { bytes.append(0x0F) }
    bytes.append(opcode)
    fixups.append(
      Fixup(position: Int32(bytes.count), label: label, addend: -4, instruction: request.instruction.name))
    append(Int32(0))
  }

  private mutating func emitIndirect(_ request: Request) throws(AssemblerError) {
    try request.requireCount(1)
    let target: RegisterOrMemory
    switch request.a {
    case .memory(let memory): target = .memory(memory)
    case .register(let a) where a.kind == .gpr64: target = .register(a)
    default: throw request.error(.operand(position: 0, expected: "a 64-bit register or memory"))
    }
    appendLegacy(
      request, opcode: request.instruction.opcode, map: .one, width: .gpr32, reg: request.instruction.digit, target)
  }

  private mutating func emitStack(_ request: Request) throws(AssemblerError) {
    try request.requireCount(1)
    guard let a = request.a.register, a.kind == .gpr64 else {
      throw request.error(.operand(position: 0, expected: "a 64-bit register"))
    }
    if a.number >= 8 { bytes.append(0x41) }
    bytes.append(request.instruction.opcode | a.number & 7)
  }

  private mutating func emitMemory(_ request: Request) throws(AssemblerError) {
    try request.requireCount(1)
    guard case .memory(let memory) = request.a else { throw request.error(.operand(position: 0, expected: "memory")) }
    appendLegacy(
      request, opcode: request.instruction.opcode, map: request.instruction.map, width: .gpr32,
      reg: request.instruction.digit, .memory(memory))
  }

  private mutating func append(_ value: Int64, byteCount: Int) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0.prefix(byteCount)) }
  }
}

extension Request {
  fileprivate func general(_ register: Register?, at position: Int) throws(AssemblerError) -> Register {
    guard let register, register.kind.isGeneralPurpose else {
      throw error(.operand(position: position, expected: "a general-purpose register"))
    }
    return register
  }

  /// The immediate as the instruction sees it: sign-extended from the operand's width (from 32 bits for 64). An
  /// unsigned value of the width is welcome too.
  fileprivate func signed(_ value: Int64, _ kind: Register.Kind) throws(AssemblerError) -> Int64 {
    switch kind {
    case .gpr8 where (-128...255).contains(value): Int64(Int8(truncatingIfNeeded: value))
    case .gpr16 where (-32768...65535).contains(value): Int64(Int16(truncatingIfNeeded: value))
    case .gpr32 where (-0x8000_0000...0xFFFF_FFFF).contains(value): Int64(Int32(truncatingIfNeeded: value))
    case .gpr64 where Int32(exactly: value) != nil: value
    default: throw error(.immediate(value))
    }
  }
}

extension UInt8 {
  /// The opcode for 8-bit operands is the one before that for wider ones.
  fileprivate func narrowed(_ kind: Register.Kind) -> UInt8 { kind == .gpr8 ? self - 1 : self }
}
