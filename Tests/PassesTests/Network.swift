import GraphIR
import Tensors

/// Graphs as lowering writes them: images are [N, C, H, W] between the operators, each of which transposes on its own.
enum Network {
  /// Convolutions with normalisations and residual additions, pooling, a dense layer.
  static func residual(blockCount: Int, channels: Int = 4, size: Int = 8) throws -> Graph {
    var random = SeededGenerator(1)
    let builder = GraphBuilder(name: "residual")
    let batch = Dimension(builder.symbol(named: "N"))
    var x = builder.input(
      "x", .tensor(TensorType(.float32, [batch, .constant(3), .constant(size), .constant(size)])))
    x = try builder.convolutionBlock(x, 3, channels, &random)
    for _ in 0..<blockCount {
      let y = try builder.convolutionBlock(x, channels, channels, &random)
      let z = try builder.convolutionBlock(y, channels, channels, &random, rectified: false)
      x = try builder.maximum(builder.add(z, x), builder.scalar(0, .float32))
    }
    x = try builder.pool(x)
    x = try builder.reshape(x, [0, -1], zeroCopies: true)
    let weights = builder.constant(random.floats([channels * size * size / 4, 5]))
    x = try builder.dot(x, weights, DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)
    x = try builder.softmax(builder.add(x, builder.constant(random.floats([5]))), axes: [1])
    builder.setOutputs([x])
    return builder.graph
  }
}

extension GraphBuilder {
  fileprivate func convolutionBlock(
    _ x: ValueID, _ from: Int, _ to: Int, _ random: inout SeededGenerator, rectified: Bool = true
  ) throws -> ValueID {
    let filter = constant(random.floats([to, from, 3, 3]))
    let convolution = Convolution(
      strides: [1, 1], dilations: [1, 1], padding: .explicit(low: [1, 1], high: [1, 1]), groups: 1)
    let y = try one(
      .convolution(convolution, result: .float32), [channelsLast(x), transpose(filter, [2, 3, 1, 0])])
    let z = try channelsFirst(add(y, constant(random.floats([to]))))
    func vector() -> ValueID { constant(random.floats([to])) }
    let variance = constant(Tensor([to], [Float](repeating: 1, count: to)))
    let normal = try channelsFirst(
      batchNormalization(
        channelsLast(z), scale: vector(), bias: vector(), mean: vector(), variance: variance, epsilon: 1e-5))
    return rectified ? try maximum(normal, scalar(0, .float32)) : normal
  }

  fileprivate func pool(_ x: ValueID) throws -> ValueID {
    let window = Window(
      size: [2, 2], strides: [2, 2], dilations: [1, 1], padding: .explicit(low: [0, 0], high: [0, 0]))
    return try channelsFirst(one(.reduceWindow(.maximum, window), [channelsLast(x)]))
  }
}
