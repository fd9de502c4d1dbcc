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
      let hints = moveHints(coalescing)
      var registers = [UInt8](repeating: .max, count: function.kinds.count)
      var victims: [Int] = []
      for file in RegisterFile.allCases {
        victims += try scan(file, liveness, coalescing, hints, &registers)
      }
      if victims.isEmpty { return (function, registers) }
      spill(Set(victims), coalescing)
    }
  }

  private struct Bundle {
    var id: Int
    var span: Liveness.Segment
    var weight: Double
    var isPinned: Bool
    /// The register that it should get if that is free.
    var hint: UInt8?
  }

  /// Gives registers of one file; returns the bundles to spill where there are too few.
  private func scan(
    _ file: RegisterFile, _ liveness: Liveness, _ coalescing: Coalescing, _ hints: [Int: [Int]],
    _ registers: inout [UInt8]
  ) throws(VectorError) -> [Int] {
    var members: [Value] = []
    // Bundles are numbered by one of their values: arrays over values serve as maps from bundles.
    var places = [Int32](repeating: -1, count: function.kinds.count)
    var bundles: [Bundle] = []
    for index in function.kinds.indices where RegisterFile(function.kinds[index]) == file {
      let value = Value(index: Int32(index))
      guard !liveness.segments[index].isEmpty, function.slots[value] == nil else { continue }
      members.append(value)
      let id = coalescing.bundle(of: value)
      if places[id] < 0 {
        places[id] = Int32(bundles.count)
        let span = coalescing.span(of: id)!  // the bundle has a member with a segment
        bundles.append(Bundle(id: id, span: span, weight: 0, isPinned: false))
      }
      let place = Int(places[id])
      bundles[place].weight += liveness.weights[index]
      if function.pinned.contains(value) || temporaries.contains(value) { bundles[place].isPinned = true }
      if file == .general, let hint = argumentHint(value) { bundles[place].hint = hint }
    }
    for place in bundles.indices {
      bundles[place].weight /= Double(bundles[place].span.end - bundles[place].span.start + 1)
    }
    bundles.sort { ($0.span.start, $0.id) < ($1.span.start, $1.id) }

    var assigned = [UInt8](repeating: .max, count: function.kinds.count)
    var active: [Bundle] = []
    var victims: [Int] = []
    let all = available(file)
    for bundle in bundles {
      active.removeAll { $0.span.end < bundle.span.start }
      var taken: UInt32 = 0
      for other in active { taken |= 1 << UInt32(assigned[other.id]) }
      var first = all.first { taken & (1 << UInt32($0)) == 0 }
      if first == nil {
        guard let victim = (active + [bundle]).filter({ !$0.isPinned }).min(by: { $0.weight < $1.weight }) else {
          throw .registersExhausted(function: function.name, kind: "\(file)", pinned: active.count + 1)
        }
        victims.append(victim.id)
        if victim.id == bundle.id { continue }
        active.removeAll { $0.id == victim.id }
        let register = assigned[victim.id]
        assigned[victim.id] = .max
        taken &= ~(1 << UInt32(register))
        first = register
      }
      func isFree(_ register: UInt8) -> Bool { register != .max && taken & (1 << UInt32(register)) == 0 }
      let wanted = bundle.hint ?? hints[bundle.id]?.lazy.map { assigned[$0] }.first(where: isFree)
      // Some register is free: the first one of all, or the victim's.
      let register = wanted.flatMap { isFree($0) ? $0 : nil } ?? first!
      assigned[bundle.id] = register
      active.append(bundle)
    }
    for value in members { registers[Int(value.index)] = assigned[coalescing.bundle(of: value)] }
    return victims
  }

  /// rdi, rsi, rdx and rcx hold the arguments; rdx is not allocated.
  private func argumentHint(_ value: Value) -> UInt8? {
    switch value {
    case function.arguments[0]: 7
    case function.arguments[1]: 6
    case function.arguments[3]: 1
    default: nil
    }
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

  /// Where a value is found that has no register of its own any more.
  private enum Refuge {
    case slot(Int32)
    /// Made again before each use.
    case again(VectorFunction.Operation)
  }

  /// Takes bundles out of the registers: their values are kept in a stack slot, or made again where they are constants.
  private mutating func spill(_ victims: Set<Int>, _ coalescing: Coalescing) {
    var members: [Int: [Value]] = [:]
    for index in function.kinds.indices {
      let value = Value(index: Int32(index))
      let bundle = coalescing.bundle(of: value)
      if victims.contains(bundle) { members[bundle, default: []].append(value) }
    }
    var singles: Set<Value> = []
    for case let values in members.values where values.count == 1 { singles.insert(values[0]) }
    var refuges = [Refuge?](repeating: nil, count: function.kinds.count)
    for case .operation(let operation) in function.entries where operation.isRematerializable {
      guard let result = operation.result, singles.contains(result) else { continue }
      refuges[Int(result.index)] = .again(operation)
    }
    for (_, values) in members.sorted(by: { $0.key < $1.key }) {
      if values.count == 1, refuges[Int(values[0].index)] != nil { continue }
      for value in values {
        refuges[Int(value.index)] = .slot(Int32(function.slotCount))
        function.slots[value] = Int32(function.slotCount)
      }
      function.slotCount += 1
    }
    var rewriting = Rewriting(refuges: refuges)
    rewriting.entries.reserveCapacity(function.entries.count + 64)
    for entry in function.entries { rewrite(entry, &rewriting) }
    // Arguments come in registers; the emission stores the spilled ones at the entry.
    function.entries = rewriting.entries
  }

  private struct Rewriting {
    var refuges: [Refuge?]
    var entries: [VectorFunction.Entry] = []

    /// Nil too for values that were made while rewriting.
    func refuge(of value: Value) -> Refuge? {
      Int(value.index) < refuges.count ? refuges[Int(value.index)] : nil
    }
  }

  private mutating func makeTemporary(like value: Value) -> Value {
    let temporary = function.newValue(function.kind(of: value))
    temporaries.insert(temporary)
    return temporary
  }

  /// A short-lived value in place of one that was spilled.
  private mutating func fetched(_ value: Value, _ rewriting: inout Rewriting) -> Value {
    guard let refuge = rewriting.refuge(of: value) else { return value }
    let temporary = makeTemporary(like: value)
    switch refuge {
    case .slot(let slot):
      rewriting.entries.append(.operation(Self.reload(temporary, slot, function.kind(of: value))))
    case .again(var definition):
      definition.result = temporary
      rewriting.entries.append(.operation(definition))
    }
    return temporary
  }

  /// For loops, conditionals and divisions, which read and write slots themselves.
  private mutating func remade(_ value: Value, _ rewriting: inout Rewriting) -> Value {
    if case .again? = rewriting.refuge(of: value) { fetched(value, &rewriting) } else { value }
  }

  private mutating func remade(_ values: [Value], _ rewriting: inout Rewriting) -> [Value] {
    var result = values
    for position in values.indices { result[position] = remade(values[position], &rewriting) }
    return result
  }

  private mutating func rewrite(_ entry: VectorFunction.Entry, _ rewriting: inout Rewriting) {
    switch entry {
    case .operation(let operation):
      rewrite(operation, entry, &rewriting)
      return
    case .divide(let quotient, let remainder, let dividend, let divisor):
      let left = remade(dividend, &rewriting)
      let right = remade(divisor, &rewriting)
      rewriting.entries.append(.divide(quotient: quotient, remainder: remainder, dividend: left, divisor: right))
      return
    case .loopBegin(let id):
      function.loops[id].initials = remade(function.loops[id].initials, &rewriting)
      if let from = function.loops[id].from.value { function.loops[id].from = .value(remade(from, &rewriting)) }
      if let to = function.loops[id].to.value, case .again(var copy)? = rewriting.refuge(of: to) {
        // The bound is read at the end of every iteration: as long a life as before, to be spilled like any other.
        let bound = function.newValue(function.kind(of: to))
        copy.result = bound
        copy.isRematerializable = false
        rewriting.entries.append(.operation(copy))
        function.loops[id].to = .value(bound)
      }
    case .loopEnd(let id): function.loops[id].nexts = remade(function.loops[id].nexts, &rewriting)
    case .ifBegin(let id):
      // Comparisons want registers.
      switch function.conditionals[id].condition {
      case .compare(let left, let comparison, let right):
        var right = right
        if let value = right.value { right = .value(fetched(value, &rewriting)) }
        function.conditionals[id].condition = .compare(fetched(left, &rewriting), comparison, right)
      case .anyLane(let mask): function.conditionals[id].condition = .anyLane(fetched(mask, &rewriting))
      }
    case .ifElse(let id):
      function.conditionals[id].thenValues = remade(function.conditionals[id].thenValues, &rewriting)
    case .ifEnd(let id):
      function.conditionals[id].elseValues = remade(function.conditionals[id].elseValues, &rewriting)
    }
    rewriting.entries.append(entry)
  }

  private mutating func rewrite(
    _ operation: VectorFunction.Operation, _ entry: VectorFunction.Entry, _ rewriting: inout Rewriting
  ) {
    var spilled: [Value] = []
    operation.forEachUse { if rewriting.refuge(of: $0) != nil, !spilled.contains($0) { spilled.append($0) } }
    let target = operation.result.flatMap { rewriting.refuge(of: $0) }
    if spilled.isEmpty, target == nil {
      rewriting.entries.append(entry)
      return
    }
    if case .again? = target { return }
    var operation = operation
    if !spilled.isEmpty {
      var temporaries: [Value] = []
      for value in spilled { temporaries.append(fetched(value, &rewriting)) }
      operation.replaceUses { value in spilled.firstIndex(of: value).map { temporaries[$0] } ?? value }
    }
    guard case .slot(let slot)? = target, let result = operation.result else {
      rewriting.entries.append(.operation(operation))
      return
    }
    let temporary = makeTemporary(like: result)
    operation.result = temporary
    rewriting.entries.append(.operation(operation))
    rewriting.entries.append(.operation(Self.save(temporary, slot, function.kind(of: result))))
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
