import Tensors

extension GraphBuilder {
  /// log Σ exp(x) along `axes`, which stay with extent 1. Shifted by the largest element, so that nothing overflows;
  /// a slice of -∞ only gives -∞.
  public func logSumExp(_ x: ValueID, axes: [Int]) throws -> ValueID {
    try composite(Composite("ReduceLogSumExp", ["axes": .integers(axes)]), [x]) { b, x in
      let zero = try b.scalar(0, b.elementType(of: x[0]))
      let largest = try b.reduce(.maximum, x[0], axes: axes, keepDimensions: true)
      let shift = try b.select(b.unary(.isInfinite, largest), zero, largest)
      let powers = try b.unary(.exponential, b.subtract(x[0], shift))
      let sum = try b.reduce(.sum, powers, axes: axes, keepDimensions: true)
      return [try b.add(b.unary(.logarithm, sum), shift)]
    }[0]
  }
}
