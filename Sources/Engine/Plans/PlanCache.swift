import GraphIR
import Interpreter
import Tensors

/// What a plan depends on of one tensor.
struct TensorSignature: Equatable {
  var elementType: ElementType
  var shape: Shape

  init(_ tensor: Tensor) {
    elementType = tensor.elementType
    shape = tensor.shape
  }
}

/// Plans of one graph for the input shapes that came so far, and the memory that they run in. One thread at a time.
final class PlanCache {
  private let graph: Graph
  private let machine: Machine?
  private let threads: ThreadUse
  private var plans: [BoundPlan] = []
  private var arena = TensorStorage(strings: [])
  private var workspace: Plan.Workspace
  private var clock = 0

  /// A plan, the inputs that it is for, and when it was last used.
  fileprivate struct BoundPlan {
    var signature: [TensorSignature?]
    var plan: Plan
    var placement: Placement
    var lastUse: Int
  }

  /// Plans of that many input shapes are kept, the least recently used one goes first.
  private static let maximumPlanCount = 16

  init(_ graph: Graph, _ machine: Machine?, _ threads: ThreadUse) {
    self.graph = graph
    self.machine = machine
    self.threads = threads
    workspace = Plan.Workspace(scratch: TensorStorage(strings: []), threadCount: threads.count)
  }

  /// Outputs for these inputs. `check` looks at inputs of shapes that no plan is for.
  func run(
    _ inputs: [RuntimeValue], _ context: EvaluationContext, check: () throws -> Void = {}
  ) throws -> [RuntimeValue] {
    let index = try planIndex(for: inputs, check)
    return try plans[index].plan.run(inputs, plans[index].placement, context, &workspace)
  }

  /// The plan that a run with these inputs has made.
  func plan(for inputs: [RuntimeValue]) -> Plan? { plans.first { $0.fits(inputs) }?.plan }

  /// A run that takes the time of each step of the plan.
  func stepNanoseconds(_ inputs: [RuntimeValue], _ context: EvaluationContext) throws -> [Double] {
    let index = try planIndex(for: inputs) {}
    let count = plans[index].plan.steps.count
    return try withUnsafeTemporaryAllocation(of: UInt64.self, capacity: count + 1) { times in
      times.initialize(repeating: 0)
      workspace.stepTimes = times.baseAddress
      defer { workspace.stepTimes = nil }
      _ = try plans[index].plan.run(inputs, plans[index].placement, context, &workspace)
      return (0..<count).map { Double(times[$0 + 1] - times[$0]) }
    }
  }

  /// The plan for these inputs, made if need be.
  private func planIndex(for inputs: [RuntimeValue], _ check: () throws -> Void) throws -> Int {
    clock += 1
    for index in plans.indices where plans[index].fits(inputs) {
      plans[index].lastUse = clock
      return index
    }
    try check()
    let plan = try Plan(graph, inputs: inputs, machine: machine, threadCount: threads.count)
    try reserve(for: plan)
    let bound = BoundPlan(
      signature: inputs.map { $0.tensor.map(TensorSignature.init) }, plan: plan,
      placement: Placement(plan, in: arena, threads: threads), lastUse: clock)
    guard plans.count == Self.maximumPlanCount,
      let oldest = plans.indices.min(by: { plans[$0].lastUse < plans[$1].lastUse })
    else {
      plans.append(bound)
      return plans.count - 1
    }
    plans[oldest] = bound
    return oldest
  }

  /// All plans share one arena and one scratch memory, as large as the largest plan wants.
  private func reserve(for plan: Plan) throws {
    let scratchByteCount = plan.scratchByteCount * threads.count
    if scratchByteCount > workspace.scratch.byteCount {
      workspace.scratch = try TensorStorage(byteCount: scratchByteCount, zeroed: false)
    }
    if plan.memory.arenaByteCount > arena.byteCount {
      arena = try TensorStorage(byteCount: plan.memory.arenaByteCount, zeroed: false, prefersHugePages: true)
      for index in plans.indices {
        let earlier = plans[index].placement
        plans[index].placement = Placement(plans[index].plan, in: arena, threads: threads, replacing: earlier)
      }
    }
  }
}

extension PlanCache.BoundPlan {
  fileprivate func fits(_ inputs: [RuntimeValue]) -> Bool {
    guard inputs.count == signature.count else { return false }
    for index in inputs.indices where inputs[index].tensor.map(TensorSignature.init) != signature[index] {
      return false
    }
    return true
  }
}
