import GraphIR
import Tensors

extension Pass {
  /// Gives convolutions of an odd number of channels one more, of zeros: bfloat16 is multiplied in pairs. Images of three
  /// channels are written as four by whoever puts channels last.
  public static let evenChannels = Pass(
    Rule(
      name: "even-channels",
      rewrite: { rewriter, step in
        guard case .convolution(let convolution, .float32) = step.operation, convolution.groups == 1,
          rewriter.builder.type(of: step.operands[0]).elementType == .float32,
          let filter = rewriter.constant(step.operands[1]), filter.elementType == .float32, filter.shape.rank >= 3
        else { return nil }
        let rank = filter.shape.rank
        let channels = filter.shape[rank - 2]
        // One channel is as much work as two; of many, there are weights that should not be copied.
        guard channels % 2 == 1, (3...15).contains(channels) else { return nil }
        let zero = rewriter.constant(Tensor(scalar: Float(0)))
        let none = [Int](repeating: 0, count: rank)
        let x = try rewriter.one(
          .pad(.constant),
          [step.operands[0], zero, rewriter.indices(none), rewriter.indices(none.dropLast() + [1])])
        var padded = step
        padded.operands = [x, rewriter.constant(try filter.withAnotherChannel())]
        return try rewriter.add(padded)
      }))
}

extension Tensor {
  /// A filter [window…, C, M] with a channel of zeros behind the others.
  fileprivate func withAnotherChannel() throws -> Tensor {
    var extents = shape.dimensions
    let channel = extents[shape.rank - 1]
    let position = extents[shape.rank - 2] * channel
    extents[shape.rank - 2] += 1
    try storage.materialize()
    let source = elements(of: Float.self)
    var result: [Float] = []
    result.reserveCapacity(extents.reduce(1, *))
    for start in stride(from: 0, to: source.count, by: max(1, position)) {
      result += source[start..<start + position]
      result += repeatElement(0, count: channel)
    }
    return Tensor(Shape(extents), result)
  }
}
