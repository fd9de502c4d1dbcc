import GraphIR
import Tensors

/// A small quantised network as files have it: quantize and dequantize around float nodes, images [N, C, H, W].
package struct QuantizedNetwork {
  package let graph: Graph
  package let input: Tensor
  /// Of the output: results of different roundings are whole multiples of it apart.
  package let resultScale: Float
  /// Products of quantised numbers with constant weights.
  package let productCount: Int

  /// - Parameter blockCount: convolutions behind one another; with 1, rounding has nowhere to grow.
  package init(seed: Int, blockCount: Int) throws {
    var random = SeededGenerator(seed)
    let builder = GraphBuilder(name: "quantised\(seed)")
    let shape = [
      random.integer(1...2), random.pick([1, 3, 4, 8]), random.integer(3...9), random.integer(3...9),
    ]
    var numbers: [Float] = []
    for _ in 0..<shape.reduce(1, *) { numbers.append(Float(random.integer(-1000...1000)) / 400) }
    input = Tensor(Shape(shape), numbers)
    var maker = NetworkMaker(builder: builder, random: random)
    var x = try maker.quantized(builder.input("x", .tensor(TensorType(.float32, constant: shape))), scale: 0.02)
    for _ in 0..<blockCount { x = try maker.block(x) }
    if maker.random.chance(30) { x = try maker.dense(x) }
    builder.setOutputs([x.real])
    graph = builder.graph
    resultScale = x.scale
    productCount = maker.productCount
  }
}

/// A dequantized value.
private struct QuantizedReal {
  var real: ValueID
  var scale: Float
}

private struct NetworkMaker {
  let builder: GraphBuilder
  var random: SeededGenerator
  var productCount = 0

  private func extents(_ id: ValueID) -> [Int] { builder.type(of: id).tensor?.constantShape?.dimensions ?? [] }

  /// A quantize and a dequantize, to uint8 or int8.
  mutating func quantized(_ x: ValueID, scale: Float) throws -> QuantizedReal {
    let scaleID = builder.constant(Tensor(scalar: scale))
    let isSigned = random.chance(40)
    let zero = isSigned ? random.pick([0, 0, -3, 20]) : random.pick([0, 128, 119, 7])
    let zeroID = builder.constant(isSigned ? Tensor(scalar: Int8(zero)) : Tensor(scalar: UInt8(zero)))
    let numbers = try builder.one(
      .quantize(QuantizationAxis(axis: 0), to: isSigned ? .int8 : .uint8), [x, scaleID, zeroID])
    return QuantizedReal(
      real: try builder.one(.dequantize(QuantizationAxis(axis: 0), to: .float32), [numbers, scaleID, zeroID]),
      scale: scale)
  }

  /// Weights [M, …] of a scale for each of the M or for all, and that scale.
  private mutating func weights(_ shape: [Int]) throws -> (ValueID, scales: [Float]) {
    let count = shape.reduce(1, *)
    let isPerChannel = random.chance(60)
    var scales: [Float] = []
    for _ in 0..<(isPerChannel ? shape[0] : 1) { scales.append(Float(random.integer(1...20)) / 2048) }
    let scaleID = builder.constant(Tensor(isPerChannel ? [shape[0]] : .scalar, scales))
    let numbers: ValueID
    let zero: ValueID
    if !isPerChannel, random.chance(40) {
      var values: [UInt8] = []
      for _ in 0..<count { values.append(UInt8(random.integer(0...255))) }
      numbers = builder.constant(Tensor(Shape(shape), values))
      zero = builder.constant(Tensor(scalar: UInt8(128)))
    } else {
      var values: [Int8] = []
      for _ in 0..<count { values.append(Int8(random.integer(-128...127))) }
      numbers = builder.constant(Tensor(Shape(shape), values))
      zero = builder.constant(
        isPerChannel ? Tensor([shape[0]], [Int8](repeating: 0, count: shape[0])) : Tensor(scalar: Int8(0)))
    }
    return (
      try builder.one(.dequantize(QuantizationAxis(axis: 0), to: .float32), [numbers, scaleID, zero]), scales
    )
  }

  private mutating func bias(_ channels: Int, _ scales: [Float]) throws -> ValueID {
    var values: [Int32] = []
    for _ in 0..<channels { values.append(Int32(random.integer(-2000...2000))) }
    let numbers = builder.constant(Tensor([channels], values))
    let scale = builder.constant(Tensor(scales.count == 1 ? .scalar : [channels], scales))
    return try builder.one(.dequantize(QuantizationAxis(axis: 0), to: .float32), [numbers, scale])
  }

  /// A convolution, plain or depthwise, with what comes before the next one.
  mutating func block(_ x: QuantizedReal) throws -> QuantizedReal {
    let shape = extents(x.real)
    let isDepthwise = shape[1] > 1 && random.chance(30)
    let outputs = isDepthwise ? shape[1] : random.pick([1, 5, 8, 20])
    let size = random.integer(1...3)
    let padding = size / 2
    let convolution = Convolution(
      strides: [random.integer(1...2), 1], dilations: [1, 1],
      padding: .explicit(low: [padding, padding], high: [padding, padding]), groups: isDepthwise ? shape[1] : 1)
    let (filter, scales) = try weights([outputs, isDepthwise ? 1 : shape[1], size, size])
    productCount += 1
    var y = try builder.one(
      .convolution(convolution, result: .float32),
      [builder.channelsLast(x.real), builder.transpose(filter, [2, 3, 1, 0])])
    if random.chance(70) { y = try builder.add(y, bias(outputs, scales.map { $0 * x.scale })) }
    y = try builder.channelsFirst(y)
    if random.chance(50) { y = try builder.maximum(y, builder.scalar(0, .float32)) }
    var result = try quantized(y, scale: 0.05)
    switch random.integer(0...4) {
    case 0 where extents(result.real) == shape:
      result = try quantized(builder.add(result.real, x.real), scale: 0.08)
    case 1:
      let gate = try quantized(builder.unary(.logistic, result.real), scale: 1 / 128)
      result = try quantized(builder.multiply(result.real, gate.real), scale: 0.04)
    case 2:
      let window = Window(
        size: [2, 2], strides: [2, 2], dilations: [1, 1], padding: .explicit(low: [1, 1], high: [1, 1]))
      let pooled = try builder.one(.reduceWindow(.maximum, window), [builder.channelsLast(result.real)])
      result = try QuantizedReal(real: builder.channelsFirst(pooled), scale: result.scale)
    default: break
    }
    return result
  }

  /// A dense layer over everything but the batch.
  mutating func dense(_ x: QuantizedReal) throws -> QuantizedReal {
    let shape = extents(x.real)
    let flat = try builder.reshape(x.real, [shape[0], shape.dropFirst().reduce(1, *)])
    let (matrix, scales) = try weights([random.integer(1...20), extents(flat)[1]])
    productCount += 1
    let y = try builder.dot(
      flat, matrix, DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    return try quantized(
      builder.add(y, bias(extents(y)[1], scales.map { $0 * x.scale })), scale: 0.2)
  }
}
