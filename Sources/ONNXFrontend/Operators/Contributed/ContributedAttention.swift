import GraphIR
import Tensors

/// Attention operators of com.microsoft.
enum ContributedAttention {
  static let table: [String: Lowering] = [
    "Attention": { c in try attention(c) },
    "QAttention": quantizedAttention,
    "MultiHeadAttention": multiHeadAttention,
    "GroupQueryAttention": groupQueryAttention,
    "RotaryEmbedding": rotaryEmbedding,
  ]

  /// Queries, keys and values [B, H, L, E].
  private struct Heads {
    var query: ValueID
    var key: ValueID
    var value: ValueID
  }

  private static func headCount(_ c: LoweringContext, _ name: String = "num_heads") throws -> Int {
    guard let count = try c.int(name), (1...LoweringContext.maximumSpatial).contains(count) else {
      throw c.invalid(found: "no sensible '\(name)'", expected: "a positive number of heads")
    }
    return count
  }

  /// [B, L, H · E] as [B, H, L, E], and back.
  private static func split(_ x: ValueID, _ heads: Int, _ c: LoweringContext) throws -> ValueID {
    try c.builder.transpose(AttentionOperators.unpacked(x, heads: heads, c), [0, 2, 1, 3])
  }

  private static func merged(_ y: ValueID, _ b: GraphBuilder) throws -> ValueID {
    try b.reshape(b.transpose(y, [0, 2, 1, 3]), to: [.of(y, 0), .of(y, 2), -1])
  }

  private static func options(_ c: LoweringContext) throws -> AttentionOptions {
    var options = AttentionOptions()
    options.scale = try c.float("scale").flatMap { $0 == 0 ? nil : Double($0) }
    options.isCausal = try c.flag("unidirectional")
    return options
  }

  // MARK: Masks

  /// What is added to the scores [B, N, S, T] for a mask: lengths [B] or ends and starts [2·B], zeros and ones [B, T],
  /// [B, S, T] or [B, 1, S, T].
  private static func mask(
    _ given: ValueID?, bias: ValueID?, keys: ValueID, batchOf query: ValueID, _ c: LoweringContext
  ) throws -> ValueID? {
    let b = c.builder
    guard let given else { return bias }
    let filter = try b.scalar(Double(c.float("mask_filter_value", -10_000)), .float32)
    let zero = try b.scalar(0, .float32)
    let sees: ValueID
    switch try c.rank(given) {
    case 1:
      let column = try b.one(.iota(.int64, axis: 3), [b.shape([1, 1, 1, .of(keys, 2)])])
      let positions = try b.convert(given, to: .int64)
      let type = c.builder.type(of: given).tensor
      if let count = type?.shape[0].constant, let batch = b.type(of: query).tensor?.shape[0].constant,
        count == 2 * batch
      {
        let ends = try b.reshape(b.slice(positions, axis: 0, from: 0, to: batch), [-1, 1, 1, 1])
        let starts = try b.reshape(b.slice(positions, axis: 0, from: batch), [-1, 1, 1, 1])
        sees = try b.binary(.and, b.compare(.less, column, ends), b.compare(.greaterOrEqual, column, starts))
      } else {
        sees = try b.compare(.less, column, b.reshape(positions, [-1, 1, 1, 1]))
      }
    case 2: sees = try b.compare(.notEqual, b.expandDimensions(given, axes: [1, 2]), b.scalar(0, like: given))
    case 3: sees = try b.compare(.notEqual, b.expandDimensions(given, axes: [1]), b.scalar(0, like: given))
    case 4: sees = try b.compare(.notEqual, given, b.scalar(0, like: given))
    case let rank: throw c.invalid(found: "a mask of rank \(rank)", expected: "rank 1 to 4")
    }
    let added = try b.select(sees, zero, filter)
    return try bias.map { try b.add(b.convert($0, to: .float32), added) } ?? added
  }

  /// Attention behind `past` keys and values; the results with the merged heads, and the keys and values.
  private static func attend(
    _ heads: Heads, mask given: ValueID?, bias: ValueID?, past: (key: ValueID, value: ValueID)?, _ c: LoweringContext
  ) throws -> (y: ValueID, key: ValueID, value: ValueID) {
    let b = c.builder
    var (key, value) = (heads.key, heads.value)
    if let past {
      key = try b.concatenate([past.key, key], axis: 2)
      value = try b.concatenate([past.value, value], axis: 2)
    }
    let mask = try self.mask(given, bias: bias, keys: key, batchOf: heads.query, c)
    let y = try b.attention(
      query: heads.query, key: key, value: value, mask: mask, offset: past.map { try b.extent(of: $0.key, 2) },
      options(c))[0]
    return (try merged(y, b), key, value)
  }

  // MARK: Operators

  /// (x [B, S, D], weights [D, 3·H·E], bias?, mask?, past [2, B, H, P, E]?, scores' bias?)
  private static func attention(_ c: LoweringContext) throws -> [ValueID] {
    guard !c.hasOperand(6) else {
      throw c.invalid(found: "past_sequence_length", expected: "past keys and values that are as long as they say")
    }
    var projected = try c.builder.matrixProduct(c.operand(0), c.operand(1))
    if let bias = try c.optionalOperand(2) { projected = try c.builder.add(projected, bias) }
    return try attention(
      of: projected, mask: c.optionalOperand(3), past: c.optionalOperand(4), bias: c.optionalOperand(5), c)
  }

  /// The same with x and the weights in 8 bits: (x, weights, bias, x's scale, the weights' scale or scales, mask?, x's
  /// zero point?, the weights' zero point or points?, past?)
  private static func quantizedAttention(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    func parameter(_ index: Int) throws -> ValueID? {
      guard let value = try c.optionalOperand(index) else { return nil }
      let isOne = b.type(of: value).tensor?.constantShape?.elementCount == 1
      return isOne ? try b.reshape(value, []) : value
    }
    let sum = try b.integerMatrixProduct(
      c.operand(0), zeroPoint: parameter(6), c.operand(1), zeroPoint: parameter(7))
    guard let scale = try parameter(3), let weightScale = try parameter(4) else {
      throw c.invalid(found: "no scales", expected: "operands 3 and 4")
    }
    let type = try c.elementType(scale)
    let projected = try b.multiply(b.convert(sum, to: type), b.multiply(scale, weightScale))
    return try attention(
      of: b.add(projected, c.operand(2)), mask: c.optionalOperand(5), past: c.optionalOperand(8), bias: nil, c)
  }

  /// Attention of queries, keys and values side by side [B, S, 3·H·E].
  private static func attention(
    of projected: ValueID, mask: ValueID?, past: ValueID?, bias: ValueID?, _ c: LoweringContext
  ) throws -> [ValueID] {
    let b = c.builder
    let count = try headCount(c)
    guard try !c.flag("do_rotary") else { throw c.invalid(found: "do_rotary", expected: "RotaryEmbedding before it") }
    var sizes = try c.ints("qkv_hidden_sizes") ?? []
    if sizes.isEmpty { sizes = Array(repeating: try c.extent(projected, 2) / 3, count: 3) }
    guard sizes.count == 3, sizes.allSatisfy({ $0 > 0 && $0 % count == 0 && $0 <= LoweringContext.maximumSpatial })
    else {
      throw c.invalid(found: "qkv_hidden_sizes \(sizes)", expected: "three multiples of \(count) heads")
    }
    func part(_ index: Int) throws -> ValueID {
      let start = sizes[..<index].reduce(0, +)
      return try split(b.slice(projected, axis: 2, from: start, to: start + sizes[index]), count, c)
    }
    let past = try past.map { past in
      func half(_ index: Int) throws -> ValueID {
        try b.removeDimensions(b.slice(past, axis: 0, from: index, to: index + 1), axes: [0])
      }
      return (key: try half(0), value: try half(1))
    }
    let result = try attend(
      Heads(query: part(0), key: part(1), value: part(2)), mask: mask, bias: bias, past: past, c)
    guard c.usesOutput(1) else { return [result.y] }
    let present = try [result.key, result.value].map { try b.expandDimensions($0, axes: [0]) }
    return [result.y, try b.concatenate(present, axis: 0)]
  }

  /// (query [B, S, D] or all three packed [B, S, H, 3, E], key [B, T, D], packed with the values [B, T, H, 2, E] or
  /// split already [B, H, T, E], value, bias [3·D]?, padding mask?, scores' bias?, past key?, past value?)
  private static func multiHeadAttention(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let count = try headCount(c)
    let query = try c.operand(0)
    /// Part `index` of a packed operand [B, L, H, n, E], as [B, L, H · E].
    func packed(_ x: ValueID, _ index: Int) throws -> ValueID {
      let part = try b.removeDimensions(b.slice(x, axis: 3, from: index, to: index + 1), axes: [3])
      return try b.reshape(part, to: [.of(part, 0), .of(part, 1), -1])
    }
    var operands: [ValueID]
    if try c.rank(query) == 5 {
      operands = try (0..<3).map { try packed(query, $0) }
    } else if let key = try c.optionalOperand(1), try c.rank(key) == 5 {
      operands = [query, try packed(key, 0), try packed(key, 1)]
    } else {
      operands = [query, try c.operand(1), try c.operand(2)]
    }
    if let bias = try c.optionalOperand(3) {
      var start = 0
      for index in operands.indices {
        guard try c.rank(operands[index]) == 3 else { continue }
        let width = try c.extent(operands[index], 2)
        operands[index] = try b.add(operands[index], b.slice(bias, axis: 0, from: start, to: start + width))
        start += width
      }
    }
    let heads = try operands.map { try c.rank($0) == 4 ? $0 : split($0, count, c) }
    var past: (key: ValueID, value: ValueID)?
    if let key = try c.optionalOperand(6), let value = try c.optionalOperand(7) { past = (key, value) }
    guard !c.hasOperand(8), !c.hasOperand(9) else {
      throw c.invalid(found: "past_sequence_length", expected: "past keys and values that are as long as they say")
    }
    let result = try attend(
      Heads(query: heads[0], key: heads[1], value: heads[2]), mask: c.optionalOperand(4), bias: c.optionalOperand(5),
      past: past, c)
    return [result.y, result.key, result.value]
  }

  /// (query [B, S, H·E] or all three packed, key, value, past key [B, Hkv, P, E]?, past value?, lengths less one int32
  /// [B], total length, cosines?, sines?): the past grows by what comes, which is not padded.
  private static func groupQueryAttention(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let (count, keyCount) = (try headCount(c), try headCount(c, "kv_num_heads"))
    guard count % keyCount == 0 else {
      throw c.invalid(found: "\(count) heads for \(keyCount) of keys", expected: "a multiple")
    }
    var (query, given) = (try c.operand(0), [try c.optionalOperand(1), try c.optionalOperand(2)].compactMap(\.self))
    if given.isEmpty {
      let size = try c.extent(query, 2) / (count + 2 * keyCount)
      let ends = [count * size, (count + keyCount) * size]
      given = try [b.slice(query, axis: 2, from: ends[0], to: ends[1]), b.slice(query, axis: 2, from: ends[1])]
      query = try b.slice(query, axis: 2, from: 0, to: ends[0])
    }
    guard given.count == 2 else { throw c.invalid(found: "keys without values", expected: "both, or neither") }
    var heads = Heads(
      query: try split(query, count, c), key: try split(given[0], keyCount, c), value: try split(given[1], keyCount, c))
    var past: (key: ValueID, value: ValueID)?
    if let key = try c.optionalOperand(3), let value = try c.optionalOperand(4) { past = (key, value) }
    if try c.flag("do_rotary") {
      let size = try 2 * c.extent(c.operand(7), 1)
      var positions = try b.one(.iota(.int64, axis: 0), [b.extent(of: heads.query, 2)])
      if let past { positions = try b.add(positions, b.extent(of: past.key, 2)) }
      let interleaved = try c.flag("rotary_interleaved")
      let (cosine, sine) = (
        try b.gather(c.operand(7), positions, axis: 0), try b.gather(c.operand(8), positions, axis: 0)
      )
      heads.query = try b.rotaryEmbedding(
        heads.query, cosine: cosine, sine: sine, size: size, interleaved: interleaved)
      heads.key = try b.rotaryEmbedding(heads.key, cosine: cosine, sine: sine, size: size, interleaved: interleaved)
    }
    if let past {
      heads.key = try b.concatenate([past.key, heads.key], axis: 2)
      heads.value = try b.concatenate([past.value, heads.value], axis: 2)
    }
    var options = try self.options(c)
    options.isCausal = true
    options.softcap = Double(try c.float("softcap", 0))
    let window = try c.int("local_window_size", -1)
    if window > 0 { options.leftWindow = window - 1 }
    let lengths = try b.add(b.convert(b.reshape(c.operand(5), [-1]), to: .int64), b.index(1))
    let y = try b.attention(
      query: heads.query, key: heads.key, value: heads.value, offset: past.map { try b.extent(of: $0.key, 2) },
      lengths: lengths, options)
    return [try merged(y[0], b), heads.key, heads.value]
  }

  /// (x [B, S, D] or [B, H, S, E], position ids [B, S] or one offset, cosines and sines [positions, n])
  private static func rotaryEmbedding(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let isPacked = try c.rank(x) == 3
    var size = try c.int("rotary_embedding_dim", 0)
    let half = try c.extent(c.operand(2), 1)
    var image = x
    if isPacked {
      var count = try c.int("num_heads", 0)
      if count == 0 { count = try c.extent(x, 2) / (2 * half) }
      guard count > 0 else { throw c.invalid(found: "\(count) heads", expected: "at least one") }
      image = try AttentionOperators.unpacked(x, heads: count, c)
    }
    if size == 0 { size = 2 * half }
    var positions = try b.convert(c.operand(1), to: .int64)
    if try c.rank(positions) < 2 {
      let steps = try b.one(.iota(.int64, axis: 1), [b.shape([1, .of(image, isPacked ? 1 : 2)])])
      positions = try b.add(steps, positions)
    }
    func rows(_ index: Int) throws -> ValueID {
      try b.expandDimensions(b.gather(c.operand(index), positions, axis: 0), axes: [isPacked ? 2 : 1])
    }
    var y = try b.rotaryEmbedding(
      image, cosine: rows(2), sine: rows(3), size: size, interleaved: c.flag("interleaved"))
    let scale = try c.float("scale", 1)
    if scale != 1 { y = try b.multiply(y, b.scalar(Double(scale), like: y)) }
    return [isPacked ? try b.reshape(y, b.shape(x)) : y]
  }
}
