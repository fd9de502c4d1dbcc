import GraphIR
import Tensors

extension Reductions {
  static func reduce(
    _ reduction: Reduction, _ x: Tensor, axes: [Int], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let type = x.elementType
    guard isDefined(reduction, type) else { throw EvaluationError(node, unsupported: type) }
    let kept = x.shape.dimensions.indices.filter { !axes.contains($0) }
    // The extents that are left may multiply beyond `Int` when one that goes is 0.
    let shape = try context.checkedShape(kept.map { x.shape[$0] }, of: type, for: node)
    if x.elementCount == 0 { return try identity(reduction, type, shape, context) }
    if reduction == .mean && type.isInteger { return try integerMean(x, axes: axes, shape, node, context) }
    return try Widening.evaluate([x], context) { x, context in
      let result = try context.makeTensor(x[0].elementType, shape)
      let nest = nest(x[0].shape, reducing: axes)
      let count = x[0].elementCount / shape.elementCount
      switch reduction {
      case .sum, .mean, .product:
        _ = try x[0].elementType.dispatchIgnoringSign(
          Totals(reduction: reduction, count: count, x: x[0], result: result, nest: nest))
      case .maximum, .or:
        _ = try x[0].elementType.dispatch(Extremes(isMaximum: true, x: x[0], result: result, nest: nest))
      case .minimum, .and:
        _ = try x[0].elementType.dispatch(Extremes(isMaximum: false, x: x[0], result: result, nest: nest))
      }
      return result
    }
  }

  private static func isDefined(_ reduction: Reduction, _ type: ElementType) -> Bool {
    switch reduction {
    case .sum, .product, .mean: type.isNumeric || type.kind == .complex
    case .maximum, .minimum: type.isNumeric || type == .bool
    case .and, .or: type == .bool
    }
  }

  /// Operand in lane 0, result in lane 1, which stands still along the axes that are reduced.
  private static func nest(_ shape: Shape, reducing axes: [Int]) -> LoopNest {
    var steps = [Int](repeating: 0, count: shape.rank)
    var step = 1
    for axis in shape.dimensions.indices.reversed() where !axes.contains(axis) {
      steps[axis] = step
      step *= shape[axis]
    }
    return LoopNest(shape.dimensions, steps: [shape.strides, steps])
  }

  /// Reductions of no elements.
  private static func identity(
    _ reduction: Reduction, _ type: ElementType, _ shape: Shape, _ context: EvaluationContext
  ) throws -> Tensor {
    let isSigned = type.kind == .signedInteger
    let value: Tensor
    switch (reduction, type.isFloat) {
    case (.sum, _), (.or, _): value = Tensor(scalar: Int64(0))
    case (.product, _), (.and, _): value = Tensor(scalar: Int64(1))
    case (.mean, let isFloat):
      value = isFloat || type.kind == .complex ? Tensor(scalar: Double.nan) : Tensor(scalar: Int64(0))
    case (.maximum, true): value = Tensor(scalar: -Double.infinity)
    case (.minimum, true): value = Tensor(scalar: Double.infinity)
    case (.maximum, false): value = Tensor(scalar: isSigned ? Int64(-1) << (type.bitWidth - 1) : 0)
    case (.minimum, false):
      // All bits set but the sign; conversion keeps the low ones. True is not all bits.
      value = Tensor(scalar: type == .bool ? 1 : isSigned ? ~(Int64(-1) << (type.bitWidth - 1)) : -1)
    }
    let copy = StridedCopy(shape.dimensions, source: shape.dimensions.map { _ in 0 }, destination: shape.strides)
    return try copy.evaluate([value.converted(to: type)], shape: shape, context: context)
  }

  /// Truncated, from a sum of 64 bits.
  private static func integerMean(
    _ x: Tensor, axes: [Int], _ shape: Shape, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let wide: ElementType = x.elementType == .uint64 ? .uint64 : .int64
    let heap = EvaluationContext()
    let sum = try reduce(.sum, x.converted(to: wide), axes: axes, node, heap)
    let count = try Tensor(scalar: Int64(x.elementCount / shape.elementCount)).converted(to: wide)
    let target = wide == x.elementType ? context : heap
    return try Elementwise.binary(.divide, sum, count, node, target).converted(to: x.elementType)
  }

  private struct Totals: NumberComputation {
    let reduction: Reduction
    let count: Int
    let x, result: Tensor
    let nest: LoopNest

    func run<Element: Number>(_ type: Element.Type) throws -> Void? {
      typealias Total = Element.Total
      let divisor = Total.whole(reduction == .mean ? count : 1)
      switch reduction {
      case .sum:
        try accumulate(
          x, into: result, nest, identity: Total.zero, widen: { (x: Element) in x.total }, Total.sum,
          finish: Element.rounding)
      case .mean:
        try accumulate(
          x, into: result, nest, identity: Total.zero, widen: { (x: Element) in x.total }, Total.sum,
          finish: { Element.rounding(Total.quotient($0, divisor)) })
      case .product:
        try accumulate(
          x, into: result, nest, identity: Total.one, widen: { (x: Element) in x.total }, Total.product,
          finish: Element.rounding)
      default: return nil
      }
      return ()
    }
  }

  private struct Extremes: RealComputation {
    let isMaximum: Bool
    let x, result: Tensor
    let nest: LoopNest

    func run<Element: RealNumber>(_ type: Element.Type) throws -> Void? {
      if isMaximum {
        try accumulate(
          x, into: result, nest, identity: Element.lowest, widen: { $0 }, Element.larger, finish: { $0 })
      } else {
        try accumulate(
          x, into: result, nest, identity: Element.highest, widen: { $0 }, Element.smaller, finish: { $0 })
      }
    }
  }

  /// Walks through the operand once, in order, with one accumulator for each element of the result.
  ///
  /// Where the innermost axis is reduced a row runs into eight accumulators, which vector units and the latency of an
  /// addition ask for; where it is kept, a row of accumulators advances at once.
  @inline(__always)
  private static func accumulate<Element, Total: BitwiseCopyable>(
    _ x: Tensor, into result: Tensor, _ nest: LoopNest, identity: Total, widen: (Element) -> Total,
    _ combine: (Total, Total) -> Total, finish: (Total) -> Element
  ) throws {
    let memory = try TensorStorage(byteCount: result.elementCount * MemoryLayout<Total>.stride, zeroed: false)
    withExtendedLifetime((x, result, memory)) {
      let totals = memory.base.bindMemory(to: Total.self, capacity: result.elementCount)
      totals.update(repeating: identity, count: result.elementCount)
      let source = UnsafePointer(x.pointer(Element.self))
      let count = nest.innerExtent
      nest.forEachRow { offsets in
        let row = source + offsets[0]
        let total = totals + offsets[1]
        if nest.innerSteps[1] == 0 {
          total[0] = combine(total[0], reduceRow(row, count, identity, widen, combine))
        } else {
          for index in 0..<count { total[index] = combine(total[index], widen(row[index])) }
        }
      }
      let target = result.pointer(Element.self)
      for index in 0..<result.elementCount { target[index] = finish(totals[index]) }
    }
  }

  @inline(__always)
  private static func reduceRow<Element, Total>(
    _ row: UnsafePointer<Element>, _ count: Int, _ identity: Total, _ widen: (Element) -> Total,
    _ combine: (Total, Total) -> Total
  ) -> Total {
    var (a0, a1, a2, a3) = (identity, identity, identity, identity)
    var (a4, a5, a6, a7) = (identity, identity, identity, identity)
    var index = 0
    while index &+ 8 <= count {
      a0 = combine(a0, widen(row[index]))
      a1 = combine(a1, widen(row[index &+ 1]))
      a2 = combine(a2, widen(row[index &+ 2]))
      a3 = combine(a3, widen(row[index &+ 3]))
      a4 = combine(a4, widen(row[index &+ 4]))
      a5 = combine(a5, widen(row[index &+ 5]))
      a6 = combine(a6, widen(row[index &+ 6]))
      a7 = combine(a7, widen(row[index &+ 7]))
      index &+= 8
    }
    while index < count {
      a0 = combine(a0, widen(row[index]))
      index &+= 1
    }
    return combine(combine(combine(a0, a1), combine(a2, a3)), combine(combine(a4, a5), combine(a6, a7)))
  }
}
