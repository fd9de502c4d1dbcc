import GraphIR
import Tensors

/// Matrix products and convolutions of com.microsoft: fused with what follows, and of packed weights.
enum ContributedProducts {
  static let table: [String: Lowering] = [
    "FusedMatMul": fusedMatMul,
    "TransposeMatMul": fusedMatMul,
    "FusedGemm": { c in try fused(c, "Gemm", version: 13, parameters: activationParameters(c)) },
    "FusedConv": fusedConv,
    "MatMulNBits": matMulNBits,
  ]

  /// alpha · A' · B'. `transBatch` moves the first axis behind the other batch axes, `trans` then swaps the last two.
  private static func fusedMatMul(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    func matrix(_ index: Int, _ name: String) throws -> ValueID {
      let x = try c.operand(index)
      let rank = try c.rank(x)
      var order = Array(0..<rank)
      if try rank > 2 && c.flag("transBatch" + name) { order = Array(1..<rank - 1) + [0, rank - 1] }
      if try rank > 1 && c.flag("trans" + name) { order.swapAt(rank - 2, rank - 1) }
      return try b.transpose(x, order)
    }
    let y = try b.matrixProduct(matrix(0, "A"), matrix(1, "B"))
    let alpha = try c.float("alpha", 1)
    return [alpha == 1 ? y : try b.multiply(y, b.scalar(Double(alpha), like: y))]
  }

  // MARK: Fused activations

  private static func activationParameters(_ c: LoweringContext) throws -> [Double] {
    try ["activation_alpha", "activation_beta", "activation_gamma"].compactMap { try c.float($0).map(Double.init) }
  }

  private static func fused(
    _ c: LoweringContext, _ name: String, version: Int, parameters: [Double]
  ) throws -> [ValueID] {
    guard let lowering = OperatorTable.lowering(domain: "", name: name) else { return [] }
    return [try activation(c, lowering(c.asVersion(version))[0], parameters)]
  }

  private static func activation(_ c: LoweringContext, _ x: ValueID, _ parameters: [Double]) throws -> ValueID {
    let b = c.builder
    func parameter(_ index: Int, _ fallback: Double) -> Double {
      index < parameters.count ? parameters[index] : fallback
    }
    switch try c.string("activation", "") {
    case "": return x
    case "Relu": return try b.maximum(x, b.scalar(0, like: x))
    case "Tanh": return try b.unary(.hyperbolicTangent, x)
    case "Sigmoid": return try b.unary(.logistic, x)
    case "LeakyRelu": return try b.leakyRelu(x, alpha: parameter(0, 0.01))
    case "HardSigmoid": return try b.hardSigmoid(x, alpha: parameter(0, 0.2), beta: parameter(1, 0.5))
    case "HardSwish": return try b.hardSwish(x)
    case "Elu": return try b.elu(x, alpha: parameter(0, 1))
    case "Softplus": return try b.softplus(x)
    case "Clip":
      let low = try b.maximum(x, b.scalar(parameter(0, -.infinity), like: x))
      return try b.minimum(low, b.scalar(parameter(1, .infinity), like: x))
    case let other: throw c.invalid(found: "activation '\(other)'", expected: "Relu, Clip or another known one")
    }
  }

  /// activation(Conv(x, w, bias) + z)
  private static func fusedConv(_ c: LoweringContext) throws -> [ValueID] {
    guard let lowering = OperatorTable.lowering(domain: "", name: "Conv") else { return [] }
    var y = try lowering(c)[0]
    if let added = try c.optionalOperand(3) { y = try c.builder.add(y, added) }
    return [try activation(c, y, (c.floats("activation_params") ?? []).map(Double.init))]
  }

  // MARK: Packed weights

  /// A [..., K] times the transpose of a matrix [N, K] of 2, 4 or 8 bits in blocks of `block_size` columns, each with
  /// its scale and zero point: (A, B uint8 [N, blocks, bytes], scales [N · blocks], zero points?, group index?, bias?).
  private static func matMulNBits(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let types: [Int: ElementType] = [2: .uint2, 4: .uint4, 8: .uint8]
    guard let rows = try c.int("N"), let columns = try c.int("K"), let size = try c.int("block_size"), rows > 0,
      columns > 0, size > 0, max(rows, columns, size) <= LoweringContext.maximumSpatial,
      let type = types[try c.int("bits", 4)], size * type.bitWidth % 8 == 0
    else {
      throw c.invalid(found: "other N, K, block_size or bits", expected: "positive sizes, 2, 4 or 8 bits, whole bytes")
    }
    guard !c.hasOperand(4) else { throw c.invalid(found: "g_idx", expected: "columns in their order") }
    let blocks = (columns + size - 1) / size
    /// Rows of packed numbers; each row fills whole bytes.
    func packed(_ index: Int, width: Int) throws -> Tensor {
      let bytes = try c.constant(index)
      let perRow = (width * type.bitWidth + 7) / 8
      guard bytes.elementType == .uint8, bytes.elementCount == rows * perRow else {
        throw c.invalid(
          found: "operand \(index) of type \(bytes.elementType.name)\(bytes.shape)",
          expected: "\(rows * perRow) bytes")
      }
      // Low bits come first in our packed tensors, too.
      return Tensor(
        type, [rows, perRow * 8 / type.bitWidth], storage: bytes.storage, byteOffset: bytes.byteOffset)
    }
    let quantized = b.constant(try packed(1, width: blocks * size))
    let precision = try c.elementType(x)
    let scales = try b.reshape(c.operand(2), [rows, blocks])
    let zeroPoints: ValueID
    if !c.hasOperand(3) {
      let middle = UInt8(1 << (type.bitWidth - 1))
      let bytes = Tensor([rows, blocks], [UInt8](repeating: middle, count: rows * blocks))
      zeroPoints = b.constant(try bytes.converted(to: type))
    } else {
      let all = try packed(3, width: blocks)
      let wide = try all.widened().elements(of: UInt8.self)
      let width = all.shape[1]
      let kept = (0..<rows).flatMap { wide[$0 * width..<$0 * width + blocks] }
      zeroPoints = b.constant(try Tensor([rows, blocks], kept).converted(to: type))
    }
    var weights = try b.one(
      .dequantize(QuantizationAxis(axis: 1, blockSize: size), to: precision), [quantized, scales, zeroPoints])
    if blocks * size > columns { weights = try b.slice(weights, axis: 1, from: 0, to: columns) }
    let dimensions = DotDimensions(lhsContracting: [try c.rank(x) - 1], rhsContracting: [1])
    let y = try b.dot(x, weights, dimensions, result: precision)
    return [try c.optionalOperand(5).map { try b.add(y, $0) } ?? y]
  }
}
