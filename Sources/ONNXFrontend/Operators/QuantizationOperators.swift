import GraphIR
import Tensors

/// Between floats and quantised numbers.
enum QuantizationOperators {
  static let table: [String: Lowering] = [
    "QuantizeLinear": quantize,
    "DequantizeLinear": dequantize,
    "DynamicQuantizeLinear": { c in try c.builder.dynamicQuantization(c.operand(0)) },
    "QLinearMatMul": qLinearMatMul,
  ]

  /// `axis` and `block_size`; until version 13 there was one scale for all.
  private static func axis(_ c: LoweringContext, _ x: ValueID, scale: ValueID) throws -> QuantizationAxis {
    let blockSize = try c.int("block_size", 0)
    guard (0...LoweringContext.maximumSpatial).contains(blockSize) else {
      throw c.invalid(found: "block_size \(blockSize)", expected: "0 or more")
    }
    if case .tensor(let type) = c.builder.type(of: scale), type.rank == 0 { return QuantizationAxis(axis: 0) }
    // An axis that means nothing for one scale for all may be out of range.
    let rank = try c.rank(x)
    if case .tensor(let type) = c.builder.type(of: scale), type.constantShape?.elementCount == 1, blockSize == 0 {
      return QuantizationAxis(axis: 0)
    }
    return QuantizationAxis(axis: try c.axis(c.int("axis", 1), rank: rank), blockSize: blockSize)
  }

  /// A parameter of one element as a scalar.
  private static func parameter(_ value: ValueID, _ c: LoweringContext, blocks: Bool) throws -> ValueID {
    guard !blocks, case .tensor(let type) = c.builder.type(of: value), type.rank > 0,
      type.constantShape?.elementCount == 1
    else { return value }
    return try c.builder.reshape(value, [])
  }

  /// An element type; 0 is none.
  private static func askedType(_ attribute: String, _ c: LoweringContext) throws -> ElementType? {
    try c.int(attribute, 0) == 0 ? nil : c.elementType(attribute: attribute)
  }

  private static func quantize(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    var x = try c.operand(0)
    var scale = try c.operand(1)
    let zeroPoint = try c.optionalOperand(2)
    let axis = try axis(c, x, scale: scale)
    // The division is of the scale's type, or of `precision`.
    let given = try c.elementType(scale)
    let division = try askedType("precision", c) ?? (given.isFloat && given.bitWidth >= 16 ? given : .float32)
    (x, scale) = (try b.convert(x, to: division), try b.convert(scale, to: division))
    let asked = try askedType("output_dtype", c)
    let type = try zeroPoint.map { try c.elementType($0) } ?? asked ?? .uint8
    let parameters = try [scale, zeroPoint].compactMap(\.self).map { try parameter($0, c, blocks: axis.blockSize > 0) }
    return [try b.one(.quantize(axis, to: type, saturating: c.flag("saturate", true)), [x] + parameters)]
  }

  private static func dequantize(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let scale = try c.operand(1)
    let axis = try axis(c, x, scale: scale)
    let type = try askedType("output_dtype", c) ?? c.elementType(scale)
    let parameters = try [scale, c.optionalOperand(2)].compactMap(\.self)
      .map { try parameter($0, c, blocks: axis.blockSize > 0) }
    return [try b.one(.dequantize(axis, to: type), [x] + parameters)]
  }

  /// (a, scale, zero, b, scale, zero, y scale, y zero); vectors belong to the rows of a and to the columns of b and
  /// y's to its rows.
  private static func qLinearMatMul(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let (lhs, rhs) = (try c.operand(0), try c.operand(3))
    func row(_ index: Int) throws -> ValueID {
      try ContractionOperators.rowParameter(c.operand(index), of: lhs, c)
    }
    let sum = try b.integerMatrixProduct(lhs, zeroPoint: row(2), rhs, zeroPoint: c.operand(5))
    return [try b.requantize(sum, scales: [row(1), c.operand(4)], resultScale: row(6), zeroPoint: row(7))]
  }
}
