import GraphIR
import Interpreter
import Tensors

/// A loop whose body is nothing but generated code. What it carries lies in one of two buffers by turns, the condition
/// included, so that an iteration costs the calls of its kernels and the copies of what it stacks up.
final class LoopPlan {
  private let plan: Plan
  private let carriedCount: Int
  private let state: [[TensorStorage]]
  private let iteration: TensorStorage
  /// Where kernels write outputs that are no carried values, by value.
  private let homes: [Int: TensorStorage]
  private let workspace: Plan.Workspace
  /// Even and odd iterations.
  private var turns: [Turn] = []

  /// What differs between even and odd iterations.
  private struct Turn {
    var placement: Placement
    /// Whether there is such an iteration.
    var condition: UnsafeMutableRawPointer
    /// Outputs that are something else's memory, and so have to be copied to where they belong.
    var moves: [Move] = []
    var scanned: [Move] = []
    /// The number of a capture and the argument that is its address.
    var captures: [(number: Int, argument: UnsafeMutablePointer<UInt64>)] = []
  }

  private struct Move {
    var source: Source
    /// Nil for what is stacked up.
    var target: UnsafeMutableRawPointer?
    var byteCount: Int
  }

  private enum Source {
    case address(UnsafeRawPointer)
    case capture(Int)
  }

  /// Clocks are read once in so many iterations.
  private static let iterationsPerCheck: Int64 = 32

  /// Nil for a body that has more in it than kernels, or whose values change their types.
  /// - Parameter inputs: of the body's first iteration: number, condition, carried values, captures.
  init?(_ body: Graph, _ inputs: [RuntimeValue], carried: Int, _ machine: Machine, _ threads: ThreadUse) throws {
    let plan = try Plan(body, inputs: inputs, machine: machine, threadCount: threads.count)
    guard Self.isEligible(plan, inputs, carried) else { return nil }
    self.plan = plan
    carriedCount = carried
    state = try (0..<2).map { _ in
      try inputs[1...].prefix(1 + carried).map { input in
        try TensorStorage(byteCount: input.tensor?.byteCount ?? 0, zeroed: false)
      }
    }
    iteration = try TensorStorage(byteCount: MemoryLayout<Int64>.size)
    var homes: [Int: TensorStorage] = [:]
    for id in plan.freshOutputs {
      homes[Int(id.index)] = try TensorStorage(byteCount: plan.graph.byteCount(of: id) ?? 0, zeroed: false)
    }
    self.homes = homes
    workspace = Plan.Workspace(
      scratch: try TensorStorage(byteCount: plan.scratchByteCount * threads.count, zeroed: false),
      threadCount: threads.count)
    let arena = try TensorStorage(byteCount: plan.memory.arenaByteCount, zeroed: false)
    turns = (0..<2).map { turn(Placement(plan, in: arena, threads: threads), $0) }
  }

  private static func isEligible(_ plan: Plan, _ inputs: [RuntimeValue], _ carried: Int) -> Bool {
    guard plan.steps.allSatisfy({ $0.kind == .kernel || $0.kind == .view }),
      inputs.allSatisfy({ $0.tensor.map { $0.elementType != .string } ?? false })
    else { return false }
    for (position, id) in plan.graph.outputs.enumerated() {
      guard let type = plan.graph.type(of: id).tensor, type.elementType != .string, let shape = type.constantShape
      else { return false }
      guard position <= carried else { continue }
      guard let input = inputs[1 + position].tensor, input.elementType == type.elementType, input.shape == shape else {
        return false
      }
    }
    return true
  }

  // MARK: Addresses

  private func turn(_ placement: Placement, _ index: Int) -> Turn {
    let (now, next) = (state[index], state[1 - index])
    let outputs = plan.graph.outputs.map { Int($0.index) }
    // Kernels write carried values where the next iteration reads them. What is carried twice is copied.
    var written = homes.mapValues(\.base)
    for (position, output) in outputs.prefix(1 + carriedCount).enumerated().reversed() {
      let root = plan.roots[output]
      if written[root] != nil { written[root] = next[position].base }
    }
    func source(of value: Int) -> Source {
      let root = plan.roots[value]
      if let address = written[root] { return .address(address) }
      if let constant = plan.graph.values[root].constant { return .address(constant.base) }
      guard let input = plan.graph.inputs.firstIndex(of: ValueID(root)) else {
        preconditionFailure("%\(root) of a loop's body lies nowhere")
      }
      return switch input {
      case 0: .address(iteration.base)
      case 1...1 + carriedCount: .address(now[input - 1].base)
      default: .capture(input - 2 - carriedCount)
      }
    }
    var turn = Turn(placement: placement, condition: now[0].base)
    for patch in placement.patches {
      switch source(of: patch.value) {
      case .address(let address): patch.argument.pointee = UInt64(UInt(bitPattern: address + patch.byteOffset))
      case .capture(let number): turn.captures.append((number, patch.argument))
      }
    }
    for (position, output) in outputs.enumerated() {
      let byteCount = plan.graph.byteCount(of: ValueID(output)) ?? 0
      var move = Move(source: source(of: output), target: nil, byteCount: byteCount)
      guard position <= carriedCount else {
        turn.scanned.append(move)
        continue
      }
      move.target = next[position].base
      if case .address(let address) = move.source, address == UnsafeRawPointer(next[position].base) { continue }
      turn.moves.append(move)
    }
    return turn
  }

  private func address(_ source: Source, _ captures: [Tensor]) -> UnsafeRawPointer {
    switch source {
    case .address(let address): address
    case .capture(let number): UnsafeRawPointer(captures[number].base)
    }
  }

  // MARK: Runs

  /// Carried values after the last iteration, then the stacked ones. The call's values are of the types that the plan
  /// was made with.
  func run(_ call: LoopCall, _ context: EvaluationContext) throws -> [RuntimeValue] {
    let captures = call.captures.compactMap(\.tensor)
    for turn in turns {
      for capture in turn.captures {
        capture.argument.pointee = UInt64(UInt(bitPattern: captures[capture.number].base))
      }
    }
    turns[0].condition.storeBytes(of: call.condition, as: Bool.self)
    for (storage, value) in zip(state[0].dropFirst(), call.carried) {
      if let tensor = value.tensor { storage.base.copyMemory(from: tensor.base, byteCount: tensor.byteCount) }
    }
    var stacks = turns[0].scanned.map { Stack(byteCount: $0.byteCount) }
    var count: Int64 = 0
    while count < call.tripCount {
      let isGoing = try withExtendedLifetime(captures) {
        try advance(turns[Int(count & 1)], count, captures, &stacks, context)
      }
      guard isGoing else { break }
      count += 1
    }
    return try results(state[Int(count & 1)], stacks, count)
  }

  /// One iteration, if there is one.
  private func advance(
    _ turn: borrowing Turn, _ number: Int64, _ captures: [Tensor], _ stacks: inout [Stack], _ context: EvaluationContext
  ) throws -> Bool {
    guard turn.condition.load(as: Bool.self) else { return false }
    if number % Self.iterationsPerCheck == 0 { try context.checkDeadline() }
    iteration.base.storeBytes(of: number, as: Int64.self)
    for step in turn.placement.steps where step.kind == .kernel { plan.run(step, workspace) }
    for move in turn.moves {
      move.target?.copyMemory(from: address(move.source, captures), byteCount: move.byteCount)
    }
    for index in stacks.indices { try stacks[index].append(address(turn.scanned[index].source, captures)) }
    return true
  }

  private func results(_ state: [TensorStorage], _ stacks: [Stack], _ count: Int64) throws -> [RuntimeValue] {
    try plan.graph.outputs.enumerated().dropFirst().map { position, id in
      guard let type = plan.graph.type(of: id).tensor, let shape = type.constantShape else {
        preconditionFailure("the output of a loop's body has no shape")
      }
      if position > carriedCount {
        let stack = stacks[position - 1 - carriedCount]
        let shape = Shape([Int(count)] + shape.dimensions)
        let storage = try stack.storage ?? TensorStorage(byteCount: 0)
        return .tensor(Tensor(type.elementType, shape, storage: storage))
      }
      let tensor = try Tensor(type.elementType, shape, zeroed: false)
      tensor.base.copyMemory(from: state[position].base, byteCount: tensor.byteCount)
      return .tensor(tensor)
    }
  }

  /// Values of one size, one behind the other, as many as come.
  private struct Stack {
    let byteCount: Int
    private(set) var storage: TensorStorage?
    private var used = 0

    private static let firstCount = 16

    init(byteCount: Int) { self.byteCount = byteCount }

    mutating func append(_ value: UnsafeRawPointer) throws {
      let capacity = storage?.byteCount ?? 0
      if used + byteCount > capacity {
        let larger = try TensorStorage(byteCount: max(2 * capacity, Self.firstCount * byteCount), zeroed: false)
        if let storage { larger.base.copyMemory(from: storage.base, byteCount: used) }
        storage = larger
      }
      if let storage { (storage.base + used).copyMemory(from: value, byteCount: byteCount) }
      used += byteCount
    }
  }
}
