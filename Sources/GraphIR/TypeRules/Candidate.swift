import Tensors

/// A node about to be added, as the rules see it, with the checks that most rules need. Everything here comes from a
/// file: no check may trap.
struct Candidate {
  let operation: Operation
  let operands: [Value]
  let regions: [Graph]
  let builder: GraphBuilder

  /// More axes than any model has; keeps shapes that are computed from hostile operands small.
  static let maximumRank = 64

  // MARK: Errors

  func error(found: String, expected: String) -> GraphError {
    GraphError(operation: operation.name, found: found, expected: expected)
  }

  func text(_ type: ValueType) -> String { type.text(symbols: builder.symbols) }
  func text(_ dimension: Dimension) -> String { dimension.text(symbols: builder.symbols) }
  func text(_ shape: [Dimension]) -> String { "[\(shape.map { text($0) }.joined(separator: ", "))]" }

  func require(_ condition: Bool, found: @autoclosure () -> String, expected: @autoclosure () -> String) throws {
    if !condition { throw error(found: found(), expected: expected()) }
  }

  // MARK: Counts

  func requireOperands(_ count: Int) throws { try requireOperands(count...count) }

  func requireOperands(_ counts: ClosedRange<Int>) throws {
    let expected = counts.count == 1 ? "\(counts.lowerBound)" : "\(counts.lowerBound) to \(counts.upperBound)"
    try require(counts.contains(operands.count), found: "\(operands.count) operands", expected: expected)
  }

  // MARK: Operands

  func elementType(_ index: Int) throws -> ElementType {
    guard let type = operands[index].type.elementType else {
      throw error(found: "operand \(index) of type \(text(operands[index].type))", expected: "a tensor")
    }
    return type
  }

  func elementType(
    _ index: Int, _ isAllowed: (ElementType) -> Bool, _ expected: @autoclosure () -> String
  ) throws -> ElementType {
    let type = try elementType(index)
    try require(
      isAllowed(type), found: "operand \(index) of type \(text(operands[index].type))", expected: expected())
    return type
  }

  func require(_ index: Int, is expected: ElementType) throws {
    _ = try elementType(index, { $0 == expected }, expected.name)
  }

  /// Positions and counts: int32 or int64.
  func requireIndices(_ index: Int) throws {
    _ = try elementType(index, { $0 == .int64 || $0 == .int32 }, "int32 or int64")
  }

  /// A tensor of known rank.
  func tensor(_ index: Int) throws -> TensorType {
    guard let type = operands[index].type.tensor else {
      throw error(found: "operand \(index) of type \(text(operands[index].type))", expected: "a tensor of known rank")
    }
    return type
  }

  func tensor(_ index: Int, rank: Int, _ layout: String) throws -> TensorType {
    let type = try tensor(index)
    try require(
      type.rank == rank, found: "operand \(index) of type \(text(.tensor(type)))", expected: "rank \(rank): \(layout)")
    return type
  }

  /// A scalar, or one element in an axis of its own; a tensor of unknown rank may be one.
  func requireScalar(_ index: Int) throws {
    guard let type = operands[index].type.tensor else {
      _ = try elementType(index)
      return
    }
    try require(
      type.shape.allSatisfy { $0.constant.map { $0 == 1 } ?? true },
      found: "operand \(index) of type \(text(.tensor(type)))", expected: "a scalar")
  }

  /// Element `position` of operand `index`, where it is known.
  func element(_ index: Int, at position: Int = 0) -> Dimension? {
    guard let elements = operands[index].elements, position < elements.count else { return nil }
    return elements[position]
  }

  /// The known elements of an operand with their constant shape.
  func elements(_ index: Int) -> (elements: [Dimension], shape: Shape)? {
    guard let elements = operands[index].elements, let shape = operands[index].type.tensor?.constantShape,
      shape.elementCount == elements.count
    else { return nil }
    return (elements, shape)
  }

  /// What an int64[r] operand says of a shape or of per-axis amounts.
  enum Vector {
    case elements([Dimension])
    /// As many elements, of unknown values.
    case count(Int)
    case unknown
  }

  func vector(_ index: Int) throws -> Vector {
    try requireIndices(index)
    guard let type = operands[index].type.tensor else { return .unknown }
    try require(type.rank == 1, found: "operand \(index) of type \(text(.tensor(type)))", expected: "int64[n]")
    guard let count = type.shape[0].constant else { return .unknown }
    try require(
      count >= 0 && count <= Self.maximumRank, found: "\(count) elements in operand \(index)",
      expected: "at most \(Self.maximumRank) axes")
    if let elements = operands[index].elements, elements.count == count { return .elements(elements) }
    return .count(count)
  }

  /// The elements of an int64[count] operand, nil where unknown.
  func vector(_ index: Int, count: Int) throws -> [Dimension?] {
    switch try vector(index) {
    case .elements(let elements):
      try requireCount(elements.count, index, count)
      return elements
    case .count(let found):
      try requireCount(found, index, count)
      fallthrough
    case .unknown: return [Dimension?](repeating: nil, count: count)
    }
  }

  private func requireCount(_ found: Int, _ index: Int, _ expected: Int) throws {
    try require(found == expected, found: "\(found) elements in operand \(index)", expected: "\(expected)")
  }

  // MARK: Axes

  func requireAxis(_ axis: Int, rank: Int) throws {
    try require(axis >= 0 && axis < rank, found: "axis \(axis)", expected: "an axis of a tensor of rank \(rank)")
  }

  func requireAxes(_ axes: [Int], rank: Int) throws {
    var seen = Set<Int>()
    for axis in axes {
      try requireAxis(axis, rank: rank)
      try require(seen.insert(axis).inserted, found: "axes \(axes)", expected: "each axis once")
    }
  }

  // MARK: Extents

  func fresh() -> Dimension { Dimension(builder.freshSymbol()) }

  /// Two extents that must be the same: the constant one where there is one.
  func same(_ a: Dimension, _ b: Dimension, _ what: @autoclosure () -> String) throws -> Dimension {
    if a == b { return a }
    switch (a, b) {
    case (.constant, .constant): throw error(found: "\(text(a)) and \(text(b))", expected: "equal \(what())")
    case (_, .constant): return b
    default: return a
    }
  }

  func broadcast(_ a: [Dimension], _ b: [Dimension]) throws -> [Dimension] {
    let rank = max(a.count, b.count)
    return try (0..<rank).map { axis in
      let fromA = axis - (rank - a.count)
      let fromB = axis - (rank - b.count)
      if fromA < 0 { return b[fromB] }
      if fromB < 0 { return a[fromA] }
      guard let extent = Dimension.broadcast(a[fromA], b[fromB]) else {
        throw error(found: "\(text(a)) and \(text(b))", expected: "shapes that broadcast")
      }
      return extent
    }
  }

  /// nil when the product is too large an expression to be useful.
  func product(_ extents: some Sequence<Dimension>) -> Dimension? {
    var product = Dimension.constant(1)
    for extent in extents {
      product = product * extent
      if product.isLarger() { return nil }
    }
    return product
  }

  func sum(_ extents: some Sequence<Dimension>) -> Dimension? {
    var sum = Dimension.constant(0)
    for extent in extents {
      sum = sum + extent
      if sum.isLarger() { return nil }
    }
    return sum
  }

  // MARK: Results

  func result(_ elementType: ElementType, _ shape: [Dimension], elements: [Dimension]? = nil) -> [InferredResult] {
    [InferredResult(.tensor(TensorType(elementType, shape)), elements: elements)]
  }
}
