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
    let wide = try x.widened()
    let search = Search(isMaximum: isMaximum, selectLast: selectLast, axis: axis, x: wide, result: result)
    guard try wide.elementType.dispatch(search) != nil else { throw EvaluationError(node, unsupported: x.elementType) }
    return result
  }

  private struct Search: RealComputation {
    let isMaximum, selectLast: Bool
    let axis: Int
    let x, result: Tensor

    func run<Element: RealNumber>(_ type: Element.Type) throws -> Void? {
      if isMaximum {
        search { (candidate: Element, best: Element) in candidate > best }
      } else {
        search { (candidate: Element, best: Element) in candidate < best }
      }
    }

    /// Elements that lie side by side in memory are searched one after the other, each along its own line: the lines
    /// stay in the first-level cache from one to the next.
    @inline(__always)
    private func search<Element: RealNumber>(_ isBetter: (Element, Element) -> Bool) {
      let shape = x.shape
      let (extent, inner) = (shape[axis], shape.product(axis + 1..<shape.rank))
      withExtendedLifetime((x, result)) {
        var plane = UnsafePointer(x.pointer(Element.self))
        var target = result.pointer(Int64.self)
        for _ in 0..<shape.product(0..<axis) {
          for column in 0..<inner {
            var best = plane[column]
            var position = 0
            for index in 1..<max(extent, 1) {
              let candidate = plane[index &* inner &+ column]
              let isNaN = candidate != candidate
              let isEqual = candidate == best || (isNaN && best != best)
              if isEqual ? selectLast : isBetter(candidate, best) || isNaN {
                best = candidate
                position = index
              }
            }
            target[column] = Int64(position)
          }
          plane += extent * inner
          target += inner
        }
      }
    }
  }
}
