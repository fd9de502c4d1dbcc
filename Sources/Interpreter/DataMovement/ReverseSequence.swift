import GraphIR
import Tensors

extension DataMovement {
  /// Reverses the first `lengths[b]` positions along the time axis of each slice b along the batch axis.
  static func reverseSequence(
    _ x: Tensor, lengths: Tensor, batchAxis: Int, timeAxis: Int, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let shape = x.shape
    let axes = shape.dimensions.indices
    guard axes.contains(batchAxis), axes.contains(timeAxis), batchAxis != timeAxis else {
      throw EvaluationError(node, "rank \(shape.rank)", expected: "axes \(batchAxis) and \(timeAxis)")
    }
    let counts = try lengths.integers()
    guard counts.count == shape[batchAxis] else {
      throw EvaluationError(node, "\(counts.count) lengths", expected: "\(shape[batchAxis])")
    }
    for count in counts where count < 0 || count > shape[timeAxis] {
      throw EvaluationError(node, "length \(count)", expected: "0...\(shape[timeAxis]), the extent of axis \(timeAxis)")
    }
    return try SequenceReversal(shape: shape, lengths: counts, batchAxis: batchAxis, timeAxis: timeAxis)
      .evaluate([x], shape: shape, context: context)
  }

  private struct SequenceReversal: Movement {
    let shape: Shape
    let lengths: [Int]
    let batchAxis, timeAxis: Int

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      let strides = shape.strides
      for (batch, length) in lengths.enumerated() {
        let start = batch * strides[batchAxis]
        // The part that turns round, then the rest as it is.
        for (first, count, isReversed) in [(0, length, true), (length, shape[timeAxis] - length, false)]
        where count > 0 {
          var extents = shape.dimensions
          extents[batchAxis] = 1
          extents[timeAxis] = count
          var steps = strides
          if isReversed { steps[timeAxis] = -steps[timeAxis] }
          let target = start + first * strides[timeAxis]
          let source = isReversed ? start + (count - 1) * strides[timeAxis] : target
          StridedCopy(extents, source: steps, from: source, destination: strides, to: target)
            .copy(from: sources[0], to: destination)
        }
      }
    }
  }
}
