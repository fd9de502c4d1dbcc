import GraphIR
import Tensors

/// Pooling.
enum Windows {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .reduceWindow(let reduction, let window): [try reduceWindow(node, x[0], reduction, window, context)]
    case .maxPoolWithIndices(let window, let columnMajor):
      try maxPoolWithIndices(node, x[0], window, columnMajor: columnMajor, context)
    default: preconditionFailure("not a window primitive: \(node.operation)")
    }
  }

  /// The windows over `x`, and the result's shape.
  static func windows(_ node: Node, _ x: Tensor, _ window: Window) throws -> (ImageWindows, Shape) {
    let geometry = try WindowGeometry(node, x.shape, window)
    let shape = try geometry.result(node, channels: geometry.channels)
    return (try ImageWindows(node, geometry, groups: 1, features: geometry.channels), shape)
  }
}
