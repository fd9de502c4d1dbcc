import GraphIR
import Tensors

extension Ordering {
  /// Stable in both directions; NaN counts as larger than every number.
  static func sort(
    _ x: Tensor, axis: Int, descending: Bool, _ node: Node, _ context: EvaluationContext
  ) throws -> [Tensor] {
    guard (0..<x.shape.rank).contains(axis) else {
      throw EvaluationError(node, "rank \(x.shape.rank)", expected: "axis \(axis)")
    }
    return try leading(x, count: x.shape[axis], axis: axis, descending: descending, node, context)
  }

  static func topK(
    _ x: Tensor, k: Int, axis: Int, largest: Bool, _ node: Node, _ context: EvaluationContext
  ) throws -> [Tensor] {
    guard (0..<x.shape.rank).contains(axis), k >= 0, k <= x.shape[axis] else {
      throw EvaluationError(node, "k = \(k) for shape \(x.shape)", expected: "0 ≤ k ≤ the extent of axis \(axis)")
    }
    return try leading(x, count: k, axis: axis, descending: largest, node, context)
  }

  /// The first `count` elements of each sorted line along `axis`, and their positions.
  private static func leading(
    _ x: Tensor, count: Int, axis: Int, descending: Bool, _ node: Node, _ context: EvaluationContext
  ) throws -> [Tensor] {
    var keys = try OrderingKeys.keys(of: x, node)
    if descending {
      for index in keys.indices { keys[index] = ~keys[index] }
    }
    var extents = x.shape.dimensions
    extents[axis] = count
    let positions = try context.makeTensor(.int64, Shape(extents), result: 1)
    let (extent, inner) = (x.shape[axis], x.shape.product(axis + 1..<x.shape.rank))
    positions.withMutableElements(of: Int64.self) { positions in
      guard !positions.isEmpty else { return }
      var line = [PositionedKey](repeating: PositionedKey(key: 0, position: 0), count: extent)
      for outer in 0..<x.shape.product(0..<axis) {
        for column in 0..<inner {
          for index in 0..<extent {
            line[index] = PositionedKey(key: keys[(outer * extent + index) * inner + column], position: index)
          }
          for (index, leader) in leaders(of: &line, count: count).enumerated() {
            positions[(outer * count + index) * inner + column] = Int64(leader.position)
          }
        }
      }
    }
    return [try Indexing.gatherElements(x, positions, axis: axis, node, context), positions]
  }

  /// The `count` least keys in order.
  private static func leaders(of line: inout [PositionedKey], count: Int) -> ArraySlice<PositionedKey> {
    // A heap wins while most elements fail its first comparison.
    if count >= line.count / 8 {
      line.sort()
      return line.prefix(count)
    }
    if count == 0 { return [] }
    var heap = BoundedHeap(Array(line.prefix(count)))
    for candidate in line.dropFirst(count) where candidate < heap.largest { heap.replaceLargest(by: candidate) }
    return heap.elements.sorted()[...]
  }
}

/// The least of the keys seen so far, the largest of them at the root.
private struct BoundedHeap {
  private(set) var elements: [PositionedKey]

  init(_ elements: [PositionedKey]) {
    // An array in falling order is such a heap.
    self.elements = elements.sorted(by: >)
  }

  var largest: PositionedKey { elements[0] }

  mutating func replaceLargest(by element: PositionedKey) {
    var hole = 0
    while true {
      var child = 2 * hole + 1
      if child >= elements.count { break }
      if child + 1 < elements.count && elements[child] < elements[child + 1] { child += 1 }
      if elements[child] < element { break }
      elements[hole] = elements[child]
      hole = child
    }
    elements[hole] = element
  }
}
