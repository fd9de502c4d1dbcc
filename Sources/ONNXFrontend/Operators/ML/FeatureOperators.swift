import GraphIR
import Tensors

/// Operators of ai.onnx.ml that prepare columns of numbers.
enum FeatureOperators {
  static let table: [String: Lowering] = [
    "ArrayFeatureExtractor": arrayFeatureExtractor,
    "Binarizer": { c in
      let x = try c.operand(0)
      let threshold = try c.builder.scalar(Double(c.float("threshold", 0)), like: x)
      return [try c.builder.convert(c.builder.compare(.greater, x, threshold), to: c.elementType(x))]
    },
    "FeatureVectorizer": { c in
      let parts = try c.operands().indices.map { try c.features($0) }
      return [try c.builder.concatenate(parts, axis: 1)]
    },
    "Imputer": imputer,
    "Normalizer": normalizer,
    "Scaler": scaler,
  ]

  /// Columns of x; of a vector, elements as one row.
  private static func arrayFeatureExtractor(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    var x = try c.operand(0)
    if try c.rank(x) <= 1 { x = try b.reshape(x, [1, -1]) }
    let positions = try b.reshape(b.convert(c.operand(1), to: .int64), [-1])
    return [try b.gather(x, positions, axis: c.rank(x) - 1)]
  }

  /// A vector attribute that broadcasts along the last axis.
  private static func vector(_ c: LoweringContext, _ name: String) throws -> ValueID? {
    guard let values = try c.floats(name), !values.isEmpty else { return nil }
    return c.builder.constant(Tensor([values.count], values))
  }

  private static func scaler(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    var x = try b.convert(c.operand(0), to: .float32)
    if let offset = try vector(c, "offset") { x = try b.subtract(x, offset) }
    if let scale = try vector(c, "scale") { x = try b.multiply(x, scale) }
    return [x]
  }

  /// Replaces one value, which may be NaN.
  private static func imputer(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let type = try c.elementType(x)
    let isReplaced: ValueID
    var imputed: ValueID
    if type.isInteger {
      let values = try c.ints("imputed_value_int64s") ?? []
      let replaced = b.index(try c.int("replaced_value_int64", 0))
      isReplaced = try b.compare(.equal, b.convert(x, to: .int64), replaced)
      imputed = b.indices(values)
    } else {
      let replaced = try c.float("replaced_value_float", 0)
      isReplaced =
        replaced.isNaN
        ? try b.unary(.isNaN, x) : try b.compare(.equal, x, b.scalar(Double(replaced), like: x))
      guard let values = try vector(c, "imputed_value_floats") else {
        throw c.invalid(found: "no imputed_value_floats", expected: "one for each column, or one for all")
      }
      imputed = values
    }
    imputed = try b.convert(imputed, to: type)
    return [try b.select(isReplaced, imputed, x)]
  }

  /// Rows divided by their largest element, their sum of magnitudes, or their length; rows of zeros stay.
  private static func normalizer(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try b.convert(c.operand(0), to: .float32)
    let rank = try c.rank(x)
    let axes = [max(rank, 1) - 1]
    let norm: ValueID
    switch try c.string("norm", "MAX") {
    case "MAX": norm = try b.reduce(.maximum, x, axes: axes, keepDimensions: true)
    case "L1": norm = try b.reduce(.sum, b.unary(.absolute, x), axes: axes, keepDimensions: true)
    case "L2":
      norm = try b.unary(.squareRoot, b.reduce(.sum, b.multiply(x, x), axes: axes, keepDimensions: true))
    case let other: throw c.invalid(found: "norm '\(other)'", expected: "MAX, L1 or L2")
    }
    let isZero = try b.compare(.equal, norm, b.scalar(0, .float32))
    return [try b.divide(x, b.select(isZero, b.scalar(1, .float32), norm))]
  }
}
