import ONNXFrontend
import Tensors

/// A convolution or matrix product whose weights are constant.
struct QuantizedProduct {
  var node: Int
  /// The activations.
  var input: String
  /// float32, laid out as the node wants it; a batch normalisation behind it is folded in.
  var weights: [Float]
  var weightShape: Shape
  /// The axis of the weights that is the output channels.
  var channelAxis: Int
  /// One for each output channel.
  var bias: [Float]?
  /// What the node writes, after the folded normalisation.
  var output: String
  /// The same, after a Relu or Clip that only it has: the ends of the range do their work.
  var result: String
  var foldedNode: Int?

  var channelCount: Int { weightShape[channelAxis] }

  /// Calls the body with each weight's position and channel.
  func forEachWeight(_ body: (_ position: Int, _ channel: Int) -> Void) {
    let inner = weightShape.dimensions[(channelAxis + 1)...].reduce(1, *)
    for position in weights.indices { body(position, position / inner % channelCount) }
  }
}

extension GraphIndex {
  func products() throws -> [QuantizedProduct] {
    try model.graph.nodes.indices.compactMap { number in
      guard var product = try product(number) else { return nil }
      if model.graph.nodes[number].opType == "Conv" { try foldNormalization(into: &product) }
      product.result = product.output
      if let (_, reader) = soleReader(product.output), ["Relu", "Clip"].contains(reader.opType),
        reader.domain.isEmpty, reader.inputs[0] == product.output, let output = reader.outputs.first
      {
        product.result = output
      }
      return product
    }
  }

  private func product(_ number: Int) throws -> QuantizedProduct? {
    let node = model.graph.nodes[number]
    guard node.domain.isEmpty, node.inputs.count > 1, let output = node.outputs.first, !isConstant(node.inputs[0]),
      let weights = try floats(node.inputs[1]), weights.shape.elementCount > 0
    else { return nil }
    let channelAxis: Int
    switch node.opType {
    case "Conv" where weights.shape.rank > 2: channelAxis = 0
    case "MatMul" where weights.shape.rank == 2: channelAxis = 1
    case "Gemm" where weights.shape.rank == 2:
      guard try node.int("transA", default: 0) == 0, try node.float("alpha", default: 1) == 1,
        try node.float("beta", default: 1) == 1
      else { return nil }
      channelAxis = try node.int("transB", default: 0) == 0 ? 1 : 0
    default: return nil
    }
    var product = QuantizedProduct(
      node: number, input: node.inputs[0], weights: weights.elements(of: Float.self), weightShape: weights.shape,
      channelAxis: channelAxis, output: output, result: output)
    if node.inputs.count > 2, !node.inputs[2].isEmpty {
      guard let bias = try floats(node.inputs[2]), bias.shape.elementCount == product.channelCount else { return nil }
      product.bias = bias.elements(of: Float.self)
    }
    return product
  }

  /// scale · (x − mean) / √(variance + ε) + offset, for each channel.
  private func foldNormalization(into product: inout QuantizedProduct) throws {
    guard let (number, node) = soleReader(product.output), node.opType == "BatchNormalization", node.domain.isEmpty,
      node.inputs.count == 5, node.inputs[0] == product.output, try node.int("training_mode", default: 0) == 0,
      node.outputs.count(where: { !$0.isEmpty }) == 1, let output = node.outputs.first
    else { return }
    let parameters = try node.inputs[1...].map { try floats($0)?.elements(of: Float.self) }
    guard let scale = parameters[0], let offset = parameters[1], let mean = parameters[2], let variance = parameters[3],
      [scale, offset, mean, variance].allSatisfy({ $0.count == product.channelCount })
    else { return }
    let epsilon = try node.float("epsilon", default: 1e-5)
    let factors = zip(scale, variance).map { $0 / ($1 + epsilon).squareRoot() }
    var weights = product.weights
    product.forEachWeight { weights[$0] *= factors[$1] }
    let bias = product.bias ?? [Float](repeating: 0, count: factors.count)
    product.weights = weights
    product.bias = factors.indices.map { (bias[$0] - mean[$0]) * factors[$0] + offset[$0] }
    product.output = output
    product.foldedNode = number
  }
}
