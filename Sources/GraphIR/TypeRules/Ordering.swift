import Tensors

extension TypeRules {
  static func sort(axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let operand = try ordered(node)
    try node.requireAxis(axis, rank: operand.rank)
    return node.result(operand.elementType, operand.shape) + node.result(.int64, operand.shape)
  }

  static func topK(axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let operand = try ordered(node)
    try node.requireAxis(axis, rank: operand.rank)
    try node.requireIndices(1)
    try node.requireScalar(1)
    var shape = operand.shape
    let count = node.element(1)
    if let count = count?.constant {
      let limit = shape[axis].constant ?? maximumExtent
      try node.require(
        count >= 0 && count <= limit, found: "k = \(count) of axis \(axis) of \(node.text(shape))",
        expected: "from 0 to the extent of the axis")
    }
    shape[axis] = count ?? node.fresh()
    return node.result(operand.elementType, shape) + node.result(.int64, shape)
  }

  static func unique(axis: Int?, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let elementType = try node.elementType(0, { $0.kind != .complex }, "a type with an order")
    let count = node.fresh()
    var values = [count]
    var inverse: Dimension?
    if let axis {
      let operand = try node.tensor(0)
      try node.requireAxis(axis, rank: operand.rank)
      values = operand.shape
      inverse = operand.shape[axis]
      values[axis] = count
    } else if let operand = node.operands[0].type.tensor {
      inverse = node.product(operand.shape)
    }
    return node.result(elementType, values) + node.result(.int64, [count])
      + node.result(.int64, [inverse ?? node.fresh()]) + node.result(.int64, [count])
  }

  static func nonZero(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    _ = try node.elementType(0)
    let rank = node.operands[0].type.tensor.map { Dimension.constant($0.rank) } ?? node.fresh()
    return node.result(.int64, [rank, node.fresh()])
  }

  private static func ordered(_ node: Candidate) throws -> TensorType {
    _ = try node.elementType(0, { $0.kind != .complex }, "a type with an order")
    return try node.tensor(0)
  }
}
