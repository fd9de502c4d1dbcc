import GraphIR
import Tensors

/// Gather and scatter in the three forms that model files use.
///
/// Positions are read and checked first, all of them, and turned into offsets; the loops that move elements then
/// check nothing.
enum Indexing {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .gather(let axis, let batchDimensions):
      return [try gather(x[0], x[1], axis: axis, batchDimensions: batchDimensions, node, context)]
    case .gatherND(let batchDimensions):
      return [try gatherND(x[0], x[1], batchDimensions: batchDimensions, node, context)]
    case .gatherElements(let axis):
      return [try gatherElements(x[0], x[1], axis: axis, node, context)]
    case .scatterND(let combiner):
      let targets = try ScatterTargets(tuples: x[1], in: x[0].shape, updates: x[2].shape, node)
      return [try scatter(x[0], x[2], targets, combiner, node, context)]
    case .scatterElements(let axis, let combiner):
      let targets = try ScatterTargets(elements: x[1], in: x[0].shape, axis: axis, updates: x[2].shape, node)
      return [try scatter(x[0], x[2], targets, combiner, node, context)]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  /// `positions` along an axis of `extent`, negative ones counted from the end.
  static func resolve(_ positions: Tensor, axis: Int, extent: Int, _ node: Node) throws -> [Int] {
    var resolved = try positions.integers()
    try resolved.withUnsafeMutableBufferPointer { resolved in
      for index in resolved.indices {
        resolved[index] = try resolve(resolved[index], axis: axis, extent: extent, node)
      }
    }
    return resolved
  }

  @inline(__always)
  static func resolve(_ position: Int, axis: Int, extent: Int, _ node: Node) throws -> Int {
    let resolved = position < 0 ? position + extent : position
    guard resolved >= 0 && resolved < extent else {
      throw EvaluationError(
        node, "index \(position)", expected: "-\(extent)..<\(extent), since axis \(axis) has extent \(extent)")
    }
    return resolved
  }

  /// Offsets into an array of shape `shape` that tuples of positions name: the last axis of `tuples` counts them,
  /// from axis `batchDimensions` of `shape` on. A tuple of the b-th batch starts at the b-th batch of `shape`.
  static func resolve(tuples: Tensor, in shape: Shape, batchDimensions: Int, _ node: Node) throws -> [Int] {
    let width = tuples.shape[tuples.shape.rank - 1]
    let strides = shape.strides
    let values = try tuples.integers()
    let tupleCount = tuples.shape.product(0..<tuples.shape.rank - 1)
    let batchCount = shape.product(0..<batchDimensions)
    // Tuples of no positions take no memory, so that there may be any number of them.
    guard width > 0 || tupleCount <= 1 << 31 else {
      throw EvaluationError(node, "\(tupleCount) empty indices", expected: "at most \(1 << 31)")
    }
    let perBatch = batchCount == 0 ? 0 : tupleCount / batchCount
    let batchStride = shape.product(batchDimensions..<shape.rank)
    return try (0..<tupleCount).map { tuple in
      var offset = batchDimensions == 0 ? 0 : tuple / perBatch * batchStride
      for position in 0..<width {
        let axis = batchDimensions + position
        offset += try strides[axis] * resolve(values[tuple * width + position], axis: axis, extent: shape[axis], node)
      }
      return offset
    }
  }
}
