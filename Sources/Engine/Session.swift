import GraphIR
import Interpreter
import Tensors

/// Runs a model. One thread at a time; make one for each thread that runs the model concurrently.
public final class Session {
  public let model: Model
  public let threadCount: Int

  private let context: EvaluationContext
  private var plans: [BoundPlan] = []
  private var arena: TensorStorage
  private var workspace: [RuntimeValue?] = []
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
    var variant: Model.Variant
    var signature: [Signature?]
    var plan: Plan
    var placement: Plan.Placement
    var lastUse: Int
  }

  /// Plans of that many input shapes are kept, the least recently used one goes first.
  private static let maximumPlanCount = 16

  public init(_ model: Model, threadCount: Int = 1) {
    self.model = model
    self.threadCount = threadCount
    context = EvaluationContext(threadCount: threadCount)
    arena = TensorStorage(strings: [])
  }

  /// Outputs in the order of `model.outputs`, for inputs in the order of `model.inputs`. Throws `EngineError` for
  /// inputs that do not fit and for a run that takes longer than `timeLimitNanoseconds`. The results stay valid after
  /// the next run.
  public func run(_ inputs: [RuntimeValue], timeLimitNanoseconds: UInt64? = nil) throws -> [RuntimeValue] {
    context.deadlineNanoseconds = timeLimitNanoseconds.map { EvaluationContext.now &+ $0 }
    do {
      let index = try planIndex(for: inputs)
      return try plans[index].plan.run(inputs, plans[index].placement, context, workspace: &workspace)
    } catch let error as EvaluationError {
      throw EngineError.evaluation(error.description)
    } catch let error as TensorError {
      throw EngineError.evaluation(error.description)
    } catch is DeadlineExceeded {
      throw EngineError.timeout
    }
  }

  /// The plan for these inputs, made if need be.
  private func planIndex(for inputs: [RuntimeValue]) throws -> Int {
    clock += 1
    let variant = try model.variant(for: inputs)
    for index in plans.indices where plans[index].variant === variant && plans[index].fits(inputs) {
      plans[index].lastUse = clock
      return index
    }
    try model.check(inputs)
    let plan = try Plan(variant.graph, inputs: inputs)
    if plan.memory.arenaByteCount > arena.byteCount {
      arena = try TensorStorage(byteCount: plan.memory.arenaByteCount, zeroed: false, prefersHugePages: true)
      for index in plans.indices { plans[index].placement = plans[index].plan.placement(in: arena) }
    }
    let bound = BoundPlan(
      variant: variant, signature: inputs.map { $0.tensor.map(Signature.init) }, plan: plan,
      placement: plan.placement(in: arena),
      lastUse: clock)
    guard plans.count == Self.maximumPlanCount,
      let oldest = plans.indices.min(by: { plans[$0].lastUse < plans[$1].lastUse })
    else {
      plans.append(bound)
      return plans.count - 1
    }
    plans[oldest] = bound
    return oldest
  }
}

extension Session.BoundPlan {
  fileprivate func fits(_ inputs: [RuntimeValue]) -> Bool {
    guard inputs.count == signature.count else { return false }
    for index in inputs.indices where inputs[index].tensor.map(Session.Signature.init) != signature[index] {
      return false
    }
    return true
  }
}
