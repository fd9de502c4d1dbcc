import GraphIR
import Tensors

/// Tensors of one element type, concatenated along an axis or stacked along a new one.
struct TensorJoin {
  private let elementType: ElementType
  private let shape: Shape
  private let parts: [Tensor]
  /// Positions before the axis.
  private let outer: Int

  init(_ node: Node, _ tensors: [Tensor], newAxis axis: Int) throws {
    guard let first = tensors.first, 0...first.shape.rank ~= axis else {
      throw EvaluationError(
        node, "axis \(axis) of \(tensors.count) tensors", expected: "an axis of at least one tensor")
    }
    guard tensors.allSatisfy({ $0.shape == first.shape }) else {
      throw EvaluationError(node, Self.list(tensors), expected: "equal shapes")
    }
    var dimensions = first.shape.dimensions
    dimensions.insert(1, at: axis)
    guard let shape = Shape(checking: dimensions) else { preconditionFailure("an extent of 1 cannot overflow") }
    try self.init(node, tensors.map { $0.reshaped(shape) }, axis: axis)
  }

  init(_ node: Node, _ tensors: [Tensor], axis: Int) throws {
    guard let first = tensors.first, 0 <= axis, axis < first.shape.rank else {
      throw EvaluationError(
        node, "axis \(axis) of \(tensors.count) tensors", expected: "an axis of at least one tensor")
    }
    func others(_ tensor: Tensor) -> [Int] {
      var dimensions = tensor.shape.dimensions
      if axis < dimensions.count { dimensions.remove(at: axis) }
      return dimensions
    }
    guard
      tensors.allSatisfy({
        $0.elementType == first.elementType && $0.shape.rank == first.shape.rank && others($0) == others(first)
      })
    else {
      throw EvaluationError(
        node, Self.list(tensors), expected: "one element type and shapes that differ along axis \(axis) only")
    }
    var dimensions = first.shape.dimensions
    dimensions[axis] = 0
    for tensor in tensors {
      let (sum, overflow) = dimensions[axis].addingReportingOverflow(tensor.shape[axis])
      dimensions[axis] = overflow ? -1 : sum
      if overflow { break }
    }
    guard let shape = Shape(checking: dimensions) else {
      throw EvaluationError(node, Self.list(tensors), expected: "a tensor that fits in memory")
    }
    self.shape = shape
    elementType = first.elementType
    parts = tensors
    outer = shape.elementCount == 0 ? 0 : dimensions[..<axis].reduce(1, *)
  }

  private static func list(_ tensors: [Tensor]) -> String {
    tensors.prefix(8).map { "\($0.elementType.name)\($0.shape)" }.joined(separator: ", ")
  }

  func run(_ context: EvaluationContext, result: Int = 0) throws -> Tensor {
    if elementType == .string {
      var strings: [String] = []
      strings.reserveCapacity(shape.elementCount)
      for position in 0..<outer {
        for part in parts {
          let count = part.elementCount / outer
          strings += part.storage.strings[position * count..<(position + 1) * count]
        }
      }
      return Tensor(shape, strings: strings)
    }
    if elementType.isPacked {
      // Pieces may start within a byte.
      let target = try Tensor(parts[0].widened().elementType, shape, zeroed: false)
      copy(try parts.map { try $0.widened() }, into: target)
      return try target.narrowed(to: elementType)
    }
    let target = try context.makeTensor(elementType, shape, result: result)
    copy(parts, into: target)
    return target
  }

  private func copy(_ parts: [Tensor], into result: Tensor) {
    if outer == 0 { return }
    withExtendedLifetime(result) {
      var target = result.base
      for position in 0..<outer {
        for part in parts {
          let count = part.byteCount / outer
          target.copyMemory(from: part.base + position * count, byteCount: count)
          target += count
        }
      }
    }
  }
}
