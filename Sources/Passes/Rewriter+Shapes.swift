import GraphIR
import Tensors

extension Rewriter {
  /// `x` with extents that hold as many elements. nil when they cannot be told from constants and the extents of `x`.
  func reshape(_ x: ValueID, to extents: [Dimension]) throws -> ValueID? {
    guard let own = shape(x) else { return nil }
    if own == extents { return x }
    if let constant = constantShapeOperand(extents, of: own) {
      return try one(.reshape(), [x, indices(constant)])
    }
    // Each extent that is not constant from an axis of x that has it.
    let sources = extents.map { extent in extent.constant == nil ? own.firstIndex(of: extent) : nil }
    for (extent, source) in zip(extents, sources) where extent.constant == nil && source == nil { return nil }
    let all = try one(.shape, [x])
    var pieces: [ValueID] = []
    var known: [Int] = []
    for (extent, source) in zip(extents, sources) {
      if let constant = extent.constant {
        known.append(constant)
      } else if let source {
        if !known.isEmpty { pieces.append(indices(known)) }
        known = []
        pieces.append(try one(.slice, [all, indices([source]), indices([source + 1]), indices([1])]))
      }
    }
    if !known.isEmpty { pieces.append(indices(known)) }
    return try one(.reshape(), [x, pieces.count == 1 ? pieces[0] : one(.concatenate(axis: 0), pieces)])
  }

  /// Extents as a constant operand of `reshape`: at most one of them symbolic, which becomes -1 if that gives it back.
  func constantShapeOperand(_ extents: [Dimension], of operand: [Dimension]) -> [Int]? {
    var result: [Int] = []
    var symbolic: Int?
    for (axis, extent) in extents.enumerated() {
      if let constant = extent.constant {
        result.append(constant)
      } else {
        if symbolic != nil { return nil }
        symbolic = axis
        result.append(-1)
      }
    }
    guard let symbolic else { return result }
    // Beside an extent of 0, -1 means nothing.
    if result.contains(0) { return nil }
    var others = extents
    others.remove(at: symbolic)
    let inferred = Dimension.product(operand).floorDivided(by: .product(others))
    return inferred == extents[symbolic] ? result : nil
  }

  /// The NumPy broadcast of several shapes; nil when they cannot match.
  func broadcastShape(_ shapes: [[Dimension]]) -> [Dimension]? {
    guard var result = shapes.first else { return nil }
    for shape in shapes.dropFirst() {
      if shape.count > result.count {
        result = Array(repeating: .constant(1), count: shape.count - result.count) + result
      }
      let missing = result.count - shape.count
      for axis in shape.indices {
        guard let extent = Dimension.broadcast(result[axis + missing], shape[axis]) else { return nil }
        result[axis + missing] = extent
      }
    }
    return result
  }

  /// `x` and `other` broadcast to the shape of `x`, as far as can be told now.
  func keepsShape(_ x: ValueID, with other: ValueID) -> Bool {
    guard let own = shape(x), let otherShape = shape(other) else { return false }
    return broadcastShape([own, otherShape]) == own
  }

  /// An integer vector with its elements in another order: element i of the result is element `order[i]`.
  func reordered(_ vector: ValueID, _ order: [Int]) throws -> ValueID {
    if let values = integers(vector), values.count == order.count { return indices(order.map { values[$0] }) }
    return try one(.gather(axis: 0), [vector, indices(order)])
  }

  /// The number that every element of a real or bool constant is.
  func uniform(_ id: ValueID) -> Double? {
    guard let tensor = self[id].constant, tensor.elementType.isNumeric || tensor.elementType == .bool,
      !tensor.elementType.isPacked, (1...4096).contains(tensor.elementCount)
    else { return nil }
    let width = tensor.byteCount / tensor.elementCount
    let bytes = UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount)
    let isUniform = withExtendedLifetime(tensor.storage) {
      bytes.dropFirst(width).elementsEqual(bytes.dropLast(width))
    }
    guard isUniform else { return nil }
    let first = Tensor(tensor.elementType, .scalar, storage: tensor.storage, byteOffset: tensor.byteOffset)
    return try? first.converted(to: .float64).elements(of: Double.self)[0]
  }
}

extension Dimension {
  static let one = Dimension.constant(1)
}
