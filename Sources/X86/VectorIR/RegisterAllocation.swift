/// Linear scan over the bundles of `Coalescing`, after Poletto and Sarkar, with spilling by weight: uses, times 8 for each
/// loop around them, per position of life. Spilled values are loaded and stored around each use, constants are made
/// again (see `Spilling`), and the scan starts over; values that were made so are short and never spilled again.
struct RegisterAllocation {
  private let instructionSet: InstructionSet
  private let name: String
  /// For each value, its bundle.
  private let bundleOfValue: [Int32]
  /// For each bundle, pairs with bundles between which loops move values: the first one in `hints`, which are lists.
  private var firstHint: [Int32]
  private var hints: [Hint] = []

  private struct Hint {
    var bundle: Int32
    var next: Int32
  }

  private struct Bundle {
    var id: Int32
    var span: Liveness.Segment
    var weight: Double
    var isPinned: Bool
    /// The register that it must have.
    var number: UInt8?
  }

  /// General-purpose registers in the order of preference: those that need no saving first. rsp is the stack's; rax and
  /// rdx serve divisions and moves between stack slots.
  private static let general: [UInt8] = [7, 6, 1, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15]

  /// Where the arguments arrive and may stay: rdi, rsi, rcx; the third leaves rdx for r8.
  private static let incoming: [UInt8] = [7, 6, 8, 1]

  /// Adds spill code to the function. Gives a register for each value that is not in a slot.
  static func run(
    _ function: inout VectorFunction, _ instructionSet: InstructionSet
  ) throws(VectorError) -> [UInt8] {
    // Spilling makes short values that are pinned; a function that needs more rounds than this does not come to an end.
    for _ in 0..<maximumRoundCount {
      let liveness = Liveness(function)
      let coalescing = Coalescing(function, liveness)
      let allocation = RegisterAllocation(function, coalescing.bundles(), instructionSet)
      var assigned = [UInt8](repeating: .max, count: function.kinds.count)
      var victims: [Int32] = []
      let bundles = allocation.bundles(function, liveness, coalescing)
      for file in RegisterFile.allCases {
        victims += try allocation.scan(file, bundles[file.rawValue], &assigned)
      }
      if victims.isEmpty { return allocation.bundleOfValue.map { assigned[Int($0)] } }
      var spilling = Spilling(&function, allocation.bundleOfValue, victims)
      spilling.run(&function)
    }
    throw .registersExhausted(function: function.name, kind: "any", pinned: 0)
  }

  private static let maximumRoundCount = 64

  private init(_ function: VectorFunction, _ bundleOfValue: [Int32], _ instructionSet: InstructionSet) {
    self.instructionSet = instructionSet
    name = function.name
    self.bundleOfValue = bundleOfValue
    firstHint = Array(repeating: -1, count: function.kinds.count)
    // Lists grow at their front: what comes first in the function is tried first.
    for loop in function.loops.reversed() {
      for (parameter, next) in zip(loop.parameters, loop.nexts).reversed() { link(next, parameter) }
      for (parameter, initial) in zip(loop.parameters, loop.initials).reversed() { link(initial, parameter) }
    }
  }

  private mutating func link(_ left: Value, _ right: Value) {
    let (left, right) = (bundleOfValue[Int(left.index)], bundleOfValue[Int(right.index)])
    guard left != right else { return }
    add(hint: right, to: left)
    add(hint: left, to: right)
  }

  private mutating func add(hint: Int32, to bundle: Int32) {
    hints.append(Hint(bundle: hint, next: firstHint[Int(bundle)]))
    firstHint[Int(bundle)] = Int32(hints.count - 1)
  }

  private func available(_ file: RegisterFile) -> [UInt8] {
    switch file {
    case .general: Self.general
    case .vector: Array(0..<(instructionSet >= .avx512 ? 32 : 16))
    case .mask: Array(1..<8)
    // What has no number of its own.
    case .tile: Array(0..<8)
    }
  }

  /// The bundles of each file that want a register, by the start of their life.
  private func bundles(
    _ function: VectorFunction, _ liveness: Liveness, _ coalescing: Coalescing
  ) -> [[Bundle]] {
    let count = function.kinds.count
    var weights = [Double](repeating: 0, count: count)
    var isPinned = [Bool](repeating: false, count: count)
    for index in 0..<count where !liveness.first[index].isNone && function.slots[index] < 0 {
      let id = Int(bundleOfValue[index])
      weights[id] += liveness.weights[index]
      if function.isPinned[index] { isPinned[id] = true }
    }
    // Start and number in one integer each: what is compared most is what sorts fastest.
    var order: [Int] = []
    for id in 0..<count {
      if let span = coalescing.span(of: id) { order.append((Int(span.start) + 1) << 32 | id) }
    }
    order.sort()
    var bundles = [[Bundle]](repeating: [], count: RegisterFile.allCases.count)
    for key in order {
      let id = key & 0xFFFF_FFFF
      guard let span = coalescing.span(of: id) else { continue }
      bundles[RegisterFile(function.kinds[id]).rawValue].append(
        Bundle(
          id: Int32(id), span: span, weight: weights[id] / Double(span.end - span.start + 1), isPinned: isPinned[id],
          number: function.tileNumbers[Value(index: Int32(id))]))
    }
    return bundles
  }

  /// Gives registers of one file to its bundles; returns the bundles to spill where there are too few.
  private func scan(
    _ file: RegisterFile, _ bundles: [Bundle], _ assigned: inout [UInt8]
  ) throws(VectorError) -> [Int32] {
    var active: [Bundle] = []
    var victims: [Int32] = []
    let all = available(file)
    var taken: UInt32 = 0
    for bundle in bundles {
      active.removeAll { other in
        guard other.span.end < bundle.span.start else { return false }
        taken &= ~(1 << UInt32(assigned[Int(other.id)]))
        return true
      }
      var register = bundle.number ?? hint(bundle.id, file, assigned, taken)
      if let number = register, taken & (1 << UInt32(number)) != 0 {
        throw .registersExhausted(function: name, kind: "tmm\(number)", pinned: 2)
      }
      register = register ?? all.first { taken & (1 << UInt32($0)) == 0 }
      if register == nil {
        guard let victim = (active + [bundle]).filter({ !$0.isPinned }).min(by: { $0.weight < $1.weight }) else {
          throw .registersExhausted(function: name, kind: "\(file)", pinned: active.count + 1)
        }
        victims.append(victim.id)
        if victim.id == bundle.id { continue }
        active.removeAll { $0.id == victim.id }
        register = assigned[Int(victim.id)]
      }
      guard let register else { continue }
      assigned[Int(bundle.id)] = register
      taken |= 1 << UInt32(register)
      active.append(bundle)
    }
    return victims
  }

  /// A free register that saves a move.
  private func hint(_ bundle: Int32, _ file: RegisterFile, _ assigned: [UInt8], _ taken: UInt32) -> UInt8? {
    if file == .general, bundle < Self.incoming.count {
      let register = Self.incoming[Int(bundle)]
      return taken & (1 << UInt32(register)) == 0 ? register : nil
    }
    var position = firstHint[Int(bundle)]
    while position >= 0 {
      let hint = hints[Int(position)]
      let register = assigned[Int(hint.bundle)]
      if register != .max, taken & (1 << UInt32(register)) == 0 { return register }
      position = hint.next
    }
    return nil
  }
}
