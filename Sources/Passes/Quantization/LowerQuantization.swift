import GraphIR
import Tensors

extension Pass {
  /// Quantize and dequantize as elementwise primitives, which join the kernels around them:
  ///
  ///     dequantize(x)          →  (convert(x) − z) · s
  ///     quantize(x)            →  convert(clamp(round(x / s)) + z), the bounds of the type less z
  ///     quantize(sum · t)      →  the same with one factor t / s
  ///     dequantize(quantize(x)), the numbers read nowhere else, leaves out the way through 8 bits,
  ///     unless it goes through memory anyway
  ///     dequantize(constant)   →  itself as the right operand of a product (`CodedWeights`), else a constant
  ///
  /// A maximum or minimum with a constant before a quantize is one of its bounds: rounding keeps the order.
  public static let lowerQuantization = Pass("lower-quantization") { graph in
    let builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
    try lowerQuantization(graph, into: builder)
    return builder.graph
  }

  private static func lowerQuantization(_ graph: Graph, into builder: GraphBuilder) throws {
    let inputs = graph.inputs.map { builder.parameter(like: graph[$0]) }
    let coded = codedWeights(graph)
    let stored = storedSummands(graph)
    var lowering = QuantizationLowering(builder: builder, uses: graph.useCounts)
    let outputs = try builder.walk(graph, arguments: inputs) { _, node, value in
      let operands = node.operands.map(value)
      switch node.operation {
      case .quantize(let axis, let type, _):
        if let result = try lowering.quantize(axis, type, operands) { return [result] }
      case .dequantize where coded.contains(node.results[0]): break
      case .dequantize(let axis, .float32):
        let leavesOut = lowering.uses[Int(node.operands[0].index)] == 1 && !stored.contains(node.results[0])
        if let result = try lowering.dequantize(axis, operands, leavesOut: leavesOut) { return [result] }
      default: break
      }
      let regions = try node.regions.map { region in
        let inner = builder.region(named: region.name)
        try lowerQuantization(region, into: inner)
        return inner.graph
      }
      return try builder.add(node.operation, operands, regions: regions)
    }
    builder.setOutputs(outputs)
  }
}

extension Pass {
  /// Small weights stay in the cache as they are, and need no decoding then.
  fileprivate static let smallestCodedByteCount = 16 << 10

  /// What stands for weights in few bits that products read, and nothing else.
  fileprivate static func codedWeights(_ graph: Graph) -> Set<ValueID> {
    let uses = graph.useCounts
    return graph.nodes.reduce(into: []) { coded, node in
      guard case .dot(let dimensions, .float32) = node.operation, graph[node.operands[0]].type.elementType == .float32,
        let leftRank = graph[node.operands[0]].type.tensor?.shape.count, uses[Int(node.operands[1].index)] == 1,
        case .result(let producer, _) = graph[node.operands[1]].origin,
        let weights = CodedWeights(graph[producer], dimensions, leftRank: leftRank, in: graph),
        weights.depth * weights.columns * weights.type.bitWidth / 8 >= smallestCodedByteCount
      else { return }
      coded.insert(node.operands[1])
    }
  }
}

extension Pass {
  /// Dequantized results of contractions that are added to those of earlier ones: the kernel of the first adds, and reads
  /// what that of the other has put into memory, which are 8 bits rather than 32.
  fileprivate static func storedSummands(_ graph: Graph) -> Set<ValueID> {
    graph.nodes.reduce(into: []) { stored, node in
      guard case .binary = node.operation else { return }
      let contractions = node.operands.map { requantizedContraction($0, graph) }
      guard let left = contractions[0], let right = contractions[1], left != right else { return }
      stored.insert(node.operands[left > right ? 0 : 1])
    }
  }

  /// The number of the contraction whose result, after elementwise work with constants, a value is in 8 bits and back.
  private static func requantizedContraction(_ id: ValueID, _ graph: Graph) -> Int32? {
    func producer(_ id: ValueID) -> Node? {
      if case .result(let node, _) = graph[id].origin { graph[node] } else { nil }
    }
    guard let back = producer(id), case .dequantize = back.operation, let there = producer(back.operands[0]),
      case .quantize = there.operation
    else { return nil }
    var value = there.operands[0]
    while let node = producer(value) {
      switch node.operation {
      case .dot, .convolution: return value.index
      case .binary where graph[node.operands[1]].constant != nil, .unary, .convert, .reshape, .transpose:
        value = node.operands[0]
      case .binary where graph[node.operands[0]].constant != nil: value = node.operands[1]
      default: return nil
      }
    }
    return nil
  }
}

/// Adds primitives in place of quantize and dequantize nodes.
private struct QuantizationLowering {
  let builder: GraphBuilder
  /// How often each value of the old graph is read.
  let uses: [Int]
  /// What quantize gave, less its zero point: whole numbers as float32.
  private var levels: [ValueID: Levels] = [:]
  /// The values of `levels`.
  private var whole: Set<ValueID> = []

  private struct Levels {
    var value: ValueID
    var zeroPoint: Float
  }

  init(builder: GraphBuilder, uses: [Int]) {
    self.builder = builder
    self.uses = uses
  }

  // MARK: Quantize

  mutating func quantize(_ axis: QuantizationAxis, _ type: ElementType, _ operands: [ValueID]) throws -> ValueID? {
    guard let range = type.byteRange, axis.blockSize == 0, elementType(operands[0]) == .float32,
      elementType(operands[1]) == .float32, let scale = along(axis, operands[1], of: operands[0]),
      case let zero = operands.count > 2 ? along(axis, operands[2], of: operands[0]) : nil,
      zero != nil || operands.count == 2
    else { return nil }
    let known = operands.count > 2 ? number(operands[2]) : 0
    // Bounds of what is rounded: those of the type, less the zero point if it is known.
    var (low, high) = (range.lowerBound - (known ?? 0), range.upperBound - (known ?? 0))
    var x = operands[0]
    let step = number(operands[1])
    if let step, step > 0, known != nil {
      let bounded = self.bounded(x, step: step, low...high)
      // Sums and levels are never NaN, of which a bound would make another number.
      if scaledSum(bounded.value) != nil || wholeNumbers(bounded.value, step: step) != nil {
        (x, low, high) = (bounded.value, bounded.range.lowerBound, bounded.range.upperBound)
      }
    }
    let (rounded, isNumber) = try self.rounded(x, divisor: scale, step: step)
    var level = rounded
    if known == nil, let zero { level = try builder.add(level, builder.convert(zero(), to: .float32)) }
    // NaN becomes the least number.
    level =
      isNumber
      ? try builder.maximum(level, real(low))
      : try builder.select(builder.compare(.greater, level, real(low)), level, real(low))
    level = try builder.minimum(level, real(high))
    var numbers = level
    if let known, known != 0 { numbers = try builder.add(level, real(known)) }
    let result = try builder.convert(numbers, to: type)
    if let known {
      levels[result] = Levels(value: level, zeroPoint: known)
      whole.insert(level)
    }
    return result
  }

  /// x / divisor, rounded; and whether that is never NaN. The scale of a sum is divided once, by itself.
  private func rounded(
    _ x: ValueID, divisor: () throws -> ValueID, step: Float?
  ) throws -> (ValueID, isNumber: Bool) {
    if let sum = scaledSum(x), let step, step != 0 {
      let factors = sum.scale.float32Elements()?.map { $0 / step } ?? []
      if factors.allSatisfy(\.isFinite), !factors.isEmpty {
        let factor = builder.constant(Tensor(sum.scale.shape, factors))
        return (try builder.unary(.roundNearestEven, builder.multiply(sum.value, factor)), true)
      }
    }
    if let step, let numbers = wholeNumbers(x, step: step) { return (numbers, true) }
    return (try builder.unary(.roundNearestEven, builder.divide(x, divisor())), false)
  }

  /// convert(int32) · constant
  private func scaledSum(_ x: ValueID) -> (value: ValueID, scale: Tensor)? {
    guard let product = producer(x), case .binary(.multiply) = product.operation,
      let scale = builder.graph[product.operands[1]].constant, scale.elementType == .float32,
      let converted = producer(product.operands[0]), case .convert(.float32, _) = converted.operation,
      elementType(converted.operands[0]) == .int32
    else { return nil }
    return (product.operands[0], scale)
  }

  /// What is left of a value without maxima and minima with constants, and the range of levels that these leave.
  private func bounded(
    _ x: ValueID, step: Float, _ range: ClosedRange<Float>
  ) -> (value: ValueID, range: ClosedRange<Float>) {
    var (x, range) = (x, range)
    while let node = producer(x), case .binary(let function) = node.operation,
      function == .maximum || function == .minimum, let limit = number(node.operands[1]), !limit.isNaN,
      builder.type(of: x).tensor?.shape == builder.type(of: node.operands[0]).tensor?.shape
    {
      let level = min(max((limit / step).rounded(.toNearestOrEven), range.lowerBound), range.upperBound)
      range = function == .maximum ? level...range.upperBound : range.lowerBound...level
      x = node.operands[0]
    }
    return (x, range)
  }

  /// The whole numbers of at most 9 bits whose products with `step` a value is.
  private func wholeNumbers(_ x: ValueID, step: Float) -> ValueID? {
    guard let product = producer(x), case .binary(.multiply) = product.operation, number(product.operands[1]) == step,
      1e-30 < step, step < 1e30
    else { return nil }
    let factor = product.operands[0]
    if whole.contains(factor) { return factor }
    return producer(factor).flatMap { isWidened($0) } == true ? factor : nil
  }

  /// Whether a node gives 8-bit numbers as float32, perhaps less a constant of 8 bits.
  private func isWidened(_ node: Node) -> Bool {
    switch node.operation {
    case .convert(.float32, _): elementType(node.operands[0])?.byteRange != nil
    case .binary(.subtract):
      number(node.operands[1]).map { -128...255 ~= $0 && $0 == $0.rounded() } == true
        && producer(node.operands[0]).map(isWidened) == true
    default: false
    }
  }

  // MARK: Dequantize

  /// - Parameter leavesOut: whether numbers need not be rounded to 8 bits on the way.
  mutating func dequantize(_ axis: QuantizationAxis, _ operands: [ValueID], leavesOut: Bool) throws -> ValueID? {
    // Weights that no integer product takes: numbers once rather than at every run.
    let constants = operands.compactMap { builder.graph[$0].constant }
    if constants.count == operands.count,
      let tensor = Constants.evaluate(.dequantize(axis, to: .float32), constants, largestByteCount: .max)?[0]
    {
      return builder.constant(tensor)
    }
    guard axis.blockSize == 0, let type = elementType(operands[0]), !type.isPacked, type.isInteger,
      elementType(operands[1]) == .float32, let scale = along(axis, operands[1], of: operands[0]),
      case let zero = operands.count > 2 ? along(axis, operands[2], of: operands[0]) : nil,
      zero != nil || operands.count == 2
    else { return nil }
    if leavesOut, let known = levels[operands[0]],
      operands.count > 2 ? number(operands[2]) == known.zeroPoint : known.zeroPoint == 0
    {
      return try builder.multiply(known.value, scale())
    }
    var x = try builder.convert(operands[0], to: .float32)
    if let zero, operands.count > 2, number(operands[2]) != 0 {
      x = try builder.subtract(x, builder.convert(zero(), to: .float32))
    }
    return try builder.multiply(x, scale())
  }

  // MARK: Operands

  /// A scale or zero point shaped so that it broadcasts along its axis; nil where that cannot be told.
  private func along(_ axis: QuantizationAxis, _ id: ValueID, of x: ValueID) -> (() throws -> ValueID)? {
    let builder = builder
    guard let shape = builder.type(of: id).tensor?.shape, let rank = builder.type(of: x).tensor?.shape.count else {
      return nil
    }
    if shape.allSatisfy({ $0 == .one }) {
      // As few axes as the operand has at least.
      return shape.count <= rank ? { id } : nil
    }
    guard shape.count == 1, axis.axis < rank, let extent = shape[0].constant else { return nil }
    let behind = rank - 1 - axis.axis
    return behind == 0 ? { id } : { try builder.reshape(id, [extent] + Array(repeating: 1, count: behind)) }
  }

  private func real(_ value: Float) -> ValueID { builder.constant(Tensor(scalar: value)) }

  private func producer(_ id: ValueID) -> Node? {
    guard case .result(let node, _) = builder.graph[id].origin else { return nil }
    return builder.graph[node]
  }

  private func elementType(_ id: ValueID) -> ElementType? { builder.type(of: id).elementType }

  /// The one element of a constant.
  private func number(_ id: ValueID) -> Float? {
    guard let tensor = builder.graph[id].constant, tensor.elementCount == 1, !tensor.elementType.isPacked,
      tensor.elementType.isNumeric
    else { return nil }
    return try? tensor.converted(to: .float32).elements(of: Float.self)[0]
  }
}

extension ElementType {
  /// The numbers of an 8-bit type.
  fileprivate var byteRange: ClosedRange<Float>? {
    switch self {
    case .int8: -128...127
    case .uint8: 0...255
    default: nil
    }
  }
}
