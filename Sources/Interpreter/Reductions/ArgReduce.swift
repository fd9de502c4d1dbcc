import GraphIR
import Tensors

extension Reductions {
  /// Positions along `axis` of the largest or smallest elements: of equal ones the first, or the last with
  /// `selectLast`. A NaN beats every number, as in NumPy.
  static func position(
    ofMaximum isMaximum: Bool, _ x: Tensor, axis: Int, selectLast: Bool, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    var extents = x.shape.dimensions
    extents.remove(at: axis)
    let result = try context.makeTensor(.int64, checking: extents, for: node)
    if result.elementCount == 0 { return result }
    guard x.shape[axis] > 0 else {
      throw EvaluationError(node, "no elements along axis \(axis)", expected: "one at least")
    }
    // What the largest is first, then where: two simple loops are several times faster than one that does both.
    let wide = try x.widened()
    let best = try reduce(isMaximum ? .maximum : .minimum, wide, axes: [axis], node, EvaluationContext())
    _ = try wide.elementType.dispatch(
      Search(selectLast: selectLast, axis: axis, x: wide, best: best, result: result))
    return result
  }

  /// Positions along `axis` of the first or last element of `x` that is the same as in `best`.
  private struct Search: RealComputation {
    let selectLast: Bool
    let axis: Int
    let x, best, result: Tensor

    func run<Element: RealNumber>(_ type: Element.Type) throws -> Void? {
      let shape = x.shape
      let (extent, inner) = (shape[axis], shape.product(axis + 1..<shape.rank))
      withExtendedLifetime((x, best, result)) {
        for outer in 0..<shape.product(0..<axis) {
          let plane = UnsafePointer(x.pointer(Element.self)) + outer * extent * inner
          let wanted = UnsafePointer(best.pointer(Element.self)) + outer * inner
          let target = result.pointer(Int64.self) + outer * inner
          if inner == 1 {
            target[0] = Int64(find(wanted[0], plane, extent))
            continue
          }
          // The last to be written stays.
          for step in 0..<extent {
            let index = selectLast ? step : extent - 1 - step
            let row = plane + index * inner
            for column in 0..<inner {
              target[column] = Self.isSame(row[column], wanted[column]) ? Int64(index) : target[column]
            }
          }
        }
      }
      return ()
    }

    @inline(__always)
    private static func isSame<Element: RealNumber>(_ a: Element, _ b: Element) -> Bool {
      a == b || (a != a && b != b)
    }

    @inline(__always)
    private func find<Element: RealNumber>(_ wanted: Element, _ line: UnsafePointer<Element>, _ count: Int) -> Int {
      var index = selectLast ? count - 1 : 0
      let step = selectLast ? -1 : 1
      // `wanted` is one of them.
      while !Self.isSame(line[index], wanted) { index += step }
      return index
    }
  }
}
