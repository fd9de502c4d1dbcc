import GraphIR
import Interpreter
import Passes
import Tensors

/// The plans of one node's branches, body or data-dependent segment. A branch or body whose inputs have no constant
/// shapes, or others than it gets, is left to the interpreter: shapes that grow from iteration to iteration would want
/// a plan for each. A segment has plans for the shapes that it gets.
final class RegionPlans: RegionRunner {
  private let caches: [PlanCache?]
  private let types: [[TensorType?]]
  private let node: Node
  private let machine: Machine?
  private let threads: ThreadUse
  private var loops: [BoundLoop] = []

  private struct BoundLoop {
    var signature: [TensorSignature?]
    /// Nil for a body that is not for a `LoopPlan`.
    var plan: LoopPlan?
  }

  /// Loops of so many shapes are kept, the one made first goes first.
  private static let maximumLoopCount = 16

  init(_ node: Node, _ machine: Machine?, _ threads: ThreadUse) {
    (self.node, self.machine, self.threads) = (node, machine, threads)
    types = node.regions.map { region in region.inputs.map { region.type(of: $0).tensor } }
    caches = zip(node.regions, types).map { region, types in
      let isBound = types.allSatisfy { $0?.constantShape != nil } || node.operation == .composite(.dataDependentSegment)
      return machine != nil && isBound ? PlanCache(region, machine, threads) : nil
    }
  }

  func run(region index: Int, _ inputs: [RuntimeValue], _ context: EvaluationContext) throws -> [RuntimeValue]? {
    guard let cache = caches[index] else { return nil }
    for (input, type) in zip(inputs, types[index]) {
      guard let shape = type?.constantShape else { continue }
      guard let tensor = input.tensor, tensor.elementType == type?.elementType, tensor.shape == shape else {
        return nil
      }
    }
    return try cache.run(inputs, context)
  }

  func run(loop call: LoopCall, _ context: EvaluationContext) throws -> [RuntimeValue]? {
    guard let machine, caches.first.flatMap(\.self) != nil, call.tripCount > 1 else { return nil }
    let inputs = call.bodyInputs
    let signature = inputs.map { $0.tensor.map(TensorSignature.init) }
    if let known = loops.first(where: { $0.signature == signature }) { return try known.plan?.run(call, context) }
    let plan = try LoopPlan(node.regions[0], inputs, carried: call.carried.count, machine, threads)
    if loops.count == Self.maximumLoopCount { loops.removeFirst() }
    loops.append(BoundLoop(signature: signature, plan: plan))
    return try plan?.run(call, context)
  }
}
