import GraphIR
import Tensors

/// One unsigned integer for each element, in the elements' order: by value for numbers, with -0 equal to 0 and NaN
/// after everything else; false before true; by real, then imaginary part; strings by their bytes, which is the order
/// of their code points.
enum OrderingKeys {
  static func keys(of x: Tensor, _ node: Node) throws -> [UInt64] {
    switch x.elementType.kind {
    case .string: return ranks(of: x.strings) { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    case .complex:
      let wide = try x.converted(to: .complex128)
      let parts = wide.withElements(of: Complex128.self) {
        $0.map { (Double.orderingKey($0.real), Double.orderingKey($0.imaginary)) }
      }
      return ranks(of: parts) { $0 < $1 }
    default:
      let wide = try x.widened()
      guard let keys = try wide.elementType.dispatch(RealKeys(x: wide)) else {
        throw EvaluationError(node, unsupported: x.elementType)
      }
      return keys
    }
  }

  private struct RealKeys: RealComputation {
    let x: Tensor

    func run<Element: RealNumber>(_ type: Element.Type) throws -> [UInt64]? {
      withExtendedLifetime(x) {
        UnsafeBufferPointer(start: x.pointer(Element.self), count: x.elementCount).map(Element.orderingKey)
      }
    }
  }

  /// For elements that do not fit 64 bits: how many different ones come before each.
  private static func ranks<Element>(
    of elements: [Element], _ precedes: (Element, Element) -> Bool
  ) -> [UInt64] {
    let order = elements.indices.sorted { precedes(elements[$0], elements[$1]) }
    var ranks = [UInt64](repeating: 0, count: elements.count)
    var rank: UInt64 = 0
    for (previous, position) in zip(order, order.dropFirst()) {
      if precedes(elements[previous], elements[position]) { rank += 1 }
      ranks[position] = rank
    }
    return ranks
  }
}

/// A key and where it stood: ordered by key, equal keys by position, which makes every sort stable.
struct PositionedKey: Comparable {
  var key: UInt64
  var position: Int

  @inline(__always) static func < (a: Self, b: Self) -> Bool {
    a.key < b.key || (a.key == b.key && a.position < b.position)
  }
}
