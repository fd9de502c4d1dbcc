import GraphIR
import Tensors

extension Ordering {
  /// Different elements, or different slices along `axis`, in their order or, unsorted, in that of their first
  /// appearance; where each first stands; which of them stands at each place; how often. NaNs are equal to each
  /// other here, as in NumPy.
  static func unique(
    _ x: Tensor, axis: Int?, sorted: Bool, _ node: Node, _ context: EvaluationContext
  ) throws -> [Tensor] {
    if let axis, !(0..<x.shape.rank).contains(axis) {
      throw EvaluationError(node, "rank \(x.shape.rank)", expected: "axis \(axis)")
    }
    // A flattened tensor is one of rank 1 with slices of one element.
    let x = axis == nil ? x.reshaped([x.elementCount]) : x
    let axis = axis ?? 0
    let (outer, extent) = (x.shape.product(0..<axis), x.shape[axis])
    let inner = x.shape.product(axis + 1..<x.shape.rank)
    // Places along the axis are counted one by one below, even where slices are empty.
    guard x.elementCount > 0 || extent <= 1 << 31 else {
      throw EvaluationError(node, "\(extent) empty slices", expected: "at most \(1 << 31)")
    }
    let slices = Slices(
      keys: try OrderingKeys.keys(of: x, node), outerCount: outer, extent: extent, innerCount: inner)
    let groups = slices.groups(sorted: sorted)

    let firsts = try context.makeTensor(.int64, [groups.firsts.count], result: 1)
    let inverse = try context.makeTensor(.int64, [extent], result: 2)
    let counts = try context.makeTensor(.int64, [groups.firsts.count], result: 3)
    for (tensor, values) in [(firsts, groups.firsts), (inverse, groups.groupOfSlice), (counts, groups.counts)] {
      tensor.withMutableElements(of: Int64.self) { elements in
        for index in elements.indices { elements[index] = Int64(values[index]) }
      }
    }
    let values = try Indexing.gather(x, firsts, axis: axis, batchDimensions: 0, node, context)
    return [values, firsts, inverse, counts]
  }

  /// Keys of shape [outer, extent, inner].
  private struct Slices {
    let keys: [UInt64]
    let outerCount, extent, innerCount: Int

    func groups(sorted: Bool) -> (firsts: [Int], groupOfSlice: [Int], counts: [Int]) {
      let order = sortedSlices()
      var firsts: [Int] = []
      var groups = [Int](repeating: 0, count: extent)
      var counts: [Int] = []
      for (index, slice) in order.enumerated() {
        if index == 0 || compare(order[index - 1], slice) != 0 {
          firsts.append(slice)
          counts.append(0)
        }
        groups[slice] = firsts.count - 1
        counts[firsts.count - 1] += 1
      }
      if sorted { return (firsts, groups, counts) }

      let appearance = firsts.indices.sorted { firsts[$0] < firsts[$1] }
      var renamed = [Int](repeating: 0, count: firsts.count)
      for (new, old) in appearance.enumerated() { renamed[old] = new }
      return (appearance.map { firsts[$0] }, groups.map { renamed[$0] }, appearance.map { counts[$0] })
    }

    /// Slices in order, equal ones by position.
    private func sortedSlices() -> [Int] {
      if outerCount == 1 && innerCount == 1 {
        return keys.enumerated().map { PositionedKey(key: $1, position: $0) }.sorted().map(\.position)
      }
      return (0..<extent).sorted { a, b in
        let order = compare(a, b)
        return order < 0 || (order == 0 && a < b)
      }
    }

    /// Lexicographic: negative when slice `a` comes first, 0 when the two are equal.
    private func compare(_ a: Int, _ b: Int) -> Int {
      for outer in 0..<outerCount {
        let base = outer * extent * innerCount
        for inner in 0..<innerCount {
          let (x, y) = (keys[base + a * innerCount + inner], keys[base + b * innerCount + inner])
          if x != y { return x < y ? -1 : 1 }
        }
      }
      return 0
    }
  }
}
