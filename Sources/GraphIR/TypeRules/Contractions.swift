import Tensors

extension TypeRules {
  static func dot(_ dimensions: DotDimensions, result: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    try requireContraction(result: result, node)
    let lhs = try node.tensor(0)
    let rhs = try node.tensor(1)
    try node.require(
      dimensions.lhsBatch.count == dimensions.rhsBatch.count
        && dimensions.lhsContracting.count == dimensions.rhsContracting.count,
      found: "\(dimensions)", expected: "batch and contracting axes in pairs")
    try node.requireAxes(dimensions.lhsBatch + dimensions.lhsContracting, rank: lhs.rank)
    try node.requireAxes(dimensions.rhsBatch + dimensions.rhsContracting, rank: rhs.rank)
    let batch = try zip(dimensions.lhsBatch, dimensions.rhsBatch).map { a, b in
      try node.same(lhs.shape[a], rhs.shape[b], "extents of batch axes \(a) and \(b)")
    }
    for (a, b) in zip(dimensions.lhsContracting, dimensions.rhsContracting) {
      _ = try node.same(lhs.shape[a], rhs.shape[b], "extents of contracting axes \(a) and \(b)")
    }
    let lhsBound = Set(dimensions.lhsBatch + dimensions.lhsContracting)
    let rhsBound = Set(dimensions.rhsBatch + dimensions.rhsContracting)
    let lhsFree = lhs.shape.indices.filter { !lhsBound.contains($0) }.map { lhs.shape[$0] }
    let rhsFree = rhs.shape.indices.filter { !rhsBound.contains($0) }.map { rhs.shape[$0] }
    return node.result(result, batch + lhsFree + rhsFree)
  }

  static func convolution(
    _ convolution: Convolution, result: ElementType, _ node: Candidate
  ) throws -> [InferredResult] {
    try node.requireOperands(2)
    try requireContraction(result: result, node)
    let (operand, filter, channels) = try filtered(convolution, node)
    // filter [spatial…, C/groups, M]
    let count = convolution.strides.count
    let groups = Dimension.constant(convolution.groups)
    _ = try node.same(channels, filter.shape[count] * groups, "channels of the operand and of all groups of the filter")
    let features = filter.shape[count + 1]
    if let features = features.constant {
      try node.require(
        features % convolution.groups == 0, found: "\(features) features",
        expected: "a multiple of \(convolution.groups) groups")
    }
    let spatial = try (0..<count).map { axis in
      try node.windowed(
        operand.shape[axis + 1], size: filter.shape[axis], stride: convolution.strides[axis],
        dilation: convolution.dilations[axis], convolution.padding, axis: axis, roundsUp: false)
    }
    return node.result(result, [operand.shape[0]] + spatial + [features])
  }

  static func transposedConvolution(
    _ convolution: Convolution, outputPadding: [Int], _ node: Candidate
  ) throws -> [InferredResult] {
    try node.requireOperands(2...3)
    _ = try node.elementType(0, \.isFloat, "floating-point numbers")
    try requireSameTypes(node, [0, 1])
    let (operand, filter, channels) = try filtered(convolution, node)
    // filter [spatial…, M/groups, C]
    let count = convolution.strides.count
    _ = try node.same(channels, filter.shape[count + 1], "channels of the operand and of the filter")
    if let channels = channels.constant {
      try node.require(
        channels % convolution.groups == 0, found: "\(channels) channels",
        expected: "a multiple of \(convolution.groups) groups")
    }
    let features = filter.shape[count] * .constant(convolution.groups)
    try node.requireEntries(outputPadding, count, 0...Int(Int32.max), "output padding")
    let wanted = node.operands.count == 3 ? try node.vector(2, count: count) : []
    let spatial = (0..<count).map { axis -> Dimension in
      if !wanted.isEmpty { return wanted[axis] ?? node.fresh() }
      let stride = Dimension.constant(convolution.strides[axis])
      let extent = operand.shape[axis + 1]
      guard case .explicit(let low, let high) = convolution.padding else { return extent * stride }
      let size = filter.shape[axis]
      let reach = (size - .constant(1)) * .constant(convolution.dilations[axis]) + .constant(1)
      return (extent - .constant(1)) * stride + reach + .constant(outputPadding[axis] - low[axis] - high[axis])
    }
    return node.result(operand.elementType, [operand.shape[0]] + spatial + [features])
  }

  /// Operand, filter and the operand's channels, once the attributes fit them.
  private static func filtered(
    _ convolution: Convolution, _ node: Candidate
  ) throws -> (TensorType, TensorType, channels: Dimension) {
    let operand = try node.tensor(0)
    let filter = try node.tensor(1)
    let count = convolution.strides.count
    try node.require(
      count > 0 && operand.rank == count + 2 && filter.rank == count + 2,
      found: "\(node.text(operand.shape)) and filter \(node.text(filter.shape)) with \(count) strides",
      expected: "[N, spatial…, C], [spatial…, C, M] and a stride for each spatial axis")
    try node.requireEntries(convolution.strides, count, 1...Int(Int32.max), "strides")
    try node.requireEntries(convolution.dilations, count, 1...Int(Int32.max), "dilations")
    try node.requirePadding(convolution.padding, count)
    try node.require(
      convolution.groups >= 1 && convolution.groups <= Int(Int32.max), found: "\(convolution.groups) groups",
      expected: "at least one")
    return (operand, filter, operand.shape[count + 1])
  }

  /// Two operands of one family; integers of different widths and signs multiply into a wider type.
  private static func requireContraction(result: ElementType, _ node: Candidate) throws {
    let lhs = try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
    let rhs = try node.elementType(1, { $0.isNumeric || $0.kind == .complex }, "numbers")
    let fits =
      lhs.isInteger && rhs.isInteger ? result.isNumeric : lhs.kind == rhs.kind && result.kind == lhs.kind
    try node.require(
      fits, found: "\(lhs.name) and \(rhs.name) into \(result.name)",
      expected: "both integers, both floating-point or both complex, and a result that holds their products")
  }
}
