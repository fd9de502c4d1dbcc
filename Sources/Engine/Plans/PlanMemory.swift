import GraphIR
import KernelIR

/// Which values of a schedule get a buffer in the arena, and where.
struct PlanMemory {
  let memory: MemoryPlan
  let buffers: [Int?]
  let roots: [Int]
  let freshOutputs: [ValueID]

  init(_ schedule: Schedule) {
    let graph = schedule.graph
    let roots = Self.roots(schedule)
    var onHeap = Set(graph.outputs.map { roots[Int($0.index)] })
    var last = [Int](repeating: -1, count: graph.values.count)
    for (number, step) in schedule.steps.enumerated() {
      for operand in step.operands {
        guard case .value(let id) = operand else { continue }
        let root = roots[Int(id.index)]
        last[root] = number
        if case .node(let node) = step.work, Self.keepsOperands(graph[node].operation) { onHeap.insert(root) }
      }
      // A value that takes over another one's memory prolongs its life.
      for result in step.results where roots[Int(result.index)] != Int(result.index) {
        last[roots[Int(result.index)]] = number
      }
    }
    var buffers = [Int?](repeating: nil, count: graph.values.count)
    var planned: [MemoryPlan.Buffer] = []
    for (number, step) in schedule.steps.enumerated() {
      if case .node(let node) = step.work, Self.keepsOperands(graph[node].operation) { continue }
      for result in step.results {
        let index = Int(result.index)
        // Several steps may write parts of one value: it begins with the first.
        guard roots[index] == index, buffers[index] == nil, !onHeap.contains(index),
          let byteCount = graph.byteCount(of: result)
        else {
          continue
        }
        planned.append(MemoryPlan.Buffer(byteCount: byteCount, first: number, last: max(last[index], number)))
        buffers[index] = planned.count - 1
      }
    }
    memory = MemoryPlan(planned)
    self.buffers = buffers
    self.roots = roots
    let kernelResults = Set(
      schedule.steps.flatMap { step -> [ValueID] in
        if case .kernel = step.work { step.results } else { [] }
      })
    freshOutputs = onHeap.sorted().map { ValueID($0) }.filter(kernelResults.contains)
  }

  /// Values that share memory: views with what they view, and results with the operand that they may overwrite when
  /// nothing reads that later.
  private static func roots(_ schedule: Schedule) -> [Int] {
    let graph = schedule.graph
    var roots = Array(graph.values.indices)
    var lastRead = [Int](repeating: -1, count: graph.values.count)
    var isOutput = [Bool](repeating: false, count: graph.values.count)
    var isWritten = [Bool](repeating: false, count: graph.values.count)
    for (number, step) in schedule.steps.enumerated() {
      if case .view = step.work, case .value(let operand)? = step.operands.first {
        roots[Int(step.results[0].index)] = roots[Int(operand.index)]
      }
      if case .kernel = step.work {
        for result in step.results { isWritten[Int(result.index)] = true }
      }
      for case .value(let id) in step.operands { lastRead[roots[Int(id.index)]] = number }
      // What lives on the heap is made anew for each run, as an output is.
      if case .node(let node) = step.work, keepsOperands(graph[node].operation) {
        for case .value(let id) in step.operands { isOutput[roots[Int(id.index)]] = true }
      }
    }
    for output in graph.outputs { isOutput[roots[Int(output.index)]] = true }
    for (number, step) in schedule.steps.enumerated() {
      if case .view = step.work, case .value(let operand)? = step.operands.first {
        roots[Int(step.results[0].index)] = roots[Int(operand.index)]
      }
      guard case .kernel = step.work, let position = step.inPlaceOperand, step.results.count == 1,
        case .value(let operand) = step.operands[position]
      else { continue }
      let root = roots[Int(operand.index)]
      let result = Int(step.results[0].index)
      guard isWritten[root], !isOutput[root], !isOutput[result], lastRead[root] == number,
        graph.byteCount(of: ValueID(root)) == graph.byteCount(of: step.results[0])
      else { continue }
      roots[result] = root
      lastRead[root] = max(lastRead[root], lastRead[result])
    }
    return roots
  }

  /// Operations whose results may be, or hold, their operands' memory: what they read lives on the heap. A reshape is
  /// a node when only the run knows the shape of its result; no other result of a primitive shares memory.
  static func keepsOperands(_ operation: Operation) -> Bool {
    switch operation {
    case .reshape, .if, .loop, .composite, .sequenceConstruct, .sequenceInsert, .sequenceErase, .sequenceAt,
      .sequenceConcatenate, .sequenceSplit, .optional, .optionalGetElement, .zipMap:
      true
    default: false
    }
  }
}

extension Graph {
  /// Bytes of a tensor whose shape is known; nil for others and for strings.
  func byteCount(of id: ValueID) -> Int? {
    guard case .tensor(let type) = type(of: id), type.elementType != .string, let shape = type.constantShape else {
      return nil
    }
    return type.elementType.byteCount(of: shape.elementCount)
  }
}
