import GraphIR
import Tensors

/// Makes contractions of float32 by constants contractions of bfloat16.
///
/// What such a contraction reads must lie in memory as bfloat16. Every kernel rounds when it stores and widens when it
/// loads, so that this is mostly a matter of the type of a buffer: a value stays what it is where a reader or its writer
/// cannot do that (nodes of the interpreter, recurrences, inputs and outputs of the graph), and is rounded by a step of
/// its own if the products that read it are worth that. Loops that write a value which others read besides store it
/// twice, so that a residual keeps its 24 bits.
///
/// A value that no contraction multiplies stays float32: sums of residuals, normalisations, softmax.
struct BFloat16Storage {
  private var schedule: Schedule
  private let target: ScheduleTarget
  /// For each value, the first of those that share its memory by views.
  private var roots: [ValueID]

  /// The schedule with bfloat16 factors wherever they pay.
  static func narrowed(_ schedule: Schedule, _ target: ScheduleTarget) -> Schedule {
    var storage = BFloat16Storage(schedule, target)
    storage.run()
    return storage.schedule
  }

  private init(_ schedule: Schedule, _ target: ScheduleTarget) {
    self.schedule = schedule
    self.target = target
    roots = schedule.graph.values.indices.map { ValueID($0) }
    for step in schedule.steps {
      if case .view = step.work, case .value(let operand) = step.operands[0] {
        roots[Int(step.results[0].index)] = roots[Int(operand.index)]
      }
    }
  }

  private func root(_ id: ValueID) -> ValueID { roots[Int(id.index)] }

  /// Where the bfloat16 comes from that contractions multiply.
  private enum Source {
    /// The value is stored so.
    case value
    /// The loops that write it store both.
    case writer
    /// A step of its own.
    case step
  }

  /// How a value is read and written.
  private struct Uses {
    /// What bfloat16 saves the contractions that multiply the value.
    var worth = 0.0
    var isMultiplied = false
    var isReadOtherwise = false
    var writers: [Int] = []
  }

  private mutating func run() {
    let sources = self.sources()
    for index in schedule.graph.values.indices where sources[roots[index]] == .value {
      schedule.graph.store(ValueID(index), as: .bfloat16)
    }
    var copies: [ValueID: ValueID] = [:]
    var steps: [Step] = []
    for var step in schedule.steps {
      if case .kernel(let kernel, _) = step.work, kernel.access(ofOperand: 0) == .multiplied,
        case .value(let id) = step.operands[0]
      {
        if sources[root(id)] == .step, copies[root(id)] == nil, let rounding = roundingStep(of: root(id)) {
          copies[root(id)] = rounding.results[0]
          steps.append(rounding)
        }
        if let copy = copies[root(id)] { step.operands[0] = .value(copy) }
      }
      for (position, id) in step.results.enumerated() where sources[root(id)] == .writer {
        guard case .kernel(.loops(var loops), let call) = step.work else { continue }
        loops.store(result: position, operandCount: step.operands.count, alsoAs: .bfloat16)
        step.work = .kernel(.loops(loops), call)
        let copy = schedule.graph.addCopy(of: id, as: .bfloat16)
        step.results.append(copy)
        copies[root(id)] = copy
      }
      steps.append(step)
    }
    roots = schedule.graph.values.indices.map { $0 < roots.count ? roots[$0] : ValueID($0) }
    schedule.steps = steps.map { withRoundedAttention(withStoredTypes($0)) }
  }

  /// For the roots of values that contractions multiply as bfloat16.
  private func sources() -> [ValueID: Source] {
    let fixed = fixedValues()
    var sources: [ValueID: Source] = [:]
    for (root, uses) in uses() {
      guard uses.isMultiplied, isFloat32(root), schedule.graph[root].constant == nil else { continue }
      let isFixed = fixed.contains(root)
      if isFixed || uses.isReadOtherwise, isWrittenByLoops(root, uses), uses.worth > nanoseconds(root, bytes: 2) {
        sources[root] = .writer
      } else if !isFixed {
        sources[root] = .value
      } else if uses.worth > Self.stepNanoseconds + nanoseconds(root, bytes: 6) {
        sources[root] = .step
      }
    }
    return sources
  }

  /// One loop nest that can store the value twice.
  private func isWrittenByLoops(_ root: ValueID, _ uses: Uses) -> Bool {
    guard uses.writers.count == 1 else { return false }
    let step = schedule.steps[uses.writers[0]]
    guard case .kernel(let kernel, _) = step.work, case .loops = kernel,
      let position = step.results.firstIndex(of: root)
    else { return false }
    return kernel.access(ofResult: position, operandCount: step.operands.count) == .convertible
  }

  private func uses() -> [ValueID: Uses] {
    var uses: [ValueID: Uses] = [:]
    for (number, step) in schedule.steps.enumerated() {
      if case .view = step.work { continue }
      for (position, operand) in step.operands.enumerated() {
        guard case .value(let id) = operand else { continue }
        if case .kernel(let kernel, let call) = step.work, kernel.access(ofOperand: position) == .multiplied {
          uses[root(id), default: Uses()].isMultiplied = true
          uses[root(id), default: Uses()].worth += call.estimatedNanoseconds / 2
        } else {
          uses[root(id), default: Uses()].isReadOtherwise = true
        }
      }
      for result in step.results { uses[root(result), default: Uses()].writers.append(number) }
    }
    return uses
  }

  private func isFloat32(_ id: ValueID) -> Bool { schedule.graph.type(of: id).elementType == .float32 }

  /// Those that must stay as they are: the roots of values with a reader or writer that knows only float32.
  private func fixedValues() -> Set<ValueID> {
    let graph = schedule.graph
    var fixed = Set((graph.inputs + graph.outputs).map(root))
    for index in graph.values.indices where graph.values[index].constant != nil || !isFloat32(ValueID(index)) {
      fixed.insert(roots[index])
    }
    for step in schedule.steps {
      let operands = step.operands.map { if case .value(let id) = $0 { root(id) } else { nil as ValueID? } }
      switch step.work {
      case .view: break
      case .node:
        fixed.formUnion(operands.compactMap(\.self))
        fixed.formUnion(step.results.map(root))
      case .kernel(let kernel, _):
        for (position, id) in operands.enumerated() where kernel.access(ofOperand: position) == .fixed {
          if let id { fixed.insert(id) }
        }
        for (position, id) in step.results.enumerated() {
          if kernel.access(ofResult: position, operandCount: operands.count) == .fixed { fixed.insert(root(id)) }
        }
      }
    }
    return fixed
  }

  // MARK: Rounding by a step of its own

  /// For the bytes of each element.
  private func nanoseconds(_ id: ValueID, bytes: Int) -> Double {
    let count = schedule.graph.type(of: id).tensor?.constantShape?.elementCount ?? 0
    return Estimate.nanoseconds(operations: 0, bytes: Double(bytes * count))
  }

  /// What one more step costs before it does anything.
  private static let stepNanoseconds = 2000.0

  /// A kernel that rounds a value, into one that is new to the graph.
  private mutating func roundingStep(of id: ValueID) -> Step? {
    guard let shape = schedule.graph.type(of: id).tensor?.constantShape else { return nil }
    let builder = GraphBuilder(name: "round")
    let input = builder.input("x", .tensor(TensorType(.float32, constant: shape.dimensions)))
    guard let result = try? builder.one(.convert(to: .bfloat16, saturating: false), [input]) else { return nil }
    builder.setOutputs([result])
    var single = target
    single.factors = .float32
    let rounding = Scheduler.schedule(builder.graph, target: single)
    guard rounding.steps.count == 1, var step = rounding.steps.first, case .kernel = step.work else { return nil }
    step.operands = [.value(id)]
    step.results = [schedule.graph.addCopy(of: id, as: .bfloat16)]
    step.inPlaceOperand = nil
    step.source = "rounding to bfloat16"
    return step
  }

  // MARK: Kernels

  /// Attention of more than a few queries rounds what it multiplies on its way into the cache.
  private func withRoundedAttention(_ step: Step) -> Step {
    guard case .kernel(.attention(var kernel), var call) = step.work, call.parameters[1] >= Self.fewestQueries,
      kernel.headSize % Factors.bfloat16.depthUnit == 0
    else { return step }
    kernel.factors = .bfloat16
    call.estimatedNanoseconds /= Factors.bfloat16.speed
    var step = step
    step.work = .kernel(.attention(kernel), call)
    return step
  }

  /// K and V are rounded for each block of queries.
  private static let fewestQueries = 8

  /// A step whose kernel knows the types that its buffers have now.
  private func withStoredTypes(_ step: Step) -> Step {
    guard case .kernel(let kernel, var call) = step.work else { return step }
    func isNarrow(_ id: ValueID) -> Bool { schedule.graph.type(of: id).elementType == .bfloat16 }
    var changed = kernel
    for (position, operand) in step.operands.enumerated() {
      if case .value(let id) = operand, isNarrow(id), !kernel.reads(position, as: .bfloat16) {
        changed.narrow(operand: position)
      }
    }
    for (position, id) in step.results.enumerated() where isNarrow(id) {
      changed.narrow(result: position, operandCount: step.operands.count)
    }
    guard changed != kernel else { return step }
    var step = step
    if changed.factors == .bfloat16, kernel.factors == .float32 {
      call.estimatedNanoseconds /= Factors.bfloat16.speed
      step.operands[1] = step.operands[1].packed(for: .bfloat16)
    }
    step.work = .kernel(changed, call)
    step.resultByteOffset /= step.results.contains(where: isNarrow) ? 2 : 1
    return step
  }
}

extension ScheduleValue {
  fileprivate func packed(for factors: Factors) -> ScheduleValue {
    switch self {
    case .packed(let id, .gemm(let depth, let columns, let rowStride, let columnStride, _)):
      .packed(
        id,
        .gemm(depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride, factors: factors))
    case .packed(let id, .convolution(let window, let groups, let inputChannels, let outputChannels, _)):
      .packed(
        id,
        .convolution(
          window: window, groups: groups, inputChannels: inputChannels, outputChannels: outputChannels,
          factors: factors))
    default: self
    }
  }
}
