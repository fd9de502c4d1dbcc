import GraphIR
import Tensors

/// Nodes that become one loop kernel, and where each of their values is needed, as forms over the cluster's axes.
///
/// Grows backwards from a root: the root's axes are the domain, and a node joins by telling which elements of its
/// operands an element of its result needs.
struct Cluster {
  /// Of every axis, each at least 2.
  var extents: [Int] = []
  /// Axes of the root, outermost first. The others belong to reductions and to pieces of the domain.
  var domain: [Int] = []
  var members: Set<Int> = []
  /// What members give, and where it is needed.
  var places: [ValueID: [Place]] = [:]
  /// What members read from memory.
  var loads: [ValueID: [Place]] = [:]
  /// Members that nobody else needs are in no other cluster; these are.
  var copied: Set<Int> = []
  /// Values that are kept in memory: the root, and others on the way that are read elsewhere.
  var stored: [ValueID] = []
  /// For a member that reduces: the form for each axis that goes.
  var reduced: [Int: [Affine]] = [:]
  /// Axes that the results of reductions depend on, once there is one; the rest of the domain are its rows.
  var rowAxes: Set<Int>?
  /// Values that windows read, which are not computed anew for each.
  var frozen: Set<ValueID> = []
  var pieces: Pieces?
  /// The axis that running totals go along: the innermost loop, one position after the other.
  var carryingAxis: Int?

  /// An axis of the domain that concatenation cuts into pieces, each an axis of its own.
  struct Pieces {
    var axis: Int
    var starts: [Int]
    var axes: [Int]
  }

  /// Larger ones pay no more and take registers.
  static let maximumMemberCount = 40
  static let maximumBufferCount = 12
  /// Concatenations only move.
  static let maximumPieceCount = 64

  mutating func addAxis(_ extent: Int) -> Int {
    extents.append(extent)
    return extents.count - 1
  }

  /// A new axis, or nothing for a single position.
  mutating func axisForm(_ extent: Int) -> Affine {
    extent == 1 ? Affine() : Affine(axis: addAxis(extent))
  }

  mutating func need(_ id: ValueID, at place: Place) {
    if loads[id]?.contains(place) != true { loads[id, default: []].append(place) }
  }

  /// Cuts an axis into an outer one and an inner one of extent `inner`, which keeps the number.
  mutating func split(_ axis: Int, inner: Int) {
    let outer = addAxis(extents[axis] / inner)
    extents[axis] = inner
    let form = Affine(axis: outer) * inner + Affine(axis: axis)
    if let position = domain.firstIndex(of: axis) { domain.insert(outer, at: position) }
    for id in places.keys { places[id] = places[id]?.map { $0.replacing(axis, by: form) } }
    for id in loads.keys { loads[id] = loads[id]?.map { $0.replacing(axis, by: form) } }
    for node in reduced.keys { reduced[node] = reduced[node]?.map { $0.replacing(axis, by: form) } }
    if rowAxes?.contains(axis) == true { rowAxes?.insert(outer) }
  }

  /// Axes that may not be cut any more.
  func isRigid(_ axis: Int) -> Bool {
    if axis == carryingAxis { return true }
    return pieces.map { $0.axis == axis || $0.axes.contains(axis) } ?? false
  }

  /// Counts positions along an axis from the end.
  mutating func reverse(_ axis: Int) {
    let form = Affine(axis: axis) * -1 + (extents[axis] - 1)
    for id in places.keys { places[id] = places[id]?.map { $0.replacing(axis, by: form) } }
    for id in loads.keys { loads[id] = loads[id]?.map { $0.replacing(axis, by: form) } }
  }

  var bufferCount: Int { loads.count + stored.count }
}
