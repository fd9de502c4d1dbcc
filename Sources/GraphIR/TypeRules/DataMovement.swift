import Tensors

extension TypeRules {
  static func shape(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    _ = try node.elementType(0)
    guard let type = node.operands[0].type.tensor else { return node.result(.int64, [node.fresh()]) }
    return node.result(.int64, [.constant(type.rank)], elements: type.shape)
  }

  static func reshape(zeroCopies: Bool, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let elementType = try node.elementType(0)
    let operand = node.operands[0].type.tensor
    let shape: [Dimension]
    switch try node.vector(1) {
    case .unknown: return [InferredResult(.unrankedTensor(elementType))]
    case .count(let rank): shape = (0..<rank).map { _ in node.fresh() }
    case .elements(let wanted): shape = try reshaped(operand?.shape, to: wanted, zeroCopies: zeroCopies, node)
    }
    if let operand, let before = operand.constantShape,
      let after = TensorType(elementType, shape).constantShape
    {
      try node.require(
        before.elementCount == after.elementCount, found: "\(before.elementCount) elements of \(before)",
        expected: "\(after.elementCount) elements for \(after)")
    }
    return node.result(elementType, shape, elements: node.operands[0].elements)
  }

  private static func reshaped(
    _ operand: [Dimension]?, to wanted: [Dimension], zeroCopies: Bool, _ node: Candidate
  ) throws -> [Dimension] {
    var shape = wanted
    var inferredAxis: Int?
    for axis in wanted.indices {
      switch wanted[axis] {
      case .constant(-1):
        try node.require(
          inferredAxis == nil, found: "shape \(node.text(wanted))", expected: "at most one extent of -1")
        inferredAxis = axis
      case .constant(0) where zeroCopies:
        guard let operand else {
          shape[axis] = node.fresh()
          continue
        }
        try node.require(
          axis < operand.count, found: "a 0 at axis \(axis) of shape \(node.text(wanted))",
          expected: "an axis of the operand \(node.text(operand)) to copy")
        shape[axis] = operand[axis]
      case .constant(let extent):
        try node.require(extent >= 0, found: "shape \(node.text(wanted))", expected: "extents that are not negative")
      default: break
      }
    }
    guard let inferredAxis else { return shape }
    let others = node.product(shape.indices.lazy.filter { $0 != inferredAxis }.map { shape[$0] })
    try node.require(
      others != .constant(0), found: "shape \(node.text(wanted))", expected: "no extent of 0 beside one of -1")
    guard let operand, let others, let all = node.product(operand) else {
      shape[inferredAxis] = node.fresh()
      return shape
    }
    if let all = all.constant, let others = others.constant {
      try node.require(
        others > 0 && all % others == 0, found: "\(all) elements of \(node.text(operand))",
        expected: "a multiple of \(others) for shape \(node.text(wanted))")
    }
    shape[inferredAxis] = all.floorDivided(by: others)
    return shape
  }

  static func broadcast(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let elementType = try node.elementType(0)
    guard let operand = node.operands[0].type.tensor else {
      _ = try node.vector(1)
      return [InferredResult(.unrankedTensor(elementType))]
    }
    switch try node.vector(1) {
    case .unknown: return [InferredResult(.unrankedTensor(elementType))]
    case .count(let rank):
      // An extent other than 1 of the operand stays; a 1 may become anything.
      let missing = max(0, rank - operand.rank)
      let shape = (0..<max(rank, operand.rank)).map { axis in
        guard axis >= missing, let extent = operand.shape[axis - missing].constant, extent != 1 else {
          return node.fresh()
        }
        return Dimension.constant(extent)
      }
      return node.result(elementType, shape)
    case .elements(let wanted):
      try node.require(
        wanted.allSatisfy { $0.constant.map { $0 >= 0 } ?? true }, found: "shape \(node.text(wanted))",
        expected: "extents that are not negative")
      let shape = try node.broadcast(operand.shape, wanted)
      var elements: [Dimension]?
      if let known = node.elements(0), let result = TensorType(elementType, shape).constantShape,
        result.elementCount <= SymbolicElements.maximumCount
      {
        elements = SymbolicElements.broadcast(known.elements, from: known.shape, to: result)
      }
      return node.result(elementType, shape, elements: elements)
    }
  }

  static func transpose(_ permutation: [Int], _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let operand = try node.tensor(0)
    try node.require(
      permutation.sorted() == Array(0..<operand.rank), found: "permutation \(permutation)",
      expected: "each of the \(operand.rank) axes once")
    let elements = node.elements(0).map { known in
      let strides = known.shape.strides
      return SymbolicElements.strided(
        known.elements, shape: permutation.map { known.shape[$0] }, strides: permutation.map { strides[$0] })
    }
    return node.result(operand.elementType, permutation.map { operand.shape[$0] }, elements: elements)
  }

  static func concatenate(axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.require(!node.operands.isEmpty, found: "no operands", expected: "at least one")
    let elementType = try node.elementType(0)
    try requireSameTypes(node, Array(node.operands.indices))
    let ranked = node.operands.compactMap(\.type.tensor)
    guard var shape = ranked.first?.shape else { return [InferredResult(.unrankedTensor(elementType))] }
    try node.requireAxis(axis, rank: shape.count)
    for operand in ranked.dropFirst() {
      try node.require(
        operand.rank == shape.count, found: "ranks \(shape.count) and \(operand.rank)", expected: "equal ranks")
      for other in shape.indices where other != axis {
        shape[other] = try node.same(shape[other], operand.shape[other], "extents of axis \(other)")
      }
    }
    let isComplete = ranked.count == node.operands.count
    shape[axis] = (isComplete ? node.sum(ranked.lazy.map { $0.shape[axis] }) : nil) ?? node.fresh()
    return node.result(elementType, shape, elements: concatenatedElements(axis: axis, shape, node))
  }

  private static func concatenatedElements(axis: Int, _ shape: [Dimension], _ node: Candidate) -> [Dimension]? {
    guard let result = TensorType(.int64, shape).constantShape, result.elementCount <= SymbolicElements.maximumCount
    else { return nil }
    let known = node.operands.indices.compactMap { node.elements($0) }
    guard known.count == node.operands.count else { return nil }
    if axis == 0 || result.elementCount == 0 { return known.flatMap(\.elements) }
    // Row by row of the axes before `axis`.
    let rows = result.dimensions[..<axis].reduce(1, *)
    return (0..<rows).flatMap { row in
      known.flatMap { part in
        let width = part.elements.count / max(rows, 1)
        return part.elements[row * width..<(row + 1) * width]
      }
    }
  }

  static func pad(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(4)
    let operand = try node.tensor(0)
    try requireSameTypes(node, [0, 1])
    try node.requireScalar(1)
    let low = try node.vector(2, count: operand.rank)
    let high = try node.vector(3, count: operand.rank)
    let shape = operand.shape.indices.map { axis in
      guard let low = low[axis], let high = high[axis] else { return node.fresh() }
      return operand.shape[axis] + low + high
    }
    return node.result(operand.elementType, shape)
  }

  static func reverse(axes: [Int], _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let operand = try node.tensor(0)
    try node.requireAxes(axes, rank: operand.rank)
    let elements = node.elements(0).flatMap { known -> [Dimension]? in
      if known.elements.isEmpty { return [] }
      var strides = known.shape.strides
      var offset = 0
      for axis in axes {
        offset += (known.shape[axis] - 1) * strides[axis]
        strides[axis] = -strides[axis]
      }
      return SymbolicElements.strided(
        known.elements, offset: offset, shape: known.shape.dimensions, strides: strides)
    }
    return node.result(operand.elementType, operand.shape, elements: elements)
  }

  static func reverseSequence(batchAxis: Int, timeAxis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let operand = try node.tensor(0)
    try node.requireAxes([batchAxis, timeAxis], rank: operand.rank)
    try node.requireIndices(1)
    let lengths = try node.tensor(1, rank: 1, "[batch]")
    var shape = operand.shape
    shape[batchAxis] = try node.same(shape[batchAxis], lengths.shape[0], "batch sizes of the operand and the lengths")
    return node.result(operand.elementType, shape)
  }
}
