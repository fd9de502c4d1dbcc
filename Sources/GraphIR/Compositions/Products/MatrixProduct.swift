import Tensors

extension GraphBuilder {
  /// NumPy's `matmul`: [..., m, k] × [..., k, n] → [..., m, n], leading axes broadcast. A vector is a row on the left,
  /// a column on the right, and leaves no axis behind.
  public func matrixProduct(_ lhs: ValueID, _ rhs: ValueID, result: ElementType? = nil) throws -> ValueID {
    let result = try result ?? elementType(of: lhs)
    let lhsRank = try rank(of: lhs)
    var rhs = rhs
    var rhsRank = try rank(of: rhs)
    guard lhsRank > 0, rhsRank > 0, let lhsType = type(of: lhs).tensor, let rhsType = type(of: rhs).tensor else {
      throw GraphError(operation: "matmul", source: source, found: "a scalar", expected: "vectors or matrices")
    }
    // A matrix that only looks like a batch of one needs no batched product.
    if rhsRank > 2, lhsRank >= rhsRank, rhsType.shape.dropLast(2).allSatisfy({ $0 == .constant(1) }) {
      rhs = try removeDimensions(rhs, axes: Array(0..<rhsRank - 2))
      rhsRank = 2
    }
    if lhsRank == 1 || rhsRank <= 2 {
      return try dot(
        lhs, rhs, DotDimensions(lhsContracting: [lhsRank - 1], rhsContracting: [max(rhsRank - 2, 0)]), result: result)
    }
    var (left, right) = (lhs, rhs)
    if lhsType.shape.dropLast(2) != rhsType.shape.dropLast(2) {
      left = try broadcast(lhs, to: shape((0..<rhsRank - 2).map { .of(rhs, $0) } + [1, 1]))
      right = try broadcast(rhs, to: shape((0..<lhsRank - 2).map { .of(lhs, $0) } + [1, 1]))
    }
    let rank = max(lhsRank, rhsRank)
    let batch = Array(0..<rank - 2)
    return try dot(
      left, right,
      DotDimensions(lhsBatch: batch, rhsBatch: batch, lhsContracting: [rank - 1], rhsContracting: [rank - 2]),
      result: result)
  }
}
