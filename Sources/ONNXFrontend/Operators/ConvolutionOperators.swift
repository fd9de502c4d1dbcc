import GraphIR
import Tensors

/// Convolutions. Files have images [N, C, spatial…] and filters [M, C/groups, kernel…]; see `Operation` for ours.
enum ConvolutionOperators {
  static let table: [String: Lowering] = [
    "Conv": conv,
    "ConvTranspose": convTranspose,
    "ConvInteger": convInteger,
    "QLinearConv": qLinearConv,
    "DeformConv": deformConv,
    "Col2Im": col2Im,
    "CausalConvWithState": causalConvWithState,
  ]

  private static func conv(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let convolution = try c.convolution(rank: c.spatialRank(x))
    let filter = try c.channelsLastFilter(c.operand(1))
    var y = try b.one(.convolution(convolution, result: c.elementType(x)), [b.channelsLast(x), filter])
    if let bias = try c.optionalOperand(2) { y = try b.add(y, bias) }
    return [try b.channelsFirst(y)]
  }

  private static func convTranspose(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.spatialRank(x)
    var convolution = try c.convolution(rank: rank)
    // [C, M/groups, k…] → [k…, M/groups, C]
    let filter = try c.channelsLastFilter(c.operand(1))
    let outputPadding = try c.ints("output_padding") ?? Array(repeating: 0, count: rank)
    guard outputPadding.count == rank else {
      throw c.invalid(found: "output_padding \(outputPadding)", expected: "\(rank) integers")
    }
    var operands = [try b.channelsLast(x), filter]
    if let outputShape = try c.ints("output_shape"), !outputShape.isEmpty {
      guard outputShape.count >= rank else {
        throw c.invalid(found: "output_shape \(outputShape)", expected: "\(rank) integers")
      }
      // Some exporters list N and C too. The padding follows from the shape; any but SAME_UPPER puts the odd
      // element on the low side.
      operands.append(b.indices(outputShape.suffix(rank)))
      if convolution.padding != .sameUpper { convolution.padding = .sameLower }
    }
    var y = try b.one(.transposedConvolution(convolution, outputPadding: outputPadding), operands)
    if let bias = try c.optionalOperand(2) { y = try b.add(y, bias) }
    return [try b.channelsFirst(y)]
  }

  private static func convInteger(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let y = try b.integerConvolution(
      b.channelsLast(x), zeroPoint: c.optionalOperand(2), filter: c.channelsLastFilter(c.operand(1)),
      zeroPoint: c.optionalOperand(3), c.convolution(rank: c.spatialRank(x)))
    return [try b.channelsFirst(y)]
  }

  /// (x, scale, zero, w, scale, zero, y scale, y zero, bias int32?): w's scale and zero point may be [M], which is the
  /// last axis here.
  private static func qLinearConv(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    var sum = try b.integerConvolution(
      b.channelsLast(x), zeroPoint: c.operand(2), filter: c.channelsLastFilter(c.operand(3)), zeroPoint: c.operand(5),
      c.convolution(rank: c.spatialRank(x)))
    if let bias = try c.optionalOperand(8) { sum = try b.add(sum, bias) }
    let y = try b.requantize(
      sum, scales: [c.operand(1), c.operand(4)], resultScale: c.operand(6), zeroPoint: c.operand(7))
    return [try b.channelsFirst(y)]
  }

  private static func deformConv(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.spatialRank(x)
    let filter = try c.operand(1)
    for axis in 0..<(try c.rank(filter)) { try c.extent(filter, axis) }
    var y = try b.deformableConvolution(
      b.channelsLast(x), filter: c.channelsLastFilter(filter), offsets: c.operand(2),
      mask: c.optionalOperand(4), offsetGroups: c.int("offset_group", 1), c.convolution(rank: rank))
    if let bias = try c.optionalOperand(3) { y = try b.add(y, bias) }
    return [try b.channelsFirst(y)]
  }

  /// Adds the columns of x [N, C · block…, blocks…] where they came from in an image.
  private static func col2Im(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let image = try c.constantIntegers(1)
    let block = try c.constantIntegers(2)
    let rank = image.count
    guard rank > 0, block.count == rank,
      (image + block).allSatisfy({ (1...LoweringContext.maximumSpatial).contains($0) })
    else {
      throw c.invalid(found: "image_shape \(image), block_shape \(block)", expected: "one extent for each axis")
    }
    guard case .explicit(let low, let high) = try c.padding(rank: rank) else {
      throw c.invalid(found: "auto_pad", expected: "explicit pads")
    }
    let window = Window(
      size: block, strides: try c.spatial("strides", rank: rank), dilations: try c.spatial("dilations", rank: rank),
      padding: .explicit(low: low, high: high))
    return [try c.builder.columnsToImage(x, image: image, window)]
  }

  /// Depthwise over [N, C, length], each position seeing itself and the k - 1 before it.
  private static func causalConvWithState(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let (x, filter) = (try c.operand(0), try c.operand(1))
    let type = try c.elementType(x)
    guard try c.rank(x) == 3, try c.rank(filter) == 3 else {
      throw c.invalid(found: "operands of other ranks", expected: "[batch, channels, length]")
    }
    let (channels, size) = (try c.extent(filter, 0), try c.extent(filter, 2))
    let past =
      try c.optionalOperand(3)
      ?? b.full(0, type, shape: b.shape([.of(x, 0), .of(x, 1), .constant(size - 1)]))
    let padded = try b.concatenate([b.convert(past, to: type), x], axis: 2)
    let convolution = Convolution(
      strides: [1], dilations: [1], padding: .explicit(low: [0], high: [0]), groups: channels)
    var y = try b.one(
      .convolution(convolution, result: type), [b.channelsLast(padded), c.channelsLastFilter(filter)])
    if let bias = try c.optionalOperand(2) { y = try b.add(y, bias) }
    switch try c.string("activation", "none") {
    case "none": break
    case "silu", "swish":
      let wide = try b.convert(y, to: type.accumulator)
      y = try b.convert(b.multiply(wide, b.unary(.logistic, wide)), to: type)
    case let other: throw c.invalid(found: "activation '\(other)'", expected: "none, silu or swish")
    }
    // The last size - 1 positions; counted from the front, since -0 would not mean the end.
    let start = try b.subtract(b.extent(of: padded, 2), b.indices([size - 1]))
    let present = try b.one(
      .slice,
      [
        padded, b.shape([0, 0, .elements(start)]), b.indices([.max, .max, .max]), b.indices([1, 1, 1]),
      ])
    return [try b.channelsFirst(y), try b.convert(present, to: b.elementType(of: past))]
  }
}
