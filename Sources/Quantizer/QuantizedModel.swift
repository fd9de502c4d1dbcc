import ONNXFrontend
import Tensors

/// Writes the model whose products are ones of integers.
struct QuantizedModel {
  private let index: GraphIndex
  private let products: [QuantizedProduct]
  private let choice: QuantizationChoice
  private let ranges: ValueRanges
  private var rewrite: ONNXRewrite
  private var names: Set<String>
  /// What readers of a value read instead.
  private var replacements: [String: String] = [:]

  /// Scales along an axis came with that version.
  private static let channelOpset = 13

  init(_ index: GraphIndex, _ products: [QuantizedProduct], _ choice: QuantizationChoice, _ ranges: ValueRanges) {
    (self.index, self.products, self.choice, self.ranges) = (index, products, choice, ranges)
    rewrite = ONNXRewrite(index.model)
    names = index.names
  }

  private var hasChannelScales: Bool { index.opset >= Self.channelOpset }

  /// The file.
  func encoded() throws(ONNXError) -> [UInt8] {
    var copy = self
    copy.build()
    return try copy.rewrite.encoded()
  }

  private mutating func build() {
    let originals = index.model.graph.nodes
    let byNode = Dictionary(products.map { ($0.node, $0) }) { first, _ in first }
    let folded = Set(products.compactMap(\.foldedNode))
    var items: [ONNXRewrite.Item] = []
    for input in index.model.graph.inputs where choice.values.contains(input.name) { quantize(input.name, &items) }
    for (number, node) in originals.enumerated() where !folded.contains(number) {
      var inputs = node.inputs.map { replacements[$0] ?? $0 }
      var outputs = node.outputs
      if let product = byNode[number] {
        inputs = constants(of: product, &items, activations: inputs[0])
        outputs[0] = product.output
      }
      items.append(.original(number, inputs: inputs, outputs: outputs))
      for output in outputs where choice.values.contains(output) { quantize(output, &items) }
    }
    rewrite.items = withoutUnreadConstants(items)
  }

  /// A value through integers and back.
  private mutating func quantize(_ name: String, _ items: inout [ONNXRewrite.Item]) {
    guard let scale = ranges[choice.root(of: name)] else { return }
    let parameters = [
      add("\(name)_scale", Tensor(scalar: scale.scale)), add("\(name)_zero_point", Tensor(scalar: scale.zeroPoint)),
    ]
    let (integers, floats) = (unique("\(name)_quantized"), unique("\(name)_dequantized"))
    items.append(.new(.init("QuantizeLinear", inputs: [name] + parameters, outputs: [integers])))
    items.append(.new(.init("DequantizeLinear", inputs: [integers] + parameters, outputs: [floats])))
    replacements[name] = floats
  }

  /// The inputs of a product: its weights as int8 with a scale for each channel, its bias as int32 with the scale that
  /// the accumulator has.
  private mutating func constants(
    of product: QuantizedProduct, _ items: inout [ONNXRewrite.Item], activations: String
  ) -> [String] {
    let name = index.model.graph.nodes[product.node].inputs[1]
    let scales = weightScales(product)
    var elements = [Int8](repeating: 0, count: product.weights.count)
    product.forEachWeight { position, channel in
      elements[position] = Int8((product.weights[position] / scales[channel]).rounded(.toNearestOrEven))
    }
    var inputs = [activations]
    inputs.append(
      dequantized(
        name, Tensor(product.weightShape, elements), scales, zero: Int8(0), axis: product.channelAxis, &items))
    guard let bias = product.bias, let activation = ranges[choice.root(of: product.input)] else { return inputs }
    let biasScales = scales.map { $0 * activation.scale }
    let integers = zip(bias, biasScales).map { value, scale in
      Int32(min(0x1p30, max(-0x1p30, (Double(value) / Double(scale)).rounded(.toNearestOrEven))))
    }
    let biasName = index.model.graph.nodes[product.node].inputs.dropFirst(2).first ?? "\(product.output)_bias"
    inputs.append(
      dequantized(biasName, Tensor(Shape([integers.count]), integers), biasScales, zero: Int32(0), axis: 0, &items))
    return inputs
  }

  /// So that the largest weight is ±127: one scale for each channel, or for all where the operator set has no others.
  private func weightScales(_ product: QuantizedProduct) -> [Float] {
    var largest = [Float](repeating: 0, count: product.channelCount)
    product.forEachWeight { position, channel in
      largest[channel] = max(largest[channel], abs(product.weights[position]))
    }
    if !hasChannelScales { largest = largest.map { _ in largest.max() ?? 0 } }
    return largest.map { $0 / 127 }.map { $0.isNormal ? $0 : 1 }
  }

  private mutating func dequantized<Number: TensorElement>(
    _ name: String, _ integers: Tensor, _ scales: [Float], zero: Number, axis: Int, _ items: inout [ONNXRewrite.Item]
  ) -> String {
    let shape = hasChannelScales ? Shape([scales.count]) : Shape([])
    let count = hasChannelScales ? scales.count : 1
    let inputs = [
      add("\(name)_quantized", integers), add("\(name)_scale", Tensor(shape, Array(scales.prefix(count)))),
      add("\(name)_zero_point", Tensor(shape, [Number](repeating: zero, count: count))),
    ]
    let output = unique("\(name)_dequantized")
    items.append(
      .new(
        .init(
          "DequantizeLinear", inputs: inputs, outputs: [output], integers: hasChannelScales ? ["axis": axis] : [:])))
    return output
  }

  // MARK: Names

  private mutating func add(_ name: String, _ tensor: Tensor) -> String {
    let name = unique(name)
    rewrite.newConstants.append((name, tensor))
    return name
  }

  private mutating func unique(_ name: String) -> String {
    var result = name
    var number = 1
    while !names.insert(result).inserted {
      number += 1
      result = "\(name)_\(number)"
    }
    return result
  }

  /// Leaves out the float weights, which nothing reads any more, and notes those that lie in the file as constants.
  private mutating func withoutUnreadConstants(_ items: [ONNXRewrite.Item]) -> [ONNXRewrite.Item] {
    var read = index.kept
    for item in items {
      switch item {
      case .original(_, let inputs, _): read.formUnion(inputs)
      case .new(let node): read.formUnion(node.inputs)
      }
    }
    let all = Set(index.model.graph.initializers.map(\.name))
    let before = Set(index.model.graph.nodes.flatMap(\.inputs))
    rewrite.droppedConstants = all.intersection(before).subtracting(read)
    return items.filter { item in
      guard case .original(let number, _, let outputs) = item, index.model.graph.nodes[number].opType == "Constant"
      else { return true }
      return outputs.contains(where: read.contains)
    }
  }
}
