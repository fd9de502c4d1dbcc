import Tensors

extension GraphBuilder {
  /// exp(x) over its sum along `axes`, computed relative to the maximum so that nothing overflows. Narrow floats are
  /// computed in float32.
  public func softmax(_ x: ValueID, axes: [Int]) throws -> ValueID {
    try composite(Composite("Softmax", ["axes": .integers(axes)]), [x]) { b, p in
      let type = try b.elementType(of: p[0])
      let shifted = try b.relativeToMaximum(p[0], axes: axes)
      let exponentials = try b.unary(.exponential, shifted)
      let sum = try b.reduce(.sum, exponentials, axes: axes, keepDimensions: true)
      return [try b.convert(b.divide(exponentials, sum), to: type)]
    }[0]
  }

  /// The logarithm of `softmax`: x - max - log(sum(exp(x - max))).
  public func logSoftmax(_ x: ValueID, axes: [Int]) throws -> ValueID {
    try composite(Composite("LogSoftmax", ["axes": .integers(axes)]), [x]) { b, p in
      let type = try b.elementType(of: p[0])
      let shifted = try b.relativeToMaximum(p[0], axes: axes)
      let sum = try b.reduce(.sum, b.unary(.exponential, shifted), axes: axes, keepDimensions: true)
      return [try b.convert(b.subtract(shifted, b.unary(.logarithm, sum)), to: type)]
    }[0]
  }

  private func relativeToMaximum(_ x: ValueID, axes: [Int]) throws -> ValueID {
    let wide = try convert(x, to: elementType(of: x).accumulator)
    return try subtract(wide, reduce(.maximum, wide, axes: axes, keepDimensions: true))
  }

  /// One at the first maximum along `axis`, zero elsewhere.
  public func hardmax(_ x: ValueID, axis: Int) throws -> ValueID {
    try composite(Composite("Hardmax", ["axis": .integer(axis)]), [x]) { b, p in
      let best = try b.one(.argReduce(maximum: true, axis: axis), [p[0]])
      let positions = try b.one(.iota(.int64, axis: axis), [b.shape(p[0])])
      let isBest = try b.compare(.equal, positions, b.expandDimensions(best, axes: [axis]))
      return [try b.convert(isBest, to: b.elementType(of: p[0]))]
    }[0]
  }
}
