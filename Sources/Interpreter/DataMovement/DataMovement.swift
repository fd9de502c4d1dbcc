import GraphIR
import Tensors

/// Reshape, broadcast, transpose, slice, concatenate, pad, reverse: elements move, none changes.
enum DataMovement {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .shape:
      let result = try context.makeTensor(.int64, [x[0].shape.rank])
      result.withMutableElements(of: Int64.self) { extents in
        for axis in extents.indices { extents[axis] = Int64(x[0].shape[axis]) }
      }
      return [result]
    case .reshape(let zeroCopies):
      return [x[0].reshaped(try reshape(x[0].shape, to: x[1].integers(), zeroCopies: zeroCopies, node))]
    case .broadcast:
      return [try broadcast(x[0], to: x[1].integers(), node, context)]
    case .transpose(let permutation):
      return [try transpose(x[0], permutation, node, context)]
    case .slice:
      return [try slice(x[0], Slice(x[0].shape, x[1].integers(), x[2].integers(), x[3].integers(), node), context)]
    case .concatenate(let axis):
      return [try concatenate(x, axis: axis, node, context)]
    case .pad(let mode):
      return [try pad(x[0], value: x[1], low: x[2].integers(), high: x[3].integers(), mode, node, context)]
    case .reverse(let axes):
      return [try reverse(x[0], axes: axes, node, context)]
    case .reverseSequence(let batchAxis, let timeAxis):
      return [
        try reverseSequence(x[0], lengths: x[1], batchAxis: batchAxis, timeAxis: timeAxis, node, context)
      ]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  /// The new shape, with its -1 resolved.
  static func reshape(_ shape: Shape, to requested: [Int], zeroCopies: Bool, _ node: Node) throws -> Shape {
    var extents = requested
    let problem = EvaluationError(
      node, "shape \(shape) as \(requested)", expected: "a shape of as many elements, with at most one -1")
    if zeroCopies {
      for axis in extents.indices where extents[axis] == 0 {
        guard axis < shape.rank else { throw problem }
        extents[axis] = shape[axis]
      }
    }
    if let free = extents.firstIndex(of: -1) {
      extents[free] = 1
      guard let rest = Shape(checking: extents)?.elementCount else { throw problem }
      // With another extent of 0 any value fits; ONNX and NumPy refuse to choose, except that 0 elements over 0
      // stay 0.
      extents[free] = rest == 0 ? 0 : shape.elementCount / rest
    }
    guard let result = Shape(checking: extents), result.elementCount == shape.elementCount else { throw problem }
    return result
  }

  private static func broadcast(
    _ x: Tensor, to requested: [Int], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard let other = Shape(checking: requested), let shape = x.shape.broadcast(with: other) else {
      throw EvaluationError(
        node, "shapes \(x.shape) and \(requested)",
        expected: "shapes that broadcast to one another and a result that fits memory")
    }
    _ = try context.checkedShape(shape.dimensions, of: x.elementType, for: node)
    let copy = StridedCopy(
      shape.dimensions, source: x.shape.steps(broadcastTo: shape), destination: shape.strides)
    return try copy.evaluate([x], shape: shape, context: context)
  }

  private static func transpose(
    _ x: Tensor, _ permutation: [Int], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard permutation.sorted() == Array(x.shape.dimensions.indices) else {
      throw EvaluationError(node, "rank \(x.shape.rank)", expected: "rank \(permutation.count), each axis once")
    }
    let shape = Shape(permutation.map { x.shape[$0] })
    let strides = x.shape.strides
    let copy = StridedCopy(
      shape.dimensions, source: permutation.map { strides[$0] }, destination: shape.strides)
    return try copy.evaluate([x], shape: shape, context: context)
  }

  private static func concatenate(
    _ x: [Tensor], axis: Int, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard let first = x.first, axis >= 0, axis < first.shape.rank else {
      throw EvaluationError(
        node, "\(x.count) operands of rank \(x.first?.shape.rank ?? 0)", expected: "operands with axis \(axis)")
    }
    var extents = first.shape.dimensions
    extents[axis] = 0
    for operand in x {
      var rest = operand.shape.dimensions
      let sum = operand.shape.rank == extents.count ? extents[axis].addingReportingOverflow(rest[axis]) : (0, true)
      if rest.count == extents.count { rest[axis] = extents[axis] }
      guard operand.elementType == first.elementType, rest == extents, !sum.1 else {
        throw EvaluationError(
          node, "operands \(x.map { "\($0.elementType.name)\($0.shape)" }.joined(separator: ", "))",
          expected: "one element type and equal extents at every axis but \(axis)")
      }
      extents[axis] = sum.0
    }
    let shape = try context.checkedShape(extents, of: first.elementType, for: node)
    return try Concatenation(shapes: x.map(\.shape), shape: shape, axis: axis)
      .evaluate(x, shape: shape, context: context)
  }

  private struct Concatenation: Movement {
    let shapes: [Shape]
    let shape: Shape
    let axis: Int

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      var start = 0
      for (source, operand) in zip(sources, shapes) {
        // Strides of an empty operand would be counted from extents of 0; it has nothing to copy.
        if operand.elementCount > 0 {
          StridedCopy(
            operand.dimensions, source: operand.strides, destination: shape.strides, to: start * shape.strides[axis]
          ).copy(from: source, to: destination)
        }
        start += operand[axis]
      }
    }
  }

  private static func reverse(
    _ x: Tensor, axes: [Int], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let shape = x.shape
    guard axes.allSatisfy({ shape.dimensions.indices.contains($0) }) else {
      throw EvaluationError(node, "rank \(shape.rank)", expected: "axes \(axes)")
    }
    var steps = shape.strides
    var start = 0
    if shape.elementCount > 0 {
      for axis in Set(axes) {
        start += (shape[axis] - 1) * steps[axis]
        steps[axis] = -steps[axis]
      }
    }
    return try StridedCopy(shape.dimensions, source: steps, from: start, destination: shape.strides)
      .evaluate([x], shape: shape, context: context)
  }
}
