import GraphIR
import Tensors

/// Which elements a running total counts.
struct CumulationOrder {
  /// Those before the element only.
  let isExclusive: Bool
  /// From the end.
  let isReverse: Bool
}

extension Reductions {
  static func cumulate(
    _ cumulation: Cumulation, _ x: Tensor, axis: Int, _ order: CumulationOrder, _ node: Node,
    _ context: EvaluationContext
  ) throws -> Tensor {
    let result = try context.makeTensor(x.elementType, x.shape)
    let computation = RunningTotals(isSum: cumulation == .sum, axis: axis, order: order, x: x, result: result)
    guard try x.elementType.dispatchIgnoringSign(computation) != nil else {
      throw EvaluationError(node, unsupported: x.elementType)
    }
    return result
  }

  private struct RunningTotals: NumberComputation {
    let isSum: Bool
    let axis: Int
    let order: CumulationOrder
    let x, result: Tensor

    func run<Element: Number>(_ type: Element.Type) throws -> Void? {
      if isSum {
        try accumulate(Element.self, Element.Total.zero, Element.Total.sum)
      } else {
        try accumulate(Element.self, Element.Total.one, Element.Total.product)
      }
    }

    /// One row of totals, which all rows along the axis are added to.
    @inline(__always)
    private func accumulate<Element: Number>(
      _ type: Element.Type, _ identity: Element.Total, _ combine: (Element.Total, Element.Total) -> Element.Total
    ) throws {
      let shape = x.shape
      if shape.elementCount == 0 { return }
      let (extent, inner) = (shape[axis], shape.product(axis + 1..<shape.rank))
      let memory = try TensorStorage(byteCount: inner * MemoryLayout<Element.Total>.stride, zeroed: false)
      withExtendedLifetime((x, result, memory)) {
        let totals = memory.base.bindMemory(to: Element.Total.self, capacity: inner)
        for outer in 0..<shape.product(0..<axis) {
          totals.update(repeating: identity, count: inner)
          for step in 0..<extent {
            let position = outer * extent + (order.isReverse ? extent - 1 - step : step)
            let source = UnsafePointer(x.pointer(Element.self)) + position * inner
            let target = result.pointer(Element.self) + position * inner
            // One element to a row is the most frequent case, for which the loop would be dear.
            if inner == 1 {
              let before = totals[0]
              let after = combine(before, source[0].total)
              totals[0] = after
              target[0] = Element.rounding(order.isExclusive ? before : after)
              continue
            }
            for index in 0..<inner {
              let before = totals[index]
              let after = combine(before, source[index].total)
              totals[index] = after
              target[index] = Element.rounding(order.isExclusive ? before : after)
            }
          }
        }
      }
    }
  }
}
