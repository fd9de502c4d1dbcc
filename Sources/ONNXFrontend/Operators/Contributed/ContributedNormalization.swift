import GraphIR
import Tensors

/// Normalisations of com.microsoft, with the additions before them.
enum ContributedNormalization {
  static let table: [String: Lowering] = [
    "SkipLayerNormalization": { c in try skipNormalization(c, simplified: false) },
    "SkipSimplifiedLayerNormalization": { c in try skipNormalization(c, simplified: true) },
    "SimplifiedLayerNormalization": simplified,
    "EmbedLayerNormalization": { c in try embedding(c) },
    "QEmbedLayerNormalization": quantizedEmbedding,
    "SkipGroupNorm": skipGroupNorm,
    "GroupNorm": groupNorm,
  ]

  /// What exporters and optimisers put into the domain of ai.onnx.
  static let officialDomainTable: [String: Lowering] = ["SimplifiedLayerNormalization": simplified]

  private static func precision(_ c: LoweringContext, _ x: ValueID) throws -> ElementType {
    try c.elementType(x).accumulator
  }

  /// (x, scale) → x over its root mean square, and the factor that this was.
  private static func simplified(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", -1), rank: c.rank(x))
    return try rms(c, x, scale: c.operand(1), axis: axis, epsilon: Double(c.float("epsilon", 1e-5)))
  }

  private static func rms(
    _ c: LoweringContext, _ x: ValueID, scale: ValueID, axis: Int, epsilon: Double
  ) throws -> [ValueID] {
    let b = c.builder
    let type = try precision(c, x)
    let y = try b.rmsNormalization(x, scale: scale, axis: axis, epsilon: epsilon, precision: type)
    guard c.usesOutput(1) else { return [y] }
    let wide = try b.convert(x, to: type)
    let axes = Array(axis..<(try c.rank(x)))
    let square = try b.reduce(.mean, b.multiply(wide, wide), axes: axes, keepDimensions: true)
    return [y, try b.reciprocalRoot(square, epsilon: epsilon)]
  }

  /// (x, skip, gamma, beta unless simplified, bias?) → (y, mean, 1 / deviation, x + skip + bias)
  private static func skipNormalization(_ c: LoweringContext, simplified: Bool) throws -> [ValueID] {
    let b = c.builder
    var x = try b.add(c.operand(0), c.operand(1))
    if let bias = try c.optionalOperand(simplified ? 3 : 4) { x = try b.add(x, bias) }
    let axis = try c.rank(x) - 1
    let epsilon = Double(try c.float("epsilon", 1e-12))
    let wide = try precision(c, x)
    if simplified {
      let y = try b.rmsNormalization(x, scale: c.operand(2), axis: axis, epsilon: epsilon, precision: wide)
      guard !c.usesOutput(1), !c.usesOutput(2) else {
        throw c.invalid(found: "statistics for training", expected: "outputs 0 and 3 only")
      }
      return [y, y, y, x]
    }
    let wantsStatistics = c.usesOutput(1) || c.usesOutput(2)
    let y = try b.layerNormalization(
      x, scale: c.operand(2), bias: c.optionalOperand(3), axis: axis, epsilon: epsilon, precision: wide,
      statistics: wantsStatistics)
    return wantsStatistics ? y + [x] : [y[0], y[0], y[0], x]
  }

  /// (ids [B, S], segments?, word, position and segment embeddings, gamma, beta, mask?, positions?) → (y, number of ones
  /// in each row of the mask, sum before normalisation)
  ///
  /// Quantised, tables, gamma and beta are of 8 bits: the operands from 8 on are their five scales, then their five zero
  /// points.
  private static func embedding(_ c: LoweringContext, isQuantized: Bool = false) throws -> [ValueID] {
    let b = c.builder
    let ids = try c.operand(0)
    func int64(_ x: ValueID) throws -> ValueID { try b.convert(x, to: .int64) }
    /// What rows of operand `index` stand for.
    func real(_ index: Int, _ x: ValueID) throws -> ValueID {
      guard isQuantized else { return x }
      let parameters = try [c.operand(index + 6), c.operand(index + 11)].map { try b.reshape($0, []) }
      return try b.one(.dequantize(QuantizationAxis(axis: 0), to: .float32), [x] + parameters)
    }
    func rows(_ index: Int, _ positions: ValueID) throws -> ValueID {
      try real(index, b.gather(c.operand(index), positions, axis: 0))
    }
    var sum = try rows(2, int64(ids))
    let positions: ValueID
    if let given = try isQuantized ? nil : c.optionalOperand(8) {
      positions = try int64(given)
    } else {
      positions = try b.one(.iota(.int64, axis: 1), [b.shape([1, .of(ids, 1)])])
    }
    sum = try b.add(sum, rows(3, positions))
    if let segments = try c.optionalOperand(1), c.hasOperand(4) { sum = try b.add(sum, rows(4, int64(segments))) }
    let y = try b.layerNormalization(
      sum, scale: real(5, c.operand(5)), bias: real(6, c.operand(6)), axis: 2,
      epsilon: Double(c.float("epsilon", 1e-12)), precision: precision(c, sum))
    let counts: ValueID
    if let mask = try c.optionalOperand(7) {
      let ones = try b.compare(.equal, mask, b.scalar(1, like: mask))
      counts = try b.reduce(.sum, b.convert(ones, to: .int32), axes: [1])
    } else {
      counts = try b.full(0, .int32, shape: b.shape([.of(ids, 0)]))
    }
    return [y[0], counts, sum]
  }

  private static func quantizedEmbedding(_ c: LoweringContext) throws -> [ValueID] {
    try embedding(c, isQuantized: true)
  }

  /// (x, gamma, beta, skip of x's shape or [N, C], bias [C]?) → (y, x + skip + bias)
  private static func skipGroupNorm(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let isLast = try c.flag("channels_last", true)
    /// [N, C] or [C] so that it broadcasts to the image.
    func spread(_ value: ValueID) throws -> ValueID {
      let rank = try c.rank(value)
      guard rank < 4 else { return value }
      let axes = rank == 1 ? (isLast ? [0, 1, 2] : [0, 2, 3]) : (isLast ? [1, 2] : [2, 3])
      return try b.expandDimensions(value, axes: axes)
    }
    var sum = try b.add(x, spread(c.operand(3)))
    if let bias = try c.optionalOperand(4) { sum = try b.add(sum, spread(bias)) }
    return try groupNorm(c, sum) + [sum]
  }

  private static func groupNorm(_ c: LoweringContext) throws -> [ValueID] { try groupNorm(c, c.operand(0)) }

  /// Of images [N, H, W, C], or [N, C, H, W] with `channels_last = 0`, followed by SiLU with `activation = 1`.
  private static func groupNorm(_ c: LoweringContext, _ x: ValueID) throws -> [ValueID] {
    let b = c.builder
    guard let groups = try c.int("groups"), groups > 0 else {
      throw c.invalid(found: "no attribute 'groups'", expected: "a positive number of groups")
    }
    let isLast = try c.flag("channels_last", true)
    let image = isLast ? x : try b.channelsLast(x)
    let type = try c.elementType(x)
    var y = try b.groupNormalization(
      image, scale: c.operand(1), bias: c.operand(2), groups: groups, epsilon: Double(c.float("epsilon", 1e-5)),
      precision: precision(c, x))
    if try c.flag("activation") { y = try b.swish(y, alpha: 1) }
    y = try b.convert(y, to: type)
    return [isLast ? y : try b.channelsFirst(y)]
  }
}
