import GraphIR
import Tensors

/// Linear models of ai.onnx.ml.
enum LinearOperators {
  static let table: [String: Lowering] = [
    "LinearClassifier": classifier,
    "LinearRegressor": regressor,
  ]

  /// X · Wᵀ + b with W [outputs, features] from attributes.
  private static func product(_ c: LoweringContext, outputs: Int) throws -> ValueID {
    let b = c.builder
    let x = try c.features(0)
    let coefficients = try c.floats("coefficients") ?? []
    guard outputs > 0, !coefficients.isEmpty, coefficients.count % outputs == 0 else {
      throw c.invalid(found: "\(coefficients.count) coefficients", expected: "a multiple of \(outputs)")
    }
    let weights = b.constant(Tensor([outputs, coefficients.count / outputs], coefficients))
    let y = try b.dot(x, weights, DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    let intercepts = try c.floats("intercepts") ?? []
    if intercepts.isEmpty { return y }
    guard intercepts.count == outputs else {
      throw c.invalid(found: "\(intercepts.count) intercepts", expected: "\(outputs)")
    }
    return try b.add(y, b.constant(Tensor([outputs], intercepts)))
  }

  private static func regressor(_ c: LoweringContext) throws -> [ValueID] {
    [try PostTransform(c).apply(product(c, outputs: c.int("targets", 1)), c.builder)]
  }

  /// One row of coefficients for two classes is the score of the second.
  private static func classifier(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let labels = try ClassLabels(c, integers: "classlabels_ints")
    let transform = try PostTransform(c)
    let intercepts = try c.floats("intercepts")?.count ?? 0
    let scores = try product(c, outputs: intercepts > 0 ? intercepts : labels.count)
    guard intercepts == 1, labels.count == 2 else {
      return [try labels.best(scores, b), try transform.apply(scores, b)]
    }
    let score = try b.removeDimensions(scores, axes: [1])
    let isSecond = try b.compare(.greater, score, b.scalar(0, like: score))
    return [try labels.chosen(secondWhen: isSecond, b), try transform.pair(scores, isSigned: false, b)]
  }
}
