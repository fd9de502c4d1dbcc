import GraphIR
import Tensors

/// Attention and what stands around it in language models.
enum AttentionOperators {
  static let table: [String: Lowering] = [
    "Attention": attention,
    "RotaryEmbedding": rotaryEmbedding,
    "LinearAttention": linearAttention,
    "SwiGLU": swiGLU,
    "TensorScatter": tensorScatter,
  ]

  /// Domain ai.onnx.preview
  static let previewTable: [String: Lowering] = ["FlexAttention": flexAttention]

  // MARK: Attention

  private static func attention(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let isPacked = try c.rank(c.operand(0)) == 3
    let query = try heads(c.operand(0), c.int("q_num_heads"), c)
    var key = try heads(c.operand(1), c.int("kv_num_heads"), c)
    var value = try heads(c.operand(2), c.int("kv_num_heads"), c)
    let past = try c.optionalOperand(4)
    if let past { key = try b.concatenate([past, key], axis: 2) }
    if let pastValue = try c.optionalOperand(5) { value = try b.concatenate([pastValue, value], axis: 2) }
    let lengths = try c.optionalOperand(6)

    var options = AttentionOptions()
    options.scale = try c.float("scale").map(Double.init)
    options.isCausal = try c.flag("is_causal")
    options.softcap = Double(try c.float("softcap", 0))
    options.leftWindow = try windowSize("left_window_size", c)
    options.rightWindow = try windowSize("right_window_size", c)
    options.softmaxPrecision = try c.elementType(attribute: "softmax_precision")
    if c.usesOutput(3) {
      let mode = try c.int("qk_matmul_output_mode", 0)
      guard let scores = AttentionOptions.Scores(rawValue: mode), scores != .none else {
        throw c.invalid(found: "qk_matmul_output_mode \(mode)", expected: "0, 1, 2 or 3")
      }
      options.scores = scores
    }
    // Queries stand after the cached keys: those concatenated here, or those that somebody else has put there.
    var offset: ValueID?
    if let past {
      offset = try b.extent(of: past, 2)
    } else if let lengths {
      offset = try b.subtract(lengths, b.extent(of: query, 2))
    }
    let results = try b.attention(
      query: query, key: key, value: value, mask: c.optionalOperand(3), offset: offset, lengths: lengths, options)
    var y = results[0]
    if isPacked { y = try b.reshape(b.transpose(y, [0, 2, 1, 3]), to: [.of(y, 0), .of(y, 2), -1]) }
    return [y, key, value] + results.dropFirst()
  }

  private static func windowSize(_ name: String, _ c: LoweringContext) throws -> Int? {
    let size = try c.int(name, -1)
    guard size >= -1, size < 1 << 40 else { throw c.invalid(found: "\(name) \(size)", expected: "-1 or more") }
    return size == -1 ? nil : size
  }

  /// [B, L, H · E] as [B, H, L, E]; four axes are so already.
  static func heads(_ x: ValueID, _ count: Int?, _ c: LoweringContext) throws -> ValueID {
    switch try c.rank(x) {
    case 4: return x
    case 3:
      guard let count, count > 0 else {
        throw c.invalid(found: "no number of heads", expected: "q_num_heads and kv_num_heads for operands of rank 3")
      }
      return try c.builder.transpose(unpacked(x, heads: count, c), [0, 2, 1, 3])
    case let rank: throw c.invalid(found: "an operand of rank \(rank)", expected: "rank 3 or 4")
    }
  }

  /// [B, T, H · E] as [B, T, H, E]
  static func unpacked(_ x: ValueID, heads: Int, _ c: LoweringContext) throws -> ValueID {
    let b = c.builder
    guard try c.rank(x) == 3 else {
      throw c.invalid(found: "rank \(try c.rank(x))", expected: "[batch, time, heads · size]")
    }
    let size = try b.divide(b.extent(of: x, 2), b.indices([heads]))
    return try b.reshape(x, to: [.of(x, 0), .of(x, 1), .constant(heads), .elements(size)])
  }

  /// Attention with functions of the file between the steps: on the scores, and on the probabilities.
  private static func flexAttention(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let (query, key, value) = (try c.operand(0), try c.operand(1), try c.operand(2))
    guard try [query, key, value].allSatisfy({ try c.rank($0) == 4 }) else {
      throw c.invalid(found: "operands of other ranks", expected: "[batch, heads, length, size]")
    }
    let type = try c.elementType(query)
    let precision = try c.elementType(attribute: "softmax_precision") ?? type.accumulator
    var scores = try b.attentionScores(query, key, scale: c.float("scale").map(Double.init))
    scores = try b.convert(scores, to: precision)
    if let modify = try c.graph("score_mod") { scores = try apply(modify, to: scores, c) }
    var probabilities = try b.softmax(scores, axes: [3])
    if let modify = try c.graph("prob_mod") { probabilities = try apply(modify, to: probabilities, c) }
    let y = try b.weightedValues(probabilities, b.convert(value, to: precision))
    return [try b.convert(y, to: c.elementType(value))]
  }

  /// A subgraph of one operand, written into the graph around it.
  private static func apply(_ graph: ONNXGraph, to x: ValueID, _ c: LoweringContext) throws -> ValueID {
    guard graph.inputs.count == 1, graph.outputs.count == 1 else {
      throw c.invalid(
        found: "a subgraph of \(graph.inputs.count) inputs and \(graph.outputs.count) outputs", expected: "one of each")
    }
    let scope = c.scope.inlined()
    scope.define(graph.inputs[0].name, x)
    try scope.lower(graph)
    return try scope.resolve(graph.outputs[0].name)
  }

  // MARK: Positions

  /// (x [B, H, L, E] or [B, L, H · E], cosines and sines [positions, n] with position ids [B, L], or [B, L, n])
  private static func rotaryEmbedding(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let isPacked = try c.rank(x) == 3
    var image = x
    if isPacked {
      guard let count = try c.int("num_heads"), count > 0 else {
        throw c.invalid(found: "no attribute 'num_heads'", expected: "the number of heads of an operand of rank 3")
      }
      image = try unpacked(x, heads: count, c)
    }
    let positions = try c.optionalOperand(3)
    func cache(_ index: Int) throws -> ValueID {
      var table = try c.operand(index)
      if let positions { table = try b.gather(table, positions, axis: 0) }
      return try b.expandDimensions(table, axes: [isPacked ? 2 : 1])
    }
    var size = try c.int("rotary_embedding_dim", 0)
    if size == 0 { size = try c.extent(image, 3) }
    guard size > 0, size % 2 == 0 else {
      throw c.invalid(found: "\(size) features to rotate", expected: "an even number")
    }
    let y = try b.rotaryEmbedding(
      image, cosine: cache(1), sine: cache(2), size: size, interleaved: c.flag("interleaved"))
    return [isPacked ? try b.reshape(y, b.shape(x)) : y]
  }

  // MARK: Linear attention

  private static func linearAttention(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let name = try c.string("update_rule", "gated_delta")
    guard let rule = LinearAttentionRule(rawValue: name) else {
      throw c.invalid(found: "update_rule '\(name)'", expected: "linear, gated, delta or gated_delta")
    }
    guard let queryHeads = try c.int("q_num_heads"), let heads = try c.int("kv_num_heads"), heads > 0, queryHeads > 0,
      queryHeads % heads == 0
    else { throw c.invalid(found: "other numbers of heads", expected: "q_num_heads a multiple of kv_num_heads") }
    let query = try unpacked(c.operand(0), heads: queryHeads, c)
    let key = try unpacked(c.operand(1), heads: heads, c)
    let value = try unpacked(c.operand(2), heads: heads, c)
    let state =
      try c.optionalOperand(3)
      ?? b.full(
        0, c.elementType(query), shape: b.shape([.of(key, 0), .constant(heads), .of(key, 3), .of(value, 3)]))
    var decay: ValueID?
    if rule.hasDecay { decay = try unpacked(c.operand(4), heads: heads, c) }
    var rate: ValueID?
    if rule.hasRate { rate = try b.expandDimensions(c.operand(5), axes: [3]) }
    var scale = Double(try c.float("scale", 0))
    if scale == 0 { scale = 1 / Double(try c.extent(query, 3)).squareRoot() }
    let results = try b.linearAttention(
      query: query, key: key, value: value, state: state, decay: decay, rate: rate, scale: scale, rule: rule)
    return [try b.reshape(results[0], to: [.of(query, 0), .of(query, 1), -1]), results[1]]
  }

  // MARK: Others

  /// swish(a) · b, swish(a) = a · sigmoid(alpha · a)
  private static func swiGLU(_ c: LoweringContext) throws -> [ValueID] {
    let (gate, linear) = (try c.operand(0), try c.operand(1))
    let alpha = Double(try c.float("alpha", 1))
    return try c.builder.composite(Composite("SwiGLU", ["alpha": .real(alpha)]), [gate, linear]) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = try p.map { try b.convert($0, to: type.accumulator) }
      let sigmoid = try b.unary(.logistic, alpha == 1 ? wide[0] : b.multiply(wide[0], b.scalar(alpha, like: wide[0])))
      return [try b.convert(b.multiply(b.multiply(wide[0], sigmoid), wide[1]), to: type)]
    }
  }

  /// Writes an update into a cache along `axis`, from a position of each batch entry on.
  private static func tensorScatter(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let (cache, update) = (try c.operand(0), try c.operand(1))
    let rank = try c.rank(cache)
    let axis = try c.axis(c.int("axis", -2), rank: rank)
    guard axis > 0 else { throw c.invalid(found: "axis 0", expected: "an axis other than the batch") }
    let mode = try c.string("mode", "linear")
    guard ["linear", "circular"].contains(mode) else {
      throw c.invalid(found: "mode '\(mode)'", expected: "linear or circular")
    }
    // The cache with batch and sequence first, so that one index pair names a slice.
    let order = [0, axis] + (1..<rank).filter { $0 != axis }
    let slices = try b.transpose(update, order)
    let shape = try b.shape([.of(slices, 0), .of(slices, 1), 1])
    let batch = try b.one(.iota(.int64, axis: 0), [shape])
    var position = try b.one(.iota(.int64, axis: 1), [shape])
    if let start = try c.optionalOperand(2) { position = try b.add(position, b.reshape(start, [-1, 1, 1])) }
    if mode == "circular" { position = try b.binary(.floorModulo, position, b.extent(of: cache, axis)) }
    let result = try b.one(
      .scatterND(.replace),
      [b.transpose(cache, order), b.concatenate([batch, position], axis: 2), slices])
    let back = (0..<rank).map { order.firstIndex(of: $0) ?? 0 }
    return [try b.transpose(result, back)]
  }
}
