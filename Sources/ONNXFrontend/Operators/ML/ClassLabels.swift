import GraphIR
import Tensors

/// What a classifier of ai.onnx.ml names its classes: integers or strings.
struct ClassLabels {
  let values: Tensor
  var count: Int { values.elementCount }

  /// `classlabels_strings`, or the integers of an attribute that older and newer operators call differently.
  init(_ c: LoweringContext, integers: String) throws {
    if let strings = try c.strings("classlabels_strings"), !strings.isEmpty {
      values = Tensor([strings.count], strings: strings)
    } else if let integers = try c.ints(integers), !integers.isEmpty {
      values = Tensor([integers.count], integers.map(Int64.init))
    } else {
      throw c.invalid(found: "no class labels", expected: "classlabels_strings or \(integers)")
    }
  }

  /// The first label and the difference of neighbours, where all are the same: 0, 1, 2 … mostly.
  private var progression: (first: Int64, step: Int64)? {
    guard values.elementType == .int64 else { return nil }
    let labels: [Int64] = values.elements()
    let bound = Int64(1) << 31
    guard labels.allSatisfy({ -bound < $0 && $0 < bound }) else { return nil }
    let step = labels.count > 1 ? labels[1] - labels[0] : 1
    return zip(labels, labels.dropFirst()).allSatisfy { $1 - $0 == step } ? (labels[0], step) : nil
  }

  /// The labels at positions [N].
  func at(_ positions: ValueID, _ b: GraphBuilder) throws -> ValueID {
    guard let (first, step) = progression else { return try b.gather(b.constant(values), positions, axis: 0) }
    let steps = step == 1 ? positions : try b.multiply(positions, b.scalar(Double(step), .int64))
    return first == 0 ? steps : try b.add(steps, b.scalar(Double(first), .int64))
  }

  /// The second of two labels where a condition [N] holds, else the first.
  func chosen(secondWhen condition: ValueID, _ b: GraphBuilder) throws -> ValueID {
    try at(b.convert(condition, to: .int64), b)
  }

  /// The label of the largest score of each row [N, C], the first of several.
  func best(_ scores: ValueID, _ b: GraphBuilder) throws -> ValueID {
    try at(b.one(.argReduce(maximum: true, axis: 1), [scores]), b)
  }
}

/// What becomes of the scores of a model.
enum PostTransform: String, CaseIterable {
  case none = "NONE"
  case softmax = "SOFTMAX"
  case logistic = "LOGISTIC"
  case softmaxZero = "SOFTMAX_ZERO"
  case probit = "PROBIT"

  init(_ c: LoweringContext) throws {
    let name = try c.string("post_transform", "NONE")
    guard let transform = PostTransform(rawValue: name) else {
      throw c.invalid(
        found: "post_transform '\(name)'", expected: Self.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self = transform
  }

  /// Scores [N, C].
  func apply(_ scores: ValueID, _ b: GraphBuilder) throws -> ValueID {
    switch self {
    case .none: scores
    case .softmax: try b.softmax(scores, axes: [1])
    case .logistic: try b.unary(.logistic, scores)
    case .softmaxZero: try softmaxZero(scores, b)
    case .probit: try probit(scores, b)
    }
  }

  /// The two scores that stand for one score [N, 1] of the second class, as ONNX Runtime gives them: of opposite sign
  /// when `isSigned`, else adding up to one.
  func pair(_ score: ValueID, isSigned: Bool, _ b: GraphBuilder) throws -> ValueID {
    let opposite = try b.unary(.negate, score)
    if self == .logistic { return try b.unary(.logistic, b.concatenate([opposite, score], axis: 1)) }
    let first = isSigned ? opposite : try b.subtract(b.scalar(1, like: score), score)
    let both = try b.concatenate([first, score], axis: 1)
    return self == .probit ? try probit(both, b) : both
  }

  /// Softmax in which scores of zero stay zero but count in the sum.
  private func softmaxZero(_ x: ValueID, _ b: GraphBuilder) throws -> ValueID {
    let maximum = try b.reduce(.maximum, x, axes: [1], keepDimensions: true)
    let isZero = try b.compare(.lessOrEqual, b.unary(.absolute, x), b.scalar(1e-7, like: x))
    let small = try b.multiply(x, b.unary(.exponential, b.unary(.negate, maximum)))
    let terms = try b.select(isZero, small, b.unary(.exponential, b.subtract(x, maximum)))
    return try b.divide(terms, b.reduce(.sum, terms, axes: [1], keepDimensions: true))
  }

  /// The quantile of the normal distribution: √2 · erf⁻¹(2x - 1), by Winitzki's approximation with a = 0.147, which
  /// every runtime uses here.
  private func probit(_ x: ValueID, _ b: GraphBuilder) throws -> ValueID {
    func k(_ value: Double) throws -> ValueID { try b.scalar(value, like: x) }
    let a = 0.147
    let y = try b.subtract(b.multiply(x, k(2)), k(1))
    let logarithm = try b.unary(.logarithm, b.multiply(b.subtract(k(1), y), b.add(k(1), y)))
    let centre = try b.add(k(2 / (3.14159 * a)), b.multiply(k(0.5), logarithm))
    let root = try b.unary(
      .squareRoot, b.subtract(b.multiply(centre, centre), b.multiply(k(1 / a), logarithm)))
    let magnitude = try b.unary(.squareRoot, b.subtract(root, centre))
    let sign = try b.select(b.compare(.less, y, k(0)), k(-1), k(1))
    return try b.multiply(k(2.0.squareRoot()), b.multiply(sign, magnitude))
  }
}

extension LoweringContext {
  /// Features as a matrix [N, F] of floats; a vector is one row. float64 stays so when `keepsDouble`.
  func features(_ index: Int, keepsDouble: Bool = false) throws -> ValueID {
    var x = try operand(index)
    guard try elementType(x).isNumeric || elementType(x) == .bool else {
      throw invalid(found: "features of type \(try elementType(x).name)", expected: "numbers")
    }
    if try !(keepsDouble && elementType(x) == .float64) { x = try builder.convert(x, to: .float32) }
    switch try rank(x) {
    case 1: return try builder.expandDimensions(x, axes: [0])
    case 2: return x
    case let rank: throw invalid(found: "features of rank \(rank)", expected: "[N, F]")
    }
  }
}
