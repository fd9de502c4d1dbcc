import GraphIR
import Tensors

/// Operators of com.microsoft that ONNX Runtime's optimisers write into models, and those that exporters use: small
/// ones here, the rest by family beside this file.
enum ContributedOperators {
  static let table: [String: Lowering] = shared.merging(own) { _, own in own }

  /// The same as an operator of ai.onnx.
  private static let shared: [String: Lowering] = [
    "DequantizeLinear": official("DequantizeLinear"),
    "GatherND": official("GatherND"),
    "QuantizeLinear": official("QuantizeLinear"),
    "Range": official("Range"),
    "Trilu": official("Trilu"),
    "Unique": official("Unique"),
  ]

  /// Looked up when it is used: the tables are made of each other.
  private static func official(_ name: String) -> Lowering {
    { c in
      guard let lowering = OperatorTable.lowering(domain: "", name: name) else { return [] }
      return try lowering(c.asVersion(.max))
    }
  }

  private static let own: [String: Lowering] = [
    "Gelu": { c in [try c.builder.gelu(c.operand(0), tanhApproximation: false)] },
    "BiasGelu": { c in [try c.builder.gelu(sum(c, 0, 1), tanhApproximation: false)] },
    "FastGelu": { c in [try c.builder.gelu(sum(c, 0, 1), tanhApproximation: true)] },
    "QuickGelu": { c in [try c.builder.swish(c.operand(0), alpha: Double(c.float("alpha", 1.702)))] },
    "BiasAdd": { c in [try c.builder.add(sum(c, 0, 1), c.operand(2))] },
    "BiasSplitGelu": { c in
      let b = c.builder
      let x = try sum(c, 0, 1)
      let axis = try c.rank(x) - 1
      let half = try c.extent(x, axis) / 2
      let gate = try b.gelu(b.slice(x, axis: axis, from: half), tanhApproximation: false)
      return [try b.multiply(b.slice(x, axis: axis, from: 0, to: half), gate)]
    },
    "BiasSoftmax": { c in
      let b = c.builder
      let x = try sum(c, 0, 1)
      let rank = try c.rank(x)
      return [try b.softmax(x, axes: Array(c.axis(c.int("axis", 1), rank: rank)..<rank))]
    },
    "ExpandDims": { c in
      let x = try c.operand(0)
      let position = try c.axis(c.constantIntegers(1).first ?? 0, rank: c.rank(x) + 1)
      return [try c.builder.expandDimensions(x, axes: [position])]
    },
    "CDist": pairwiseDistance,
  ]

  /// An operand plus another that may be left out.
  private static func sum(_ c: LoweringContext, _ first: Int, _ second: Int) throws -> ValueID {
    let x = try c.operand(first)
    return try c.optionalOperand(second).map { try c.builder.add(x, $0) } ?? x
  }

  /// Distances of the rows of a [M, D] from those of b [N, D] → [M, N], from differences: |a|² + |b|² - 2·a·b loses
  /// the digits of neighbours.
  private static func pairwiseDistance(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let difference = try b.subtract(b.expandDimensions(c.operand(0), axes: [1]), c.operand(1))
    let square = try b.reduce(.sum, b.multiply(difference, difference), axes: [2])
    switch try c.string("metric", "sqeuclidean") {
    case "sqeuclidean": return [square]
    case "euclidean": return [try b.unary(.squareRoot, square)]
    case let other: throw c.invalid(found: "metric '\(other)'", expected: "euclidean or sqeuclidean")
    }
  }
}

extension LoweringContext {
  /// The same node, read as one of another version.
  func asVersion(_ version: Int) -> LoweringContext { LoweringContext(scope: scope, node: node, version: version) }
}
