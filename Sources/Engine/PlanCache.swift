import GraphIR
import Interpreter
import Tensors

/// Plans of one graph for the input shapes that came so far, and the memory that they run in. One thread at a time.
final class PlanCache {
  private let graph: Graph
  private let machine: Machine?
  private var plans: [BoundPlan] = []
  private var arena = TensorStorage(strings: [])
  private var workspace: Plan.Workspace
  private var clock = 0

  /// What a plan depends on of one tensor.
  fileprivate struct Signature: Equatable {
    var elementType: ElementType
    var shape: Shape

    init(_ tensor: Tensor) {
      elementType = tensor.elementType
      shape = tensor.shape
    }
  }

  /// A plan, the inputs that it is for, and when it was last used.
  fileprivate struct BoundPlan {
    var signature: [Signature?]
    var plan: Plan
    var placement: Placement
    var lastUse: Int
  }

  /// Plans of that many input shapes are kept, the least recently used one goes first.
  private static let maximumPlanCount = 16

  init(_ graph: Graph, _ machine: Machine?, threadCount: Int) {
    self.graph = graph
    self.machine = machine
    workspace = Plan.Workspace(scratch: TensorStorage(strings: []), threadCount: threadCount)
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
    let plan = try Plan(graph, inputs: inputs, machine: machine, threadCount: workspace.threadCount)
    try reserve(for: plan)
    let bound = BoundPlan(
      signature: inputs.map { $0.tensor.map(Signature.init) }, plan: plan,
      placement: Placement(plan, in: arena, threadCount: workspace.threadCount), lastUse: clock)
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
    let scratchByteCount = plan.scratchByteCount * workspace.threadCount
    if scratchByteCount > workspace.scratch.byteCount {
      workspace.scratch = try TensorStorage(byteCount: scratchByteCount, zeroed: false)
    }
    if plan.memory.arenaByteCount > arena.byteCount {
      arena = try TensorStorage(byteCount: plan.memory.arenaByteCount, zeroed: false, prefersHugePages: true)
      for index in plans.indices {
        plans[index].placement = Placement(plans[index].plan, in: arena, threadCount: workspace.threadCount)
      }
    }
  }
}

extension PlanCache.BoundPlan {
  fileprivate func fits(_ inputs: [RuntimeValue]) -> Bool {
    guard inputs.count == signature.count else { return false }
    for index in inputs.indices where inputs[index].tensor.map(PlanCache.Signature.init) != signature[index] {
      return false
    }
    return true
  }
}

/// The plans of one node's branches or body. A region whose inputs have no constant shapes, or others than it gets, is
/// left to the interpreter.
final class RegionPlans: RegionRunner {
  private let caches: [PlanCache?]
  private let types: [[TensorType?]]

  init(_ node: Node, _ machine: Machine?, threadCount: Int) {
    types = node.regions.map { region in region.inputs.map { region.type(of: $0).tensor } }
    caches = zip(node.regions, types).map { region, types in
      let isKnown = machine != nil && types.allSatisfy { $0?.constantShape != nil }
      return isKnown ? PlanCache(region, machine, threadCount: threadCount) : nil
    }
  }

  func run(region index: Int, _ inputs: [RuntimeValue], _ context: EvaluationContext) throws -> [RuntimeValue]? {
    guard let cache = caches[index] else { return nil }
    for (input, type) in zip(inputs, types[index]) {
      guard let tensor = input.tensor, let type, tensor.elementType == type.elementType,
        tensor.shape == type.constantShape
      else { return nil }
    }
    return try cache.run(inputs, context)
  }
}
