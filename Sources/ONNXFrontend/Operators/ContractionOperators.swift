import GraphIR
import Tensors

/// Matrix products and what is written with them.
enum ContractionOperators {
  static let table: [String: Lowering] = [
    "MatMul": { c in [try c.builder.matrixProduct(c.operand(0), c.operand(1))] },
    "Gemm": gemm,
    "Einsum": { c in
      guard let equation = try c.string("equation") else {
        throw c.invalid(found: "no attribute 'equation'", expected: "an equation")
      }
      return [try c.builder.einsteinSummation(equation, c.operands())]
    },
    "MatMulInteger": matMulInteger,
    "Det": { c in
      let x = try c.operand(0)
      let type = try c.elementType(x)
      let wide = try c.builder.convert(x, to: type.accumulator)
      return [try c.builder.convert(c.builder.one(.determinant, [wide]), to: type)]
    },
  ]

  /// alpha · A' · B' + beta · C. The `broadcast` attribute of versions before 7 only ever widens what NumPy's rules
  /// allow for two axes anyway.
  private static func gemm(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let (lhs, rhs) = (try c.operand(0), try c.operand(1))
    let type = try c.elementType(lhs)
    guard try c.rank(lhs) == 2, try c.rank(rhs) == 2 else {
      throw c.invalid(found: "operands of ranks \(try c.rank(lhs)) and \(try c.rank(rhs))", expected: "two matrices")
    }
    let dimensions = DotDimensions(
      lhsContracting: [try c.flag("transA") ? 0 : 1], rhsContracting: [try c.flag("transB") ? 1 : 0])
    var y = try b.dot(lhs, rhs, dimensions, result: type)
    let alpha = try c.float("alpha", 1)
    if alpha != 1 { y = try scaled(y, by: alpha, type, b) }
    let beta = try c.float("beta", 1)
    if beta != 0, var bias = try c.optionalOperand(2) {
      if beta != 1 { bias = try scaled(bias, by: beta, type, b) }
      y = try b.add(y, bias)
    }
    return [y]
  }

  /// Integers are scaled as float64, so that a factor such as 0.5 is not lost.
  private static func scaled(
    _ x: ValueID, by factor: Float, _ type: ElementType, _ b: GraphBuilder
  ) throws -> ValueID {
    if type.isInteger, factor.rounded() != factor {
      let wide = try b.multiply(b.convert(x, to: .float64), b.scalar(Double(factor), .float64))
      return try b.convert(wide, to: type)
    }
    return try b.multiply(x, b.scalar(Double(factor), type))
  }

  private static func matMulInteger(_ c: LoweringContext) throws -> [ValueID] {
    let (lhs, rhs) = (try c.operand(0), try c.operand(1))
    let lhsZero = try c.optionalOperand(2).map { try rowParameter($0, of: lhs, c) }
    return [
      try c.builder.integerMatrixProduct(lhs, zeroPoint: lhsZero, rhs, zeroPoint: c.optionalOperand(3))
    ]
  }

  /// A scale or zero point of the left operand [..., m, k]: a vector has one entry for each row.
  static func rowParameter(_ parameter: ValueID, of lhs: ValueID, _ c: LoweringContext) throws -> ValueID {
    guard try c.rank(parameter) == 1, try c.rank(lhs) > 1 else { return parameter }
    return try c.builder.reshape(parameter, [-1, 1])
  }
}
