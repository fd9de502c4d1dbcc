import GraphIR
import Tensors

/// Random numbers. A `seed` attribute makes them repeatable; without one each run draws anew.
enum RandomOperators {
  static let table: [String: Lowering] = [
    "RandomUniform": { c in [try random(c, uniform(c), shape: shapeAttribute(c), like: nil)] },
    "RandomNormal": { c in [try random(c, normal(c), shape: shapeAttribute(c), like: nil)] },
    "RandomUniformLike": { c in
      let x = try c.operand(0)
      return [try random(c, uniform(c), shape: c.builder.shape(x), like: x)]
    },
    "RandomNormalLike": { c in
      let x = try c.operand(0)
      return [try random(c, normal(c), shape: c.builder.shape(x), like: x)]
    },
    "Bernoulli": { c in
      let x = try c.operand(0)
      let type = try c.elementType(attribute: "dtype") ?? c.elementType(x)
      let draw = try c.builder.one(
        .random(.uniform(low: 0, high: 1), c.elementType(x), seed: seed(c)), [c.builder.shape(x)])
      return [try c.builder.convert(c.builder.compare(.less, draw, x), to: type)]
    },
    "Multinomial": multinomial,
  ]

  private static func uniform(_ c: LoweringContext) throws -> RandomDistribution {
    .uniform(low: try c.real("low", 0), high: try c.real("high", 1))
  }

  private static func normal(_ c: LoweringContext) throws -> RandomDistribution {
    .normal(mean: try c.real("mean", 0), deviation: try c.real("scale", 1))
  }

  private static func seed(_ c: LoweringContext) throws -> UInt64? {
    try c.float("seed").map { UInt64($0.bitPattern) }
  }

  private static func shapeAttribute(_ c: LoweringContext) throws -> ValueID {
    guard let shape = try c.ints("shape") else { throw c.invalid(found: "no 'shape'", expected: "a shape") }
    return c.builder.indices(shape)
  }

  private static func random(
    _ c: LoweringContext, _ distribution: RandomDistribution, shape: ValueID, like x: ValueID?
  ) throws -> ValueID {
    let type = try c.elementType(attribute: "dtype") ?? x.map(c.elementType) ?? .float32
    return try c.builder.one(.random(distribution, type, seed: seed(c)), [shape])
  }

  /// Draws class numbers from unnormalised log probabilities [batch, classes] by the Gumbel-max trick: the class of
  /// the largest log probability plus Gumbel noise −log(−log u).
  private static func multinomial(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let type = try c.elementType(attribute: "dtype") ?? .int32
    let shape = try b.shape(x)
    let drawShape = try b.concatenate(
      [
        b.slice(shape, axis: 0, from: 0, to: 1), b.indices([c.int("sample_size", 1)]),
        b.slice(shape, axis: 0, from: 1, to: 2),
      ], axis: 0)
    // Never 0: log 0 would make the noise infinite.
    let draw = try b.one(
      .random(.uniform(low: Double(Float.leastNormalMagnitude), high: 1), .float32, seed: seed(c)), [drawShape])
    let noise = try b.unary(.negate, b.unary(.logarithm, b.unary(.negate, b.unary(.logarithm, draw))))
    let scores = try b.add(b.expandDimensions(b.convert(x, to: .float32), axes: [1]), noise)
    return [try b.convert(b.one(.argReduce(maximum: true, axis: 2), [scores]), to: type)]
  }
}
