import GraphIR
import Tensors

extension Rewriter {
  /// A contraction names its axes: an operand's transpose is only other names, as long as its free axes keep their
  /// order in the result.
  func sunkDot(_ operands: [ValueID], _ dimensions: DotDimensions, _ result: ElementType) throws -> ValueID? {
    var (operands, dimensions) = (operands, dimensions)
    var isChanged = false
    if let moved = transposed(operands[0]),
      moved.keepsOrder(except: dimensions.lhsBatch + dimensions.lhsContracting)
    {
      operands[0] = moved.source
      dimensions.lhsBatch = dimensions.lhsBatch.map { moved.permutation[$0] }
      dimensions.lhsContracting = dimensions.lhsContracting.map { moved.permutation[$0] }
      isChanged = true
    }
    if let moved = transposed(operands[1]),
      moved.keepsOrder(except: dimensions.rhsBatch + dimensions.rhsContracting)
    {
      operands[1] = moved.source
      dimensions.rhsBatch = dimensions.rhsBatch.map { moved.permutation[$0] }
      dimensions.rhsContracting = dimensions.rhsContracting.map { moved.permutation[$0] }
      isChanged = true
    }
    if isChanged { return try one(.dot(dimensions, result: result), operands) }
    return try flattenedDot(operands, dimensions, result)
  }

  /// dot(flatten(transpose(x)), w) → dot(flatten(x), w with its rows in the other order): the step from the last image
  /// to the first dense layer.
  private func flattenedDot(
    _ operands: [ValueID], _ dimensions: DotDimensions, _ result: ElementType
  ) throws -> ValueID? {
    guard dimensions.lhsBatch.isEmpty, dimensions.lhsContracting == [1], let flat = producer(operands[0]),
      case .reshape = flat.operation, let moved = transposed(flat.operands[0]), let image = shape(flat.operands[0]),
      let flattened = shape(operands[0]), flattened.count == 2, flattened[0] == image[0], moved.permutation[0] == 0,
      let weights = self[operands[1]].constant, weights.shape.rank == 2, dimensions.rhsContracting.count == 1
    else { return nil }
    let extents = image.dropFirst().compactMap(\.constant)
    let rowAxis = dimensions.rhsContracting[0]
    guard extents.count == image.count - 1, extents.reduce(1, *) == weights.shape[rowAxis],
      let x = try reshape(moved.source, to: flattened)
    else { return nil }
    // Image axis i is source axis permutation[i]; the batch stays in front.
    let order = moved.permutation.inverse.dropFirst().map { $0 - 1 }
    let columns = weights.shape[1 - rowAxis]
    let (split, axes) =
      rowAxis == 0
      ? (Shape(extents + [columns]), order + [order.count])
      : (Shape([columns] + extents), [0] + order.map { $0 + 1 })
    guard let reordered = Constants.evaluate(.transpose(permutation: axes), [weights.reshaped(split)])?[0] else {
      return nil
    }
    return try one(.dot(dimensions, result: result), [x, constant(reordered.reshaped(weights.shape))])
  }
}

extension Transposed {
  /// The axes other than `axes` come in the order of the source.
  fileprivate func keepsOrder(except axes: [Int]) -> Bool {
    let free = permutation.indices.filter { !axes.contains($0) }.map { permutation[$0] }
    return free == free.sorted()
  }
}
