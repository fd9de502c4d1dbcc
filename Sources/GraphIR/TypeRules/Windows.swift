import Tensors

extension TypeRules {
  static func reduceWindow(
    _ reduction: WindowReduction, _ window: Window, _ node: Candidate
  ) throws -> [InferredResult] {
    try node.requireOperands(1)
    let elementType: ElementType
    switch reduction {
    case .maximum, .sum: elementType = try node.elementType(0, \.isNumeric, "real numbers")
    default: elementType = try node.elementType(0, \.isFloat, "floating-point numbers")
    }
    return node.result(elementType, try pooled(window, node))
  }

  static func maxPoolWithIndices(_ window: Window, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let elementType = try node.elementType(0, \.isNumeric, "real numbers")
    let shape = try pooled(window, node)
    return node.result(elementType, shape) + node.result(.int64, shape)
  }

  private static func pooled(_ window: Window, _ node: Candidate) throws -> [Dimension] {
    let operand = try node.tensor(0)
    let count = window.size.count
    try node.require(
      count > 0 && operand.rank == count + 2,
      found: "\(node.text(operand.shape)) with a window over \(count) axes", expected: "[N, spatial…, C]")
    try node.requireEntries(window.size, count, 1...Int(Int32.max), "window sizes")
    try node.requireEntries(window.strides, count, 1...Int(Int32.max), "strides")
    try node.requireEntries(window.dilations, count, 1...Int(Int32.max), "dilations")
    try node.requirePadding(window.padding, count)
    var shape = operand.shape
    for axis in 0..<count {
      shape[axis + 1] = try node.windowed(
        shape[axis + 1], size: .constant(window.size[axis]), stride: window.strides[axis],
        dilation: window.dilations[axis], window.padding, axis: axis, roundsUp: window.roundsUp)
    }
    return shape
  }
}

extension Candidate {
  func requireEntries(_ values: [Int], _ count: Int, _ range: ClosedRange<Int>, _ what: String) throws {
    try require(
      values.count == count && values.allSatisfy(range.contains), found: "\(what) \(values)",
      expected: "\(count) entries, each at least \(range.lowerBound)")
  }

  func requirePadding(_ padding: WindowPadding, _ count: Int) throws {
    guard case .explicit(let low, let high) = padding else { return }
    try requireEntries(low, count, Int(Int32.min)...Int(Int32.max), "low padding")
    try requireEntries(high, count, Int(Int32.min)...Int(Int32.max), "high padding")
  }

  /// How many windows of `size` taps, `dilation` apart, fit along one spatial axis.
  func windowed(
    _ extent: Dimension, size: Dimension, stride: Int, dilation: Int, _ padding: WindowPadding, axis: Int,
    roundsUp: Bool
  ) throws -> Dimension {
    let step = Dimension.constant(stride)
    let one = Dimension.constant(1)
    guard case .explicit(let low, let high) = padding else { return extent.ceilingDivided(by: step) }
    let reach = (size - one) * .constant(dilation) + one
    let free = extent + .constant(low[axis] + high[axis]) - reach
    var count = free.floorDivided(by: step) + one
    if roundsUp {
      // The last window must start inside the operand or its low padding.
      let starts = (extent + .constant(low[axis]) - one).floorDivided(by: step) + one
      count = .minimum(free.ceilingDivided(by: step) + one, starts)
    }
    if let found = count.constant, found < 0 {
      throw error(
        found: "extent \(text(extent)) of spatial axis \(axis) with padding \(low[axis]) and \(high[axis])",
        expected: "at least the window's reach of \(text(reach))")
    }
    return count
  }
}
