import GraphIR
import Tensors

/// The nodes of a softmax over the last axis, found from its result: exp(x - max(x)) / sum(exp(x - max(x))).
struct SoftmaxPattern {
  let scores: ValueID
  let members: Set<Int>

  init?(result: ValueID, _ index: GraphIndex) {
    var walk = BackwardWalk(index)
    guard let rank = index.shape(result)?.rank, rank > 0,
      let quotient = walk.binary(.divide, making: result),
      let total = walk.reduction(.sum, of: quotient.0, making: quotient.1, axis: rank - 1),
      total == quotient.0, let shifted = walk.unary(.exponential, making: quotient.0),
      let difference = walk.binary(.subtract, making: shifted),
      walk.reduction(.maximum, of: difference.0, making: difference.1, axis: rank - 1) == difference.0
    else { return nil }
    scores = difference.0
    members = walk.members
  }
}

/// Follows producers backwards and remembers them.
struct BackwardWalk {
  let index: GraphIndex
  private(set) var members: Set<Int> = []

  init(_ index: GraphIndex) { self.index = index }

  private func producer(of id: ValueID) -> (Int, Node)? { index.producer(of: id).map { ($0, index.node($0)) } }

  mutating func unary(_ function: UnaryFunction, making id: ValueID) -> ValueID? {
    guard let (number, node) = producer(of: id), node.operation == .unary(function) else { return nil }
    members.insert(number)
    return node.operands[0]
  }

  mutating func binary(_ function: BinaryFunction, making id: ValueID) -> (ValueID, ValueID)? {
    guard let (number, node) = producer(of: id), node.operation == .binary(function) else { return nil }
    members.insert(number)
    return (node.operands[0], node.operands[1])
  }

  /// The operand of a reduction over one axis of `wide`, which stays with extent 1.
  mutating func reduction(_ reduction: Reduction, of wide: ValueID, making id: ValueID, axis: Int) -> ValueID? {
    var id = id
    guard var shape = index.shape(wide)?.dimensions else { return nil }
    shape[axis] = 1
    guard index.shape(id)?.dimensions == shape else { return nil }
    if let (number, node) = producer(of: id), case .reshape = node.operation {
      members.insert(number)
      id = node.operands[0]
    }
    guard let (number, node) = producer(of: id), node.operation == .reduce(reduction, axes: [axis]) else { return nil }
    members.insert(number)
    return node.operands[0]
  }
}
