import Tensors

/// In which order the loops of a cluster nest, and which axis the vector lanes run along.
struct LoopOrder {
  /// Axes of the domain, outermost first.
  let axes: [Int]
  /// nil when only reductions have one.
  let vector: Int?
  private let scores: [Double]

  init(_ cluster: Cluster, _ index: GraphIndex) {
    let scores = Self.scores(cluster, index)
    self.scores = scores
    let outer = cluster.rowAxes ?? []
    let rows = cluster.domain.filter { !outer.contains($0) }
    func best(_ axes: [Int]) -> Int? { axes.max { scores[$0] <= scores[$1] } }

    var vector = best(cluster.domain.filter { $0 != cluster.carryingAxis })
    // Lanes that lie apart would gain nothing.
    if let candidate = vector, cluster.carryingAxis != nil, scores[candidate] <= 0 { vector = nil }
    if rows.isEmpty, cluster.rowAxes != nil {
      // Lanes along what is reduced, when that lies better.
      let inner = best(cluster.reduced.values.flatMap { $0.flatMap { $0.terms.map(\.axis) } })
      if let inner, scores[inner] > (vector.map { scores[$0] } ?? 0) { vector = nil }
    }
    self.vector = vector

    // What results of reductions depend on comes first: their loops stand in front of the rows'.
    var order = cluster.domain.filter { outer.contains($0) && $0 != vector }
    if let vector, outer.contains(vector) { order.append(vector) }
    order += rows.filter { $0 != vector }
    if let cut = cluster.pieces?.axis, cut != vector {
      order.removeAll { $0 == cut }
      order.append(cut)
    }
    if let vector, !outer.contains(vector) { order.append(vector) }
    if let carrying = cluster.carryingAxis {
      order.removeAll { $0 == carrying }
      order.append(carrying)
    }
    axes = order
  }

  /// Reductions loop over rows in the order of the domain, then over other axes.
  func rank(of axis: Int) -> Int { axes.firstIndex(of: axis) ?? axes.count + axis }

  func best(of axes: [Int]) -> Int? { axes.max { scores[$0] <= scores[$1] } }

  /// How well vector lanes along an axis would suit all reads and writes, in elements moved.
  private static func scores(_ cluster: Cluster, _ index: GraphIndex) -> [Double] {
    var scores = [Double](repeating: 0, count: cluster.extents.count)
    func count(_ place: Place, _ shape: Shape, good: Double, bad: Double) {
      let linear = place.linear(shape)
      let traffic = linear.terms.reduce(1.0) { $0 * Double(cluster.extents[$1.axis]) }
      for term in linear.terms {
        // A short axis leaves lanes empty.
        let filled = min(1, Double(cluster.extents[term.axis]) / 16)
        scores[term.axis] += traffic * (term.coefficient == 1 ? good * filled : -bad)
      }
    }
    for (id, places) in cluster.loads {
      guard let shape = index.shape(id) else { continue }
      for place in places { count(place, shape, good: 1, bad: 0.25) }
    }
    for id in cluster.stored {
      guard let shape = index.shape(id), let place = cluster.places[id]?.first else { continue }
      count(place, shape, good: 1.5, bad: 0.75)
    }
    if let pieces = cluster.pieces {
      for axis in pieces.axes { scores[pieces.axis] += scores[axis] }
    }
    return scores
  }
}
