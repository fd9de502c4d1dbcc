import Tensors

extension TypeRules {
  // MARK: One operand

  static func unary(_ function: UnaryFunction, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let type = try unaryResult(function, node)
    let elements = node.elements(0).flatMap { known in
      wrapped(known.elements.map { unaryElement(function, $0) }, to: type)
    }
    return [InferredResult(node.operands[0].type.with(type), elements: elements)]
  }

  private static func unaryResult(_ function: UnaryFunction, _ node: Candidate) throws -> ElementType {
    switch function {
    case .absolute:
      let type = try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
      return type.realPart ?? type
    case .negate, .sign:
      return try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
    case .ceil, .floor, .roundNearestEven, .errorFunction, .logistic:
      return try node.elementType(0, \.isFloat, "floating-point numbers")
    case .exponential, .exponentialMinusOne, .logarithm, .logarithmPlusOne, .squareRoot, .reciprocal, .sine, .cosine,
      .tangent, .arcSine, .arcCosine, .arcTangent, .hyperbolicSine, .hyperbolicCosine, .hyperbolicTangent,
      .inverseHyperbolicSine, .inverseHyperbolicCosine, .inverseHyperbolicTangent:
      return try node.elementType(0, { $0.isFloat || $0.kind == .complex }, "floating-point or complex numbers")
    case .not:
      return try node.elementType(0, { $0.isInteger || $0 == .bool }, "integers or bool")
    case .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite:
      _ = try node.elementType(0, \.isFloat, "floating-point numbers")
      return .bool
    case .realPart, .imaginaryPart:
      let type = try node.elementType(0, { $0.kind == .complex }, "complex numbers")
      return type.realPart ?? type
    }
  }

  private static func unaryElement(_ function: UnaryFunction, _ x: Dimension) -> Dimension? {
    switch function {
    case .negate: return .constant(0) - x
    case .absolute:
      if x.isNonNegative { return x }
      return (.constant(0) - x).isNonNegative ? .constant(0) - x : nil
    case .sign:
      if x.isPositive { return .constant(1) }
      return x.constant.map { .constant($0.signum()) }
    default: return nil
    }
  }

  // MARK: Two operands

  static func binary(_ function: BinaryFunction, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let type: ElementType
    switch function {
    case .add, .subtract, .multiply, .divide:
      type = try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
    case .remainder, .floorModulo, .maximum, .minimum:
      type = try node.elementType(0, \.isNumeric, "real numbers")
    case .power:
      type = try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
      _ = try node.elementType(1, { $0.isNumeric || $0 == type }, "a real exponent")
    case .arcTangent2:
      type = try node.elementType(0, \.isFloat, "floating-point numbers")
    case .and, .or, .exclusiveOr:
      type = try node.elementType(0, { $0.isInteger || $0 == .bool }, "integers or bool")
    case .shiftLeft, .shiftRight:
      type = try node.elementType(0, \.isInteger, "integers")
    case .complex:
      type = try node.elementType(0, { $0 == .float32 || $0 == .float64 }, "float32 or float64")
    }
    if function != .power { try requireSameTypes(node, [0, 1]) }
    let result = function == .complex ? (type == .float32 ? ElementType.complex64 : .complex128) : type
    return try broadcastResult(node, result) { binaryElement(function, $0[0], $0[1]) }
  }

  private static func binaryElement(_ function: BinaryFunction, _ a: Dimension, _ b: Dimension) -> Dimension? {
    let constants = a.constant.flatMap { x in b.constant.map { (x, $0) } }
    switch function {
    case .add: return a + b
    case .subtract: return a - b
    case .multiply: return a * b
    case .divide:
      if let (x, y) = constants { return .constant(y == 0 ? 0 : x.dividedReportingOverflow(by: y).partialValue) }
      return a.isNonNegative && b.isNonNegative ? a.floorDivided(by: b) : nil
    case .remainder:
      if let (x, y) = constants {
        return .constant(y == 0 ? 0 : x.remainderReportingOverflow(dividingBy: y).partialValue)
      }
      return a.isNonNegative && b.isNonNegative ? a.modulo(b) : nil
    case .floorModulo: return a.modulo(b)
    case .maximum: return .maximum(a, b)
    case .minimum: return .minimum(a, b)
    case .power:
      guard let (x, y) = constants, y >= 0, y < 64 else { return nil }
      return .constant((0..<y).reduce(1) { product, _ in product &* x })
    case .and: return constants.map { .constant($0 & $1) }
    case .or: return constants.map { .constant($0 | $1) }
    case .exclusiveOr: return constants.map { .constant($0 ^ $1) }
    case .shiftLeft, .shiftRight, .arcTangent2, .complex: return nil
    }
  }

  static func compare(_ comparison: Comparison, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let isEquality = comparison == .equal || comparison == .notEqual
    _ = try node.elementType(0, { isEquality || $0.isNumeric }, "real numbers, or a comparison for equality")
    try requireSameTypes(node, [0, 1])
    return try broadcastResult(node, .bool) { compareElement(comparison, $0[0], $0[1]) }
  }

  private static func compareElement(_ comparison: Comparison, _ a: Dimension, _ b: Dimension) -> Dimension? {
    func truth(_ value: Bool) -> Dimension { .constant(value ? 1 : 0) }
    let isLess = (b - a).isPositive
    let isGreater = (a - b).isPositive
    switch comparison {
    case .equal: return a == b ? truth(true) : isLess || isGreater ? truth(false) : nil
    case .notEqual: return a == b ? truth(false) : isLess || isGreater ? truth(true) : nil
    case .less: return isLess ? truth(true) : (a - b).isNonNegative ? truth(false) : nil
    case .lessOrEqual: return (b - a).isNonNegative ? truth(true) : isGreater ? truth(false) : nil
    case .greater: return isGreater ? truth(true) : (b - a).isNonNegative ? truth(false) : nil
    case .greaterOrEqual: return (a - b).isNonNegative ? truth(true) : isLess ? truth(false) : nil
    }
  }

  // MARK: Three operands

  static func select(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(3)
    try node.require(0, is: .bool)
    let type = try node.elementType(1)
    try requireSameTypes(node, [1, 2])
    return try broadcastResult(node, type) { elements in
      // Either way the same, or a predicate that is known.
      elements[1] == elements[2] ? elements[1] : elements[0].constant.map { $0 == 0 ? elements[2] : elements[1] }
    }
  }

  // MARK: Other types

  static func convert(to type: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    _ = try node.elementType(0)
    let elements = SymbolicElements.tracks(type) ? node.operands[0].elements : nil
    let converted = elements.flatMap { known in
      wrapped(
        known.map { element in
          // A bool is known only when the number surely is or is not zero.
          type != .bool || element.constant != nil ? element : element.isPositive ? .constant(1) : nil
        }, to: type)
    }
    return [InferredResult(node.operands[0].type.with(type), elements: converted)]
  }

  static func bitcast(to type: ElementType, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    _ = try node.elementType(
      0, { $0.bitWidth == type.bitWidth && $0.bitWidth > 0 }, "a type of as many bits as \(type.name)")
    return [InferredResult(node.operands[0].type.with(type))]
  }

  // MARK: Broadcasting

  static func requireSameTypes(_ node: Candidate, _ indices: [Int]) throws {
    let first = try node.elementType(indices[0])
    for index in indices.dropFirst() {
      let other = try node.elementType(index)
      try node.require(
        other == first, found: "\(first.name) and \(other.name)", expected: "operands of the same element type")
    }
  }

  /// The type of all operands broadcast together; its elements where all operands' are known.
  static func broadcastResult(
    _ node: Candidate, _ elementType: ElementType, element: ([Dimension]) -> Dimension?
  ) throws -> [InferredResult] {
    var shape: [Dimension] = []
    for index in node.operands.indices {
      guard let type = node.operands[index].type.tensor else { return [InferredResult(.unrankedTensor(elementType))] }
      shape = try node.broadcast(shape, type.shape)
    }
    let type = TensorType(elementType, shape)
    guard SymbolicElements.tracks(elementType), let constant = type.constantShape,
      constant.elementCount <= SymbolicElements.maximumCount
    else { return [InferredResult(.tensor(type))] }
    var columns: [[Dimension]] = []
    for index in node.operands.indices {
      guard let known = node.elements(index) else { return [InferredResult(.tensor(type))] }
      columns.append(SymbolicElements.broadcast(known.elements, from: known.shape, to: constant))
    }
    let elements = wrapped(
      (0..<constant.elementCount).map { index in element(columns.map { $0[index] }) }, to: elementType)
    return [InferredResult(.tensor(type), elements: elements)]
  }

  /// The elements as values of `type`; nil when one is unknown or the type is not tracked.
  static func wrapped(_ elements: [Dimension?], to type: ElementType) -> [Dimension]? {
    guard SymbolicElements.tracks(type) else { return nil }
    var known: [Dimension] = []
    for element in elements {
      guard let element else { return nil }
      known.append(SymbolicElements.wrapped(element, to: type))
    }
    return known
  }
}

extension ElementType {
  /// The type of the two parts of a complex number.
  var realPart: ElementType? {
    switch self {
    case .complex64: .float32
    case .complex128: .float64
    default: nil
    }
  }
}

extension ValueType {
  /// The same shape with other elements, for tensors.
  func with(_ elementType: ElementType) -> ValueType {
    switch self {
    case .tensor(let type): .tensor(TensorType(elementType, type.shape))
    default: .unrankedTensor(elementType)
    }
  }
}
