import Tensors

/// One or several extents of a shape that a composition makes.
public enum Extent: ExpressibleByIntegerLiteral {
  case constant(Int)
  /// The extent of a value at an axis.
  case of(ValueID, Int)
  /// Elements of an int64 vector.
  case elements(ValueID)

  public init(integerLiteral value: Int) { self = .constant(value) }
}

extension GraphBuilder {
  /// int64[n]: the extents one after the other. What is known now becomes a constant.
  public func shape(_ extents: [Extent]) throws -> ValueID {
    var pieces: [ValueID] = []
    var known: [Int] = []
    func flush() {
      if !known.isEmpty { pieces.append(indices(known)) }
      known = []
    }
    for extent in extents {
      switch extent {
      case .constant(let value): known.append(value)
      case .of(let x, let axis):
        if let constant = try knownExtent(of: x, axis) {
          known.append(constant)
        } else {
          flush()
          pieces.append(try self.extent(of: x, axis))
        }
      case .elements(let vector):
        flush()
        pieces.append(vector)
      }
    }
    flush()
    return pieces.isEmpty ? indices([]) : try concatenate(pieces, axis: 0)
  }

  public func reshape(_ x: ValueID, to extents: [Extent]) throws -> ValueID { try reshape(x, shape(extents)) }

  /// The extent of `x` at `axis`, if it is known now. Throws when `x` is known to have no such axis.
  private func knownExtent(of x: ValueID, _ axis: Int) throws -> Int? {
    guard type(of: x).tensor != nil else { return nil }
    _ = try rank(of: x, having: axis)
    return type(of: x).tensor?.shape[axis].constant
  }

  /// int64[1]: the extent of `x` at `axis`.
  public func extent(of x: ValueID, _ axis: Int) throws -> ValueID {
    if let constant = try knownExtent(of: x, axis) { return indices([constant]) }
    return try slice(shape(x), axis: 0, from: axis, to: axis + 1)
  }

  /// A tensor of that shape, all elements the same.
  public func full(_ value: Double, _ elementType: ElementType, shape: ValueID) throws -> ValueID {
    try broadcast(scalar(value, elementType), to: shape)
  }

  /// A scalar of the element type of `x`.
  public func scalar(_ value: Double, like x: ValueID) throws -> ValueID { try scalar(value, elementType(of: x)) }

  /// A vector [n] with axes of extent 1 after it, so that it broadcasts along `axis` of a tensor of `rank`.
  public func vector(_ vector: ValueID, along axis: Int, rank: Int) throws -> ValueID {
    axis >= rank - 1 ? vector : try reshape(vector, [-1] + Array(repeating: 1, count: rank - 1 - axis))
  }

  /// The extent of `x` at `axis`, which decides the form of a composition.
  public func constantExtent(of x: ValueID, _ axis: Int, operation: String) throws -> Int {
    let shape = type(of: x).tensor?.shape
    // So small that products of two of them do not overflow.
    guard let shape, shape.indices.contains(axis), let extent = shape[axis].constant, extent < 1 << 31 else {
      throw GraphError(
        operation: operation, source: source, found: "\(type(of: x))",
        expected: "an extent at axis \(axis) known now, below 2^31")
    }
    return extent
  }

  // MARK: Layouts

  /// [N, C, spatial…] → [N, spatial…, C]
  public func channelsLast(_ x: ValueID) throws -> ValueID {
    let rank = try self.rank(of: x)
    return rank < 3 ? x : try transpose(x, [0] + Array(2..<rank) + [1])
  }

  /// [N, spatial…, C] → [N, C, spatial…]
  public func channelsFirst(_ x: ValueID) throws -> ValueID {
    let rank = try self.rank(of: x)
    return rank < 3 ? x : try transpose(x, [0, rank - 1] + Array(1..<rank - 1))
  }
}

extension ElementType {
  /// The type that sums, norms and exponentials of this type are computed in.
  public var accumulator: ElementType { kind == .float && bitWidth < 32 ? .float32 : self }
}
