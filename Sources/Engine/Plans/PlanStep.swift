import GraphIR
import KernelIR
import Tensors
import X86

/// One step of a plan, ready to run.
struct PlanStep {
  enum Work {
    case kernel(KernelCall)
    /// A kernel without code, run in plain Swift.
    case interpretedKernel(Kernel, KernelCall)
    case node(NodeID)
    case view(of: ScheduleValue, result: ValueID, Shape?)
  }

  var work: Work
  /// Values whose tensors nobody reads after the step: they leave the workspace.
  var dying: [Int]
  var source: String

  var call: KernelCall? {
    switch work {
    case .kernel(let call), .interpretedKernel(_, let call): call
    case .node, .view: nil
    }
  }

  var kind: Placement.Step.Kind {
    switch work {
    case .kernel: .kernel
    case .interpretedKernel: .interpretedKernel
    case .node: .node
    case .view: .view
    }
  }

  var scratchByteCount: Int { call?.scratchByteCount ?? 0 }

  /// A generated function and what it is called with.
  struct KernelCall {
    enum Argument {
      /// A place in the arena, an input, a fresh output, or a result of the interpreter; or a part of it, from some
      /// byte on.
      case value(ValueID, byteOffset: Int = 0)
      case address(UnsafeRawPointer)
      case parameter(Int)
    }

    /// Nil without code.
    var placed: Machine.Placed?
    var arguments: [Argument]
    var parameters: [Int]
    var unitCount: Int
    /// More than 1 for a kernel that is called again and again, with the number of the call as its last argument.
    var phaseCount = 1
    var scratchByteCount: Int
    var estimatedNanoseconds: Double
    /// What the addresses among the arguments point into, besides the graph's constants.
    var owned: [TensorStorage] = []
  }

  static func steps(of schedule: Schedule, _ machine: Machine?, threadCount: Int) throws -> [PlanStep] {
    let graph = schedule.graph
    let forms = schedule.steps.compactMap { step -> KernelForm? in
      if case .kernel(let kernel, let call) = step.work {
        machine?.form(of: kernel, parameters: call.parameters)
      } else {
        nil
      }
    }
    let constants = schedule.steps.flatMap(\.operands).compactMap { operand -> (Tensor, Packing)? in
      guard case .packed(let id, let packing) = operand else { return nil }
      return graph[id].constant.map { ($0, packing) }
    }
    let packed = machine?.prepare(forms, constants, threadCount: threadCount)
    defer { withExtendedLifetime(packed) {} }
    let dying = deaths(schedule)
    return try schedule.steps.enumerated().map { number, step in
      let work: Work
      switch step.work {
      case .node(let id):
        // What the interpreter asks for cannot fail any more.
        for operand in graph[id].operands { try graph[operand].constant?.storage.materialize() }
        work = .node(id)
      case .view:
        if case .value(let id) = step.operands[0] { try graph[id].constant?.storage.materialize() }
        work = .view(
          of: step.operands[0], result: step.results[0], graph.type(of: step.results[0]).tensor?.constantShape)
      case .kernel(let kernel, let call):
        guard let machine else { throw EngineError.evaluation("kernels without a machine") }
        work = try self.work(kernel, call, step, schedule, machine)
      }
      return PlanStep(work: work, dying: dying[number], source: step.source)
    }
  }

  private static func work(
    _ kernel: Kernel, _ call: Step.Call, _ step: Step, _ schedule: Schedule, _ machine: Machine
  ) throws -> Work {
    let results = step.results.map { KernelCall.Argument.value($0, byteOffset: step.resultByteOffset) }
    let parameters = call.parameters.map { KernelCall.Argument.parameter($0) }
    var owned: [TensorStorage] = []
    if let placed = machine.code(for: machine.form(of: kernel, parameters: call.parameters)) {
      let operands = try step.operands.map { try argument($0, schedule, machine, &owned, isCode: true) }
      let phase = placed.phases == nil ? [] : [KernelCall.Argument.parameter(0)]
      return .kernel(
        KernelCall(
          placed: placed, arguments: operands + results + parameters + phase, parameters: call.parameters,
          unitCount: placed.units.count(parameters: call.parameters),
          phaseCount: placed.phases?.count(parameters: call.parameters) ?? 1, scratchByteCount: placed.scratchByteCount,
          estimatedNanoseconds: call.estimatedNanoseconds, owned: owned))
    }
    let operands = try step.operands.map { operand in
      guard case .packed(let id, let packing) = operand, let constant = schedule.graph[id].constant else {
        return try argument(operand, schedule, machine, &owned, isCode: false)
      }
      let plain = try packing.plain(constant)
      owned.append(plain.storage)
      return .address(UnsafeRawPointer(plain.base))
    }
    var scratchByteCount = 0
    if case .loops(let loops) = kernel { scratchByteCount = loops.scratchSizeInBytes }
    return .interpretedKernel(
      kernel,
      KernelCall(
        placed: nil, arguments: operands + results + parameters, parameters: call.parameters, unitCount: 1,
        scratchByteCount: scratchByteCount, estimatedNanoseconds: 0, owned: owned))
  }

  /// `isCode`: for generated code, which reads at any address; plain Swift reads at aligned ones.
  private static func argument(
    _ operand: ScheduleValue, _ schedule: Schedule, _ machine: Machine, _ owned: inout [TensorStorage], isCode: Bool
  ) throws -> KernelCall.Argument {
    switch operand {
    case .value(let id):
      guard let constant = schedule.graph[id].constant else { return .value(id) }
      if isCode { return .address(try constant.lastingAddress()) }
      try constant.storage.materialize()
      return .address(UnsafeRawPointer(constant.base))
    case .packedTrees(let id, let kernel):
      guard let trees = schedule.graph.treeConstants(id) else {
        throw EngineError.evaluation("node \(id.index) has no trees")
      }
      let packed = try machine.packed(trees, kernel)
      owned.append(packed)
      return .address(UnsafeRawPointer(packed.base))
    case .table(let index): return .address(UnsafeRawPointer(schedule.tables[index].base))
    case .packed(let id, let packing):
      guard let constant = schedule.graph[id].constant else {
        throw EngineError.evaluation("\(id) is to be packed, but is no constant")
      }
      let packed = try machine.packed(constant, packing)
      owned.append(packed)
      return .address(UnsafeRawPointer(packed.base))
    }
  }

  private static func deaths(_ schedule: Schedule) -> [[Int]] {
    var last: [Int: Int] = [:]
    for (number, step) in schedule.steps.enumerated() {
      for result in step.results { last[Int(result.index)] = number }
      for case .value(let id) in step.operands { last[Int(id.index)] = number }
    }
    for output in schedule.graph.outputs { last[Int(output.index)] = nil }
    var dying = [[Int]](repeating: [], count: schedule.steps.count)
    for (value, step) in last { dying[step].append(value) }
    return dying
  }
}
