import Tensors

extension Resize {
  /// The extent that scaling gives: rounded down after a product in float32, as ONNX Runtime computes it.
  public static func extent(_ extent: Int, scale: Float) -> Int {
    Int(exactly: (Float(extent) * scale).rounded(.down)) ?? -1
  }

  /// The one scale for all axes that keeps their aspect ratio, and the extents that it gives, halves rounded up. Nil
  /// without axes, for empty ones and for extents beyond 2^31.
  public func keepingAspectRatio(_ extents: [Int], sizes: [Int]) -> (scale: Double, extents: [Int])? {
    guard extents.allSatisfy({ $0 > 0 }) else { return nil }
    let scales = zip(extents, sizes).map { Double($1) / Double($0) }
    guard let scale = aspectRatio == .notLarger ? scales.min() : scales.max() else { return nil }
    let kept = extents.map { scale * Double($0) + 0.5 }
    return kept.allSatisfy { $0 >= 0 && $0 < 0x1p31 } ? (scale, kept.map { Int($0) }) : nil
  }
}

extension TypeRules {
  static func resize(_ resize: Resize, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2...3)
    let elementType = try node.elementType(0, \.isNumeric, "real numbers")
    let operand = try node.tensor(0)
    try node.requireAxes(resize.axes, rank: operand.rank)
    if node.operands.count == 3 { _ = try node.elementType(2, \.isFloat, "floating-point numbers") }
    var shape = operand.shape
    if resize.parametersAreSizes {
      let sizes = try node.vector(1, count: resize.axes.count)
      let extents = resized(shape, resize, to: sizes)
      for (axis, extent) in zip(resize.axes, extents) { shape[axis] = extent ?? node.fresh() }
    } else {
      try node.require(1, is: .float32)
      let parameters = try node.tensor(1)
      try node.require(
        parameters.rank == 1 && (parameters.shape[0].constant ?? resize.axes.count) == resize.axes.count,
        found: "scales of shape \(node.text(parameters.shape))", expected: "one for each of \(resize.axes.count) axes")
      let scales = floats(node, 1)
      for (index, axis) in resize.axes.enumerated() {
        let isWhole = resize.coordinates != .cropAndResize || isWholeAxis(index, resize, node)
        let known = isWhole && index < scales.count ? scaled(shape[axis], by: scales[index]) : nil
        shape[axis] = known ?? node.fresh()
      }
    }
    return node.result(elementType, shape)
  }

  /// The extents along `resize.axes`; with an aspect ratio to keep, known only when everything is constant.
  private static func resized(_ shape: [Dimension], _ resize: Resize, to sizes: [Dimension?]) -> [Dimension?] {
    if resize.aspectRatio == .stretch { return sizes }
    let known = zip(resize.axes, sizes).compactMap { axis, size -> (Int, Int)? in
      guard let extent = shape[axis].constant, let size = size?.constant else { return nil }
      return (extent, size)
    }
    guard known.count == sizes.count,
      let kept = resize.keepingAspectRatio(known.map(\.0), sizes: known.map(\.1))
    else { return sizes.map { _ in nil } }
    return kept.extents.map { .constant($0) }
  }

  private static func floats(_ node: Candidate, _ index: Int) -> [Float] {
    guard index < node.operands.count, let tensor = node.operands[index].constant, tensor.elementType == .float32,
      tensor.elementCount <= 2 * Candidate.maximumRank
    else { return [] }
    return tensor.elements(of: Float.self)
  }

  /// The region of interest surely spans the axis: its extent scales too.
  private static func isWholeAxis(_ index: Int, _ resize: Resize, _ node: Candidate) -> Bool {
    let region = floats(node, 2)
    let count = resize.axes.count
    return region.count == 2 * count && region[index] == 0 && region[index + count] == 1
  }

  private static func scaled(_ extent: Dimension, by scale: Float) -> Dimension? {
    guard scale.isFinite, scale >= 0 else { return nil }
    if let extent = extent.constant { return .constant(Resize.extent(extent, scale: scale)) }
    // Exact in float32 for a scale such as 2, 0.5 or 1.5 and every extent that an image has.
    for denominator in [1, 2, 4, 8, 16, 32] {
      guard let numerator = Int(exactly: scale * Float(denominator)), numerator <= 1024 else { continue }
      return (extent * .constant(numerator)).floorDivided(by: .constant(denominator))
    }
    return nil
  }

  static func gridSample(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let elementType = try node.elementType(0, \.isNumeric, "real numbers")
    _ = try node.elementType(1, \.isFloat, "floating-point numbers")
    let operand = try node.tensor(0)
    let grid = try node.tensor(1)
    try node.require(
      operand.rank >= 3 && grid.rank == operand.rank,
      found: "\(node.text(operand.shape)) and grid \(node.text(grid.shape))",
      expected: "[N, spatial…, C] and [N, spatial…, n]")
    let last = operand.rank - 1
    let batch = try node.same(operand.shape[0], grid.shape[0], "batch sizes of the operand and the grid")
    _ = try node.same(grid.shape[last], .constant(operand.rank - 2), "coordinates of a point and spatial axes")
    return node.result(elementType, [batch] + grid.shape[1..<last] + [operand.shape[last]])
  }

  static func roiAlign(_ align: RoiAlign, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(3)
    let elementType = try node.elementType(0, \.isFloat, "floating-point numbers")
    try requireSameTypes(node, [0, 1])
    try node.requireIndices(2)
    let operand = try node.tensor(0, rank: 4, "[N, H, W, C]")
    let boxes = try node.tensor(1, rank: 2, "[R, 4]")
    let batches = try node.tensor(2, rank: 1, "[R]")
    _ = try node.same(boxes.shape[1], .constant(4), "coordinates of a box")
    let count = try node.same(boxes.shape[0], batches.shape[0], "numbers of boxes and of batch indices")
    try node.requireEntries([align.outputHeight, align.outputWidth], 2, 1...Int(Int32.max), "output size")
    return node.result(
      elementType, [count, .constant(align.outputHeight), .constant(align.outputWidth), operand.shape[3]])
  }

  static func nonMaxSuppression(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(5)
    _ = try node.elementType(0, \.isFloat, "floating-point numbers")
    try requireSameTypes(node, [0, 1])
    let boxes = try node.tensor(0, rank: 3, "[B, N, 4]")
    let scores = try node.tensor(1, rank: 3, "[B, C, N]")
    _ = try node.same(boxes.shape[2], .constant(4), "coordinates of a box")
    _ = try node.same(boxes.shape[0], scores.shape[0], "batch sizes of boxes and scores")
    _ = try node.same(boxes.shape[1], scores.shape[2], "numbers of boxes and scores")
    try node.requireIndices(2)
    for index in 2..<5 { try node.requireScalar(index) }
    for index in 3..<5 { _ = try node.elementType(index, \.isFloat, "a floating-point threshold") }
    return node.result(.int64, [node.fresh(), .constant(3)])
  }
}
