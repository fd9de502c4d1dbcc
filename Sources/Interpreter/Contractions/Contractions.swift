import GraphIR
import Tensors

/// Dot products and convolutions. All come down to `MatrixProduct`, but for depthwise convolutions.
enum Contractions {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .dot(let dimensions, let result):
      [try dot(node, x[0], x[1], dimensions, result: result, context)]
    case .convolution(let convolution, let result):
      [try self.convolution(node, x[0], x[1], convolution, result: result, context)]
    case .transposedConvolution(let convolution, let outputPadding):
      [
        try transposedConvolution(
          node, x[0], x[1], convolution, outputPadding: outputPadding, shape: x.count > 2 ? x[2] : nil, context)
      ]
    default:
      preconditionFailure("not a contraction: \(node.operation)")
    }
  }
}
