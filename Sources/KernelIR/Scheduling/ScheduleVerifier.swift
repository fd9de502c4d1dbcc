import GraphIR
import Tensors

/// What is wrong with a schedule.
public struct ScheduleError: Error, CustomStringConvertible {
  public var step: Int
  public var problem: String
  public var description: String { "step \(step): \(problem)" }
}

extension Schedule {
  /// Checks that steps read only what is there, that every output is made, and that loops stay within their buffers.
  /// Throws `ScheduleError` or `LoopError`.
  public func verify() throws {
    var made = Set(graph.inputs)
    for (number, step) in steps.enumerated() {
      for operand in step.operands {
        guard let id = operand.id, graph[id].constant == nil, !made.contains(id) else { continue }
        throw ScheduleError(step: number, problem: "reads \(id), which no step before it makes")
      }
      made.formUnion(step.results)
      if case .kernel(.loops(let kernel), let call) = step.work {
        try kernel.verify()
        try checkBounds(of: kernel, call, step, number)
      }
    }
    for output in graph.outputs where graph[output].constant == nil && !made.contains(output) {
      throw ScheduleError(step: steps.count, problem: "no step makes the output \(output)")
    }
  }

  private func checkBounds(of kernel: LoopKernel, _ call: Step.Call, _ step: Step, _ number: Int) throws {
    let counts = step.operands.map(elementCount) + step.results.map { elementCount(.value($0)) }
    guard counts.count == kernel.argumentBufferCount else {
      throw ScheduleError(step: number, problem: "\(counts.count) buffers for \(kernel.argumentBufferCount)")
    }
    var extents = kernel.axes.map(\.extent)
    if !extents.isEmpty { extents[0] = call.parameters[0] }
    for (buffer, index) in kernel.accesses where buffer < counts.count && index.guards.isEmpty {
      guard index.indirect.isEmpty else { continue }
      var (least, greatest) = (index.constant, index.constant)
      for term in index.terms {
        let reach = term.stride * (extents[term.axis.index] - 1)
        if reach < 0 { least += reach } else { greatest += reach }
      }
      guard least >= 0, greatest < counts[buffer] else {
        throw ScheduleError(
          step: number,
          problem: "elements \(least)...\(greatest) of \(counts[buffer]) in buffer \(buffer) of\n\(kernel)")
      }
    }
  }

  private func elementCount(_ operand: ScheduleValue) -> Int {
    switch operand {
    case .value(let id), .packed(let id, _): graph.type(of: id).tensor?.constantShape?.elementCount ?? 0
    case .packedTrees: 0
    case .table(let number): tables[number].elementCount
    }
  }
}

extension LoopKernel {
  /// All loads and stores.
  fileprivate var accesses: [(buffer: Int, index: Index)] {
    var accesses: [(Int, Index)] = []
    func visit(_ body: [Statement]) {
      for statement in body {
        switch statement {
        case .define(_, .load(let buffer, let index, _)), .store(let buffer, let index, _):
          accesses.append((buffer, index))
        case .define: break
        case .loop(let loop): visit(loop.body)
        }
      }
    }
    visit(body)
    return accesses
  }
}
