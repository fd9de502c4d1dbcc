import GraphIR
import Interpreter
import Tensors

/// Grows clusters: which nodes a kernel takes in besides its root.
struct ClusterGrowth {
  let index: GraphIndex
  let target: ScheduleTarget
  /// Whether a kernel may store values besides its root's.
  let givesSeveral: Bool
  /// How each node takes part in a loop; nil for those that a kernel of another kind or the interpreter computes.
  let forms: [NodeForm?]

  init(_ index: GraphIndex, _ target: ScheduleTarget, taken: Set<Int>, givesSeveral: Bool = true) {
    self.index = index
    self.givesSeveral = givesSeveral
    self.target = target
    forms = index.graph.nodes.enumerated().map { number, node in
      taken.contains(number) || !target.calculates(node, index) ? nil : NodeForm(node, index)
    }
  }

  /// The cluster of a root, or nil when no loop computes it; `alone` with nothing but the root.
  func cluster(root: Int, _ formed: FormedSteps, alone: Bool = false) -> Cluster? {
    guard let shape = index.shape(index.node(root).results[0]), forms[root] != nil else { return nil }
    var cluster = Cluster()
    let place = Place(shape.dimensions.map { cluster.axisForm($0) })
    cluster.domain = Array(cluster.extents.indices)
    cluster.stored = [index.node(root).results[0]]
    cluster.need(cluster.stored[0], at: place)
    guard var grown = absorbing(root, into: cluster) else { return nil }
    var refused: Set<Int> = []
    while !alone, let candidate = nextCandidate(grown, refused) {
      if formed.isFree(candidate), let next = joined(candidate, grown, formed) {
        grown = next
      } else {
        refused.insert(candidate)
      }
    }
    return grown
  }

  /// The last node that makes something the cluster reads: all its readers have been decided on.
  private func nextCandidate(_ cluster: Cluster, _ refused: Set<Int>) -> Int? {
    var last: Int?
    for id in cluster.loads.keys {
      guard let producer = index.producer(of: id), forms[producer] != nil, !refused.contains(producer),
        !cluster.members.contains(producer), !cluster.frozen.contains(id), !GraphIndex.isKnown(id, index.graph)
      else { continue }
      last = max(last ?? producer, producer)
    }
    return last
  }

  /// The cluster with a producer of what it reads, if that is possible and pays.
  private func joined(_ number: Int, _ cluster: Cluster, _ formed: FormedSteps) -> Cluster? {
    let value = index.node(number).results[0]
    guard cluster.members.count < Cluster.maximumMemberCount, let places = cluster.loads[value] else { return nil }
    if places.count > 1, isDear(number) || places.count > 4 { return nil }
    guard var next = absorbing(number, into: cluster) else { return nil }
    if next.places.values.reduce(0, { $0 + $1.count }) > 2 * Cluster.maximumMemberCount { return nil }
    let limit = next.pieces == nil ? Cluster.maximumBufferCount : Cluster.maximumPieceCount
    if next.bufferCount > limit, next.bufferCount > cluster.bufferCount { return nil }
    // A copied reader reads for others too.
    let readers = next.members.subtracting(next.copied)
    guard formed.needed.contains(value) || index.isReadOutside(value, of: readers) else { return next }
    if isPlainMovement(number) {
      next.copied.insert(number)
      return next
    }
    guard givesSeveral, canBeStored(value, places, cluster),
      !formed.waits(cluster.loads.keys.filter({ $0 != value }), for: number, index)
    else { return nil }
    next.stored.append(value)
    return next
  }

  /// Reading from elsewhere costs nothing, so that each reader may do it by itself.
  private func isPlainMovement(_ number: Int) -> Bool {
    switch index.node(number).operation {
    case .reshape, .broadcast, .slice, .iota: true
    default: false
    }
  }

  private func isDear(_ number: Int) -> Bool {
    switch forms[number] {
    case .reduce, .argReduce, .window, .cumulative, .gather, .mapped, .resize: true
    case .elementwise: Cost.of(index.node(number).operation) >= Cost.dear
    default: false
    }
  }

  /// A value on the way, read outside too, is stored where it is computed, if that is once for each element.
  private func canBeStored(_ value: ValueID, _ places: [Place], _ cluster: Cluster) -> Bool {
    guard cluster.pieces == nil, places.count == 1, let shape = index.shape(value),
      places[0].axes.isSubset(of: cluster.domain), places[0].covers(shape, cluster.extents)
    else { return false }
    return true
  }

  // MARK: Absorbing

  /// The cluster with a node that makes something it reads, cut along its axes as that needs.
  private func absorbing(_ number: Int, into cluster: Cluster) -> Cluster? {
    guard let form = forms[number] else { return nil }
    var base = cluster
    // Each round cuts one axis.
    for _ in 0..<8 {
      var trial = base
      switch absorb(number, form, into: &trial) {
      case .done: return trial
      case .needsSplit(let axis, let inner):
        if base.isRigid(axis) || axis >= base.extents.count { return nil }
        base.split(axis, inner: inner)
      case .impossible: return nil
      }
    }
    return nil
  }

  private enum Outcome {
    case done
    case needsSplit(axis: Int, inner: Int)
    case impossible
  }

  private func absorb(_ number: Int, _ form: NodeForm, into cluster: inout Cluster) -> Outcome {
    let node = index.node(number)
    let value = node.results[0]
    guard let places = cluster.loads.removeValue(forKey: value) else { return .impossible }
    cluster.places[value] = places
    cluster.members.insert(number)
    guard prepare(number, form, places, &cluster) else { return .impossible }
    // Preparing may turn an axis around.
    for place in (cluster.places[value] ?? places).flatMap({ pieces(of: $0, node, cluster) }) {
      switch cluster.needs(number, form, at: place, index) {
      case .places(let needs):
        for (id, place) in needs {
          if cluster.places[id] != nil { return .impossible }
          cluster.need(id, at: place)
        }
      case .needsSplit(let axis, let inner): return .needsSplit(axis: axis, inner: inner)
      case .impossible: return .impossible
      }
    }
    return .done
  }

  /// Places of a concatenation, for each piece one.
  private func pieces(of place: Place, _ node: Node, _ cluster: Cluster) -> [Place] {
    guard case .concatenate = node.operation, let pieces = cluster.pieces else { return [place] }
    return zip(pieces.axes, pieces.starts).map { place.replacing(pieces.axis, by: Affine(axis: $0) + $1) }
  }

  /// Makes the axes that a node adds, or says that it does not fit.
  private func prepare(_ number: Int, _ form: NodeForm, _ places: [Place], _ cluster: inout Cluster) -> Bool {
    let node = index.node(number)
    switch form {
    case .argReduce(_, let axis, _): return prepare(number, .reduce(.maximum, axes: [axis]), places, &cluster)
    case .reduce(_, let axes):
      guard places.count == 1, places[0].guards.isEmpty, let shape = index.shape(node.operands[0]),
        places[0].axes.isSubset(of: cluster.domain), cluster.pieces == nil, cluster.carryingAxis == nil
      else { return false }
      return cluster.addReduction(number, over: axes.sorted().map { shape[$0] }, at: places[0])
    case .window(_, let geometry):
      guard places.count == 1, places[0].guards.isEmpty, cluster.rowAxes == nil, cluster.pieces == nil,
        cluster.carryingAxis == nil, places[0].axes.isSubset(of: cluster.domain)
      else { return false }
      cluster.reduced[number] = geometry.axes.map { cluster.axisForm($0.size) }
      cluster.frozen.insert(node.operands[0])
    case .cumulative(_, let axis, _, let isReverse):
      guard let shape = index.shape(node.operands[0]), places.count == 1, cluster.rowAxes == nil,
        cluster.pieces == nil, cluster.carryingAxis == nil, cluster.frozen.isEmpty,
        places[0].covers(shape, cluster.extents), places[0].axes == Set(cluster.domain)
      else { return false }
      // One element is its own total; an axis cut before is no single loop.
      guard shape[axis] > 1, let carrying = places[0].forms[axis].axis else { return false }
      cluster.carryingAxis = carrying
      if isReverse { cluster.reverse(carrying) }
    case .gather, .mapped:
      guard target.calculates(.indirect, .int64) else { return false }
      cluster.frozen.insert(node.operands[0])
    case .resize(let axes) where !axes.allSatisfy({ $0.repetition != nil }):
      guard target.calculates(.indirect, .int64) else { return false }
      cluster.frozen.insert(node.operands[0])
      if axes.hasLoops {
        guard places.count == 1, places[0].guards.isEmpty, cluster.rowAxes == nil, cluster.pieces == nil,
          cluster.carryingAxis == nil, places[0].axes.isSubset(of: cluster.domain)
        else { return false }
        cluster.reduced[number] = axes.map { cluster.axisForm($0.tapCount) }
      }
    case .movement:
      if case .concatenate(let axis) = node.operation { return cluster.cut(node, along: axis, places, index) }
    case .elementwise, .iota, .resize: break
    }
    return true
  }
}

extension Cluster {
  /// Axes for what a reduction takes away: those of the rows where all fit, so that loops over the same elements have
  /// the same axes; where one extent fits by chance, loops would leave the order of memory. All reductions of a cluster
  /// depend on the same axes.
  fileprivate mutating func addReduction(_ number: Int, over gone: [Int], at place: Place) -> Bool {
    let outer = place.axes
    if let rowAxes, rowAxes != outer { return false }
    rowAxes = outer
    var rows = domain.filter { !outer.contains($0) }
    let shared = gone.map { extent in extent == 1 ? Affine() : takeAxes(of: extent, from: &rows) }
    let fits = shared.allSatisfy { $0 != nil }
    reduced[number] = zip(gone, shared).map { extent, form in fits ? form ?? Affine() : axisForm(extent) }
    return true
  }

  /// Neighbouring axes whose product is the extent.
  private func takeAxes(of extent: Int, from axes: inout [Int]) -> Affine? {
    for start in axes.indices {
      var product = 1
      for end in start..<axes.count {
        product *= extents[axes[end]]
        if product == extent {
          let form = axes[start...end].reduce(Affine()) { $0 * extents[$1] + Affine(axis: $1) }
          axes.removeSubrange(start...end)
          return form
        }
        if product > extent { break }
      }
    }
    return nil
  }

  /// Cuts the domain where the parts of a concatenation meet.
  fileprivate mutating func cut(_ node: Node, along axis: Int, _ places: [Place], _ index: GraphIndex) -> Bool {
    guard places.count == 1, places[0].guards.isEmpty, rowAxes == nil, carryingAxis == nil,
      let cut = places[0].forms[axis].axis,
      domain.contains(cut), frozen.isEmpty, stored.count == 1
    else { return false }
    var starts: [Int] = []
    var sizes: [Int] = []
    for operand in node.operands {
      guard let extent = index.shape(operand)?[axis] else { return false }
      starts.append((starts.last ?? 0) + (sizes.last ?? 0))
      sizes.append(extent)
    }
    guard sizes.reduce(0, +) == extents[cut] else { return false }
    if let pieces { return pieces.axis == cut && pieces.starts == starts }
    guard sizes.count <= Self.maximumPieceCount, places[0].axes.isSubset(of: domain) else { return false }
    pieces = Pieces(axis: cut, starts: starts, axes: sizes.map { addAxis($0) })
    return true
  }
}

extension [ResizeAxis] {
  /// More neighbours than four are gone through in loops, fewer one by one.
  var hasLoops: Bool { reduce(1) { $0 * $1.tapCount } > 4 }
}

extension ResizeAxis {
  /// How often each element comes, when that is all the axis does.
  var repetition: Int? {
    guard tapCount == 1, isOutside.isEmpty, let last = indices.last, output % (last + 1) == 0 else { return nil }
    let count = output / (last + 1)
    return indices.indices.allSatisfy { indices[$0] == $0 / count } ? count : nil
  }
}
