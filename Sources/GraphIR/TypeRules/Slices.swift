import Tensors

extension TypeRules {
  static func slice(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(4)
    let operand = try node.tensor(0)
    let starts = try node.vector(1, count: operand.rank)
    let limits = try node.vector(2, count: operand.rank)
    let strides = try node.vector(3, count: operand.rank)
    let ranges = try operand.shape.indices.map { axis in
      try node.require(strides[axis] != .constant(0), found: "a stride of 0", expected: "strides other than 0")
      return sliced(operand.shape[axis], starts[axis], limits[axis], strides[axis])
    }
    return node.result(
      operand.elementType, ranges.map { $0?.count ?? node.fresh() }, elements: slicedElements(ranges, node))
  }

  /// Where a slice of one axis begins, how far it steps and how many elements it has.
  private struct Range {
    var start: Dimension
    var stride: Int
    var count: Dimension
  }

  /// nil when only a run can tell.
  private static func sliced(
    _ extent: Dimension, _ start: Dimension?, _ limit: Dimension?, _ stride: Dimension?
  ) -> Range? {
    guard let stride = stride?.constant, stride != .min, let start, let limit else { return nil }
    let zero = Dimension.constant(0)
    if stride > 0 {
      guard let first = position(start, extent), let end = position(limit, extent) else { return nil }
      let length = Dimension.maximum(zero, end - first)
      return Range(start: first, stride: stride, count: length.ceilingDivided(by: .constant(stride)))
    }
    if let extent = extent.constant, let start = start.constant, let limit = limit.constant {
      let first = min(max(start < 0 ? start &+ extent : start, 0), extent - 1)
      let end = min(limit < 0 ? max(limit &+ extent, -1) : limit, extent - 1)
      let count = Dimension.constant(max(0, first - end)).ceilingDivided(by: .constant(-stride))
      return Range(start: .constant(max(first, 0)), stride: stride, count: count)
    }
    // From the last element down to the first.
    guard let first = start.constant, first == -1 || first >= endOfAxis, let end = limit.constant, end <= -endOfAxis
    else { return nil }
    return Range(start: extent - .constant(1), stride: stride, count: extent.ceilingDivided(by: .constant(-stride)))
  }

  /// Limits from here on mean "to the end": exporters write the largest int32 or int64.
  private static let endOfAxis = Int(Int32.max)

  /// A start or limit of a forward slice, between 0 and the extent.
  private static func position(_ position: Dimension, _ extent: Dimension) -> Dimension? {
    if let constant = position.constant {
      if constant >= endOfAxis { return extent.constant.map { .constant(min($0, constant)) } ?? extent }
      if constant < -endOfAxis { return .constant(0) }
      return constant >= 0 ? .minimum(position, extent) : .maximum(extent + position, .constant(0))
    }
    return position.isNonNegative ? .minimum(position, extent) : nil
  }

  private static func slicedElements(_ ranges: [Range?], _ node: Candidate) -> [Dimension]? {
    guard let known = node.elements(0) else { return nil }
    let own = known.shape.strides
    var offset = 0
    var shape: [Int] = []
    var strides: [Int] = []
    for (axis, range) in ranges.enumerated() {
      guard let range, let start = range.start.constant, let count = range.count.constant else { return nil }
      shape.append(count)
      offset += count == 0 ? 0 : start * own[axis]
      // A stride beyond the extent selects one element and is never taken.
      strides.append(count < 2 ? 0 : range.stride * own[axis])
    }
    return SymbolicElements.strided(known.elements, offset: offset, shape: shape, strides: strides)
  }
}
