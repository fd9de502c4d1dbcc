import GraphIR
import Tensors

extension Indexing {
  static func gather(
    _ x: Tensor, _ indices: Tensor, axis: Int, batchDimensions: Int, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let (shape, positions) = (x.shape, indices.shape)
    guard axis >= 0, axis < shape.rank, batchDimensions >= 0, batchDimensions <= min(axis, positions.rank),
      shape.dimensions.prefix(batchDimensions) == positions.dimensions.prefix(batchDimensions)
    else {
      throw EvaluationError(
        node, "operand \(shape) and indices \(positions)",
        expected: "axis \(axis) and \(batchDimensions) equal batch extents in front of it")
    }
    let extents =
      shape.dimensions[..<axis] + positions.dimensions[batchDimensions...] + shape.dimensions[(axis + 1)...]
    let resultShape = try context.checkedShape(Array(extents), of: x.elementType, for: node)
    let rows = RowGather(
      positions: try resolve(indices, axis: axis, extent: shape[axis], node),
      batchCount: shape.product(0..<batchDimensions), outerCount: shape.product(batchDimensions..<axis),
      extent: shape[axis], rowLength: shape.product(axis + 1..<shape.rank))
    return try rows.evaluate([x], shape: resultShape, context: context)
  }

  /// source [batch, outer, extent, row], positions [batch, n] → [batch, outer, n, row]
  private struct RowGather: Movement {
    let positions: [Int]
    let batchCount, outerCount, extent, rowLength: Int

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      let perBatch = positions.count / batchCount
      var (source, target) = (sources[0], destination)
      positions.withUnsafeBufferPointer { positions in
        for batch in 0..<batchCount {
          let first = batch * perBatch
          for _ in 0..<outerCount {
            if rowLength == 1 {
              for index in 0..<perBatch { target[index] = source[positions[first &+ index]] }
            } else {
              for index in 0..<perBatch {
                (target + index &* rowLength).update(
                  from: source + positions[first &+ index] &* rowLength, count: rowLength)
              }
            }
            source += extent * rowLength
            target += perBatch * rowLength
          }
        }
      }
    }
  }

  static func gatherND(
    _ x: Tensor, _ indices: Tensor, batchDimensions: Int, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let (shape, tuples) = (x.shape, indices.shape)
    guard batchDimensions >= 0, tuples.rank > batchDimensions, shape.rank >= batchDimensions,
      batchDimensions + tuples[tuples.rank - 1] <= shape.rank,
      shape.dimensions.prefix(batchDimensions) == tuples.dimensions.prefix(batchDimensions)
    else {
      throw EvaluationError(
        node, "operand \(shape) and indices \(tuples)",
        expected: "\(batchDimensions) equal batch extents, then tuples of no more positions than there are axes left")
    }
    let firstKept = batchDimensions + tuples[tuples.rank - 1]
    let resultShape = try context.checkedShape(
      tuples.dimensions.dropLast() + shape.dimensions[firstKept...], of: x.elementType, for: node)
    let rows = OffsetGather(
      offsets: try resolve(tuples: indices, in: shape, batchDimensions: batchDimensions, node),
      rowLength: shape.product(firstKept..<shape.rank))
    return try rows.evaluate([x], shape: resultShape, context: context)
  }

  static func gatherElements(
    _ x: Tensor, _ indices: Tensor, axis: Int, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let offsets = try elementOffsets(indices, in: x.shape, axis: axis, node)
    _ = try context.checkedShape(indices.shape.dimensions, of: x.elementType, for: node)
    return try OffsetGather(offsets: offsets, rowLength: 1).evaluate([x], shape: indices.shape, context: context)
  }

  /// For each element of `indices` the offset in an array of shape `shape` of the element at the same place, except
  /// along `axis`, where the element says.
  static func elementOffsets(_ indices: Tensor, in shape: Shape, axis: Int, _ node: Node) throws -> [Int] {
    let positions = indices.shape
    guard positions.rank == shape.rank, axis >= 0, axis < shape.rank,
      zip(positions.dimensions, shape.dimensions).enumerated().allSatisfy({ $0 == axis || $1.0 <= $1.1 })
    else {
      throw EvaluationError(
        node, "operand \(shape) and indices \(positions)",
        expected: "axis \(axis) of as many in both, and indices no longer than the operand along the others")
    }
    var offsets = try resolve(indices, axis: axis, extent: shape[axis], node)
    let strides = shape.strides
    var steps = strides
    steps[axis] = 0
    let nest = LoopNest(positions.dimensions, steps: [positions.strides, steps])
    offsets.withUnsafeMutableBufferPointer { offsets in
      guard let base = offsets.baseAddress else { return }
      let stride = strides[axis]
      nest.forEachRow { row in
        let line = base + row[0]
        for index in 0..<nest.innerExtent {
          line[index] = line[index] &* stride &+ row[1] &+ index &* nest.innerSteps[1]
        }
      }
    }
    return offsets
  }

  /// Rows that start at given offsets, one after the other.
  private struct OffsetGather: Movement {
    let offsets: [Int]
    let rowLength: Int

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      let source = sources[0]
      if rowLength == 1 {
        offsets.withUnsafeBufferPointer { offsets in
          for index in offsets.indices { destination[index] = source[offsets[index]] }
        }
      } else {
        for (index, offset) in offsets.enumerated() {
          (destination + index &* rowLength).update(from: source + offset, count: rowLength)
        }
      }
    }
  }
}
