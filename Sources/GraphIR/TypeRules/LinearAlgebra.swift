import Tensors

extension TypeRules {
  static func fft(axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let elementType = try node.elementType(0, { $0.kind == .complex }, "complex numbers")
    let operand = try node.tensor(0)
    try node.requireAxis(axis, rank: operand.rank)
    return node.result(elementType, operand.shape)
  }

  static func determinant(_ node: Candidate) throws -> [InferredResult] {
    let operand = try squareMatrices(node)
    return node.result(operand.elementType, Array(operand.shape.dropLast(2)))
  }

  static func inverse(_ node: Candidate) throws -> [InferredResult] {
    let operand = try squareMatrices(node)
    return node.result(operand.elementType, operand.shape)
  }

  private static func squareMatrices(_ node: Candidate) throws -> TensorType {
    try node.requireOperands(1)
    let elementType = try node.elementType(0, \.isFloat, "floating-point numbers")
    let operand = try node.tensor(0)
    try node.require(operand.rank >= 2, found: node.text(operand.shape), expected: "matrices [..., n, n]")
    _ = try node.same(operand.shape[operand.rank - 2], operand.shape[operand.rank - 1], "rows and columns")
    return TensorType(elementType, operand.shape)
  }
}
