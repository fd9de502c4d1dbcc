import GraphIR
import Tensors

extension Pass {
  /// Moves transposes towards the outputs, past every node that can do its work in the other order of axes, until they
  /// meet another that undoes them. What lowering wraps around each convolution, pooling and normalisation cancels in
  /// between; transposes stay at the edges of the graph and around nodes that need the order.
  public static let sinkTransposes = Pass(
    Rule(
      name: "sink-transposes",
      rewrite: { rewriter, step in try rewriter.sunk(step) }))
}

/// A value that is another one with its axes in another order.
struct Transposed {
  var source: ValueID
  /// Axis i is axis `permutation[i]` of the source.
  var permutation: [Int]
}

extension Rewriter {
  func transposed(_ id: ValueID) -> Transposed? {
    guard let node = producer(id), case .transpose(let permutation) = node.operation else { return nil }
    return Transposed(source: node.operands[0], permutation: permutation)
  }

  func transpose(_ id: ValueID, _ permutation: [Int]) throws -> ValueID {
    permutation == Array(permutation.indices) ? id : try one(.transpose(permutation: permutation), [id])
  }

  fileprivate func sunk(_ step: Step) throws -> [ValueID]? {
    switch step.operation {
    case .unary, .binary, .compare, .select, .convert, .bitcast: return try sunkElementwise(step).map { [$0] }
    case .concatenate(let axis): return try sunkConcatenate(step.operands, axis).map { [$0] }
    case .transpose(let permutation): return try raisedTranspose(step.operands[0], permutation).map { [$0] }
    case .dot(let dimensions, let result): return try sunkDot(step.operands, dimensions, result).map { [$0] }
    default: break
    }
    guard let x = step.operands.first, let moved = transposed(x) else { return nil }
    switch step.operation {
    case .reshape: return try sunkReshape(step, moved).map { [$0] }
    case .broadcast: return try sunkBroadcast(step, moved).map { [$0] }
    default: return try sunkAxes(step, moved)
    }
  }
}

extension [Int] {
  /// The permutation that undoes this one.
  var inverse: [Int] {
    var inverse = self
    for (axis, source) in enumerated() { inverse[source] = axis }
    return inverse
  }
}
