import GraphIR
import Tensors

extension Rewriter {
  // MARK: Shapes

  /// The shape of a value by that of an earlier one of the same shape.
  func simplifiedShape(_ x: ValueID) throws -> ValueID? {
    guard let inner = producer(x) else { return nil }
    switch inner.operation {
    case .unary, .convert, .bitcast, .reverse, .cumulative: return try one(.shape, [inner.operands[0]])
    case .transpose(let permutation):
      return try reordered(one(.shape, [inner.operands[0]]), permutation)
    default: return nil
    }
  }

  func simplifiedReshape(_ step: Step) throws -> ValueID? {
    guard case .reshape(let zeroCopies) = step.operation, let inner = producer(step.operands[0]),
      case .reshape = inner.operation
    else { return nil }
    // A zero takes the extent of what is reshaped, which would be another.
    if zeroCopies, integers(step.operands[1])?.contains(0) != false { return nil }
    return try one(.reshape(), [inner.operands[0], step.operands[1]])
  }

  /// Extents that are known, or but one, need not be computed.
  func simplifiedReshape(_ step: Step, added result: ValueID) throws -> ValueID? {
    let (x, shapeOperand) = (step.operands[0], step.operands[1])
    guard let own = shape(x), let extents = shape(result) else { return nil }
    if own == extents { return x }
    guard let constant = constantShapeOperand(extents, of: own) else { return nil }
    if case .reshape(false) = step.operation, integers(shapeOperand) == constant { return nil }
    return try one(.reshape(), [x, indices(constant)])
  }

  // MARK: Orders of axes

  func simplifiedTranspose(_ x: ValueID, _ permutation: [Int]) throws -> ValueID? {
    if permutation == Array(permutation.indices) { return x }
    if let inner = producer(x), case .transpose(let first) = inner.operation {
      return try one(.transpose(permutation: permutation.map { first[$0] }), [inner.operands[0]])
    }
    guard let own = shape(x) else { return nil }
    // Axes of extent 1 lie anywhere.
    let moved = permutation.filter { own[$0] != .one }
    if moved == moved.sorted() { return try reshape(x, to: permutation.map { own[$0] }) }
    return nil
  }

  func simplifiedReverse(_ x: ValueID, _ axes: [Int]) -> ValueID? {
    guard let own = shape(x) else { return nil }
    if axes.allSatisfy({ own[$0] == .one }) { return x }
    if let inner = producer(x), case .reverse(let first) = inner.operation, Set(first) == Set(axes) {
      return inner.operands[0]
    }
    return nil
  }

  // MARK: Parts

  /// Forward, step by step, from a first to a last element that leave no room for a part.
  func slicesEverything(_ step: Step, _ result: ValueID) -> Bool {
    guard let strides = integers(step.operands[3]), strides.allSatisfy({ $0 == 1 }) else { return false }
    return hasSameShape(step.operands[0], result)
  }

  /// (x, value, low, high)
  func simplifiedPad(_ operands: [ValueID]) -> ValueID? {
    for amounts in operands[2...3] {
      guard let values = integers(amounts), values.allSatisfy({ $0 == 0 }) else { return nil }
    }
    return operands[0]
  }

  func simplifiedConcatenate(_ operands: [ValueID], _ axis: Int) throws -> ValueID? {
    if operands.count == 1 { return operands[0] }
    let kept = operands.filter { shape($0)?[axis] != .constant(0) }
    if kept.isEmpty { return operands[0] }
    return kept.count == operands.count ? nil : try one(.concatenate(axis: axis), kept)
  }

  /// All elements in their order.
  func simplifiedGather(_ x: ValueID, _ positions: ValueID, _ axis: Int) -> ValueID? {
    guard let extent = shape(x)?[axis].constant, shape(positions) == [.constant(extent)],
      let values = integers(positions), values == Array(0..<extent)
    else { return nil }
    return x
  }

  // MARK: Sequences and optionals

  /// What is read from a sequence or optional that was made in this graph.
  func simplifiedRead(_ step: Step) -> ValueID? {
    guard let inner = producer(step.operands[0]) else { return nil }
    switch (step.operation, inner.operation) {
    case (.sequenceLength, .sequenceConstruct): return constant(Tensor(scalar: Int64(inner.operands.count)))
    case (.sequenceAt, .sequenceConstruct):
      guard let position = integers(step.operands[1])?.first else { return nil }
      let index = position < 0 ? position + inner.operands.count : position
      return inner.operands.indices.contains(index) ? inner.operands[index] : nil
    case (.optionalHasElement, .optional): return constant(Tensor(scalar: !inner.operands.isEmpty))
    case (.optionalGetElement, .optional): return inner.operands.first
    default: return nil
    }
  }
}
