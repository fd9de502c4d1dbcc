import Tensors

extension TypeRules {
  static func gather(axis: Int, batchDimensions: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let operand = try node.tensor(0)
    try node.requireIndices(1)
    let indices = try node.tensor(1)
    try node.requireAxis(axis, rank: operand.rank)
    try requireBatch(batchDimensions, atMost: min(axis, indices.rank), node)
    var shape = operand.shape
    try mergeBatch(batchDimensions, &shape, indices.shape, node)
    let result = Array(shape[..<axis]) + indices.shape[batchDimensions...] + shape[(axis + 1)...]
    return node.result(
      operand.elementType, result, elements: batchDimensions == 0 ? gatheredElements(axis: axis, node) : nil)
  }

  private static func gatheredElements(axis: Int, _ node: Candidate) -> [Dimension]? {
    guard let known = node.elements(0), let indices = node.elements(1) else { return nil }
    let extent = known.shape[axis]
    var positions: [Int] = []
    for index in indices.elements {
      guard let index = index.constant, index >= -extent, index < extent else { return nil }
      positions.append(index < 0 ? index + extent : index)
    }
    let outer = known.shape.dimensions[..<axis].reduce(1, *)
    let inner = known.shape.dimensions[(axis + 1)...].reduce(1, *)
    let (rows, overflow) = outer.multipliedReportingOverflow(by: inner)
    guard !overflow, rows == 0 || positions.count <= SymbolicElements.maximumCount / rows else { return nil }
    var elements: [Dimension] = []
    if inner > 0, !positions.isEmpty, rows > 0 {
      for row in 0..<outer {
        for position in positions {
          let start = (row * extent + position) * inner
          elements += known.elements[start..<start + inner]
        }
      }
    }
    return elements
  }

  static func gatherND(batchDimensions: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let operand = try node.tensor(0)
    try node.requireIndices(1)
    let indices = try node.tensor(1)
    try node.require(indices.rank >= 1, found: "a scalar of indices", expected: "indices [..., k]")
    try requireBatch(batchDimensions, atMost: min(operand.rank, indices.rank - 1), node)
    var shape = operand.shape
    try mergeBatch(batchDimensions, &shape, indices.shape, node)
    guard let width = indices.shape[indices.rank - 1].constant else {
      return [InferredResult(.unrankedTensor(operand.elementType))]
    }
    try requireIndexWidth(width, atMost: operand.rank - batchDimensions, node)
    let batch = shape[..<batchDimensions]
    let result = batch + indices.shape[batchDimensions..<(indices.rank - 1)] + shape[(batchDimensions + width)...]
    return node.result(
      operand.elementType, Array(result), elements: batchDimensions == 0 ? pointElements(width, node) : nil)
  }

  /// Elements of a gatherND whose indices name single elements.
  private static func pointElements(_ width: Int, _ node: Candidate) -> [Dimension]? {
    guard let known = node.elements(0), known.shape.rank == width, let indices = node.elements(1), width > 0 else {
      return nil
    }
    var elements: [Dimension] = []
    for start in stride(from: 0, to: indices.elements.count, by: width) {
      guard let position = flatPosition(indices.elements[start..<start + width], in: known.shape) else { return nil }
      elements.append(known.elements[position])
    }
    return elements
  }

  /// Where one index, an extent for each axis, points in row-major order; nil when unknown or out of range.
  private static func flatPosition(_ index: ArraySlice<Dimension>, in shape: Shape) -> Int? {
    var position = 0
    for (axis, element) in index.enumerated() {
      let extent = shape[axis]
      guard let value = element.constant, value >= -extent, value < extent else { return nil }
      position = position * extent + (value < 0 ? value + extent : value)
    }
    return position
  }

  static func gatherElements(axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let operand = try node.tensor(0)
    try node.requireIndices(1)
    let indices = try node.tensor(1, rank: operand.rank, "the operand's")
    try node.requireAxis(axis, rank: operand.rank)
    return node.result(operand.elementType, indices.shape)
  }

  static func scatterND(_ combiner: ScatterCombiner, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(3)
    let operand = try node.tensor(0)
    try node.requireIndices(1)
    let indices = try node.tensor(1)
    try node.require(indices.rank >= 1, found: "a scalar of indices", expected: "indices [..., k]")
    try requireCombinable(combiner, node)
    var elements: [Dimension]?
    if let width = indices.shape[indices.rank - 1].constant {
      try requireIndexWidth(width, atMost: operand.rank, node)
      let expected = Array(indices.shape.dropLast()) + operand.shape[width...]
      try requireUpdates(expected, node)
      elements = combiner == .replace ? scatteredElements(width, node) : nil
    } else {
      _ = try node.elementType(2)
    }
    return node.result(operand.elementType, operand.shape, elements: elements)
  }

  private static func scatteredElements(_ width: Int, _ node: Candidate) -> [Dimension]? {
    guard let known = node.elements(0), known.shape.rank == width, width > 0, let indices = node.elements(1),
      let updates = node.elements(2), updates.elements.count * width == indices.elements.count
    else { return nil }
    var elements = known.elements
    for (index, update) in updates.elements.enumerated() {
      guard let position = flatPosition(indices.elements[index * width..<(index + 1) * width], in: known.shape)
      else { return nil }
      elements[position] = update
    }
    return elements
  }

  static func scatterElements(axis: Int, _ combiner: ScatterCombiner, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(3)
    let operand = try node.tensor(0)
    try node.requireIndices(1)
    let indices = try node.tensor(1, rank: operand.rank, "the operand's")
    try node.requireAxis(axis, rank: operand.rank)
    try requireCombinable(combiner, node)
    try requireUpdates(indices.shape, node)
    var elements: [Dimension]?
    if operand.rank == 1, combiner == .replace { elements = scatteredElements(1, node) }
    return node.result(operand.elementType, operand.shape, elements: elements)
  }

  // MARK: Checks

  private static func requireBatch(_ count: Int, atMost limit: Int, _ node: Candidate) throws {
    try node.require(
      count >= 0 && count <= limit, found: "\(count) batch dimensions", expected: "from 0 to \(limit)")
  }

  private static func mergeBatch(
    _ count: Int, _ shape: inout [Dimension], _ indices: [Dimension], _ node: Candidate
  ) throws {
    for axis in 0..<count {
      shape[axis] = try node.same(shape[axis], indices[axis], "extents of batch axis \(axis)")
    }
  }

  private static func requireIndexWidth(_ width: Int, atMost limit: Int, _ node: Candidate) throws {
    try node.require(
      width >= 0 && width <= limit, found: "indices of \(width) coordinates", expected: "at most \(limit)")
  }

  private static func requireCombinable(_ combiner: ScatterCombiner, _ node: Candidate) throws {
    try requireSameTypes(node, [0, 2])
    if combiner != .replace {
      _ = try node.elementType(0, { $0.isNumeric || $0.kind == .complex || $0 == .bool }, "numbers")
    }
  }

  private static func requireUpdates(_ expected: [Dimension], _ node: Candidate) throws {
    guard let updates = node.operands[2].type.tensor else { return }
    try node.require(
      updates.rank == expected.count, found: "updates \(node.text(updates.shape))",
      expected: "rank \(expected.count) as of \(node.text(expected))")
    for axis in expected.indices {
      _ = try node.same(updates.shape[axis], expected[axis], "extents of axis \(axis) of the updates")
    }
  }
}
