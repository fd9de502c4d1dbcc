import GraphIR
import Tensors

/// ONNX Slice for every axis: where each axis starts, how it steps and how far it goes.
package struct Slice {
  package let starts: [Int]
  package let steps: [Int]
  package let extents: [Int]

  /// Negative positions count from the end, all are clamped to the axis (for a negative step, to one before its
  /// begin), and `Int.min` and `Int.max` stand for the ends.
  package init(_ shape: Shape, _ starts: [Int], _ limits: [Int], _ strides: [Int], _ node: Node) throws {
    guard starts.count == shape.rank, limits.count == shape.rank, strides.count == shape.rank else {
      throw EvaluationError(
        node, "\(starts.count) starts, \(limits.count) limits, \(strides.count) strides",
        expected: "one of each for each of \(shape.rank) axes")
    }
    guard !strides.contains(0) else {
      throw EvaluationError(node, "stride 0", expected: "strides other than 0")
    }
    var first: [Int] = []
    var steps: [Int] = []
    var extents: [Int] = []
    for axis in shape.dimensions.indices {
      let extent = shape[axis]
      let forwards = strides[axis] > 0
      func clamped(_ position: Int) -> Int {
        let resolved = position < 0 ? position + extent : position
        return forwards ? min(max(resolved, 0), extent) : min(max(resolved, -1), extent - 1)
      }
      let (start, limit) = (clamped(starts[axis]), clamped(limits[axis]))
      let distance = forwards ? limit - start : start - limit
      let step = strides[axis].magnitude
      let count = distance <= 0 ? 0 : 1 + Int(UInt(distance - 1) / step)
      first.append(start)
      // A step that leaves the axis at once is as good as any other, and this one multiplies safely.
      steps.append(count <= 1 ? 1 : strides[axis])
      extents.append(count)
    }
    self.starts = first
    self.steps = steps
    self.extents = extents
  }
}

extension DataMovement {
  static func slice(_ x: Tensor, _ slice: Slice, _ context: EvaluationContext) throws -> Tensor {
    let shape = Shape(slice.extents)
    let strides = x.shape.strides
    var start = 0
    if shape.elementCount > 0 {
      for axis in strides.indices { start += slice.starts[axis] * strides[axis] }
    }
    let steps = zip(slice.steps, strides).map { $0 &* $1 }
    return try StridedCopy(shape.dimensions, source: steps, from: start, destination: shape.strides)
      .evaluate([x], shape: shape, context: context)
  }
}
