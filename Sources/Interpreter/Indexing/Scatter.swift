import GraphIR
import Tensors

/// Where rows of updates go: the u-th row of `rowLength` elements to `offsets[u]`.
struct ScatterTargets {
  let offsets: [Int]
  let rowLength: Int

  /// scatterND: tuples [..., k], updates [..., shape[k...]].
  init(tuples: Tensor, in shape: Shape, updates: Shape, _ node: Node) throws {
    let rank = tuples.shape.rank
    guard rank > 0, tuples.shape[rank - 1] <= shape.rank,
      updates.dimensions == tuples.shape.dimensions.dropLast() + shape.dimensions[tuples.shape[rank - 1]...]
    else {
      throw EvaluationError(
        node, "operand \(shape), indices \(tuples.shape) and updates \(updates)",
        expected: "updates of shape indices[..<last] + operand[k...], k positions to an index")
    }
    offsets = try Indexing.resolve(tuples: tuples, in: shape, batchDimensions: 0, node)
    rowLength = shape.product(tuples.shape[rank - 1]..<shape.rank)
  }

  /// scatterElements: indices and updates of one shape.
  init(elements indices: Tensor, in shape: Shape, axis: Int, updates: Shape, _ node: Node) throws {
    guard indices.shape == updates else {
      throw EvaluationError(node, "indices \(indices.shape) and updates \(updates)", expected: "one shape")
    }
    offsets = try Indexing.elementOffsets(indices, in: shape, axis: axis, node)
    rowLength = 1
  }
}

extension Indexing {
  /// A copy of `x` with `updates` written or combined into it, in order.
  static func scatter(
    _ x: Tensor, _ updates: Tensor, _ targets: ScatterTargets, _ combiner: ScatterCombiner, _ node: Node,
    _ context: EvaluationContext
  ) throws -> Tensor {
    guard x.elementType == updates.elementType else {
      throw EvaluationError(
        node, "operand \(x.elementType.name) and updates \(updates.elementType.name)", expected: "one element type")
    }
    if combiner == .replace {
      return try RowScatter(targets: targets).evaluate(
        [updates], shape: x.shape, context: context, into: x.copied(context))
    }
    return try Widening.evaluate([x, updates], context) { x, context in
      let result = try x[0].copied(context)
      let isDefined: Void?
      switch combiner {
      case .add, .multiply:
        // For truth values a sum is `or`, a product `and`.
        let computation = RingScatter(isSum: combiner == .add, targets: targets, updates: x[1], result: result)
        isDefined =
          x[0].elementType == .bool
          ? RealScatter(isMaximum: combiner == .add, targets: targets, updates: x[1], result: result).run(UInt8.self)
          : try x[0].elementType.dispatchIgnoringSign(computation)
      case .maximum, .minimum, .replace:
        isDefined = try x[0].elementType.dispatch(
          RealScatter(isMaximum: combiner == .maximum, targets: targets, updates: x[1], result: result))
      }
      guard isDefined != nil else { throw EvaluationError(node, unsupported: x[0].elementType) }
      return result
    }
  }

  private struct RowScatter: Movement {
    let targets: ScatterTargets

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      var source = sources[0]
      for offset in targets.offsets {
        (destination + offset).update(from: source, count: targets.rowLength)
        source += targets.rowLength
      }
    }
  }

  private struct RingScatter: NumberComputation {
    let isSum: Bool
    let targets: ScatterTargets
    let updates, result: Tensor

    func run<Element: Number>(_ type: Element.Type) -> Void? {
      if isSum {
        combine(targets, updates, result) { (a: Element, b: Element) in Element.sum(a, b) }
      } else {
        combine(targets, updates, result) { (a: Element, b: Element) in Element.product(a, b) }
      }
    }
  }

  private struct RealScatter: RealComputation {
    let isMaximum: Bool
    let targets: ScatterTargets
    let updates, result: Tensor

    func run<Element: RealNumber>(_ type: Element.Type) -> Void? {
      if isMaximum {
        combine(targets, updates, result) { (a: Element, b: Element) in Element.larger(a, b) }
      } else {
        combine(targets, updates, result) { (a: Element, b: Element) in Element.smaller(a, b) }
      }
    }
  }

  @inline(__always)
  private static func combine<Element>(
    _ targets: ScatterTargets, _ updates: Tensor, _ result: Tensor, _ function: (Element, Element) -> Element
  ) {
    withExtendedLifetime((updates, result)) {
      var source = UnsafePointer(updates.pointer(Element.self))
      let results = result.pointer(Element.self)
      for offset in targets.offsets {
        let row = results + offset
        for index in 0..<targets.rowLength { row[index] = function(row[index], source[index]) }
        source += targets.rowLength
      }
    }
  }
}
