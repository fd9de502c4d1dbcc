import GraphIR
import Tensors

/// Makes contractions of float32 by constants contractions of bfloat16.
///
/// What such a contraction reads must lie in memory as bfloat16. Every kernel rounds when it stores and widens when it
/// loads, so that this is mostly a matter of the type of a buffer: a value stays what it is where a reader or its writer
/// cannot do that (nodes of the interpreter, recurrences, inputs and outputs of the graph), and is rounded by a step of
/// its own if the products that read it are worth that.
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

  private mutating func run() {
    let fixed = fixedValues()
    var narrow: Set<ValueID> = []
    var worths: [ValueID: Double] = [:]
    for step in schedule.steps {
      guard case .kernel(let kernel, let call) = step.work, kernel.access(ofOperand: 0) == .multiplied,
        case .value(let id) = step.operands[0], isFloat32(id)
      else { continue }
      if !fixed.contains(root(id)) {
        narrow.insert(root(id))
      } else if schedule.graph[id].constant == nil {
        worths[id, default: 0] += call.estimatedNanoseconds / 2
      }
    }
    let copied = Set(worths.filter { $0.value > roundingNanoseconds($0.key) }.keys)
    for id in schedule.graph.values.indices.map({ ValueID($0) }) where narrow.contains(root(id)) {
      schedule.graph.store(id, as: .bfloat16)
    }
    var copies: [ValueID: ValueID] = [:]
    var steps: [Step] = []
    for var step in schedule.steps {
      if case .kernel(let kernel, _) = step.work, kernel.access(ofOperand: 0) == .multiplied,
        case .value(let id) = step.operands[0], copied.contains(id)
      {
        if copies[id] == nil, let rounding = roundingStep(of: id) {
          copies[id] = rounding.results[0]
          steps.append(rounding)
        }
        if let copy = copies[id] { step.operands[0] = .value(copy) }
      }
      steps.append(step)
    }
    schedule.steps = steps.map(withStoredTypes)
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

  private func roundingNanoseconds(_ id: ValueID) -> Double {
    let count = schedule.graph.type(of: id).tensor?.constantShape?.elementCount ?? 0
    return Self.stepNanoseconds + Estimate.nanoseconds(operations: 0, bytes: 6 * Double(count))
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
