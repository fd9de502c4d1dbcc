import GraphIR
import Tensors

extension Pass {
  /// Moves what multiplies each channel of a convolution's (or dense layer's) result into its constant weights, and
  /// joins what is added to each channel: y·s → conv(x, w·s), (conv + b)·s → conv(x, w·s) + b·s, (conv + b) + c →
  /// conv + (b + c). A batch normalisation disappears in the convolution before it.
  ///
  /// Rounds differently from the graph before, by about one unit in the last place of each weight and bias.
  public static let foldScales = Pass("fold-scale-into-convolution") { graph in
    let builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
    try foldScales(graph, into: builder)
    return builder.graph
  }

  private static func foldScales(_ graph: Graph, into builder: GraphBuilder) throws {
    let inputs = graph.inputs.map { builder.parameter(like: graph[$0]) }
    let chains = AffineChain.all(in: graph)
    let last = Dictionary(chains.map { ($0.last, $0) }) { first, _ in first }
    let skipped = Set(chains.flatMap { [$0.contraction] + $0.between })
    let outputs = try builder.walk(graph, arguments: inputs) { index, node, value in
      // These come together, folded, where the last of the chain stands.
      if skipped.contains(index) { return [] }
      if let chain = last[index] {
        let contraction = graph.nodes[chain.contraction]
        return [try chain.add(contraction.operation, contraction.operands.map(value), to: builder)]
      }
      let regions = try node.regions.map { region in
        let inner = builder.region(named: region.name)
        try foldScales(region, into: inner)
        return inner.graph
      }
      return try builder.add(node.operation, node.operands.map(value), regions: regions)
    }
    builder.setOutputs(outputs)
  }
}

/// A contraction with constant weights whose result goes through multiplications and additions of constants, one for
/// each channel, and nowhere else: y·scale + bias.
private struct AffineChain {
  /// Indices of nodes.
  var contraction: Int
  var between: [Int] = []
  var last: Int
  /// The weights with the scale in them.
  private var weights: Tensor
  /// [1] or [channels]
  private var bias: Tensor?
  private let weightsAreScaled: Bool

  static func all(in graph: Graph) -> [AffineChain] {
    let uses = graph.useCounts
    var users = [Int](repeating: -1, count: graph.values.count)
    for (index, node) in graph.nodes.enumerated() {
      for operand in node.operands { users[Int(operand.index)] = index }
    }
    return graph.nodes.indices.compactMap { AffineChain($0, in: graph, uses: uses, users: users) }
  }

  private init?(_ start: Int, in graph: Graph, uses: [Int], users: [Int]) {
    let node = graph.nodes[start]
    guard let scaleShape = node.operation.scaleShape, let weights = graph[node.operands[1]].constant,
      weights.elementType == .float32 || weights.elementType == .float64,
      let result = graph.type(of: node.results[0]).tensor, result.elementType == weights.elementType,
      let channels = result.shape.last?.constant
    else { return nil }
    if case .dot = node.operation, weights.shape.rank != 2 { return nil }
    var scale: Tensor?
    var bias: Tensor?
    var steps: [Int] = []
    var value = node.results[0]
    while uses[Int(value.index)] == 1, users[Int(value.index)] >= 0 {
      let user = graph.nodes[users[Int(value.index)]]
      guard case .binary(let function) = user.operation else { break }
      let isFirst = user.operands[0] == value
      guard let constant = graph[user.operands[isFirst ? 1 : 0]].constant?.perChannel(channels, rank: result.rank),
        let next = Self.next(function, scale, bias, constant, constantIsFirst: !isFirst)
      else { break }
      (scale, bias) = next
      steps.append(users[Int(value.index)])
      value = user.results[0]
    }
    // One addition is what there is already.
    guard let last = steps.last, scale != nil || steps.count > 1 else { return nil }
    contraction = start
    between = Array(steps.dropLast())
    self.last = last
    self.bias = bias
    weightsAreScaled = scale != nil
    self.weights = weights
    if let scale {
      guard let scaled = Self.binary(.multiply, weights, scale.reshaped(scaleShape(scale.elementCount))),
        weights.staysFinite(times: scale) || scaled.isFinite
      else { return nil }
      self.weights = scaled
    }
  }

  /// Scale and bias after one more step; nil for what is not affine.
  private static func next(
    _ function: BinaryFunction, _ scale: Tensor?, _ bias: Tensor?, _ c: Tensor, constantIsFirst: Bool
  ) -> (scale: Tensor?, bias: Tensor?)? {
    switch (function, constantIsFirst) {
    case (.multiply, _), (.divide, false):
      let one = c.elementType == .float64 ? Tensor([1], [1.0]) : Tensor([1], [Float(1)])
      guard let scaled = binary(function, scale ?? one, c) else { return nil }
      guard let bias else { return (scaled, nil) }
      return binary(function, bias, c).map { (scaled, $0) }
    case (.add, _):
      guard let bias else { return (scale, c) }
      return binary(.add, bias, c).map { (scale, $0) }
    case (.subtract, false):
      guard let negative = Constants.evaluate(.unary(.negate), [c])?[0] else { return nil }
      return next(.add, scale, bias, negative, constantIsFirst: false)
    default: return nil
    }
  }

  private static func binary(_ function: BinaryFunction, _ a: Tensor, _ b: Tensor) -> Tensor? {
    Constants.evaluate(.binary(function), [a, b])?[0]
  }

  func add(_ operation: Operation, _ operands: [ValueID], to builder: GraphBuilder) throws -> ValueID {
    var operands = operands
    if weightsAreScaled { operands[1] = builder.constant(weights, name: builder.graph[operands[1]].name) }
    let result = try builder.one(operation, operands)
    return try bias.map { try builder.add(result, builder.constant($0)) } ?? result
  }
}

extension Operation {
  /// For contractions whose result's last axis comes from their second operand: the shape in which `count` scales of
  /// that axis broadcast against that operand.
  fileprivate var scaleShape: ((_ count: Int) -> Shape)? {
    switch self {
    case .convolution: { [$0] }
    // [spatial…, M / groups, C]
    case .transposedConvolution(let convolution, _) where convolution.groups == 1: { [$0, 1] }
    case .dot(let dimensions, _) where dimensions.rhsBatch.isEmpty && dimensions.rhsContracting == [0]: { [$0] }
    case .dot(let dimensions, _) where dimensions.rhsBatch.isEmpty && dimensions.rhsContracting == [1]: { [$0, 1] }
    default: nil
    }
  }
}

extension Tensor {
  /// As [channels] or [1], if that is how it broadcasts against a result with the channels last.
  fileprivate func perChannel(_ channels: Int, rank: Int) -> Tensor? {
    guard shape.rank <= rank, shape.dimensions.dropLast().allSatisfy({ $0 == 1 }),
      elementCount == 1 || elementCount == channels
    else { return nil }
    return reshaped([elementCount])
  }

  /// Whether the largest elements of two tensors tell that no product overflows; false where there are NaNs. Both are
  /// float32 or both float64.
  fileprivate func staysFinite(times scale: Tensor) -> Bool {
    if elementType == .float32 {
      (Float(bitPattern: magnitudeBits(UInt32.self)) * Float(bitPattern: scale.magnitudeBits(UInt32.self))).isFinite
    } else {
      (Double(bitPattern: magnitudeBits(UInt64.self)) * Double(bitPattern: scale.magnitudeBits(UInt64.self))).isFinite
    }
  }

  /// The bits of the largest magnitude, of which NaNs have the largest of all: also what stands for bytes that cannot
  /// be read. Magnitudes of floats are ordered as their bits are.
  private func magnitudeBits<Bits: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_: Bits.Type) -> Bits {
    let source = elementSource
    let largest = try? source.readingBytes { bytes in
      (0..<source.elementCount).reduce(Bits.zero) { largest, index in
        let bits = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
        return max(largest, bits & (Bits.max >> 1))
      }
    }
    return largest ?? Bits.max >> 1
  }

  /// Of a float32 or float64 tensor.
  fileprivate var isFinite: Bool {
    let isFinite = try? Tensor.reading([self]) { readable in
      elementType == .float32
        ? readable[0].withElements(of: Float.self) { $0.allSatisfy(\.isFinite) }
        : readable[0].withElements(of: Double.self) { $0.allSatisfy(\.isFinite) }
    }
    return isFinite ?? false
  }
}
