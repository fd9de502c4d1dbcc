import GraphIR
import Interpreter
import Tensors

/// Runs a model. One thread at a time; make one for each thread that runs the model concurrently.
public final class Session {
  public let model: Model
  public let threadCount: Int

  let context: EvaluationContext
  /// Sessions for the optional inputs that runs gave, by their names.
  private var siblings: [Set<String>: Session] = [:]
  private var variants: [(variant: Model.Variant, plans: PlanCache)] = []

  /// Of a model whose form depends on its inputs, so many forms keep their plans.
  private static let maximumVariantCount = 16

  public init(_ model: Model, threadCount: Int = 1) {
    self.model = model
    self.threadCount = threadCount
    context = EvaluationContext(threadCount: threadCount)
  }

  /// Outputs in the order of `model.outputs`, for inputs in the order of `model.inputs`. Throws `EngineError` for
  /// inputs that do not fit and for a run that takes longer than `timeLimitNanoseconds`. The results stay valid after
  /// the next run.
  public func run(_ inputs: [RuntimeValue], timeLimitNanoseconds: UInt64? = nil) throws -> [RuntimeValue] {
    context.deadlineNanoseconds = timeLimitNanoseconds.map { EvaluationContext.now &+ $0 }
    do {
      return try plans(for: model.variant(for: inputs)).run(inputs, context) { try model.check(inputs) }
    } catch let error as EvaluationError {
      throw EngineError.evaluation(error.description)
    } catch let error as GraphError {
      // Shapes that only these inputs make wrong: found when the graph is bound to them.
      throw EngineError.evaluation(error.description)
    } catch let error as TensorError {
      throw EngineError.evaluation(error.description)
    } catch is DeadlineExceeded {
      throw EngineError.timeout
    }
  }

  /// `run`, with values for some of `model.optionalInputs` in place of the file's.
  public func run(
    _ inputs: [RuntimeValue], overriding values: [String: RuntimeValue], timeLimitNanoseconds: UInt64? = nil
  ) throws -> [RuntimeValue] {
    guard !values.isEmpty else { return try run(inputs, timeLimitNanoseconds: timeLimitNanoseconds) }
    let names = Set(values.keys)
    try model.check(inputs)
    let sibling = try model.taking(names)
    if siblings[names]?.model !== sibling {
      if siblings.count >= Self.maximumVariantCount { siblings.removeAll() }
      siblings[names] = Session(sibling, threadCount: threadCount)
    }
    var required = inputs.makeIterator()
    let all = sibling.inputs.compactMap { values[$0.name] ?? required.next() }
    return try siblings[names]?.run(all, timeLimitNanoseconds: timeLimitNanoseconds) ?? []
  }

  func plans(for variant: Model.Variant) -> PlanCache {
    if let first = variants.first, first.variant === variant { return first.plans }
    if let position = variants.firstIndex(where: { $0.variant === variant }) {
      variants.swapAt(0, position)
    } else {
      if variants.count == Self.maximumVariantCount { variants.removeLast() }
      variants.insert((variant, PlanCache(variant.graph, model.machine, ThreadUse(count: threadCount))), at: 0)
    }
    return variants[0].plans
  }
}
