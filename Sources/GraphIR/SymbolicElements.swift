import Tensors

/// Small integer and bool tensors whose elements are tracked as extents: shapes, starts, pads and the arithmetic on
/// them. Row-major; bools are 0 and 1.
enum SymbolicElements {
  /// Larger tensors are data, not shapes.
  static let maximumCount = 64

  static func of(_ tensor: Tensor) -> [Dimension]? {
    guard tensor.elementCount <= maximumCount else { return nil }
    switch tensor.elementType {
    case .int64: return tensor.withElements(of: Int64.self) { $0.map { .constant(Int($0)) } }
    case .int32: return tensor.withElements(of: Int32.self) { $0.map { .constant(Int($0)) } }
    case .bool: return tensor.withElements(of: UInt8.self, as: .bool) { $0.map { .constant($0 == 0 ? 0 : 1) } }
    default: return nil
    }
  }

  /// Types whose elements are tracked.
  static func tracks(_ elementType: ElementType) -> Bool {
    elementType == .int64 || elementType == .int32 || elementType == .bool
  }

  /// The tensor of these elements, when all are constants.
  static func tensor(_ elements: [Dimension], _ elementType: ElementType, _ shape: Shape) -> Tensor? {
    guard elements.count == shape.elementCount else { return nil }
    var values: [Int] = []
    for element in elements {
      guard let value = element.constant else { return nil }
      values.append(value)
    }
    switch elementType {
    case .int64: return Tensor(shape, values.map(Int64.init))
    case .int32: return Tensor(shape, values.map(Int32.init(truncatingIfNeeded:)))
    case .bool: return Tensor(shape, values.map { $0 != 0 })
    default: return nil
    }
  }

  /// A value of `elementType`: int32 wraps.
  static func wrapped(_ element: Dimension, to elementType: ElementType) -> Dimension {
    guard let value = element.constant else { return element }
    switch elementType {
    case .int32: return .constant(Int(Int32(truncatingIfNeeded: value)))
    case .bool: return .constant(value == 0 ? 0 : 1)
    default: return element
    }
  }

  /// The elements at `offset + Σ index·stride` for every index of `shape`, row-major. Positions must be in range.
  static func strided(_ elements: [Dimension], offset: Int = 0, shape: [Int], strides: [Int]) -> [Dimension] {
    var result: [Dimension] = []
    func visit(_ axis: Int, _ position: Int) {
      if axis == shape.count { return result.append(elements[position]) }
      for index in 0..<shape[axis] { visit(axis + 1, position + index * strides[axis]) }
    }
    if !shape.contains(0) { visit(0, offset) }
    return result
  }

  /// `elements` of `shape` broadcast to `result`, to which the shape broadcasts.
  static func broadcast(_ elements: [Dimension], from shape: Shape, to result: Shape) -> [Dimension] {
    if shape == result { return elements }
    let missing = result.rank - shape.rank
    let own = shape.strides
    let strides = (0..<result.rank).map { axis in
      axis < missing || shape[axis - missing] == 1 ? 0 : own[axis - missing]
    }
    return strided(elements, shape: result.dimensions, strides: strides)
  }
}

extension Tensor {
  /// The bytes of a bool tensor: any byte but 0 is true, also the ones that `Bool` must not hold.
  fileprivate func withElements<Result>(
    of type: UInt8.Type, as elementType: ElementType, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    withExtendedLifetime(storage) {
      body(UnsafeBufferPointer(start: base.assumingMemoryBound(to: UInt8.self), count: elementCount))
    }
  }
}
