/// From a function with registers to machine code.
///
///     push of the callee-saved registers that are used; rsp to a multiple of 64; moves of the arguments
///     …
///     rsp as it was; pop; vzeroupper; ret
struct VectorEmission: ~Copyable {
  private let function: VectorFunction
  private let places: Places
  private var assembler: Assembler
  /// By the numbers of loops, conditionals and constants; nil until they are met.
  private var loopLabels: [(head: Label, exit: Label)?]
  private var elseLabels: [(otherwise: Label, end: Label)?]
  private var constants: [Memory?]

  private static let slotByteCount = 64
  private static let calleeSaved: [UInt8] = [3, 5, 12, 13, 14, 15]

  init(_ function: VectorFunction, _ registers: [UInt8]) {
    self.function = function
    places = Places(function: function, registers: registers)
    assembler = Assembler()
    loopLabels = Array(repeating: nil, count: function.loops.count)
    elseLabels = Array(repeating: nil, count: function.conditionals.count)
    constants = Array(repeating: nil, count: function.constants.count)
  }

  consuming func run(keepingListing: Bool) throws(VectorError) -> MachineCode {
    let name = function.name
    do {
      assembler = Assembler(keepingListing: keepingListing)
      try emit()
      return try assembler.finish()
    } catch let error {
      throw .assembler(function: name, error)
    }
  }

  private mutating func emit() throws(AssemblerError) {
    var used = [Bool](repeating: false, count: Int(UInt8.max) + 1)
    for index in function.kinds.indices where RegisterFile(function.kinds[index]) == .general {
      used[Int(places.registers[index])] = true
    }
    let saved = Self.calleeSaved.filter { used[Int($0)] }
    for register in saved { try assembler.emit(.push, .register(Register(.gpr64, register))) }
    // One slot more than values need, for cycles of vector moves; behind the slots, where rsp was. Slots that cross cache
    // lines would take twice the time.
    let callerStack = Memory(.rsp, displacement: Int32((function.slotCount + 1) * Self.slotByteCount))
    try assembler.emit(.mov, .rax, .rsp)
    try assembler.emit(.sub, .rsp, .immediate(Int64((function.slotCount + 2) * Self.slotByteCount)))
    try assembler.emit(.and, .rsp, .immediate(-Int64(Self.slotByteCount)))
    try assembler.emit(.mov, .memory(callerStack), .rax)
    let incoming: [Register] = [.rdi, .rsi, .rdx, .rcx]
    try move(
      zip(function.arguments, incoming).compactMap { [places] argument, register in
        places.location(argument).map { Move(to: $0, from: .register(register)) }
      })
    for entry in function.entries { try emit(entry) }
    try assembler.emit(.mov, .rsp, .memory(callerStack))
    for register in saved.reversed() { try assembler.emit(.pop, .register(Register(.gpr64, register))) }
    try assembler.vzeroupper()
    try assembler.emit(.ret)
  }

  private mutating func emit(_ entry: VectorFunction.Entry) throws(AssemblerError) {
    switch entry {
    case .operation(let number): try emit(function.operation(number))
    case .divide(let number): try emit(function.divisions[Int(number)])
    case .loopBegin(let id): try emitLoopBegin(id)
    case .loopEnd(let id): try emitLoopEnd(id)
    case .ifBegin(let id):
      let labels = (otherwise: assembler.newLabel(), end: assembler.newLabel())
      elseLabels[Int(id)] = labels
      try branch(unless: function.conditional(id).condition, to: labels.otherwise)
    case .ifElse(let id):
      let conditional = function.conditional(id)
      guard let labels = elseLabels[Int(id)] else { return }
      try move(places.moves(conditional.results, conditional.thenValues))
      try assembler.emit(.jmp, .label(labels.end))
      try assembler.bind(labels.otherwise)
    case .ifEnd(let id):
      let conditional = function.conditional(id)
      guard let labels = elseLabels[Int(id)] else { return }
      try move(places.moves(conditional.results, conditional.elseValues))
      try assembler.bind(labels.end)
    }
  }

  // MARK: Places

  private enum Location: Hashable {
    case register(Register)
    case slot(Int32)
  }

  private struct Places {
    let function: VectorFunction
    let registers: [UInt8]

    /// Nil for values that nobody reads and that got no register.
    func location(_ value: Value) -> Location? {
      let slot = function.slots[Int(value.index)]
      if slot >= 0 { return .slot(slot) }
      let number = registers[Int(value.index)]
      return number == .max ? nil : .register(Register(function.kind(of: value), number))
    }

    func register(_ value: Value) -> Register {
      Register(function.kind(of: value), registers[Int(value.index)])
    }

    func moves(_ targets: [Value], _ sources: [Value]) -> [Move] {
      zip(targets, sources).compactMap { target, source in
        guard let to = location(target), let from = location(source) else { return nil }
        return Move(to: to, from: from)
      }
    }
  }

  private static func memory(slot: Int32) -> Operand {
    .memory(.rsp, displacement: Int32(slotByteCount) * (slot + 1))
  }
  private static let cycleSlot: Int32 = -1

  private mutating func operand(_ operand: VectorOperand) throws(AssemblerError) -> Operand {
    switch operand {
    case .value(let value): return .register(places.register(value))
    case .view(let value, let kind): return .register(places.register(value).viewed(as: kind))
    case .immediate(let value): return .immediate(value)
    case .memory(let address):
      if let constant = address.constant {
        var memory: Memory
        if let known = constants[Int(constant)] {
          memory = known
        } else {
          memory = try assembler.constant(function.constants[Int(constant)])
          constants[Int(constant)] = memory
        }
        memory.displacement += Int32(address.displacement)
        return .memory(address.isBroadcast ? memory.broadcast : memory)
      }
      if let slot = address.slot { return Self.memory(slot: slot) }
      guard let displacement = Int32(exactly: address.displacement) else {
        throw AssemblerError(instruction: "address", problem: .immediate(Int64(address.displacement)))
      }
      let memory = Memory(
        address.base.map(places.register), index: address.index.map(places.register), scale: address.scale,
        displacement: displacement)
      return .memory(address.isBroadcast ? memory.broadcast : memory)
    }
  }

  // MARK: Operations

  private mutating func emit(_ operation: VectorFunction.Operation) throws(AssemblerError) {
    let mask = operation.mask.map(places.register)
    guard let result = operation.result else {
      return try emit(operation, nil, firstOperand: 0, mask)
    }
    let target = places.register(result)
    if operation.operands.isEmpty, RegisterFile(target.kind) != .tile {
      // A zero: the register with itself; 128 bits clear the rest too.
      let narrow = Operand.register(target.viewed(as: .xmm))
      return try assembler.emit(.vxorps, narrow, narrow, narrow)
    }
    if operation.updates, case .value(let old) = operation.operands[0], places.register(old).number != target.number {
      try copy(target, places.register(old))
    }
    try emit(operation, target, firstOperand: operation.updates ? 1 : 0, mask)
  }

  /// `target`: in front of the operands from `firstOperand` on; nil where the instruction has no result.
  private mutating func emit(
    _ operation: VectorFunction.Operation, _ target: Register?, firstOperand: Int, _ mask: Register?
  ) throws(AssemblerError) {
    let shift = target == nil ? 0 : 1 - firstOperand
    let a: Operand
    if let target { a = .register(target) } else { a = try operand(operation, 0) }
    let b = try operand(operation, 1 - shift)
    let c = try operand(operation, 2 - shift)
    let d = try operand(operation, 3 - shift)
    try assembler.emit(
      operation.instruction, a, b, c, d, mask: mask, zeroing: operation.zeroing, rounding: operation.rounding)
  }

  private mutating func operand(
    _ operation: VectorFunction.Operation, _ position: Int
  ) throws(AssemblerError) -> Operand {
    position < operation.operands.count ? try operand(operation.operands[position]) : .none
  }

  private mutating func emit(_ division: VectorFunction.Division) throws(AssemblerError) {
    try load(.rax, division.dividend)
    try assembler.emit(.mov, .rdx, .rax)
    try assembler.emit(.sar, .rdx, .immediate(63))
    switch places.location(division.divisor) {
    case .register(let register)?: try assembler.emit(.idiv, .register(register))
    case .slot(let slot)?:
      // idiv takes registers only here: the divisor goes over a register that is saved around it.
      try assembler.emit(.push, .register(.rbx))
      try assembler.emit(.mov, .rbx, .memory(.rsp, displacement: Int32(Self.slotByteCount) * (slot + 1) + 8))
      try assembler.emit(.idiv, .rbx)
      try assembler.emit(.pop, .register(.rbx))
    case nil: break
    }
    try save(.rax, division.quotient)
    try save(.rdx, division.remainder)
  }

  private mutating func load(_ register: Register, _ value: Value) throws(AssemblerError) {
    guard let location = places.location(value) else { return }
    try emitMove(Move(to: .register(register), from: location))
  }

  private mutating func save(_ register: Register, _ value: Value) throws(AssemblerError) {
    guard let location = places.location(value) else { return }
    try emitMove(Move(to: location, from: .register(register)))
  }

  // MARK: Loops

  private mutating func emitLoopBegin(_ id: Int32) throws(AssemblerError) {
    let loop = function.loop(id)
    var entering = places.moves(loop.parameters, loop.initials)
    if let from = loop.from.value, let target = places.location(loop.index), let source = places.location(from) {
      entering.append(Move(to: target, from: source))
    }
    try move(entering)
    if loop.isCounted, case .immediate(let first) = loop.from, let target = places.location(loop.index) {
      try emitConstant(first, target)
    }
    let labels = (head: assembler.newLabel(), exit: assembler.newLabel())
    loopLabels[Int(id)] = labels
    if !loop.runsAtLeastOnce {
      try compareIndex(loop)
      try assembler.emit(.jge, .label(labels.exit))
    }
    try assembler.align(to: 32)
    try assembler.bind(labels.head)
  }

  private mutating func emitConstant(_ value: Int, _ target: Location) throws(AssemblerError) {
    switch target {
    case .register(let register): try assembler.emit(.mov, .register(register), .immediate(Int64(value)))
    case .slot(let slot):
      try assembler.emit(.mov, .rax, .immediate(Int64(value)))
      try assembler.emit(.mov, Self.memory(slot: slot), .rax)
    }
  }

  /// cmp index, bound
  private mutating func compareIndex(_ loop: VectorFunction.Loop) throws(AssemblerError) {
    let left = try inRegister(loop.index, .rax)
    switch loop.to {
    case .immediate(let value):
      if Int32(exactly: value) != nil {
        try assembler.emit(.cmp, .register(left), .immediate(Int64(value)))
      } else {
        try assembler.emit(.mov, .rdx, .immediate(Int64(value)))
        try assembler.emit(.cmp, .register(left), .rdx)
      }
    case .value(let value):
      let right = try inRegister(value, .rdx)
      try assembler.emit(.cmp, .register(left), .register(right))
    }
  }

  /// The register of a general-purpose value, or `temporary` after loading it from its slot.
  private mutating func inRegister(_ value: Value, _ temporary: Register) throws(AssemblerError) -> Register {
    guard case .slot(let slot)? = places.location(value) else { return places.register(value) }
    try assembler.emit(.mov, .register(temporary), Self.memory(slot: slot))
    return temporary
  }

  private mutating func emitLoopEnd(_ id: Int32) throws(AssemblerError) {
    let loop = function.loop(id)
    guard let labels = loopLabels[Int(id)] else { return }
    try move(places.moves(loop.parameters, loop.nexts))
    if let again = loop.again {
      let register = try inRegister(again, .rax)
      try assembler.emit(.test, .register(register), .register(register))
      try assembler.emit(.jne, .label(labels.head))
      return try assembler.bind(labels.exit)
    }
    switch places.location(loop.index) {
    case .register(let register)?:
      try assembler.emit(.add, .register(register), .immediate(Int64(loop.step)))
    case .slot(let slot)?:
      try assembler.emit(.mov, .rax, Self.memory(slot: slot))
      try assembler.emit(.add, .rax, .immediate(Int64(loop.step)))
      try assembler.emit(.mov, Self.memory(slot: slot), .rax)
    case nil: break
    }
    try compareIndex(loop)
    try assembler.emit(.jl, .label(labels.head))
    try assembler.bind(labels.exit)
  }

  // MARK: Conditions

  private mutating func branch(unless condition: Condition, to label: Label) throws(AssemblerError) {
    switch condition {
    case .compare(let left, let comparison, let right):
      switch right {
      case .immediate(let value): try assembler.emit(.cmp, .register(places.register(left)), .immediate(Int64(value)))
      case .value(let value):
        try assembler.emit(.cmp, .register(places.register(left)), .register(places.register(value)))
      }
      try assembler.emit(Self.inverseJump(comparison), .label(label))
    case .anyLane(let mask):
      let register = places.register(mask)
      if register.kind == .mask {
        try assembler.emit(.kortestw, .register(register), .register(register))
      } else {
        try assembler.emit(.vmovmskps, .eax, .register(register))
        try assembler.emit(.test, .eax, .eax)
      }
      try assembler.emit(.je, .label(label))
    }
  }

  private static func inverseJump(_ comparison: Condition.Comparison) -> Instruction {
    switch comparison {
    case .equal: .jne
    case .notEqual: .je
    case .less: .jge
    case .lessOrEqual: .jg
    case .greater: .jle
    case .greaterOrEqual: .jl
    }
  }

  // MARK: Moves

  private struct Move {
    var to: Location
    var from: Location
  }

  /// All at once: no move sees what another one wrote.
  private mutating func move(_ moves: [Move]) throws(AssemblerError) {
    var pending = moves.filter { !Self.isSamePlace($0.to, $0.from) }
    while !pending.isEmpty {
      if let ready = pending.firstIndex(where: { move in
        !pending.contains { Self.isSamePlace($0.from, move.to) }
      }) {
        try emitMove(pending.remove(at: ready))
        continue
      }
      // Only cycles are left: one source goes to the spare slot.
      let source = pending[0].from
      try emitMove(Move(to: .slot(Self.cycleSlot), from: source), like: pending[0])
      for index in pending.indices where Self.isSamePlace(pending[index].from, source) {
        pending[index].from = .slot(Self.cycleSlot)
      }
    }
  }

  private static func isSamePlace(_ left: Location, _ right: Location) -> Bool {
    switch (left, right) {
    case (.register(let left), .register(let right)):
      RegisterFile(left.kind) == RegisterFile(right.kind) && left.number == right.number
    case (.slot(let left), .slot(let right)): left == right
    default: false
    }
  }

  /// `model`: where both places are slots, the move whose register kind it is.
  private mutating func emitMove(_ move: Move, like model: Move? = nil) throws(AssemblerError) {
    switch (move.to, move.from) {
    case (.register(let to), .register(let from)): try copy(to, from)
    case (.register(let to), .slot(let slot)):
      try assembler.emit(Self.memoryMove(to), .register(to), Self.memory(slot: slot))
    case (.slot(let slot), .register(let from)):
      try assembler.emit(Self.memoryMove(from), Self.memory(slot: slot), .register(from))
    case (.slot(let to), .slot(let from)):
      // Whole slots, whatever they hold.
      for offset in stride(from: Int32(0), to: Int32(Self.slotByteCount), by: 8) {
        let source = Operand.memory(.rsp, displacement: Int32(Self.slotByteCount) * (from + 1) + offset)
        let target = Operand.memory(.rsp, displacement: Int32(Self.slotByteCount) * (to + 1) + offset)
        try assembler.emit(.mov, .rax, source)
        try assembler.emit(.mov, target, .rax)
      }
    }
  }

  private static func memoryMove(_ register: Register) -> Instruction {
    switch RegisterFile(register.kind) {
    case .general: .mov
    case .vector: .vmovups
    case .mask: .kmovq
    case .tile: preconditionFailure("tiles are pinned")
    }
  }

  private mutating func copy(_ to: Register, _ from: Register) throws(AssemblerError) {
    switch RegisterFile(to.kind) {
    case .general: try assembler.emit(.mov, .register(to), .register(from.viewed(as: to.kind)))
    case .vector: try assembler.emit(.vmovaps, .register(to), .register(from.viewed(as: to.kind)))
    case .mask: try assembler.emit(.kmovq, .register(to), .register(from))
    case .tile:
      throw AssemblerError(
        instruction: "tile copy", problem: .operand(position: 0, expected: "the tile that holds the value already"))
    }
  }
}
