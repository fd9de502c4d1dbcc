import Tensors

/// What scaled dot-product attention does beyond softmax(q·kᵀ)·v.
public struct AttentionOptions: Hashable, Sendable {
  /// What the second result of `attention` shows.
  public enum Scores: Int, Hashable, Sendable {
    case none = -1
    case raw, capped, biased, probabilities
  }

  /// Times q·kᵀ; nil: 1 / sqrt(head size).
  public var scale: Double?
  /// A query sees no key after its own position.
  public var isCausal = false
  /// cap · tanh(scores / cap); 0: none.
  public var softcap = 0.0
  /// How many keys before and after its own position a query sees; nil: all.
  public var leftWindow: Int?
  public var rightWindow: Int?
  /// Softmax is computed in this type, or in the operands' accumulator if that is wider.
  public var softmaxPrecision: ElementType?
  public var scores = Scores.none

  public init() {}
}

extension GraphBuilder {
  /// Scaled dot-product attention.
  ///
  /// - Parameters:
  ///   - query: [B, Hq, L, E]
  ///   - key: [B, Hkv, S, E]; each of its heads serves Hq / Hkv neighbouring query heads
  ///   - value: [B, Hkv, S, Ev]
  ///   - mask: broadcasts to [B, Hq, L, S]: bool (true: sees) or float (added). A shorter last axis is continued with
  ///     keys that nobody sees.
  ///   - offset: int64[1] or [B]: the position of the first query among the keys; nil: 0
  ///   - lengths: int64[B]: how many keys of each sequence are not padding
  /// - Returns: [B, Hq, L, Ev], and with `options.scores` [B, Hq, L, S]. A query that sees no key gives zeros.
  public func attention(
    query: ValueID, key: ValueID, value: ValueID, mask: ValueID? = nil, offset: ValueID? = nil,
    lengths: ValueID? = nil, _ options: AttentionOptions
  ) throws -> [ValueID] {
    let attributes: [String: Composite.Attribute] = [
      "mask": .init(mask != nil), "offset": .init(offset != nil), "lengths": .init(lengths != nil),
      "is_causal": .init(options.isCausal), "softcap": .real(options.softcap),
      "left_window_size": .integer(options.leftWindow ?? -1), "right_window_size": .integer(options.rightWindow ?? -1),
      "qk_matmul_output_mode": .integer(options.scores.rawValue),
    ].merging(options.scale.map { ["scale": .real($0)] } ?? [:]) { $1 }
    let operands = [query, key, value] + [mask, offset, lengths].compactMap(\.self)
    return try composite(Composite("Attention", attributes), operands) { b, p in
      var rest = p.dropFirst(3)
      let mask = mask == nil ? nil : rest.popFirst()
      let offset = offset == nil ? nil : rest.popFirst()
      let lengths = lengths == nil ? nil : rest.popFirst()
      return try b.attentionBody(p[0], p[1], p[2], mask: mask, offset: offset, lengths: lengths, options)
    }
  }

  private func attentionBody(
    _ query: ValueID, _ key: ValueID, _ value: ValueID, mask: ValueID?, offset: ValueID?, lengths: ValueID?,
    _ options: AttentionOptions
  ) throws -> [ValueID] {
    let type = try elementType(of: query)
    let wide = type.accumulator
    var scores = try attentionScores(query, key, scale: options.scale)
    var shown: ValueID? = options.scores == .raw ? scores : nil
    if options.softcap > 0 {
      let cap = try scalar(options.softcap, wide)
      scores = try multiply(unary(.hyperbolicTangent, divide(scores, cap)), cap)
    }
    if options.scores == .capped { shown = scores }
    let bias = try attentionBias(
      queries: extent(of: query, 2), keys: extent(of: key, 2), mask: mask, offset: offset, lengths: lengths, options,
      type: wide)
    if let bias { scores = try add(scores, bias) }
    if options.scores == .biased { shown = scores }
    let precision =
      options.softmaxPrecision.map { $0.bitWidth > wide.bitWidth ? $0 : wide } ?? wide
    let axis = try rank(of: scores) - 1
    var probabilities = try softmax(convert(scores, to: precision), axes: [axis])
    if let bias {
      // Decided on the bias, since a score may be infinite or NaN of its own.
      let best = try reduce(.maximum, bias, axes: [rank(of: bias) - 1], keepDimensions: true)
      probabilities = try select(unary(.isNegativeInfinite, best), scalar(0, precision), probabilities)
    }
    probabilities = try convert(probabilities, to: type)
    if options.scores == .probabilities { shown = probabilities }
    let y = try weightedValues(probabilities, convert(value, to: type))
    return try [y] + (shown.map { [try convert($0, to: type)] } ?? [])
  }

  /// scale · q·kᵀ [B, Hq, L, S] in the accumulator type. Grouped heads share a key without copying it.
  public func attentionScores(_ query: ValueID, _ key: ValueID, scale: Double?) throws -> ValueID {
    let type = try elementType(of: query).accumulator
    let (grouped, isGrouped) = try groupingHeads(query, by: key)
    let dimensions = DotDimensions(
      lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [isGrouped ? 4 : 3], rhsContracting: [3])
    var scores = try dot(grouped, key, dimensions, result: type)
    if isGrouped { scores = try reshape(scores, to: [.of(query, 0), .of(query, 1), .of(query, 2), .of(key, 2)]) }
    if let scale { return try multiply(scores, scalar(scale, type)) }
    if let size = self.type(of: query).tensor?.shape[3].constant {
      return try multiply(scores, scalar(1 / Double(size).squareRoot(), type))
    }
    let size = try convert(scalarExtent(of: query, 3), to: type)
    return try divide(scores, unary(.squareRoot, size))
  }

  /// Probabilities [B, Hq, L, S] times values [B, Hkv, S, Ev] → [B, Hq, L, Ev].
  public func weightedValues(_ probabilities: ValueID, _ value: ValueID) throws -> ValueID {
    let (grouped, isGrouped) = try groupingHeads(probabilities, by: value)
    let dimensions = DotDimensions(
      lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [isGrouped ? 4 : 3], rhsContracting: [2])
    let y = try dot(grouped, value, dimensions, result: elementType(of: value))
    if !isGrouped { return y }
    return try reshape(
      y, to: [.of(probabilities, 0), .of(probabilities, 1), .of(probabilities, 2), .of(value, 3)])
  }

  /// x [B, Hq, L, n] as [B, Hkv, Hq / Hkv, L, n], unless the numbers of heads are known to be the same.
  private func groupingHeads(_ x: ValueID, by key: ValueID) throws -> (ValueID, isGrouped: Bool) {
    if type(of: x).tensor?.shape[1] == type(of: key).tensor?.shape[1] { return (x, false) }
    return (try reshape(x, to: [.of(x, 0), .of(key, 1), -1, .of(x, 2), .of(x, 3)]), true)
  }

  /// What is added to the scores: 0 or the float mask where a query sees a key, minus infinity elsewhere. Broadcasts
  /// to [B, Hq, L, S]. Nil when everything is seen.
  private func attentionBias(
    queries: ValueID, keys: ValueID, mask: ValueID?, offset: ValueID?, lengths: ValueID?, _ options: AttentionOptions,
    type: ElementType
  ) throws -> ValueID? {
    var allowed: ValueID?
    func require(_ condition: ValueID) throws {
      allowed = try allowed.map { try binary(.and, $0, condition) } ?? condition
    }
    var added: ValueID?
    if let mask {
      let padded = try paddingMask(mask, keys: keys)
      if try elementType(of: padded) == .bool { try require(padded) } else { added = try convert(padded, to: type) }
    }
    let column = try one(.iota(.int64, axis: 3), [concatenate([indices([1, 1, 1]), keys], axis: 0)])
    if options.isCausal || options.leftWindow != nil || options.rightWindow != nil {
      let shape = try concatenate([indices([1, 1]), queries, indices([1])], axis: 0)
      var position = try one(.iota(.int64, axis: 2), [shape])
      if let offset { position = try add(position, reshape(offset, [-1, 1, 1, 1])) }
      if options.isCausal { try require(compare(.lessOrEqual, column, position)) }
      if let left = options.leftWindow {
        try require(compare(.greaterOrEqual, column, subtract(position, index(left))))
      }
      if let right = options.rightWindow {
        try require(compare(.lessOrEqual, column, add(position, index(right))))
      }
    }
    if let lengths { try require(compare(.less, column, reshape(lengths, [-1, 1, 1, 1]))) }
    guard let allowed else { return added }
    return try select(allowed, added ?? scalar(0, type), scalar(-.infinity, type))
  }

  private func paddingMask(_ mask: ValueID, keys: ValueID) throws -> ValueID {
    let rank = try rank(of: mask)
    if rank == 0 { return mask }
    let missing = try subtract(keys, extent(of: mask, rank - 1))
    if graph[missing].elements == [.constant(0)] { return mask }
    let isBool = try elementType(of: mask) == .bool
    let filler = isBool ? constant(Tensor(scalar: false)) : try scalar(-.infinity, like: mask)
    let zeros = Array(repeating: 0, count: rank - 1)
    let high = zeros.isEmpty ? missing : try concatenate([indices(zeros), missing], axis: 0)
    return try one(.pad(.constant), [mask, filler, indices(zeros + [0]), high])
  }
}
