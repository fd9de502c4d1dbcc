import GraphIR
import Tensors

/// Quantised operators of com.microsoft. Elementwise ones compute in float32 between dequantising and quantising, as
/// their definitions say; products stay integers.
enum ContributedQuantization {
  static let table: [String: Lowering] = [
    "QLinearAdd": { c in try twoOperands(c) { b, x, y in try b.add(x, y) } },
    "QLinearMul": { c in try twoOperands(c) { b, x, y in try b.multiply(x, y) } },
    "QLinearConcat": concatenate,
    "QLinearWhere": { c in
      let y = try c.builder.select(c.operand(0), real(c, 1), real(c, 4))
      return [try quantized(c, y, scale: 7, zeroPoint: 8, like: 1)]
    },
    "QLinearSigmoid": { c in try oneOperand(c) { b, x in try b.unary(.logistic, x) } },
    "QLinearLeakyRelu": { c in
      let alpha = Double(try c.float("alpha", 0.01))
      return try oneOperand(c) { b, x in try b.leakyRelu(x, alpha: alpha) }
    },
    "QLinearSoftmax": { c in
      let rank = try c.rank(c.operand(0))
      let axis = try c.axis(c.int("axis", -1), rank: rank)
      // Of the version that it stands for: before 13 all axes from `axis` on were one.
      let axes = try c.int("opset", 13) < 13 ? Array(axis..<rank) : [axis]
      return try oneOperand(c) { b, x in try b.softmax(x, axes: axes) }
    },
    "QLinearReduceMean": { c in
      let rank = try c.rank(c.operand(0))
      let axes = try c.axes(c.ints("axes") ?? Array(0..<rank), rank: rank)
      let keeps = try c.flag("keepdims", true)
      return try oneOperand(c) { b, x in try b.reduce(.mean, x, axes: axes, keepDimensions: keeps) }
    },
    "QLinearAveragePool": averagePool,
    "QLinearGlobalAveragePool": globalAveragePool,
    "QLinearConv": { c in try channelsLast(c, "QLinearConv") },
    "NhwcMaxPool": { c in try nhwcMaxPool(c) },
    "QGemm": gemm,
    "MatMulIntegerToFloat": { c in
      let (x, w) = (try c.operand(0), try c.operand(1))
      let sum = try c.builder.integerMatrixProduct(
        x, zeroPoint: c.optionalOperand(4), w, zeroPoint: c.optionalOperand(5))
      return [try scaled(c, sum, [c.operand(2), c.operand(3)], bias: 6)]
    },
    "DynamicQuantizeMatMul": { c in
      let x = try c.builder.dynamicQuantization(c.operand(0))
      let sum = try c.builder.integerMatrixProduct(x[0], zeroPoint: x[2], c.operand(1), zeroPoint: c.optionalOperand(3))
      return [try scaled(c, sum, [x[1], c.operand(2)], bias: 4)]
    },
    "DynamicQuantizeLSTM": lstm,
    "GatherBlockQuantized": gather,
  ]

  // MARK: Between numbers and what they stand for

  private static func scalar(_ x: ValueID, _ c: LoweringContext) throws -> ValueID {
    try c.rank(x) == 1 && c.builder.type(of: x).tensor?.constantShape?.elementCount == 1 ? c.builder.reshape(x, []) : x
  }

  /// Operand `index` as float32, its scale and zero point following.
  private static func real(_ c: LoweringContext, _ index: Int) throws -> ValueID {
    let parameters = try [c.operand(index + 1), c.optionalOperand(index + 2)].compactMap(\.self).map {
      try scalar($0, c)
    }
    return try c.builder.one(
      .dequantize(QuantizationAxis(axis: 0), to: .float32), [c.operand(index)] + parameters)
  }

  private static func quantized(
    _ c: LoweringContext, _ y: ValueID, scale: Int, zeroPoint: Int, like index: Int
  ) throws -> ValueID {
    let parameters = try [c.operand(scale), c.optionalOperand(zeroPoint)].compactMap(\.self).map { try scalar($0, c) }
    return try c.builder.one(
      .quantize(QuantizationAxis(axis: 0), to: c.elementType(c.operand(index))), [y] + parameters)
  }

  /// (x, scale, zero, y scale, y zero)
  private static func oneOperand(
    _ c: LoweringContext, _ body: (GraphBuilder, ValueID) throws -> ValueID
  ) throws -> [ValueID] {
    [try quantized(c, body(c.builder, real(c, 0)), scale: 3, zeroPoint: 4, like: 0)]
  }

  /// (a, scale, zero, b, scale, zero, y scale, y zero)
  private static func twoOperands(
    _ c: LoweringContext, _ body: (GraphBuilder, ValueID, ValueID) throws -> ValueID
  ) throws -> [ValueID] {
    [try quantized(c, body(c.builder, real(c, 0), real(c, 3)), scale: 6, zeroPoint: 7, like: 0)]
  }

  /// (y scale, y zero, then x, scale, zero of each part)
  private static func concatenate(_ c: LoweringContext) throws -> [ValueID] {
    guard c.operandCount >= 5, c.operandCount % 3 == 2 else {
      throw c.invalid(found: "\(c.operandCount) operands", expected: "2, and 3 for each part")
    }
    let parts = try stride(from: 2, to: c.operandCount, by: 3).map { try real(c, $0) }
    let axis = try c.axis(c.int("axis", 0), rank: c.rank(parts[0]))
    return [try quantized(c, c.builder.concatenate(parts, axis: axis), scale: 0, zeroPoint: 1, like: 2)]
  }

  // MARK: Images

  private static func image(_ c: LoweringContext, _ x: ValueID) throws -> ValueID {
    try c.flag("channels_last") ? x : c.builder.channelsLast(x)
  }

  private static func restored(_ c: LoweringContext, _ y: ValueID) throws -> ValueID {
    try c.flag("channels_last") ? y : c.builder.channelsFirst(y)
  }

  private static func averagePool(_ c: LoweringContext) throws -> [ValueID] {
    let x = try real(c, 0)
    let window = try c.window(rank: c.spatialRank(x))
    let counts = try c.flag("count_include_pad")
    let y = try c.builder.one(.reduceWindow(.average(countsPadding: counts), window), [image(c, x)])
    return [try quantized(c, restored(c, y), scale: 3, zeroPoint: 4, like: 0)]
  }

  private static func globalAveragePool(_ c: LoweringContext) throws -> [ValueID] {
    let x = try real(c, 0)
    let axes = Array(1...(try c.spatialRank(x)))
    let y = try c.builder.reduce(.mean, image(c, x), axes: axes, keepDimensions: true)
    return [try quantized(c, restored(c, y), scale: 3, zeroPoint: 4, like: 0)]
  }

  /// The official operator, or the same on images [N, spatial…, C].
  private static func channelsLast(_ c: LoweringContext, _ name: String) throws -> [ValueID] {
    guard let lowering = OperatorTable.lowering(domain: "", name: name) else { return [] }
    guard try c.flag("channels_last") else { return try lowering(c.asVersion(.max)) }
    let b = c.builder
    let x = try c.operand(0)
    var sum = try b.integerConvolution(
      x, zeroPoint: c.operand(2), filter: c.channelsLastFilter(c.operand(3)), zeroPoint: c.operand(5),
      c.convolution(rank: c.spatialRank(x)))
    if let bias = try c.optionalOperand(8) { sum = try b.add(sum, bias) }
    return [
      try b.requantize(sum, scales: [c.operand(1), c.operand(4)], resultScale: c.operand(6), zeroPoint: c.operand(7))
    ]
  }

  private static func nhwcMaxPool(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    return [try c.builder.one(.reduceWindow(.maximum, c.window(rank: c.spatialRank(x))), [x])]
  }

  // MARK: Products

  /// An int32 sum times scales, plus a bias.
  private static func scaled(
    _ c: LoweringContext, _ sum: ValueID, _ scales: [ValueID], bias: Int
  ) throws -> ValueID {
    let b = c.builder
    let scale = try b.multiply(scalar(scales[0], c), scalar(scales[1], c))
    let y = try b.multiply(b.convert(sum, to: c.elementType(scale)), scale)
    return try c.optionalOperand(bias).map { try b.add(y, $0) } ?? y
  }

  /// (a, scale, zero, b, scale, zero, c int32?, y scale?, y zero?): float32 without a scale of y.
  private static func gemm(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    func matrix(_ index: Int, _ attribute: String) throws -> ValueID {
      guard try c.rank(c.operand(index)) == 2 else {
        throw c.invalid(found: "rank \(try c.rank(c.operand(index)))", expected: "two matrices")
      }
      return try b.transpose(c.operand(index), c.flag(attribute) ? [1, 0] : [0, 1])
    }
    var sum = try b.integerMatrixProduct(
      matrix(0, "transA"), zeroPoint: c.operand(2), matrix(3, "transB"), zeroPoint: c.operand(5))
    if let bias = try c.optionalOperand(6) { sum = try b.add(sum, bias) }
    let alpha = try b.scalar(Double(c.float("alpha", 1)), .float32)
    let scales = [try b.multiply(alpha, scalar(c.operand(1), c)), try scalar(c.operand(4), c)]
    guard c.hasOperand(7) else { return [try scaled(c, sum, scales, bias: 9)] }
    return [try b.requantize(sum, scales: scales, resultScale: c.operand(7), zeroPoint: c.operand(8))]
  }

  // MARK: Tables

  /// Rows of a constant table in blocks along `quantize_axis`, each block with its scale and zero point: (table,
  /// indices, scales, zero points?). In uint8, 2 or 4 bits lie side by side along the last axis, low bits first.
  private static func gather(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    func unpacked(_ index: Int, columns: Int? = nil) throws -> Tensor {
      let tensor = try c.constant(index)
      let types: [Int: ElementType] = [2: .uint2, 4: .uint4, 8: .uint8]
      guard let type = types[try c.int("bits", 4)] else {
        throw c.invalid(found: "\(try c.int("bits", 4)) bits", expected: "2, 4 or 8")
      }
      guard tensor.elementType == .uint8, type != .uint8, let last = tensor.shape.dimensions.last else {
        return try tensor.elementType.isPacked ? tensor.widened() : tensor
      }
      let perByte = 8 / type.bitWidth
      let shape = Shape(tensor.shape.dimensions.dropLast() + [last * perByte])
      return try Tensor(type, shape, storage: tensor.storage, byteOffset: tensor.byteOffset).widened()
    }
    let table = try unpacked(0)
    let rank = table.shape.rank
    let gatherAxis = try c.axis(c.int("gather_axis", 0), rank: rank)
    let quantizeAxis = try c.axis(c.int("quantize_axis", 1), rank: rank)
    var size = try c.int("block_size", 128)
    if size == 0 { size = max(table.shape[quantizeAxis], 1) }
    guard (1...LoweringContext.maximumSpatial).contains(size) else {
      throw c.invalid(found: "block_size \(size)", expected: "a positive size, or 0")
    }
    let scales = try c.operand(2)
    var parameters = [scales]
    if c.hasOperand(3) {
      // Packed rows may end with bits that stand for no block.
      let blocks = (table.shape[quantizeAxis] + size - 1) / size
      let points = b.constant(try unpacked(3))
      let isLonger = try c.rank(points) == rank && quantizeAxis == rank - 1
      parameters.append(isLonger ? try b.slice(points, axis: rank - 1, from: 0, to: blocks) : points)
    } else if try c.constant(0).elementType == .uint8 {
      let middle = try b.scalar(Double(1 << (c.int("bits", 4) - 1)), .uint8)
      parameters.append(try b.broadcast(middle, to: b.shape(scales)))
    }
    let values = b.constant(table)
    let indices = try b.convert(c.operand(1), to: .int64)
    let type = try c.elementType(scales)
    func dequantized(_ x: ValueID, _ parameters: [ValueID], axis: Int) throws -> ValueID {
      try b.one(.dequantize(QuantizationAxis(axis: axis, blockSize: size), to: type), [x] + parameters)
    }
    if gatherAxis == quantizeAxis {
      return [try b.gather(dequantized(values, parameters, axis: quantizeAxis), indices, axis: gatherAxis)]
    }
    let axis = quantizeAxis < gatherAxis ? quantizeAxis : quantizeAxis - 1 + (try c.rank(indices))
    func taken(_ x: ValueID) throws -> ValueID { try b.gather(x, indices, axis: gatherAxis) }
    return [try dequantized(taken(values), parameters.map(taken), axis: axis)]
  }

  // MARK: Recurrence

  /// An LSTM of 8-bit weights W [D, I, 4·H] and R [D, H, 4·H], transposed against ONNX's, with scales and zero points
  /// [D] or [D, 4·H]: operands 8 to 11. x is quantised by its own range, and its products are those of integers;
  /// so are those of h, quantised at every step, if R is int8 without zero points. Else the steps compute with the
  /// numbers that R stands for.
  private static func lstm(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    for index in [0, 1, 2] where try c.rank(c.operand(index)) != 3 {
      throw c.invalid(found: "operand \(index) of rank \(try c.rank(c.operand(index)))", expected: "rank 3")
    }
    // Made with the first direction: all have the same x.
    var quantized: [ValueID]?
    func products(_ x: ValueID, _ direction: Int) throws -> ValueID {
      let numbers = try quantized ?? b.dynamicQuantization(x)
      quantized = numbers
      func part(_ operand: ValueID) throws -> ValueID { try self.part(c, operand, direction) }
      let sum = try b.integerMatrixProduct(
        numbers[0], zeroPoint: numbers[2], part(c.operand(1)), zeroPoint: c.optionalOperand(9).map(part))
      let scale = try b.multiply(numbers[1], part(c.operand(8)))
      return try b.multiply(b.convert(sum, to: .float32), scale)
    }
    var weights = try RecurrentOperators.QuantizedWeights(
      weights: b.transpose(c.operand(1), [0, 2, 1]), recurrentWeights: c.operand(2), products: products)
    if try isSymmetric(c) {
      let units = try c.extent(c.operand(2), 1)
      weights.recurrentWeights = try b.transpose(c.operand(2), [0, 2, 1])
      weights.recurrentScales = { direction in
        try b.broadcast(part(c, c.operand(10), direction), to: b.indices([4 * units]))
      }
    } else {
      weights.recurrentWeights = try recurrentWeights(c)
    }
    return try RecurrentOperators.lstm(c, weights)
  }

  /// Whether R is int8 with zero points that are 0.
  private static func isSymmetric(_ c: LoweringContext) throws -> Bool {
    guard let type = c.builder.type(of: try c.operand(2)).elementType, type == .int8 else { return false }
    guard let zeroPoint = try c.optionalOperand(11) else { return true }
    guard let zeros = c.builder.graph[zeroPoint].constant, zeros.elementType == .int8 else { return false }
    return zeros.elements(of: Int8.self).allSatisfy { $0 == 0 }
  }

  /// What belongs to a direction: [I, 4·H], a scalar or [4·H].
  private static func part(_ c: LoweringContext, _ operand: ValueID, _ direction: Int) throws -> ValueID {
    let b = c.builder
    return try b.removeDimensions(b.slice(operand, axis: 0, from: direction, to: direction + 1), axes: [0])
  }

  /// R as [D, 4·H, H] in float32.
  private static func recurrentWeights(_ c: LoweringContext) throws -> ValueID {
    let b = c.builder
    let directions = try c.extent(c.operand(2), 0)
    let parts = try (0..<directions).map { direction in
      let operands = try [c.operand(2), c.operand(10), c.optionalOperand(11)].compactMap(\.self)
      let real = try b.one(
        .dequantize(QuantizationAxis(axis: 1), to: .float32), operands.map { try part(c, $0, direction) })
      return try b.expandDimensions(b.transpose(real, [1, 0]), axes: [0])
    }
    return try b.concatenate(parts, axis: 0)
  }
}
