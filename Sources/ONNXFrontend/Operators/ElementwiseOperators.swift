import GraphIR
import Tensors

/// Operators that work on elements one by one, NumPy broadcasting included.
enum ElementwiseOperators {
  static let table: [String: Lowering] = unary.mapValues(lowering).merging(binary.mapValues(lowering)) { $1 }
    .merging(comparisons.mapValues(lowering)) { $1 }.merging(others) { $1 }

  private static func lowering(_ function: UnaryFunction) -> Lowering {
    { c in [try c.builder.unary(function, c.operand(0))] }
  }
  private static func lowering(_ function: BinaryFunction) -> Lowering {
    { c in [try binary(c, .binary(function))] }
  }
  private static func lowering(_ comparison: Comparison) -> Lowering {
    { c in [try binary(c, .compare(comparison))] }
  }

  private static let unary: [String: UnaryFunction] = [
    "Abs": .absolute, "Neg": .negate, "Sign": .sign, "Ceil": .ceil, "Floor": .floor, "Round": .roundNearestEven,
    "Exp": .exponential, "Log": .logarithm, "Sqrt": .squareRoot, "Reciprocal": .reciprocal,
    "Sin": .sine, "Cos": .cosine, "Tan": .tangent, "Asin": .arcSine, "Acos": .arcCosine, "Atan": .arcTangent,
    "Sinh": .hyperbolicSine, "Cosh": .hyperbolicCosine, "Tanh": .hyperbolicTangent,
    "Asinh": .inverseHyperbolicSine, "Acosh": .inverseHyperbolicCosine, "Atanh": .inverseHyperbolicTangent,
    "Sigmoid": .logistic, "Not": .not, "BitwiseNot": .not, "IsNaN": .isNaN,
  ]

  /// A function of the only operand; integers become float64 on the way, and lose the fraction of the result.
  private static func inFloats(
    _ c: LoweringContext, _ body: (GraphBuilder, ValueID) throws -> ValueID
  ) throws -> ValueID {
    let x = try c.operand(0)
    let type = try c.elementType(x)
    guard type.isInteger else { return try body(c.builder, x) }
    return try c.builder.convert(body(c.builder, c.builder.convert(x, to: .float64)), to: type)
  }

  private static let binary: [String: BinaryFunction] = [
    "Add": .add, "Sub": .subtract, "Mul": .multiply, "Div": .divide, "Pow": .power,
    "And": .and, "Or": .or, "Xor": .exclusiveOr,
    "BitwiseAnd": .and, "BitwiseOr": .or, "BitwiseXor": .exclusiveOr,
  ]

  private static let comparisons: [String: Comparison] = [
    "Equal": .equal, "Less": .less, "LessOrEqual": .lessOrEqual, "Greater": .greater,
    "GreaterOrEqual": .greaterOrEqual,
  ]

  private static let others: [String: Lowering] = [
    "IsInf": isInfinite,
    "Mod": { c in
      [try c.builder.binary(try c.flag("fmod") ? .remainder : .floorModulo, c.operand(0), c.operand(1))]
    },
    "BitShift": { c in
      let left = try c.string("direction", "") == "LEFT"
      return [try c.builder.binary(left ? .shiftLeft : .shiftRight, c.operand(0), c.operand(1))]
    },
    "Max": { c in [try variadic(c, .maximum)] },
    "Min": { c in [try variadic(c, .minimum)] },
    "Sum": { c in [try variadic(c, .add)] },
    "Mean": { c in
      let sum = try variadic(c, .add)
      return [try c.builder.divide(sum, c.builder.scalar(Double(c.operandCount), c.elementType(sum)))]
    },
    "Where": { c in [try c.builder.select(c.operand(0), c.operand(1), c.operand(2))] },
    "PRelu": prelu,
    "Clip": clip,
    "Relu": { c in
      let x = try c.operand(0)
      return [try c.builder.maximum(x, c.builder.scalar(0, c.elementType(x)))]
    },
    "LeakyRelu": { c in [try c.builder.leakyRelu(c.operand(0), alpha: c.real("alpha", 0.01))] },
    "Elu": { c in [try c.builder.elu(c.operand(0), alpha: c.real("alpha", 1))] },
    "Selu": { c in
      // Version 1 has the constants of the SELU paper with fewer digits.
      let (alpha, gamma) = c.version < 6 ? (1.6732, 1.0507) : (1.67326319217681884765625, 1.05070102214813232421875)
      return [try c.builder.selu(c.operand(0), alpha: c.real("alpha", alpha), gamma: c.real("gamma", gamma))]
    },
    "Celu": { c in [try c.builder.celu(c.operand(0), alpha: c.real("alpha", 1))] },
    "Softplus": { c in [try c.builder.softplus(c.operand(0))] },
    "Softsign": { c in [try c.builder.softsign(c.operand(0))] },
    "HardSigmoid": { c in
      [try c.builder.hardSigmoid(c.operand(0), alpha: c.real("alpha", 0.2), beta: c.real("beta", 0.5))]
    },
    "HardSwish": { c in [try c.builder.hardSwish(c.operand(0))] },
    "Swish": { c in [try c.builder.swish(c.operand(0), alpha: c.real("alpha", 1))] },
    "Mish": { c in [try c.builder.mish(c.operand(0))] },
    "Gelu": { c in [try c.builder.gelu(c.operand(0), tanhApproximation: c.string("approximate", "none") == "tanh")] },
    "ThresholdedRelu": { c in [try c.builder.thresholdedRelu(c.operand(0), alpha: c.real("alpha", 1))] },
    "Erf": { c in [try inFloats(c) { b, x in try b.unary(.errorFunction, x) }] },
    "Shrink": { c in
      let (bias, lambda) = (try c.real("bias", 0), try c.real("lambd", 0.5))
      return [try inFloats(c) { b, x in try b.shrink(x, bias: bias, lambda: lambda) }]
    },
    "Cast": cast,
    "CastLike": { c in
      let saturating = try c.flag("saturate", true)
      return [try c.builder.convert(c.operand(0), to: c.elementType(c.operand(1)), saturating: saturating)]
    },
    "BitCast": { c in
      guard let type = try c.elementType(attribute: "to") else { throw c.invalid(found: "no 'to'", expected: "a type") }
      return [try c.builder.one(.bitcast(to: type), [c.operand(0)])]
    },
  ]

  private static func binary(_ c: LoweringContext, _ operation: Operation) throws -> ValueID {
    let a = try c.operand(0)
    return try c.builder.one(operation, [a, legacyBroadcast(c, a, c.operand(1))])
  }

  /// Before version 7, the second operand is aligned with the first from `axis` on, not from the right.
  private static func legacyBroadcast(_ c: LoweringContext, _ a: ValueID, _ b: ValueID) throws -> ValueID {
    guard c.version < 7, try c.flag("broadcast"), let start = try c.int("axis") else { return b }
    let (rankA, rankB) = (try c.rank(a), try c.rank(b))
    let axis = try c.axis(start, rank: rankA)
    guard axis + rankB <= rankA else { throw c.invalid(found: "axis \(axis)", expected: "room for rank \(rankB)") }
    return try c.builder.expandDimensions(b, axes: Array(rankB..<rankA - axis))
  }

  private static func variadic(_ c: LoweringContext, _ function: BinaryFunction) throws -> ValueID {
    let operands = try c.operands()
    guard let first = operands.first else { throw c.invalid(found: "no operands", expected: "at least one") }
    return try operands.dropFirst().reduce(first) { try c.builder.binary(function, $0, $1) }
  }

  private static func isInfinite(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    switch (try c.flag("detect_negative", true), try c.flag("detect_positive", true)) {
    case (true, true): return [try c.builder.unary(.isInfinite, x)]
    case (true, false): return [try c.builder.unary(.isNegativeInfinite, x)]
    case (false, true): return [try c.builder.unary(.isPositiveInfinite, x)]
    case (false, false):
      let infinite = try c.builder.unary(.isInfinite, x)
      return [try c.builder.binary(.and, infinite, c.builder.scalar(0, .bool))]
    }
  }

  private static func prelu(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    var slope = try c.operand(1)
    // Before version 7 a slope per channel is aligned with axis 1.
    if c.version < 7, try c.rank(slope) == 1, try c.rank(x) > 2 {
      slope = try c.builder.expandDimensions(slope, axes: Array(1..<(c.rank(x) - 1)))
    }
    let zero = try c.builder.scalar(0, c.elementType(x))
    return [try c.builder.select(c.builder.compare(.less, x, zero), c.builder.multiply(slope, x), x)]
  }

  /// Bounds are attributes before version 11, then optional operands.
  private static func clip(_ c: LoweringContext) throws -> [ValueID] {
    var x = try c.operand(0)
    let element = try c.elementType(x)
    var low = try c.optionalOperand(1)
    var high = try c.optionalOperand(2)
    if c.version < 11 {
      low = try c.float("min").map { try c.builder.scalar(Double($0), element) }
      high = try c.float("max").map { try c.builder.scalar(Double($0), element) }
    }
    // In this order: where the bounds cross, ONNX lets the upper one win.
    if let low { x = try c.builder.maximum(x, low) }
    if let high { x = try c.builder.minimum(x, high) }
    return [x]
  }

  private static func cast(_ c: LoweringContext) throws -> [ValueID] {
    // Version 1 names the type.
    let type: ElementType?
    if c.version < 6, let name = try c.string("to") {
      let names = ["float": "float32", "double": "float64"]
      type = ElementType(name: names[name.lowercased()] ?? name.lowercased())
    } else {
      type = try c.elementType(attribute: "to")
    }
    guard let type else { throw c.invalid(found: "no 'to'", expected: "an element type") }
    return [try c.builder.convert(c.operand(0), to: type, saturating: c.flag("saturate", true))]
  }
}
