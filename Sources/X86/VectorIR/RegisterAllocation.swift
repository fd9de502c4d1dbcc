/// Linear scan over the bundles of `Coalescing`, after Poletto and Sarkar, with spilling by weight: uses, times 8 for each
/// loop around them, per position of life. Spilled values are loaded and stored around each use, constants are made
/// again (see `Spilling`), and the scan starts over; values that were made so are short and never spilled again.
struct RegisterAllocation {
  private var function: VectorFunction
  private let instructionSet: InstructionSet

  init(_ function: VectorFunction, _ instructionSet: InstructionSet) {
    self.function = function
    self.instructionSet = instructionSet
  }

  /// General-purpose registers in the order of preference: those that need no saving first. rsp is the stack's; rax and
  /// rdx serve divisions and moves between stack slots.
  private static let general: [UInt8] = [7, 6, 1, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15]

  /// Where the arguments arrive and may stay: rdi, rsi, rcx; the third leaves rdx for r8.
  private static let incoming: [UInt8] = [7, 6, 8, 1]

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
    // Spilling makes short values that are pinned; a function that needs more rounds than this does not come to an end.
    for _ in 0..<Self.maximumRoundCount {
      let liveness = Liveness(function)
      let coalescing = Coalescing(function, liveness)
      let bundles = self.bundles(liveness, coalescing)
      var assigned = [UInt8](repeating: .max, count: function.kinds.count)
      var victims: [Int] = []
      let hints = moveHints(coalescing)
      for file in RegisterFile.allCases {
        victims += try scan(file, bundles[file.rawValue], hints, &assigned)
      }
      let bundleOfValue = function.kinds.indices.map { coalescing.bundle(of: Value(index: Int32($0))) }
      if victims.isEmpty { return (function, bundleOfValue.map { assigned[$0] }) }
      function = Spilling(function, bundleOfValue, victims).run()
    }
    throw .registersExhausted(function: function.name, kind: "any", pinned: 0)
  }

  private static let maximumRoundCount = 64

  private struct Bundle {
    var id: Int
    var span: Liveness.Segment
    var weight: Double
    var isPinned: Bool
  }

  /// The bundles of each file that want a register, by the start of their life.
  private func bundles(_ liveness: Liveness, _ coalescing: Coalescing) -> [[Bundle]] {
    var weights = [Double](repeating: 0, count: function.kinds.count)
    var isPinned = [Bool](repeating: false, count: function.kinds.count)
    var exists = [Bool](repeating: false, count: function.kinds.count)
    for index in function.kinds.indices where !liveness.segments[index].isEmpty && function.slots[index] < 0 {
      let id = coalescing.bundle(of: Value(index: Int32(index)))
      exists[id] = true
      weights[id] += liveness.weights[index]
      if function.isPinned[index] { isPinned[id] = true }
    }
    var bundles = [[Bundle]](repeating: [], count: RegisterFile.allCases.count)
    for id in exists.indices where exists[id] {
      guard let span = coalescing.span(of: id) else { continue }
      bundles[RegisterFile(function.kinds[id]).rawValue].append(
        Bundle(
          id: id, span: span, weight: weights[id] / Double(span.end - span.start + 1), isPinned: isPinned[id]))
    }
    for file in bundles.indices { bundles[file].sort { ($0.span.start, $0.id) < ($1.span.start, $1.id) } }
    return bundles
  }

  /// Gives registers of one file to its bundles; returns the bundles to spill where there are too few.
  private func scan(
    _ file: RegisterFile, _ bundles: [Bundle], _ hints: [[Int32]], _ assigned: inout [UInt8]
  ) throws(VectorError) -> [Int] {
    var active: [Bundle] = []
    var victims: [Int] = []
    let all = available(file)
    var taken: UInt32 = 0
    for bundle in bundles {
      active.removeAll { other in
        guard other.span.end < bundle.span.start else { return false }
        taken &= ~(1 << UInt32(assigned[other.id]))
        return true
      }
      var register = hint(bundle.id, file, hints, assigned, taken) ?? all.first { taken & (1 << UInt32($0)) == 0 }
      if register == nil {
        guard let victim = (active + [bundle]).filter({ !$0.isPinned }).min(by: { $0.weight < $1.weight }) else {
          throw .registersExhausted(function: function.name, kind: "\(file)", pinned: active.count + 1)
        }
        victims.append(victim.id)
        if victim.id == bundle.id { continue }
        active.removeAll { $0.id == victim.id }
        register = assigned[victim.id]
      }
      guard let register else { continue }
      assigned[bundle.id] = register
      taken |= 1 << UInt32(register)
      active.append(bundle)
    }
    return victims
  }

  /// A free register that saves a move.
  private func hint(
    _ bundle: Int, _ file: RegisterFile, _ hints: [[Int32]], _ assigned: [UInt8], _ taken: UInt32
  ) -> UInt8? {
    if file == .general, bundle < Self.incoming.count {
      let register = Self.incoming[bundle]
      return taken & (1 << UInt32(register)) == 0 ? register : nil
    }
    for other in hints[bundle] {
      let register = assigned[Int(other)]
      if register != .max, taken & (1 << UInt32(register)) == 0 { return register }
    }
    return nil
  }

  /// Bundles between which loops move values.
  private func moveHints(_ coalescing: Coalescing) -> [[Int32]] {
    var hints = [[Int32]](repeating: [], count: function.kinds.count)
    func link(_ left: Value, _ right: Value) {
      let (left, right) = (coalescing.bundle(of: left), coalescing.bundle(of: right))
      guard left != right else { return }
      hints[left].append(Int32(right))
      hints[right].append(Int32(left))
    }
    for loop in function.loops {
      for (parameter, initial) in zip(loop.parameters, loop.initials) { link(parameter, initial) }
      for (parameter, next) in zip(loop.parameters, loop.nexts) { link(parameter, next) }
    }
    return hints
  }
}
