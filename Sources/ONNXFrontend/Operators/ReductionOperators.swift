import GraphIR
import Tensors

/// Reductions along axes.
enum ReductionOperators {
  static let table: [String: Lowering] = [
    "ReduceSum": { c in try reduce(c, .sum, axesSince: 13) },
    "ReduceMean": { c in try reduce(c, .mean) },
    "ReduceProd": { c in try reduce(c, .product) },
    "ReduceMax": { c in try reduce(c, .maximum) },
    "ReduceMin": { c in try reduce(c, .minimum) },
    "ReduceL1": { c in try reduce(c, .sum, before: { try $0.unary(.absolute, $1) }) },
    "ReduceL2": { c in
      try reduce(c, .sum, before: square, after: { try inReals($0, $1) { try $0.unary(.squareRoot, $1) } })
    },
    "ReduceSumSquare": { c in try reduce(c, .sum, before: square) },
    "ReduceLogSum": { c in
      try reduce(c, .sum, after: { try inReals($0, $1) { try $0.unary(.logarithm, $1) } })
    },
    "ReduceLogSumExp": logSumExp,
    "ArgMax": { c in try argReduce(c, maximum: true) },
    "ArgMin": { c in try argReduce(c, maximum: false) },
  ]

  private typealias Step = (GraphBuilder, ValueID) throws -> ValueID

  private static func square(_ b: GraphBuilder, _ x: ValueID) throws -> ValueID { try b.multiply(x, x) }

  /// Roots and logarithms of integers are taken in float64 and truncated.
  private static func inReals(_ b: GraphBuilder, _ x: ValueID, _ step: Step) throws -> ValueID {
    let type = try b.elementType(of: x)
    guard type.isInteger else { return try step(b, x) }
    return try b.convert(step(b, b.convert(x, to: .float64)), to: type)
  }

  /// The axes, an attribute before `axesSince` and then an operand; nil when there is nothing to reduce.
  private static func axes(_ c: LoweringContext, _ x: ValueID, axesSince: Int) throws -> [Int]? {
    let rank = try c.rank(x)
    let given = try c.version < axesSince ? c.ints("axes") : (c.hasOperand(1) ? c.constantIntegers(1) : c.ints("axes"))
    if let given, !given.isEmpty { return try c.axes(given, rank: rank) }
    return try c.flag("noop_with_empty_axes") ? nil : Array(0..<rank)
  }

  private static func reduce(
    _ c: LoweringContext, _ reduction: Reduction, axesSince: Int = 18, before: Step? = nil, after: Step? = nil
  ) throws -> [ValueID] {
    var x = try c.operand(0)
    let axes = try axes(c, x, axesSince: axesSince)
    if let before { x = try before(c.builder, x) }
    if let axes { x = try c.builder.reduce(reduction, x, axes: axes, keepDimensions: c.flag("keepdims", true)) }
    if let after { x = try after(c.builder, x) }
    return [x]
  }

  /// log Σ exp(x), shifted by the largest element so that it neither overflows nor loses small terms.
  private static func logSumExp(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    guard let axes = try axes(c, x, axesSince: 18) else { return [x] }
    let keep = try c.flag("keepdims", true)
    return [
      try inReals(c.builder, x) { b, x in
        let sum = try b.logSumExp(x, axes: axes)
        return keep ? sum : try b.removeDimensions(sum, axes: axes)
      }
    ]
  }

  private static func argReduce(_ c: LoweringContext, maximum: Bool) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", 0), rank: c.rank(x))
    let last = try c.flag("select_last_index")
    let result = try c.builder.one(.argReduce(maximum: maximum, axis: axis, selectLast: last), [x])
    return [try c.flag("keepdims", true) ? c.builder.expandDimensions(result, axes: [axis]) : result]
  }
}
