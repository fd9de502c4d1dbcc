import GraphIR
import Interpreter
import KernelIR
import Tensors
import X86

/// Where the time of a model goes: `apus bench --profile`.
public struct Profile: Sendable {
  public struct Step: Sendable {
    /// What runs: the kernel's form, or the operation that the interpreter evaluates.
    public var work: String
    /// The nodes of the file that it stands for.
    public var source: String
    /// Median over the runs.
    public var nanoseconds: Double
    /// Nil where arithmetic is not what the time goes to.
    public var operationCount: Int?
    /// Operations in the time of one of float32: products of bfloat16 are pairs.
    public var operationsPerFloat32 = 1.0
    /// Of the operands and results, each counted once; nil where shapes are unknown.
    public var byteCount: Int?
  }

  /// In the order of execution; views are left out.
  public var steps: [Step]
  /// One core's; nil where no code is generated.
  public var peaks: MachinePeaks?
  public var threadCount: Int

  /// The least time that the step could take: its arithmetic or its bytes at the peaks of all threads' cores. Memory
  /// bandwidth is taken as one core's, and data that stays in a cache can be faster.
  public func boundNanoseconds(_ step: Step) -> Double? {
    guard let peaks else { return nil }
    let arithmetic = step.operationCount.map {
      Double($0) / (peaks.gigaflopsPerSecond * step.operationsPerFloat32 * Double(threadCount))
    }
    let movement = step.byteCount.map { Double($0) / peaks.gigabytesPerSecond }
    return [arithmetic, movement].compactMap(\.self).max()
  }
}

extension Session {
  /// Runs the model `runs` times and takes the time of each step.
  public func profile(_ inputs: [RuntimeValue], runs: Int) throws -> Profile {
    _ = try run(inputs)
    let cache = try plans(for: model.variant(for: inputs))
    var times: [[Double]] = []
    for _ in 0..<runs { times.append(try cache.stepNanoseconds(inputs, context)) }
    guard let plan = cache.plan(for: inputs) else { return Profile(steps: [], peaks: nil, threadCount: threadCount) }
    let steps = plan.schedule.steps.enumerated().compactMap { number, step -> Profile.Step? in
      if case .view = step.work { return nil }
      let samples = times.map { $0[number] }.sorted()
      return plan.profiled(step, nanoseconds: samples.isEmpty ? 0 : samples[samples.count / 2])
    }
    let peaks = try model.machine.map { try MachinePeaks.measure($0.instructionSet) }
    return Profile(steps: steps, peaks: peaks, threadCount: threadCount)
  }
}

extension Plan {
  fileprivate func profiled(_ step: KernelIR.Step, nanoseconds: Double) -> Profile.Step {
    var operationCount: Int?
    var operationsPerFloat32 = 1.0
    var work: String
    switch step.work {
    case .kernel(let kernel, let call):
      work = kernel.summary
      operationCount = kernel.operationCount(parameters: call.parameters)
      if kernel.factors == .bfloat16 { operationsPerFloat32 = 2 }
    case .node(let id): work = "interpreted \(graph[id].operation.name)"
    case .view: work = "view"
    }
    let read = step.operands.map { operand -> Int? in
      switch operand {
      case .value(let id): graph.byteCount(of: id)
      case .packed(let id, let packing):
        machine?.packedByteCount(packing) ?? graph.byteCount(of: id)
      case .packedTrees: nil
      case .table(let index): schedule.tables[index].byteCount
      }
    }
    let bytes = read + step.results.map { graph.byteCount(of: $0) }
    return Profile.Step(
      work: work, source: step.source, nanoseconds: nanoseconds, operationCount: operationCount,
      operationsPerFloat32: operationsPerFloat32,
      byteCount: bytes.contains(nil) ? nil : bytes.compactMap(\.self).reduce(0, +))
  }
}
