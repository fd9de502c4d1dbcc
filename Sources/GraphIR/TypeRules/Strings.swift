import Tensors

extension TypeRules {
  static func stringConcatenate(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    try node.require(0, is: .string)
    try node.require(1, is: .string)
    return try broadcastResult(node, .string) { _ in nil }
  }

  static func stringSplit(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    try node.require(0, is: .string)
    guard let operand = node.operands[0].type.tensor else {
      return [InferredResult(.unrankedTensor(.string)), InferredResult(.unrankedTensor(.int64))]
    }
    return node.result(.string, operand.shape + [node.fresh()]) + node.result(.int64, operand.shape)
  }

  static func regexFullMatch(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    try node.require(0, is: .string)
    return [InferredResult(node.operands[0].type.with(.bool))]
  }

  /// [C] or [1, C]; removing stop words makes C smaller.
  static func stringNormalize(_ normalization: StringNormalization, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    try node.require(0, is: .string)
    if normalization.stopwords.isEmpty { return [InferredResult(node.operands[0].type)] }
    let operand = try node.tensor(0)
    try node.require(
      operand.rank == 1 || operand.rank == 2, found: node.text(operand.shape), expected: "[C] or [1, C]")
    return node.result(.string, operand.shape.dropLast() + [node.fresh()])
  }

  static func tokenize(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    try node.require(0, is: .string)
    let operand = try node.tensor(0)
    try node.require(
      operand.rank == 1 || operand.rank == 2, found: node.text(operand.shape), expected: "[C] or [N, C]")
    return node.result(.string, operand.shape + [node.fresh()])
  }
}
