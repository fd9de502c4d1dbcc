/// Takes bundles out of the registers: their values live in a stack slot and are loaded and stored around each use;
/// a single constant is made again before each use instead.
struct Spilling {
  private enum Fate {
    case stays
    case slot(Int32)
    /// The operation that makes the value.
    case again(Int32)
  }

  private var fates: [Fate]
  private var entries: [VectorFunction.Entry] = []
  /// What the operation at hand reads and finds no longer in a register; empty between operations.
  private var replacements: [(value: Value, temporary: Value)] = []

  init(_ function: inout VectorFunction, _ bundleOfValue: [Int32], _ victims: [Int32]) {
    fates = Array(repeating: .stays, count: function.kinds.count)
    entries.reserveCapacity(function.entries.count + function.entries.count / 2)
    var isVictim = [Bool](repeating: false, count: function.kinds.count)
    for victim in victims { isVictim[Int(victim)] = true }
    var memberCounts = [Int32](repeating: 0, count: function.kinds.count)
    for bundle in bundleOfValue { memberCounts[Int(bundle)] += 1 }

    for case .operation(let number) in function.entries {
      let operation = function.operation(number)
      guard operation.isRematerializable, let result = operation.result, isVictim[Int(result.index)],
        memberCounts[Int(result.index)] == 1
      else { continue }
      fates[Int(result.index)] = .again(number)
      isVictim[Int(result.index)] = false
    }
    var slots = [Int32](repeating: -1, count: function.kinds.count)
    for index in bundleOfValue.indices where isVictim[Int(bundleOfValue[index])] && function.slots[index] < 0 {
      let bundle = Int(bundleOfValue[index])
      if slots[bundle] < 0 {
        slots[bundle] = Int32(function.slotCount)
        function.slotCount += 1
      }
      fates[index] = .slot(slots[bundle])
      function.slots[index] = slots[bundle]
    }
  }

  mutating func run(_ function: inout VectorFunction) {
    for entry in function.entries {
      switch entry {
      case .operation(let number):
        add(number, &function)
        continue
      case .divide(let number):
        // Divisions, loops and conditionals read and write slots themselves.
        let division = function.divisions[Int(number)]
        function.divisions[Int(number)].dividend = madeAgain(division.dividend, &function)
        function.divisions[Int(number)].divisor = madeAgain(division.divisor, &function)
      case .loopBegin(let id):
        let loop = function.loop(id)
        function.loops[Int(id)].initials = madeAgain(loop.initials, &function)
        if let from = loop.from.value { function.loops[Int(id)].from = .value(madeAgain(from, &function)) }
        if let to = loop.to.value { function.loops[Int(id)].to = .value(madeOnce(to, &function)) }
      case .loopEnd(let id):
        function.loops[Int(id)].nexts = madeAgain(function.loop(id).nexts, &function)
        if let again = function.loop(id).again { function.loops[Int(id)].again = madeAgain(again, &function) }
      case .ifBegin(let id):
        switch function.conditional(id).condition {
        case .compare(let left, let comparison, let right):
          let other = right.value.map { IntegerOperand.value(inRegister($0, &function)) } ?? right
          let left = inRegister(left, &function)
          function.conditionals[Int(id)].condition = .compare(left, comparison, other)
        case .anyLane(let mask):
          let mask = inRegister(mask, &function)
          function.conditionals[Int(id)].condition = .anyLane(mask)
        }
      case .ifElse(let id):
        function.conditionals[Int(id)].thenValues = madeAgain(function.conditional(id).thenValues, &function)
      case .ifEnd(let id):
        function.conditionals[Int(id)].elseValues = madeAgain(function.conditional(id).elseValues, &function)
      }
      entries.append(entry)
    }
    function.entries = entries
  }

  private mutating func add(_ number: Int32, _ function: inout VectorFunction) {
    let result = function.operation(number).result
    if let result, case .again = fates[Int(result.index)] { return }
    // An operation that uses a value twice gets one temporary for it.
    function.operation(number).forEachUse { value in
      if case .stays = fates[Int(value.index)] { return }
      if !replacements.contains(where: { $0.value == value }) { replacements.append((value, value)) }
    }
    if !replacements.isEmpty {
      for index in replacements.indices {
        replacements[index].temporary = inRegister(replacements[index].value, &function)
      }
      function.operations[Int(number)].replaceUses { value in
        replacements.first { $0.value == value }?.temporary ?? value
      }
      replacements.removeAll(keepingCapacity: true)
    }
    entries.append(.operation(number))
    guard let result, case .slot(let slot) = fates[Int(result.index)] else { return }
    let temporary = makeTemporary(like: result, &function)
    function.operations[Int(number)].result = temporary
    entries.append(function.entry(Self.save(temporary, slot, function.kind(of: result))))
  }

  /// The value in a register right here.
  private mutating func inRegister(_ value: Value, _ function: inout VectorFunction) -> Value {
    guard case .slot(let slot) = fates[Int(value.index)] else { return madeAgain(value, &function) }
    let temporary = makeTemporary(like: value, &function)
    entries.append(function.entry(Self.reload(temporary, slot, function.kind(of: value))))
    return temporary
  }

  private mutating func madeAgain(_ values: [Value], _ function: inout VectorFunction) -> [Value] {
    values.map { madeAgain($0, &function) }
  }

  /// A constant made again; other values as they are.
  private mutating func madeAgain(_ value: Value, _ function: inout VectorFunction) -> Value {
    guard Int(value.index) < fates.count, case .again(let number) = fates[Int(value.index)] else { return value }
    let temporary = makeTemporary(like: value, &function)
    var definition = function.operation(number)
    definition.result = temporary
    entries.append(function.entry(definition))
    return temporary
  }

  /// The same for a loop's bound, which is read at the end of every iteration: as long a life as before, to be spilled
  /// like any other value.
  private mutating func madeOnce(_ value: Value, _ function: inout VectorFunction) -> Value {
    guard case .again(let number) = fates[Int(value.index)] else { return value }
    let copy = function.newValue(function.kind(of: value))
    fates.append(.stays)
    var definition = function.operation(number)
    definition.result = copy
    definition.isRematerializable = false
    entries.append(function.entry(definition))
    return copy
  }

  private mutating func makeTemporary(like value: Value, _ function: inout VectorFunction) -> Value {
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
    case .tile: preconditionFailure("tiles are pinned")
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
