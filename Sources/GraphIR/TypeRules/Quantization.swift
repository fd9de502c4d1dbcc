import Tensors

extension TypeRules {
  static func quantize(_ axis: QuantizationAxis, to type: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2...3)
    _ = try node.elementType(0, { $0.isFloat || $0 == .int32 }, "floating-point numbers or int32")
    try node.require(isQuantized(type), found: type.name, expected: "an integer or narrow floating-point type")
    return try quantization(axis, quantized: type, result: type, node)
  }

  static func dequantize(_ axis: QuantizationAxis, to type: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2...3)
    let quantized = try node.elementType(0, isQuantized, "integers or narrow floating-point numbers")
    try node.require(type.isFloat, found: type.name, expected: "a floating-point type")
    return try quantization(axis, quantized: quantized, result: type, node)
  }

  private static func isQuantized(_ type: ElementType) -> Bool {
    type.isInteger || (type.isFloat && type.bitWidth <= 8)
  }

  /// Scale and zero point have the same shape: a scalar, one for each slice of `axis`, or one for each block.
  private static func quantization(
    _ axis: QuantizationAxis, quantized: ElementType, result: ElementType, _ node: Candidate
  ) throws -> [InferredResult] {
    _ = try node.elementType(1, \.isFloat, "a floating-point scale")
    if node.operands.count == 3 { try node.require(2, is: quantized) }
    guard let operand = node.operands[0].type.tensor else { return [InferredResult(.unrankedTensor(result))] }
    var shape = operand.shape
    for index in 1..<node.operands.count {
      guard let parameter = node.operands[index].type.tensor else { continue }
      if parameter.shape.allSatisfy({ $0 == .constant(1) }), axis.blockSize == 0 { continue }
      try node.requireAxis(axis.axis, rank: operand.rank)
      let extent = shape[axis.axis]
      if axis.blockSize > 0 {
        try node.require(
          parameter.rank == operand.rank, found: "operand \(index) of shape \(node.text(parameter.shape))",
          expected: "the operand's rank, \(operand.rank), for blocks")
        for other in shape.indices {
          let expected = other == axis.axis ? extent.ceilingDivided(by: .constant(axis.blockSize)) : shape[other]
          _ = try node.same(
            parameter.shape[other], expected, "extents of axis \(other) of the blocks and operand \(index)")
        }
      } else {
        try node.require(
          parameter.rank == 1 && axis.blockSize == 0,
          found: "operand \(index) of shape \(node.text(parameter.shape)), blocks of \(axis.blockSize)",
          expected: "a scalar, or a number for each slice of axis \(axis.axis)")
        shape[axis.axis] = try node.same(
          extent, parameter.shape[0], "slices of axis \(axis.axis) and numbers in operand \(index)")
      }
    }
    return node.result(result, shape)
  }
}
