import GraphIR
import Interpreter
import KernelIR
import Tensors
import Threads

extension Plan {
  /// What a run needs besides the plan: the session's, reused between runs.
  struct Workspace {
    /// Values that have no place in the arena: inputs, outputs, results of the interpreter.
    var values: [RuntimeValue?] = []
    /// A part for each thread.
    var scratch: TensorStorage
    var threadCount: Int
    /// When each step began and, last, when all were done; nil unless somebody wants to know.
    var stepTimes: UnsafeMutablePointer<UInt64>?
  }

  /// What one call of a kernel on one thread needs.
  private struct ThreadContext {
    var function: Machine.Placed.Function
    var arguments: UnsafeMutablePointer<UInt64>
    var scratch: UnsafeMutableRawPointer
    var scratchByteCount: Int
  }

  /// Outputs for inputs of the shapes that the plan is bound to.
  func run(
    _ inputs: [RuntimeValue], _ placement: Placement, _ context: EvaluationContext, _ workspace: inout Workspace
  ) throws -> [RuntimeValue] {
    workspace.values.removeAll(keepingCapacity: true)
    workspace.values.append(contentsOf: repeatElement(nil, count: graph.values.count))
    defer { workspace.values.removeAll(keepingCapacity: true) }
    for (id, input) in zip(graph.inputs, inputs) { workspace.values[Int(id.index)] = input }
    for id in freshOutputs {
      guard let type = graph.type(of: id).tensor, let shape = type.constantShape else { continue }
      workspace.values[Int(id.index)] = .tensor(try Tensor(type.elementType, shape, zeroed: false))
    }
    for number in placement.steps.indices {
      let step = placement.steps[number]
      if let times = workspace.stepTimes { times[number] = EvaluationContext.now }
      switch step.kind {
      case .kernel, .interpretedKernel:
        if context.deadlineNanoseconds != nil { try context.checkDeadline() }
        for index in step.patches {
          let patch = placement.patches[Int(index)]
          guard let tensor = value(patch.value, placement, workspace).tensor else { continue }
          patch.argument.pointee = UInt64(UInt(bitPattern: tensor.base + patch.byteOffset))
        }
        if step.kind == .kernel { run(step, workspace) } else { try interpret(number, step, workspace) }
      case .node: try evaluate(number, placement, context, &workspace)
      case .view: view(number, placement, &workspace)
      }
      for index in step.dying { workspace.values[placement.dying[Int(index)]] = nil }
    }
    if let times = workspace.stepTimes { times[placement.steps.count] = EvaluationContext.now }
    return graph.outputs.map { value(Int($0.index), placement, workspace) }
  }

  /// Runs the kernel of a step.
  func run(_ step: Placement.Step, _ workspace: Workspace) {
    guard let phase = step.phase else { return runUnits(step, workspace) }
    for number in 0..<step.phaseCount {
      phase.pointee = UInt64(number)
      runUnits(step, workspace)
    }
  }

  private func runUnits(_ step: Placement.Step, _ workspace: Workspace) {
    guard step.unitCount > 0, let function = step.function else { return }
    guard step.isParallel else {
      return function(UnsafeRawPointer(step.arguments), 0, step.unitCount, workspace.scratch.base)
    }
    var context = ThreadContext(
      function: function, arguments: step.arguments, scratch: workspace.scratch.base,
      scratchByteCount: scratchByteCount)
    withUnsafePointer(to: &context) { context in
      ThreadTeam.shared.run(
        units: step.unitCount, threadCount: workspace.threadCount,
        { context, begin, end, thread in
          guard let context = context?.assumingMemoryBound(to: ThreadContext.self).pointee else { return }
          context.function(
            UnsafeRawPointer(context.arguments), begin, end, context.scratch + thread * context.scratchByteCount)
        }, context: context)
    }
  }

  private func interpret(_ number: Int, _ step: Placement.Step, _ workspace: Workspace) throws {
    guard case .interpretedKernel(let kernel, let call) = steps[number].work else { return }
    let bufferCount = call.arguments.count - call.parameters.count
    let buffers = (0..<bufferCount).map { UnsafeMutableRawPointer(bitPattern: UInt(step.arguments[$0]))! }
    switch kernel {
    case .loops(let loops):
      try LoopInterpreter(loops).run(
        arguments: UnsafeRawPointer(step.arguments), begin: 0,
        end: (call.parameters.first ?? 1) * loops.unitsPerPosition, scratch: workspace.scratch.base)
    case .gemm(let gemm): ContractionInterpreter.run(gemm, buffers, call.parameters)
    case .convolution(let convolution): ContractionInterpreter.run(convolution, buffers, call.parameters)
    case .depthwise(let depthwise): ContractionInterpreter.run(depthwise, buffers, call.parameters)
    case .transposedConvolution(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .attention(let attention): ContractionInterpreter.run(attention, buffers, call.parameters)
    case .recurrence(let recurrence): ContractionInterpreter.run(recurrence, buffers, call.parameters)
    case .trees(let trees): trees.interpret(buffers, call.parameters)
    }
  }

  private func evaluate(
    _ number: Int, _ placement: Placement, _ context: EvaluationContext, _ workspace: inout Workspace
  ) throws {
    guard case .node(let id) = steps[number].work else { return }
    let node = graph[id]
    context.slots = placement.slots[number]
    context.regionRunner = placement.regions[number]
    defer {
      context.slots = []
      context.regionRunner = nil
    }
    let operands = node.operands.map { value(Int($0.index), placement, workspace) }
    let results = try Interpreter.evaluate(node, operands, context)
    for (id, result) in zip(node.results, results) { workspace.values[Int(id.index)] = result }
  }

  /// Views of what lies in the arena were made with the placement; the others are made here.
  private func view(_ number: Int, _ placement: Placement, _ workspace: inout Workspace) {
    guard case .view(let operand, let result, let shape) = steps[number].work, let shape,
      case .value(let id) = operand, placement.tensors[Int(result.index)] == nil,
      let tensor = value(Int(id.index), placement, workspace).tensor
    else { return }
    workspace.values[Int(result.index)] = .tensor(tensor.reshaped(shape))
  }

  private func value(_ index: Int, _ placement: Placement, _ workspace: Workspace) -> RuntimeValue {
    if let value = workspace.values[index] { return value }
    if let value = placement.tensors[index] { return value }
    guard let constant = graph.values[index].constant else {
      preconditionFailure("%\(index) is used before it is computed")
    }
    return .tensor(constant)
  }
}
