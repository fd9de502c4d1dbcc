import Tensors

extension TypeRules {
  static func iota(_ elementType: ElementType, axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    try node.require(elementType.isNumeric, found: elementType.name, expected: "a type of numbers")
    guard let shape = try shapeOperand(node) else { return [InferredResult(.unrankedTensor(elementType))] }
    try node.requireAxis(axis, rank: shape.count)
    var elements: [Dimension]?
    if let result = TensorType(elementType, shape).constantShape, SymbolicElements.tracks(elementType),
      result.elementCount <= SymbolicElements.maximumCount
    {
      let inner = result.dimensions[(axis + 1)...].reduce(1, &*)
      elements = (0..<result.elementCount).map { .constant($0 / inner % result[axis]) }
    }
    return node.result(elementType, shape, elements: elements)
  }

  static func random(_ elementType: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    try node.require(elementType.isFloat, found: elementType.name, expected: "a floating-point type")
    guard let shape = try shapeOperand(node) else { return [InferredResult(.unrankedTensor(elementType))] }
    return node.result(elementType, shape)
  }

  /// The shape that operand 0 holds; nil when not even its length is known.
  private static func shapeOperand(_ node: Candidate) throws -> [Dimension]? {
    switch try node.vector(0) {
    case .unknown: return nil
    case .count(let rank): return (0..<rank).map { _ in node.fresh() }
    case .elements(let extents):
      try node.require(
        extents.allSatisfy { $0.constant.map { $0 >= 0 } ?? true }, found: "shape \(node.text(extents))",
        expected: "extents that are not negative")
      return extents
    }
  }

  static func range(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(3)
    let elementType = try node.elementType(0, \.isNumeric, "real numbers")
    try requireSameTypes(node, [0, 1, 2])
    for index in 0..<3 { try node.requireScalar(index) }
    try node.require(node.element(2) != .constant(0), found: "a delta of 0", expected: "another")
    guard elementType.isInteger, let start = node.element(0), let limit = node.element(1),
      let delta = node.element(2)?.constant, delta != .min
    else { return node.result(elementType, [node.fresh()]) }
    let distance = delta > 0 ? limit - start : start - limit
    let count = Dimension.maximum(.constant(0), distance).ceilingDivided(by: .constant(abs(delta)))
    var elements: [Dimension]?
    if let count = count.constant, count >= 0, count <= SymbolicElements.maximumCount {
      elements = wrapped((0..<count).map { start + .constant($0 &* delta) }, to: elementType)
    }
    return node.result(elementType, [count], elements: elements)
  }
}
