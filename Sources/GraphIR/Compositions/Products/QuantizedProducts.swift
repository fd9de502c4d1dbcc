import Tensors

/// Products of 8-bit integers, accumulated in int32. Each is a composite, so that a backend with byte products takes
/// it whole; the decomposition widens first.
extension GraphBuilder {
  /// `matrixProduct` of integers less their zero points: [..., m, k] × [..., k, n] → int32[..., m, n].
  ///
  /// Zero points broadcast against their operand; a nil one is zero.
  public func integerMatrixProduct(
    _ lhs: ValueID, zeroPoint lhsZero: ValueID?, _ rhs: ValueID, zeroPoint rhsZero: ValueID?
  ) throws -> ValueID {
    let attributes = ["lhsZeroPoint": Composite.Attribute(lhsZero != nil), "rhsZeroPoint": .init(rhsZero != nil)]
    let operands = [lhs, rhs] + [lhsZero, rhsZero].compactMap(\.self)
    return try composite(Composite("MatMulInteger", attributes), operands) { b, p in
      var zeros = p.dropFirst(2)
      let left = try b.centred(p[0], lhsZero == nil ? nil : zeros.popFirst())
      let right = try b.centred(p[1], rhsZero == nil ? nil : zeros.popFirst())
      return [try b.matrixProduct(left, right, result: .int32)]
    }[0]
  }

  /// x [N, spatial…, C] with a filter [spatial…, C/groups, M] → int32[N, spatial'…, M]. Padding counts as zero, that
  /// is as the zero point. Zero points: scalars; the filter's may be [M].
  public func integerConvolution(
    _ x: ValueID, zeroPoint: ValueID?, filter: ValueID, zeroPoint filterZero: ValueID?, _ convolution: Convolution
  ) throws -> ValueID {
    var attributes = convolution.attributes
    attributes["zeroPoint"] = .init(zeroPoint != nil)
    attributes["filterZeroPoint"] = .init(filterZero != nil)
    let operands = [x, filter] + [zeroPoint, filterZero].compactMap(\.self)
    return try composite(Composite("ConvInteger", attributes), operands) { b, p in
      var zeros = p.dropFirst(2)
      let image = try b.centred(p[0], zeroPoint == nil ? nil : zeros.popFirst())
      let filter = try b.centred(p[1], filterZero == nil ? nil : zeros.popFirst())
      return [try b.one(.convolution(convolution, result: .int32), [image, filter])]
    }[0]
  }

  /// int32 less its zero point.
  private func centred(_ x: ValueID, _ zeroPoint: ValueID?) throws -> ValueID {
    let wide = try convert(x, to: .int32)
    guard let zeroPoint else { return wide }
    return try subtract(wide, convert(zeroPoint, to: .int32))
  }

  /// An int32 accumulator as quantised numbers: to float32, times a float32 scale, to nearest even, plus the zero
  /// point, saturated. Scales and zero point broadcast against the accumulator.
  public func requantize(
    _ accumulator: ValueID, scales: [ValueID], resultScale: ValueID, zeroPoint: ValueID
  ) throws -> ValueID {
    try composite(Composite("Requantize"), [accumulator, resultScale, zeroPoint] + scales) { b, p in
      var scale = try b.convert(p[3], to: .float32)
      for factor in p.dropFirst(4) { scale = try b.multiply(scale, b.convert(factor, to: .float32)) }
      scale = try b.divide(scale, b.convert(p[1], to: .float32))
      let scaled = try b.multiply(b.convert(p[0], to: .float32), scale)
      let type = try b.elementType(of: p[2])
      let range: (low: Double, high: Double)
      switch type {
      case .int8: range = (-128, 127)
      case .uint8: range = (0, 255)
      default:
        throw GraphError(
          operation: "requantize", source: b.source, found: "a zero point of type \(type.name)",
          expected: "int8 or uint8")
      }
      let rounded = try b.add(b.unary(.roundNearestEven, scaled), b.convert(p[2], to: .float32))
      let high = try b.minimum(rounded, b.scalar(range.high, .float32))
      return [try b.convert(b.maximum(high, b.scalar(range.low, .float32)), to: type)]
    }[0]
  }
}

extension Composite.Attribute {
  public init(_ flag: Bool) { self = .integer(flag ? 1 : 0) }
}

extension Convolution {
  /// For composites around a convolution.
  public var attributes: [String: Composite.Attribute] {
    var attributes: [String: Composite.Attribute] = [
      "strides": .integers(strides), "dilations": .integers(dilations), "groups": .integer(groups),
    ]
    switch padding {
    case .explicit(let low, let high): attributes["pads"] = .integers(low + high)
    case .sameUpper: attributes["padding"] = .text("SAME_UPPER")
    case .sameLower: attributes["padding"] = .text("SAME_LOWER")
    }
    return attributes
  }
}

extension GraphBuilder {
  /// x as uint8 with the scale and zero point that its own range [min(x, 0), max(x, 0)] asks for: → (y, float32
  /// scalar, uint8 scalar).
  public func dynamicQuantization(_ x: ValueID) throws -> [ValueID] {
    try composite(Composite("DynamicQuantizeLinear"), [x]) { b, p in
      let axes = Array(0..<(try b.rank(of: p[0])))
      let zero = try b.scalar(0, like: p[0])
      let high = try b.maximum(b.reduce(.maximum, p[0], axes: axes), zero)
      let low = try b.minimum(b.reduce(.minimum, p[0], axes: axes), zero)
      let range = try b.subtract(high, low)
      // A tensor of zeros has scale 1 / 255, so that nothing is divided by zero.
      let isEmpty = try b.compare(.equal, range, zero)
      let limit = try b.scalar(255, like: p[0])
      let scale = try b.divide(b.select(isEmpty, b.scalar(1, like: p[0]), range), limit)
      let exact = try b.divide(b.subtract(zero, low), scale)
      let bounded = try b.minimum(b.maximum(exact, zero), limit)
      let zeroPoint = try b.convert(b.unary(.roundNearestEven, bounded), to: .uint8)
      return [try b.one(.quantize(QuantizationAxis(axis: 0), to: .uint8), [p[0], scale, zeroPoint]), scale, zeroPoint]
    }
  }
}
