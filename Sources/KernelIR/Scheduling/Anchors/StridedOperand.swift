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
    var place = Place(shape.dimensions.map { cluster.axisForm($0) })
    let axes = place.forms.map(\.axis)
    var operands: [StridedOperand] = []
    var root = id
    while let own = index.shape(root) {
      let position = place.linear(own)
      let strides = axes.map { axis in axis.map { position.coefficient(of: $0) } ?? 0 }
      operands.insert(StridedOperand(root: root, strides: strides), at: 0)
      guard let producer = index.producer(of: root), !taken.contains(producer),
        isMovement(index.node(producer).operation),
        case .places(let needs) = cluster.needs(producer, .movement, at: place, index)
      else { break }
      (root, place) = needs[0]
    }
    return operands
  }

  private static func isMovement(_ operation: Operation) -> Bool {
    switch operation {
    case .transpose, .reshape, .broadcast: true
    default: false
    }
  }
}
