/// Linear scan over the bundles of `Coalescing`, after Poletto and Sarkar, with spilling by weight: uses, times 8 for each
/// loop around them, per position of life. Spilled values are loaded and stored around each use, constants are made
/// again, and the scan starts over; values that were made so are short and never spilled again.
struct RegisterAllocation {
  private var function: VectorFunction
  private let instructionSet: InstructionSet
  /// Values made by spilling.
  private var temporaries: Set<Value> = []

  init(_ function: VectorFunction, _ instructionSet: InstructionSet) {
    self.function = function
    self.instructionSet = instructionSet
  }

  /// General-purpose registers in the order of preference: those that need no saving first. rsp is the stack's; rax and
  /// rdx serve divisions and moves between stack slots.
  private static let general: [UInt8] = [7, 6, 1, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15]

  private func available(_ file: RegisterFile) -> [UInt8] {
    switch file {
    case .general: Self.general
    case .vector: Array(0..<(instructionSet >= .avx512 ? 32 : 16))
    case .mask: Array(1..<8)
    case .tile: Array(0..<8)
    }
  }

  /// The function with spill code, and a register for each value that is not in a slot.
  mutating func run() throws(VectorError) -> (VectorFunction, [UInt8]) {
    while true {
      let liveness = Liveness(function)
      let coalescing = Coalescing(function, liveness)
      var registers = [UInt8](repeating: .max, count: function.kinds.count)
      var victims: [Int] = []
      for file in RegisterFile.allCases {
        victims += try scan(file, liveness, coalescing, &registers)
      }
      if victims.isEmpty { return (function, registers) }
      var members: [Int: [Value]] = [:]
      for index in function.kinds.indices {
        let value = Value(index: Int32(index))
        members[coalescing.bundle(of: value), default: []].append(value)
      }
      for victim in victims { spill(members[victim] ?? []) }
    }
  }

  private struct Bundle {
    var id: Int
    var span: Liveness.Segment
    var weight: Double
    var isPinned: Bool
  }

  /// Gives registers of one file; returns the bundles to spill where there are too few.
  private func scan(
    _ file: RegisterFile, _ liveness: Liveness, _ coalescing: Coalescing, _ registers: inout [UInt8]
  ) throws(VectorError) -> [Int] {
    var members: [Int: [Value]] = [:]
    for index in function.kinds.indices where RegisterFile(function.kinds[index]) == file {
      let value = Value(index: Int32(index))
      guard !liveness.segments[index].isEmpty, function.slots[value] == nil else { continue }
      members[coalescing.bundle(of: value), default: []].append(value)
    }
    var bundles = members.map { id, values in
      let span = coalescing.span(of: id)!  // the bundle has members, each with a segment
      let uses = values.reduce(0) { $0 + liveness.weights[Int($1.index)] }
      return Bundle(
        id: id, span: span, weight: uses / Double(span.end - span.start + 1),
        isPinned: values.contains { function.pinned.contains($0) || temporaries.contains($0) })
    }
    bundles.sort { ($0.span.start, $0.id) < ($1.span.start, $1.id) }

    let hints = moveHints(coalescing)
    var assigned: [Int: UInt8] = [:]
    var active: [Bundle] = []
    var victims: [Int] = []
    let all = available(file)
    for bundle in bundles {
      active.removeAll { $0.span.end < bundle.span.start }
      var taken: UInt32 = 0
      for other in active { taken |= 1 << UInt32(assigned[other.id]!) }
      var free = all.filter { taken & (1 << UInt32($0)) == 0 }
      if free.isEmpty {
        guard let victim = (active + [bundle]).filter({ !$0.isPinned }).min(by: { $0.weight < $1.weight }) else {
          throw .registersExhausted(function: function.name, kind: "\(file)", pinned: active.count + 1)
        }
        victims.append(victim.id)
        if victim.id == bundle.id { continue }
        active.removeAll { $0.id == victim.id }
        free = [assigned[victim.id]!]
      }
      let hint = file == .general ? argumentHint(members[bundle.id]!) : nil
      let wanted = hint ?? hints[bundle.id]?.lazy.compactMap { assigned[$0] }.first { free.contains($0) }
      let register = wanted.flatMap { free.contains($0) ? $0 : nil } ?? free[0]
      assigned[bundle.id] = register
      active.append(bundle)
    }
    for (id, values) in members {
      guard let register = assigned[id] else { continue }
      for value in values { registers[Int(value.index)] = register }
    }
    return victims
  }

  /// rdi, rsi, rdx and rcx hold the arguments; rdx is not allocated.
  private func argumentHint(_ values: [Value]) -> UInt8? {
    for value in values {
      if value == function.arguments[0] { return 7 }
      if value == function.arguments[1] { return 6 }
      if value == function.arguments[3] { return 1 }
    }
    return nil
  }

  /// Bundles between which the function moves values.
  private func moveHints(_ coalescing: Coalescing) -> [Int: [Int]] {
    var hints: [Int: [Int]] = [:]
    func link(_ left: Value, _ right: Value) {
      let (left, right) = (coalescing.bundle(of: left), coalescing.bundle(of: right))
      guard left != right else { return }
      hints[left, default: []].append(right)
      hints[right, default: []].append(left)
    }
    for loop in function.loops {
      for (parameter, initial) in zip(loop.parameters, loop.initials) { link(parameter, initial) }
      for (parameter, next) in zip(loop.parameters, loop.nexts) { link(parameter, next) }
    }
    return hints
  }

  // MARK: Spilling

  /// Takes the values of a bundle out of the registers.
  private mutating func spill(_ values: [Value]) {
    if values.count == 1, let definition = rematerializableDefinition(of: values[0]) {
      rematerialize(values[0], definition)
      return
    }
    let slot = Int32(function.slotCount)
    function.slotCount += 1
    for value in values { function.slots[value] = slot }
    let spilled = Set(values)
    var entries: [VectorFunction.Entry] = []
    entries.reserveCapacity(function.entries.count + 16)
    for entry in function.entries {
      guard case .operation(var operation) = entry else {
        entries.append(contentsOf: withReloads(entry, spilled, slot))
        continue
      }
      var reloaded: [Value: Value] = [:]
      operation.forEachUse { if spilled.contains($0) { reloaded[$0] = $0 } }
      for value in reloaded.keys.sorted(by: { $0.index < $1.index }) {
        let temporary = makeTemporary(like: value)
        reloaded[value] = temporary
        entries.append(.operation(Self.reload(temporary, slot, function.kind(of: value))))
      }
      operation.replaceUses { reloaded[$0] ?? $0 }
      if let result = operation.result, spilled.contains(result) {
        let temporary = makeTemporary(like: result)
        operation.result = temporary
        entries.append(.operation(operation))
        entries.append(.operation(Self.save(temporary, slot, function.kind(of: result))))
      } else {
        entries.append(.operation(operation))
      }
    }
    // Arguments come in registers; the emission stores the spilled ones at the entry.
    function.entries = entries
  }

  /// Loops, conditionals and divisions read and write slots themselves, except for the general-purpose operands of
  /// comparisons, which want registers.
  private mutating func withReloads(
    _ entry: VectorFunction.Entry, _ spilled: Set<Value>, _ slot: Int32
  ) -> [VectorFunction.Entry] {
    guard case .ifBegin(let id) = entry else { return [entry] }
    var reloads: [VectorFunction.Entry] = []
    func reloaded(_ value: Value) -> Value {
      guard spilled.contains(value) else { return value }
      let temporary = makeTemporary(like: value)
      reloads.append(.operation(Self.reload(temporary, slot, function.kind(of: value))))
      return temporary
    }
    switch function.conditionals[id].condition {
    case .compare(let left, let comparison, let right):
      let right = right.value.map { IntegerOperand.value(reloaded($0)) } ?? right
      function.conditionals[id].condition = .compare(reloaded(left), comparison, right)
    case .anyLane(let mask):
      function.conditionals[id].condition = .anyLane(reloaded(mask))
    }
    return reloads + [entry]
  }

  private mutating func makeTemporary(like value: Value) -> Value {
    let temporary = function.newValue(function.kind(of: value))
    temporaries.insert(temporary)
    return temporary
  }

  private func rematerializableDefinition(of value: Value) -> VectorFunction.Operation? {
    for case .operation(let operation) in function.entries where operation.result == value {
      return operation.isRematerializable ? operation : nil
    }
    return nil
  }

  /// Makes the value again before each use. Uses by loops and conditionals get a value of their own in front of them.
  private mutating func rematerialize(_ value: Value, _ definition: VectorFunction.Operation) {
    var entries: [VectorFunction.Entry] = []
    func again() -> Value {
      let temporary = makeTemporary(like: value)
      var copy = definition
      copy.result = temporary
      entries.append(.operation(copy))
      return temporary
    }
    func replaced(_ values: [Value]) -> [Value] { values.map { $0 == value ? again() : $0 } }
    func replaced(_ operand: IntegerOperand) -> IntegerOperand {
      operand.value == value ? .value(again()) : operand
    }
    for entry in function.entries {
      switch entry {
      case .operation(var operation):
        if operation.result == value { continue }
        var isUsed = false
        operation.forEachUse { isUsed = isUsed || $0 == value }
        if isUsed {
          let temporary = again()
          operation.replaceUses { $0 == value ? temporary : $0 }
        }
        entries.append(.operation(operation))
      case .divide(let quotient, let remainder, let dividend, let divisor):
        let (left, right) = (replaced([dividend])[0], replaced([divisor])[0])
        entries.append(.divide(quotient: quotient, remainder: remainder, dividend: left, divisor: right))
      case .loopBegin(let id):
        function.loops[id].initials = replaced(function.loops[id].initials)
        function.loops[id].from = replaced(function.loops[id].from)
        if function.loops[id].to.value == value {
          // The bound is read at the end of every iteration: as long a life as before, to be spilled like any other.
          let bound = function.newValue(function.kind(of: value))
          var copy = definition
          copy.result = bound
          copy.isRematerializable = false
          entries.append(.operation(copy))
          function.loops[id].to = .value(bound)
        }
        entries.append(entry)
      case .loopEnd(let id):
        function.loops[id].nexts = replaced(function.loops[id].nexts)
        entries.append(entry)
      case .ifBegin(let id):
        switch function.conditionals[id].condition {
        case .compare(let left, let comparison, let right):
          let right = replaced(right)
          function.conditionals[id].condition = .compare(replaced([left])[0], comparison, right)
        case .anyLane(let mask): function.conditionals[id].condition = .anyLane(replaced([mask])[0])
        }
        entries.append(entry)
      case .ifElse(let id):
        function.conditionals[id].thenValues = replaced(function.conditionals[id].thenValues)
        entries.append(entry)
      case .ifEnd(let id):
        function.conditionals[id].elseValues = replaced(function.conditionals[id].elseValues)
        entries.append(entry)
      }
    }
    function.entries = entries
  }

  private static func move(_ kind: Register.Kind) -> Instruction {
    switch RegisterFile(kind) {
    case .general: .mov
    case .vector: .vmovups
    case .mask: .kmovq
    case .tile: .tileloadd
    }
  }

  static func reload(_ value: Value, _ slot: Int32, _ kind: Register.Kind) -> VectorFunction.Operation {
    VectorFunction.Operation(
      instruction: move(kind), result: value, updates: false, operands: [.memory(Address(slot: slot))])
  }

  static func save(_ value: Value, _ slot: Int32, _ kind: Register.Kind) -> VectorFunction.Operation {
    VectorFunction.Operation(
      instruction: move(kind), result: nil, updates: false, operands: [.memory(Address(slot: slot)), .value(value)])
  }
}
