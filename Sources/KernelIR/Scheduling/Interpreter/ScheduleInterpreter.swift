import GraphIR
import Interpreter
import Tensors

/// Runs a schedule in plain Swift, kernel by kernel: what tests of schedulers and of generated code compare with.
public struct ScheduleInterpreter {
  public let schedule: Schedule
  private let loops: [LoopKernel: LoopInterpreter]

  /// Throws `LoopError` when a kernel of the schedule is none.
  public init(_ schedule: Schedule) throws {
    self.schedule = schedule
    var loops: [LoopKernel: LoopInterpreter] = [:]
    for case .kernel(.loops(let kernel), _) in schedule.steps.map(\.work) where loops[kernel] == nil {
      loops[kernel] = try LoopInterpreter(kernel)
    }
    self.loops = loops
  }

  /// The outputs of the graph.
  public func run(
    _ inputs: [RuntimeValue], context: EvaluationContext = EvaluationContext()
  ) throws -> [RuntimeValue] {
    let graph = schedule.graph
    var values: [ValueID: RuntimeValue] = [:]
    for (id, input) in zip(graph.inputs, inputs) { values[id] = input }
    func value(_ id: ValueID) -> RuntimeValue {
      if let value = values[id] { return value }
      guard let constant = graph[id].constant else { preconditionFailure("\(id) is read before any step makes it") }
      return .tensor(constant)
    }
    for step in schedule.steps {
      let operands = try step.operands.map { operand -> RuntimeValue in
        switch operand {
        case .value(let id): return value(id)
        case .packed(let id, let packing):
          guard let constant = graph[id].constant else { preconditionFailure("\(id) is packed, but no constant") }
          return .tensor(try packing.plain(constant))
        case .packedTrees(let id, let kernel):
          guard let trees = graph.treeConstants(id) else { preconditionFailure("\(id) has no trees") }
          return .tensor(try kernel.pack(trees))
        case .table(let number): return .tensor(schedule.tables[number])
        }
      }
      let results = try run(step, operands, context, known: step.results.map { values[$0]?.tensor })
      for (id, result) in zip(step.results, results) { values[id] = result }
    }
    return graph.outputs.map(value)
  }

  /// - Parameter known: results that other steps have written parts of.
  private func run(
    _ step: Step, _ operands: [RuntimeValue], _ context: EvaluationContext, known: [Tensor?]
  ) throws -> [RuntimeValue] {
    switch step.work {
    case .node(let id): return try Interpreter.evaluate(schedule.graph[id], operands, context)
    case .view:
      guard let tensor = operands[0].tensor, let shape = shape(of: step.results[0]) else {
        preconditionFailure("a view of something without a shape")
      }
      return [.tensor(tensor.reshaped(shape))]
    case .kernel(let kernel, let call):
      let results = try zip(step.results, known).map { try $1 ?? makeResult($0) }
      let tensors = operands.compactMap(\.tensor)
      withExtendedLifetime((tensors, results)) {
        run(kernel, call, tensors.map(\.base) + results.map { $0.base + step.resultByteOffset })
      }
      return results.map(RuntimeValue.tensor)
    }
  }

  private func shape(of id: ValueID) -> Shape? { schedule.graph.type(of: id).tensor?.constantShape }

  /// Memory that shows what nobody wrote.
  private func makeResult(_ id: ValueID) throws -> Tensor {
    guard let type = schedule.graph.type(of: id).tensor, let shape = type.constantShape else {
      preconditionFailure("a kernel's result has a shape")
    }
    let tensor = try Tensor(type.elementType, shape, zeroed: false)
    tensor.base.initializeMemory(as: UInt8.self, repeating: 0xFF, count: tensor.byteCount)
    return tensor
  }

  private func run(_ kernel: Kernel, _ call: Step.Call, _ buffers: [UnsafeMutableRawPointer]) {
    switch kernel {
    case .gemm(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .convolution(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .depthwise(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .transposedConvolution(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .attention(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .recurrence(let kernel): ContractionInterpreter.run(kernel, buffers, call.parameters)
    case .trees(let kernel): kernel.interpret(buffers, call.parameters)
    case .loops(let kernel):
      guard let interpreter = loops[kernel] else { preconditionFailure("every loop kernel has an interpreter") }
      let scratch = UnsafeMutableRawPointer.allocate(byteCount: max(64, kernel.scratchSizeInBytes), alignment: 64)
      defer { scratch.deallocate() }
      buffers.withUnsafeBytes { arguments in
        guard let arguments = arguments.baseAddress else { return }
        interpreter.run(
          arguments: arguments, begin: 0, end: call.parameters[0] * kernel.unitsPerPosition, scratch: scratch)
      }
    }
  }
}
