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
    "GridSample": official("GridSample", version: 16),
    "Pad": official("Pad", version: 13),
    "QuantizeLinear": official("QuantizeLinear"),
    "Range": official("Range"),
    "Trilu": official("Trilu"),
    "Unique": official("Unique"),
  ]

  /// Looked up when it is used: the tables are made of each other.
  private static func official(_ name: String, version: Int = .max) -> Lowering {
    { c in
      guard let lowering = OperatorTable.lowering(domain: "", name: name) else { return [] }
      return try lowering(c.asVersion(version))
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
    "Inverse": { c in
      // Half precision would lose the digits that pivoting saves.
      let x = try c.operand(0)
      let type = try c.elementType(x)
      return [try c.builder.convert(c.builder.one(.inverse, [c.builder.convert(x, to: type.accumulator)]), to: type)]
    },
    "MatMulInteger16": { c in
      [try c.builder.integerMatrixProduct(c.operand(0), zeroPoint: nil, c.operand(1), zeroPoint: nil)]
    },
    "MulInteger": { c in try [c.builder.multiply(centred(c, 0), centred(c, 2))] },
    "ReduceSumInteger": { c in
      let x = try c.builder.convert(c.operand(0), to: .int32)
      let axes = try c.axes(c.ints("axes") ?? [], rank: c.rank(x))
      return [try c.builder.reduce(.sum, x, axes: axes, keepDimensions: c.flag("keepdims", true))]
    },
    "UnfoldTensor": unfold,
  ]

  /// An operand plus another that may be left out.
  private static func sum(_ c: LoweringContext, _ first: Int, _ second: Int) throws -> ValueID {
    let x = try c.operand(first)
    return try c.optionalOperand(second).map { try c.builder.add(x, $0) } ?? x
  }

  /// Operand `index` as int32, less the zero point that follows it.
  private static func centred(_ c: LoweringContext, _ index: Int) throws -> ValueID {
    let x = try c.builder.convert(c.operand(index), to: .int32)
    guard let zero = try c.optionalOperand(index + 1) else { return x }
    return try c.builder.subtract(x, c.builder.convert(zero, to: .int32))
  }

  /// Windows of `size` along axis `dim`, `step` apart: that axis counts them, and a new last one runs within each.
  private static func unfold(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    let axis = try c.axis(c.int("dim", -1), rank: rank)
    let (extent, size, step) = (try c.extent(x, axis), try c.int("size", 1), try c.int("step", 1))
    guard (1...max(extent, 1)).contains(size), (1...LoweringContext.maximumSpatial).contains(step), extent > 0 else {
      throw c.invalid(found: "size \(size), step \(step)", expected: "windows within an axis of \(extent)")
    }
    let count = (extent - size) / step + 1
    let indices = (0..<count).flatMap { window in (0..<size).map { Int64(window * step + $0) } }
    let windows = try c.builder.gather(x, c.builder.constant(Tensor([count, size], indices)), axis: axis)
    var order = Array(0...rank)
    order.append(order.remove(at: axis + 1))
    return [try c.builder.transpose(windows, order)]
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
