import Tensors

extension TypeRules {
  static func sequenceConstruct(_ node: Candidate) throws -> [InferredResult] {
    guard let first = node.operands.first?.type else {
      throw node.error(found: "no operands", expected: "at least one")
    }
    let element = try node.operands.dropFirst().reduce(first) { try node.join($0, $1.type, inSequence: true) }
    return [InferredResult(.sequence(element))]
  }

  static func sequenceEmpty(_ type: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(0)
    return [InferredResult(.sequence(.unrankedTensor(type)))]
  }

  static func sequenceAt(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let element = try sequence(node)
    try requirePosition(1, node)
    return [InferredResult(taken(element, node))]
  }

  static func sequenceInsert(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2...3)
    let element = try sequence(node)
    if node.operands.count == 3 { try requirePosition(2, node) }
    return [InferredResult(.sequence(try node.join(element, node.operands[1].type, inSequence: true)))]
  }

  static func sequenceErase(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1...2)
    let element = try sequence(node)
    if node.operands.count == 2 { try requirePosition(1, node) }
    return [InferredResult(.sequence(element))]
  }

  static func sequenceLength(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    _ = try sequence(node)
    return node.result(.int64, [])
  }

  static func sequenceConcatenate(axis: Int, newAxis: Bool, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let element = try sequence(node)
    guard let elementType = element.elementType else {
      throw node.error(found: "elements of type \(node.text(element))", expected: "tensors")
    }
    guard var shape = taken(element, node).tensor?.shape else { return [InferredResult(.unrankedTensor(elementType))] }
    try node.requireAxis(axis, rank: shape.count + (newAxis ? 1 : 0))
    if newAxis {
      shape.insert(node.fresh(), at: axis)
    } else {
      shape[axis] = node.fresh()
    }
    return node.result(elementType, shape)
  }

  static func sequenceSplit(axis: Int, keepDimension: Bool, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1...2)
    let operand = try node.tensor(0)
    try node.requireAxis(axis, rank: operand.rank)
    var shape = operand.shape
    if node.operands.count == 1 {
      shape[axis] = .constant(1)
      if !keepDimension { shape.remove(at: axis) }
    } else {
      try node.requireIndices(1)
      shape[axis] = try piece(of: shape[axis], node)
    }
    return [InferredResult(.sequence(.tensor(TensorType(operand.elementType, shape))))]
  }

  /// The extent that all pieces of a split have.
  private static func piece(of extent: Dimension, _ node: Candidate) throws -> Dimension {
    let split = try node.tensor(1)
    try node.require(split.rank <= 1, found: node.text(split.shape), expected: "a scalar or [n]")
    guard let sizes = node.operands[1].elements else { return .varying }
    try node.require(
      sizes.allSatisfy { $0.constant.map { $0 >= 0 } ?? true }, found: "split \(node.text(sizes))",
      expected: "sizes that are not negative")
    guard let size = sizes.first, sizes.allSatisfy({ $0 == size }) else { return .varying }
    if split.rank == 1 { return size }
    // Chunks of one size: the last is smaller unless they fill the axis.
    return extent.modulo(size) == .constant(0) && size.isPositive ? size : .varying
  }

  static func optional(_ type: ElementType?, ofSequence: Bool, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(0...1)
    if let operand = node.operands.first { return [InferredResult(.optional(operand.type))] }
    guard let type else { throw node.error(found: "neither value nor type", expected: "one of them") }
    let tensor = ValueType.unrankedTensor(type)
    return [InferredResult(.optional(ofSequence ? .sequence(tensor) : tensor))]
  }

  static func optionalHasElement(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(0...1)
    return node.result(.bool, [])
  }

  static func optionalGetElement(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    guard case .optional(let type) = node.operands[0].type else { return [InferredResult(node.operands[0].type)] }
    return [InferredResult(taken(type, node))]
  }

  // MARK: Checks

  private static func sequence(_ node: Candidate) throws -> ValueType {
    guard case .sequence(let element) = node.operands[0].type else {
      throw node.error(found: "operand 0 of type \(node.text(node.operands[0].type))", expected: "a sequence")
    }
    return element
  }

  private static func requirePosition(_ index: Int, _ node: Candidate) throws {
    try node.requireIndices(index)
    try node.requireScalar(index)
  }

  /// The type of one element by itself: extents in which elements differ get a symbol of their own.
  private static func taken(_ type: ValueType, _ node: Candidate) -> ValueType {
    type.mapDimensions { dimension, isNested in
      !isNested && dimension.symbols.contains(.varying) ? node.fresh() : dimension
    }
  }
}
