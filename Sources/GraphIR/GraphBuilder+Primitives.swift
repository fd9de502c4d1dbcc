import Tensors

/// One short name for each primitive that frontends and compositions use often. Each adds exactly one node (and the
/// constants that carry its parameters); results and errors are those of `add(_:_:)`.
extension GraphBuilder {
  // MARK: Constants

  /// int64[n]
  public func indices(_ values: [Int]) -> ValueID { constant(Tensor([values.count], values.map(Int64.init))) }

  /// An int64 scalar.
  public func index(_ value: Int) -> ValueID { constant(Tensor(scalar: Int64(value))) }

  /// A scalar of any numeric or bool element type, rounded to it.
  public func scalar(_ value: Double, _ elementType: ElementType) throws -> ValueID {
    if elementType == .float64 { return constant(Tensor(scalar: value)) }
    let wide = constant(Tensor(scalar: Float(value)))
    if elementType == .float32 { return wide }
    // Integers beyond 2^24 do not pass through float32 unharmed.
    if elementType.isInteger, let exact = Int64(exactly: value) {
      return try convert(constant(Tensor(scalar: exact)), to: elementType)
    }
    return try convert(wide, to: elementType)
  }

  // MARK: Elementwise

  public func unary(_ function: UnaryFunction, _ x: ValueID) throws -> ValueID { try one(.unary(function), [x]) }

  public func binary(_ function: BinaryFunction, _ a: ValueID, _ b: ValueID) throws -> ValueID {
    try one(.binary(function), [a, b])
  }

  public func add(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.add, a, b) }
  public func subtract(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.subtract, a, b) }
  public func multiply(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.multiply, a, b) }
  public func divide(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.divide, a, b) }
  public func maximum(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.maximum, a, b) }
  public func minimum(_ a: ValueID, _ b: ValueID) throws -> ValueID { try binary(.minimum, a, b) }

  public func compare(_ comparison: Comparison, _ a: ValueID, _ b: ValueID) throws -> ValueID {
    try one(.compare(comparison), [a, b])
  }

  public func select(_ predicate: ValueID, _ onTrue: ValueID, _ onFalse: ValueID) throws -> ValueID {
    try one(.select, [predicate, onTrue, onFalse])
  }

  /// The operand itself when it has that type already.
  public func convert(_ x: ValueID, to elementType: ElementType, saturating: Bool = true) throws -> ValueID {
    type(of: x).elementType == elementType ? x : try one(.convert(to: elementType, saturating: saturating), [x])
  }

  // MARK: Shapes and data movement

  /// int64[rank]
  public func shape(_ x: ValueID) throws -> ValueID { try one(.shape, [x]) }

  public func reshape(_ x: ValueID, _ shape: ValueID, zeroCopies: Bool = false) throws -> ValueID {
    try one(.reshape(zeroCopies: zeroCopies), [x, shape])
  }

  /// A reshape to constant extents, one of which may be -1; with `zeroCopies` a 0 keeps the extent at its axis.
  public func reshape(_ x: ValueID, _ extents: [Int], zeroCopies: Bool = false) throws -> ValueID {
    try reshape(x, indices(extents), zeroCopies: zeroCopies)
  }

  public func broadcast(_ x: ValueID, to shape: ValueID) throws -> ValueID { try one(.broadcast, [x, shape]) }

  /// The operand itself when the permutation is the identity.
  public func transpose(_ x: ValueID, _ permutation: [Int]) throws -> ValueID {
    permutation == Array(permutation.indices) ? x : try one(.transpose(permutation: permutation), [x])
  }

  public func concatenate(_ operands: [ValueID], axis: Int) throws -> ValueID {
    operands.count == 1 ? operands[0] : try one(.concatenate(axis: axis), operands)
  }

  public func gather(_ x: ValueID, _ indices: ValueID, axis: Int) throws -> ValueID {
    try one(.gather(axis: axis), [x, indices])
  }

  /// Elements `start..<limit` along one axis, with constant bounds; negative positions count from the end.
  public func slice(_ x: ValueID, axis: Int, from start: Int, to limit: Int = .max, step: Int = 1) throws -> ValueID {
    let rank = try self.rank(of: x, having: axis)
    var starts = [Int](repeating: 0, count: rank)
    var limits = [Int](repeating: .max, count: rank)
    var strides = [Int](repeating: 1, count: rank)
    (starts[axis], limits[axis], strides[axis]) = (start, limit, step)
    return try one(.slice, [x, indices(starts), indices(limits), indices(strides)])
  }

  /// `x` with axes of extent 1 inserted so that they stand at `axes` of the result.
  public func expandDimensions(_ x: ValueID, axes: [Int]) throws -> ValueID {
    let inserted = Set(axes)
    let rank = try self.rank(of: x) + inserted.count
    guard inserted.allSatisfy({ (0..<rank).contains($0) }) else {
      throw GraphError(
        operation: "expandDimensions", source: source, found: "new axes \(axes)",
        expected: "axes of a result of rank \(rank)")
    }
    let shape = try self.shape(x)
    var pieces: [ValueID] = []
    var axis = 0
    for position in 0..<rank {
      if inserted.contains(position) {
        pieces.append(indices([1]))
      } else {
        pieces.append(try slice(shape, axis: 0, from: axis, to: axis + 1))
        axis += 1
      }
    }
    return try reshape(x, pieces.isEmpty ? indices([]) : concatenate(pieces, axis: 0))
  }

  /// `x` without `axes`, whose extents are 1.
  public func removeDimensions(_ x: ValueID, axes: [Int]) throws -> ValueID {
    let kept = (0..<(try rank(of: x))).filter { !axes.contains($0) }
    return try reshape(x, gather(shape(x), indices(kept), axis: 0))
  }

  // MARK: Reductions and contractions

  public func reduce(_ reduction: Reduction, _ x: ValueID, axes: [Int], keepDimensions: Bool = false) throws -> ValueID
  {
    let reduced = try one(.reduce(reduction, axes: axes.sorted()), [x])
    return keepDimensions ? try expandDimensions(reduced, axes: axes) : reduced
  }

  public func dot(_ lhs: ValueID, _ rhs: ValueID, _ dimensions: DotDimensions, result: ElementType) throws -> ValueID {
    try one(.dot(dimensions, result: result), [lhs, rhs])
  }

  // MARK: Helpers of frontends

  /// The rank, or an error that says that only a run can tell it.
  public func rank(of x: ValueID) throws -> Int {
    guard let type = type(of: x).tensor else {
      throw GraphError(operation: "rank", source: source, found: "\(type(of: x))", expected: "a tensor of known rank")
    }
    return type.rank
  }

  /// The rank of a tensor that has that axis.
  public func rank(of x: ValueID, having axis: Int) throws -> Int {
    let rank = try self.rank(of: x)
    guard (0..<rank).contains(axis) else {
      throw GraphError(
        operation: "rank", source: source, found: "a tensor of rank \(rank)",
        expected: axis < 0 ? "more axes" : "at least \(axis + 1) axes")
    }
    return rank
  }

  public func elementType(of x: ValueID) throws -> ElementType {
    guard let type = type(of: x).elementType else {
      throw GraphError(operation: "type", source: source, found: "\(type(of: x))", expected: "a tensor")
    }
    return type
  }

  /// A node with one result.
  public func one(_ operation: Operation, _ operands: [ValueID], regions: [Graph] = []) throws -> ValueID {
    try add(operation, operands, regions: regions)[0]
  }
}
