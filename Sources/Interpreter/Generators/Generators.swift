import GraphIR
import Tensors

/// Tensors made from parameters: iota, range, random numbers.
enum Generators {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .iota(let elementType, let axis):
      return [try iota(elementType, x[0].integers(), axis: axis, node, context)]
    case .range:
      return [try range(x[0], x[1], x[2], node, context)]
    case .random(let distribution, let elementType, let seed):
      return [try random(distribution, elementType, x[0].integers(), seed: seed, node, context)]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  private static func iota(
    _ elementType: ElementType, _ extents: [Int], axis: Int, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard extents.indices.contains(axis) else {
      throw EvaluationError(node, "shape \(extents)", expected: "a shape with axis \(axis)")
    }
    let shape = try context.checkedShape(extents, of: elementType, for: node)
    if shape.elementCount == 0 { return try context.makeTensor(elementType, shape) }
    let line = try Tensor(.int64, [shape[axis]], zeroed: false)
    line.withMutableElements(of: Int64.self) { line in
      for index in line.indices { line[index] = Int64(index) }
    }
    var steps = [Int](repeating: 0, count: shape.rank)
    steps[axis] = 1
    return try StridedCopy(shape.dimensions, source: steps, destination: shape.strides)
      .evaluate([line.converted(to: elementType)], shape: shape, context: context)
  }
}
