import Tensors

extension GraphBuilder {
  /// Mean and variance (of the population) along `axes`, which are kept with extent 1. x is of an accumulator type.
  public func moments(_ x: ValueID, axes: [Int]) throws -> (mean: ValueID, variance: ValueID) {
    let mean = try reduce(.mean, x, axes: axes, keepDimensions: true)
    let centred = try subtract(x, mean)
    return (mean, try reduce(.mean, multiply(centred, centred), axes: axes, keepDimensions: true))
  }

  /// 1 / sqrt(x + epsilon)
  public func reciprocalRoot(_ x: ValueID, epsilon: Double) throws -> ValueID {
    try unary(.reciprocal, unary(.squareRoot, add(x, scalar(epsilon, like: x))))
  }

  /// Standardises over the axes from `axis` on, then scales and shifts. Scale and bias broadcast against x.
  ///
  /// Gives y of x's type; with `statistics` also mean and 1 / deviation, `[x.shape[..<axis], 1…]` of type `precision`.
  /// Computed in `precision`.
  public func layerNormalization(
    _ x: ValueID, scale: ValueID?, bias: ValueID?, axis: Int, epsilon: Double, precision: ElementType,
    statistics: Bool = false
  ) throws -> [ValueID] {
    let attributes: [String: Composite.Attribute] = [
      "axis": .integer(axis), "epsilon": .real(epsilon), "scale": .init(scale != nil), "bias": .init(bias != nil),
    ]
    let operands = [x] + [scale, bias].compactMap(\.self)
    return try composite(Composite("LayerNormalization", attributes), operands) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = try b.convert(p[0], to: precision)
      let (mean, variance) = try b.moments(wide, axes: Array(axis..<(try b.rank(of: wide))))
      let inverse = try b.reciprocalRoot(variance, epsilon: epsilon)
      var y = try b.multiply(b.subtract(wide, mean), inverse)
      var rest = p.dropFirst()
      if scale != nil, let scale = rest.popFirst() { y = try b.multiply(y, b.convert(scale, to: precision)) }
      if bias != nil, let bias = rest.popFirst() { y = try b.add(y, b.convert(bias, to: precision)) }
      y = try b.convert(y, to: type)
      return statistics ? [y, mean, inverse] : [y]
    }
  }

  /// x / sqrt(mean(x²) + epsilon) over the axes from `axis` on, times a scale that broadcasts against x. Computed in
  /// `precision`; the result has the scale's type.
  public func rmsNormalization(
    _ x: ValueID, scale: ValueID, axis: Int, epsilon: Double, precision: ElementType
  ) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = ["axis": .integer(axis), "epsilon": .real(epsilon)]
    return try composite(Composite("RMSNormalization", attributes), [x, scale]) { b, p in
      let wide = try b.convert(p[0], to: precision)
      let axes = Array(axis..<(try b.rank(of: wide)))
      let square = try b.reduce(.mean, b.multiply(wide, wide), axes: axes, keepDimensions: true)
      let normal = try b.multiply(wide, b.reciprocalRoot(square, epsilon: epsilon))
      let scaled = try b.multiply(normal, b.convert(p[1], to: precision))
      return [try b.convert(scaled, to: b.elementType(of: p[1]))]
    }[0]
  }

  /// (x - mean) · scale / sqrt(variance + epsilon) + bias with x [N, spatial…, C] and vectors [C], or vectors of the
  /// shape x.shape[1…] (one set of numbers for every position).
  public func batchNormalization(
    _ x: ValueID, scale: ValueID, bias: ValueID, mean: ValueID, variance: ValueID, epsilon: Double
  ) throws -> ValueID {
    let operands = [x, scale, bias, mean, variance]
    return try composite(Composite("BatchNormalization", ["epsilon": .real(epsilon)]), operands) { b, p in
      let type = try b.elementType(of: p[0])
      let q = try p.map { try b.convert($0, to: type.accumulator) }
      let factor = try b.multiply(q[1], b.reciprocalRoot(q[4], epsilon: epsilon))
      let y = try b.add(b.multiply(b.subtract(q[0], q[3]), factor), q[2])
      return [try b.convert(y, to: type)]
    }[0]
  }

  /// Standardises each channel of each image: x [N, spatial…, C], scale and bias [C].
  public func instanceNormalization(
    _ x: ValueID, scale: ValueID, bias: ValueID, epsilon: Double
  ) throws -> ValueID {
    let composite = Composite("InstanceNormalization", ["epsilon": .real(epsilon)])
    return try self.composite(composite, [x, scale, bias]) { b, p in
      let type = try b.elementType(of: p[0])
      let q = try p.map { try b.convert($0, to: type.accumulator) }
      let (mean, variance) = try b.moments(q[0], axes: Array(1..<(try b.rank(of: q[0], having: 1)) - 1))
      let factor = try b.multiply(q[1], b.reciprocalRoot(variance, epsilon: epsilon))
      let y = try b.add(b.multiply(b.subtract(q[0], mean), factor), q[2])
      return [try b.convert(y, to: type)]
    }[0]
  }

  /// Standardises each group of C / groups neighbouring channels of each image: x [N, spatial…, C], scale and bias
  /// [C]. Computed in `precision`.
  public func groupNormalization(
    _ x: ValueID, scale: ValueID, bias: ValueID, groups: Int, epsilon: Double, precision: ElementType
  ) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = ["epsilon": .real(epsilon), "num_groups": .integer(groups)]
    return try composite(Composite("GroupNormalization", attributes), [x, scale, bias]) { b, p in
      let type = try b.elementType(of: p[0])
      let q = try p.map { try b.convert($0, to: precision) }
      let channels = try b.rank(of: q[0]) - 1
      let perGroup = try b.divide(b.extent(of: q[0], channels), b.indices([groups]))
      let grouped = try b.reshape(
        q[0], to: [.of(q[0], 0), .constant(-1), .constant(groups), .elements(perGroup)])
      let (mean, variance) = try b.moments(grouped, axes: [1, 3])
      let normal = try b.multiply(b.subtract(grouped, mean), b.reciprocalRoot(variance, epsilon: epsilon))
      let y = try b.add(b.multiply(b.reshape(normal, b.shape(q[0])), q[1]), q[2])
      return [try b.convert(y, to: type)]
    }[0]
  }

  /// x / (bias + alpha / size · Σ x² over `size` neighbouring channels)^beta, with x [N, spatial…, C].
  public func localResponseNormalization(
    _ x: ValueID, size: Int, alpha: Double, beta: Double, bias: Double
  ) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = [
      "size": .integer(size), "alpha": .real(alpha), "beta": .real(beta), "bias": .real(bias),
    ]
    return try composite(Composite("LRN", attributes), [x]) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = try b.convert(p[0], to: type.accumulator)
      // The channels play the part of the one spatial axis.
      let rows = try b.reshape(
        b.multiply(wide, wide), to: [.constant(-1), .of(wide, try b.rank(of: wide) - 1), .constant(1)])
      let window = Window(
        size: [size], strides: [1], dilations: [1], padding: .explicit(low: [(size - 1) / 2], high: [size / 2]))
      let sums = try b.reshape(b.one(.reduceWindow(.sum, window), [rows]), b.shape(wide))
      let base = try b.add(
        b.multiply(sums, b.scalar(alpha / Double(size), like: wide)), b.scalar(bias, like: wide))
      let y = try b.divide(wide, b.binary(.power, base, b.scalar(beta, like: wide)))
      return [try b.convert(y, to: type)]
    }[0]
  }

  /// x over its 1- or 2-norm along `axis`; zero where the norm is zero.
  public func normNormalization(_ x: ValueID, axis: Int, p power: Int) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = ["axis": .integer(axis), "p": .integer(power)]
    return try composite(Composite("LpNormalization", attributes), [x]) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = try b.convert(p[0], to: type.accumulator)
      let zero = try b.scalar(0, like: wide)
      let terms = power == 1 ? try b.unary(.absolute, wide) : try b.multiply(wide, wide)
      let sum = try b.reduce(.sum, terms, axes: [axis], keepDimensions: true)
      let norm = power == 1 ? sum : try b.unary(.squareRoot, sum)
      let y = try b.select(b.compare(.equal, norm, zero), zero, b.divide(wide, norm))
      return [try b.convert(y, to: type)]
    }[0]
  }

  /// (x - mean) / (deviation + 1e-9) along `axes`.
  public func meanVarianceNormalization(_ x: ValueID, axes: [Int]) throws -> ValueID {
    try composite(Composite("MeanVarianceNormalization", ["axes": .integers(axes)]), [x]) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = try b.convert(p[0], to: type.accumulator)
      let (mean, variance) = try b.moments(wide, axes: axes)
      let deviation = try b.add(b.unary(.squareRoot, variance), b.scalar(1e-9, like: wide))
      return [try b.convert(b.divide(b.subtract(wide, mean), deviation), to: type)]
    }[0]
  }
}
