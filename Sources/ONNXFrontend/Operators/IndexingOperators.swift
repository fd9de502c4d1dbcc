import GraphIR
import Tensors

/// Operators that pick, place, order and search elements.
enum IndexingOperators {
  static let table: [String: Lowering] = [
    "Gather": { c in
      let x = try c.operand(0)
      let axis = try c.axis(c.int("axis", 0), rank: c.rank(x))
      return [try c.builder.gather(x, indices(c, 1), axis: axis)]
    },
    "GatherElements": { c in
      let x = try c.operand(0)
      let axis = try c.axis(c.int("axis", 0), rank: c.rank(x))
      return [try c.builder.one(.gatherElements(axis: axis), [x, indices(c, 1)])]
    },
    "GatherND": { c in
      let batch = try c.int("batch_dims", 0)
      return [try c.builder.one(.gatherND(batchDimensions: batch), [c.operand(0), indices(c, 1)])]
    },
    "Scatter": scatterElements,
    "ScatterElements": scatterElements,
    "ScatterND": { c in
      [try c.builder.one(.scatterND(combiner(c)), [c.operand(0), indices(c, 1), c.operand(2)])]
    },
    "OneHot": oneHot,
    "Compress": compress,
    "NonZero": { c in [try c.builder.one(.nonZero, [c.operand(0)])] },
    "TopK": topK,
    "Unique": { c in
      let x = try c.operand(0)
      let axis = try c.int("axis").map { try c.axis($0, rank: c.rank(x)) }
      return try c.builder.add(.unique(axis: axis, sorted: c.flag("sorted", true)), [x])
    },
    "NonMaxSuppression": nonMaxSuppression,
    "CumSum": { c in [try cumulative(c, .sum)] },
    "CumProd": { c in [try cumulative(c, .product)] },
  ]

  private static func indices(_ c: LoweringContext, _ index: Int) throws -> ValueID {
    try ShapeOperators.int64(c, c.operand(index))
  }

  private static func combiner(_ c: LoweringContext) throws -> ScatterCombiner {
    let combiners: [String: ScatterCombiner] = [
      "none": .replace, "add": .add, "mul": .multiply, "max": .maximum, "min": .minimum,
    ]
    let name = try c.string("reduction", "none")
    guard let combiner = combiners[name] else {
      throw c.invalid(found: "reduction '\(name)'", expected: "none, add, mul, max or min")
    }
    return combiner
  }

  private static func scatterElements(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", 0), rank: c.rank(x))
    return [try c.builder.one(.scatterElements(axis: axis, combiner(c)), [x, indices(c, 1), c.operand(2)])]
  }

  /// (indices, depth, [off, on]): compares indices, negative ones counted from the end, with 0..<depth on a new axis.
  private static func oneHot(_ c: LoweringContext) throws -> [ValueID] {
    let depth = try c.builder.reshape(c.builder.convert(c.operand(1), to: .int64), [])
    var positions = try c.builder.convert(c.operand(0), to: .int64)
    let negative = try c.builder.compare(.less, positions, c.builder.index(0))
    positions = try c.builder.select(negative, c.builder.add(positions, depth), positions)
    let rank = try c.rank(positions) + 1
    let axis = try c.axis(c.int("axis", -1), rank: rank)
    let classes = try c.builder.expandDimensions(
      c.builder.one(.range, [c.builder.index(0), depth, c.builder.index(1)]), axes: Array(1..<rank - axis))
    let isHot = try c.builder.compare(.equal, c.builder.expandDimensions(positions, axes: [axis]), classes)
    let values = try c.operand(2)
    let (off, on) = (
      try c.builder.gather(values, c.builder.index(0), axis: 0),
      try c.builder.gather(values, c.builder.index(1), axis: 0)
    )
    return [try c.builder.select(isHot, on, off)]
  }

  /// Slices along `axis` (elements of the flattened operand without it) where the condition holds.
  private static func compress(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let kept = try c.builder.reshape(c.builder.one(.nonZero, [c.operand(1)]), [-1])
    guard let axis = try c.int("axis") else {
      return [try c.builder.gather(c.builder.reshape(x, [-1]), kept, axis: 0)]
    }
    return [try c.builder.gather(x, kept, axis: c.axis(axis, rank: c.rank(x)))]
  }

  /// k is an attribute before version 10.
  private static func topK(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", -1), rank: c.rank(x))
    let k = c.version < 10 ? c.builder.index(try c.int("k", 1)) : try c.builder.reshape(indices(c, 1), [])
    return try c.builder.add(
      .topK(axis: axis, largest: c.flag("largest", true), sorted: c.flag("sorted", true)), [x, k])
  }

  private static func nonMaxSuppression(_ c: LoweringContext) throws -> [ValueID] {
    let limit = try c.optionalOperand(2).map { try c.builder.reshape($0, []) } ?? c.builder.index(0)
    let overlap = try c.optionalOperand(3).map { try c.builder.reshape($0, []) } ?? c.builder.scalar(0, .float32)
    let score =
      try c.optionalOperand(4).map { try c.builder.reshape($0, []) }
      ?? c.builder.scalar(-Double.infinity, .float32)
    return [
      try c.builder.one(
        .nonMaxSuppression(centerPointBox: c.flag("center_point_box")),
        [c.operand(0), c.operand(1), limit, overlap, score])
    ]
  }

  private static func cumulative(_ c: LoweringContext, _ cumulation: Cumulation) throws -> ValueID {
    let x = try c.operand(0)
    let axis = try c.axis(c.constantIntegers(1).first ?? 0, rank: c.rank(x))
    return try c.builder.one(
      .cumulative(cumulation, axis: axis, exclusive: c.flag("exclusive"), reverse: c.flag("reverse")), [x])
  }
}
