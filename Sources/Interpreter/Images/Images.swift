import GraphIR
import Tensors

/// Resizing, sampling and detection boxes.
enum Images {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .resize(let resize):
      [try self.resize(node, x[0], parameters: x[1], region: x.count > 2 ? x[2] : nil, resize, context)]
    case .gridSample(let sample): [try gridSample(node, x[0], grid: x[1], sample, context)]
    case .roiAlign(let align): [try roiAlign(node, x[0], boxes: x[1], batchIndices: x[2], align, context)]
    case .nonMaxSuppression(let centerPointBox):
      [try nonMaxSuppression(node, x, centerPointBox: centerPointBox, context)]
    default: preconditionFailure("not an image primitive: \(node.operation)")
    }
  }

  /// A node's tensor as numbers of one type, in order.
  static func numbers<Number: TensorElement>(_ tensor: Tensor, as type: Number.Type) throws -> [Number] {
    try tensor.converted(to: Number.elementType).elements(of: type)
  }
}

/// What samples are interpolated in: float32, or float64 for operands that float32 cannot hold.
protocol SampleReal: BinaryFloatingPoint, TensorElement {}
extension Float: SampleReal {}
extension Double: SampleReal {}
