/// Takes bundles out of the registers: their values live in a stack slot and are loaded and stored around each use;
/// a single constant is made again before each use instead.
struct Spilling {
  private enum Fate {
    case stays
    case slot(Int32)
    case again(VectorFunction.Operation)
  }

  private var function: VectorFunction
  private var fates: [Fate]
  private var entries: [VectorFunction.Entry] = []

  init(_ function: VectorFunction, _ bundleOfValue: [Int], _ victims: [Int]) {
    self.function = function
    fates = Array(repeating: .stays, count: function.kinds.count)
    entries.reserveCapacity(function.entries.count + function.entries.count / 2)
    var isVictim = [Bool](repeating: false, count: function.kinds.count)
    for victim in victims { isVictim[victim] = true }
    var memberCounts = [Int](repeating: 0, count: function.kinds.count)
    for bundle in bundleOfValue { memberCounts[bundle] += 1 }

    for case .operation(let operation) in function.entries where operation.isRematerializable {
      guard let result = operation.result, isVictim[Int(result.index)], memberCounts[Int(result.index)] == 1 else {
        continue
      }
      fates[Int(result.index)] = .again(operation)
      isVictim[Int(result.index)] = false
    }
    var slots: [Int: Int32] = [:]
    for index in bundleOfValue.indices where isVictim[bundleOfValue[index]] && function.slots[index] < 0 {
      let slot = slots[bundleOfValue[index]] ?? Int32(self.function.slotCount)
      if slots.updateValue(slot, forKey: bundleOfValue[index]) == nil { self.function.slotCount += 1 }
      fates[index] = .slot(slot)
      self.function.slots[index] = slot
    }
  }

  consuming func run() -> VectorFunction {
    for entry in function.entries {
      switch entry {
      case .operation(let operation): add(operation)
      case .divide(let quotient, let remainder, let dividend, let divisor):
        // Divisions, loops and conditionals read and write slots themselves.
        let (left, right) = (madeAgain(dividend), madeAgain(divisor))
        entries.append(.divide(quotient: quotient, remainder: remainder, dividend: left, divisor: right))
      case .loopBegin(let id):
        for position in function.loops[id].initials.indices {
          function.loops[id].initials[position] = madeAgain(function.loops[id].initials[position])
        }
        if let from = function.loops[id].from.value { function.loops[id].from = .value(madeAgain(from)) }
        if let to = function.loops[id].to.value { function.loops[id].to = .value(madeOnce(to)) }
        entries.append(entry)
      case .loopEnd(let id):
        for position in function.loops[id].nexts.indices {
          function.loops[id].nexts[position] = madeAgain(function.loops[id].nexts[position])
        }
        if let again = function.loops[id].again { function.loops[id].again = madeAgain(again) }
        entries.append(entry)
      case .ifBegin(let id):
        switch function.conditionals[id].condition {
        case .compare(let left, let comparison, let right):
          let right = right.value.map { IntegerOperand.value(inRegister($0)) } ?? right
          function.conditionals[id].condition = .compare(inRegister(left), comparison, right)
        case .anyLane(let mask): function.conditionals[id].condition = .anyLane(inRegister(mask))
        }
        entries.append(entry)
      case .ifElse(let id):
        for position in function.conditionals[id].thenValues.indices {
          function.conditionals[id].thenValues[position] = madeAgain(function.conditionals[id].thenValues[position])
        }
        entries.append(entry)
      case .ifEnd(let id):
        for position in function.conditionals[id].elseValues.indices {
          function.conditionals[id].elseValues[position] = madeAgain(function.conditionals[id].elseValues[position])
        }
        entries.append(entry)
      }
    }
    function.entries = entries
    return function
  }

  private mutating func add(_ operation: VectorFunction.Operation) {
    var operation = operation
    if let result = operation.result, case .again = fates[Int(result.index)] { return }
    // An operation that uses a value twice gets one temporary for it.
    var uses: [Value] = []
    operation.forEachUse { value in
      if case .stays = fates[Int(value.index)] { return }
      if !uses.contains(value) { uses.append(value) }
    }
    if !uses.isEmpty {
      var replacements: [(value: Value, temporary: Value)] = []
      for value in uses { replacements.append((value, inRegister(value))) }
      operation.replaceUses { value in replacements.first { $0.value == value }?.temporary ?? value }
    }
    guard let result = operation.result, case .slot(let slot) = fates[Int(result.index)] else {
      return entries.append(.operation(operation))
    }
    let temporary = makeTemporary(like: result)
    operation.result = temporary
    entries.append(.operation(operation))
    entries.append(.operation(Self.save(temporary, slot, function.kind(of: result))))
  }

  /// The value in a register right here.
  private mutating func inRegister(_ value: Value) -> Value {
    guard case .slot(let slot) = fates[Int(value.index)] else { return madeAgain(value) }
    let temporary = makeTemporary(like: value)
    entries.append(.operation(Self.reload(temporary, slot, function.kind(of: value))))
    return temporary
  }

  /// A constant made again; other values as they are.
  private mutating func madeAgain(_ value: Value) -> Value {
    guard Int(value.index) < fates.count, case .again(var definition) = fates[Int(value.index)] else { return value }
    let temporary = makeTemporary(like: value)
    definition.result = temporary
    entries.append(.operation(definition))
    return temporary
  }

  /// The same for a loop's bound, which is read at the end of every iteration: as long a life as before, to be spilled
  /// like any other value.
  private mutating func madeOnce(_ value: Value) -> Value {
    guard case .again(var definition) = fates[Int(value.index)] else { return value }
    let copy = function.newValue(function.kind(of: value))
    fates.append(.stays)
    definition.result = copy
    definition.isRematerializable = false
    entries.append(.operation(definition))
    return copy
  }

  private mutating func makeTemporary(like value: Value) -> Value {
    let temporary = function.newValue(function.kind(of: value))
    function.isPinned[Int(temporary.index)] = true
    fates.append(.stays)
    return temporary
  }

  private static func move(_ kind: Register.Kind) -> Instruction {
    switch RegisterFile(kind) {
    case .general: .mov
    case .vector: .vmovups
    case .mask: .kmovq
    case .tile: .tileloadd
    }
  }

  private static func reload(_ value: Value, _ slot: Int32, _ kind: Register.Kind) -> VectorFunction.Operation {
    VectorFunction.Operation(
      instruction: move(kind), result: value, updates: false, operands: [.memory(Address(slot: slot))])
  }

  private static func save(_ value: Value, _ slot: Int32, _ kind: Register.Kind) -> VectorFunction.Operation {
    VectorFunction.Operation(
      instruction: move(kind), result: nil, updates: false, operands: [.memory(Address(slot: slot)), .value(value)])
  }
}
