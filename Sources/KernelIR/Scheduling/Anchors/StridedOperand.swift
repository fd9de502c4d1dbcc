import GraphIR
import Tensors

/// An operand of a contraction as it lies in memory: a value and what it moves by along each axis of the operand.
struct StridedOperand {
  var root: ValueID
  var strides: [Int]

  /// What transposes, reshapes and broadcasts made the operand of, the first first, and last the operand itself.
  /// Nodes that are `taken` by kernels keep their values to themselves.
  static func all(_ id: ValueID, _ index: GraphIndex, taken: Set<Int>) -> [StridedOperand] {
    guard let shape = index.shape(id) else { return [] }
    var cluster = Cluster()
    let place = Place(shape.dimensions.map { cluster.axisForm($0) })
    let axes = place.forms.map(\.axis)
    return PlacedOperand.all(id, at: place, in: cluster, index, taken: taken).operands.map { operand in
      StridedOperand(
        root: operand.root, strides: axes.map { axis in axis.map { operand.position.coefficient(of: $0) } ?? 0 })
    }
  }
}

/// An operand as it lies in memory, by the axes of a cluster.
struct PlacedOperand {
  var root: ValueID
  var position: Affine

  /// What transposes, reshapes and broadcasts made an element of the operand of, the first first, and last the operand
  /// itself; and the axis that would have to be cut to go on from the first.
  static func all(
    _ id: ValueID, at place: Place, in cluster: Cluster, _ index: GraphIndex, taken: Set<Int>
  ) -> (operands: [PlacedOperand], split: (axis: Int, inner: Int)?) {
    var operands: [PlacedOperand] = []
    var (root, place) = (id, place)
    while let shape = index.shape(root) {
      operands.insert(PlacedOperand(root: root, position: place.linear(shape)), at: 0)
      guard let producer = index.producer(of: root), !taken.contains(producer),
        isMovement(index.node(producer).operation)
      else { break }
      switch cluster.needs(producer, .movement, at: place, index) {
      case .places(let needs): (root, place) = needs[0]
      case .needsSplit(let axis, let inner): return (operands, (axis, inner))
      case .impossible: return (operands, nil)
      }
    }
    return (operands, nil)
  }

  private static func isMovement(_ operation: Operation) -> Bool {
    switch operation {
    case .transpose, .reshape, .broadcast: true
    default: false
    }
  }
}
