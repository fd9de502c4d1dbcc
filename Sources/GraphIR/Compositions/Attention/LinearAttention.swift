import Tensors

/// How linear attention updates its state at each position.
public enum LinearAttentionRule: String, Hashable, Sendable {
  /// S + k ⊗ v
  case linear
  /// exp(g) · S + k ⊗ v
  case gated
  /// S + β · k ⊗ (v - Sᵀk)
  case delta
  /// Both: the decayed state is what the value is compared with.
  case gatedDelta = "gated_delta"

  public var hasDecay: Bool { self == .gated || self == .gatedDelta }
  public var hasRate: Bool { self == .delta || self == .gatedDelta }
}

extension GraphBuilder {
  /// Attention with a state instead of a cache: at each position the state [B, H, K, V] is updated by `rule`, and
  /// scale · qᵀS is the result. Computed in float32 or wider.
  ///
  /// - Parameters:
  ///   - query: [B, T, Hq, K], Hq a multiple of H: neighbouring query heads share a state
  ///   - key: [B, T, H, K]
  ///   - value: [B, T, H, V]
  ///   - state: [B, H, K, V]
  ///   - decay: [B, T, H, K or 1], the logarithm of what remains
  ///   - rate: [B, T, H or 1, 1]
  /// - Returns: [B, T, Hq, V] of the query's type, and the state after the last position, of the state's type.
  public func linearAttention(
    query: ValueID, key: ValueID, value: ValueID, state: ValueID, decay: ValueID?, rate: ValueID?, scale: Double,
    rule: LinearAttentionRule
  ) throws -> [ValueID] {
    guard (decay != nil) == rule.hasDecay, (rate != nil) == rule.hasRate else {
      throw GraphError(
        operation: "LinearAttention", source: source,
        found: "decay \(decay == nil ? "absent" : "given"), rate \(rate == nil ? "absent" : "given")",
        expected: "what the rule '\(rule.rawValue)' takes")
    }
    let attributes: [String: Composite.Attribute] = ["update_rule": .text(rule.rawValue), "scale": .real(scale)]
    let operands = [query, key, value, state] + [decay, rate].compactMap(\.self)
    return try composite(Composite("LinearAttention", attributes), operands) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = type.accumulator
      // Time first, so that the loop takes one position a round.
      func sequence(_ x: ValueID) throws -> ValueID { try b.transpose(b.convert(x, to: wide), [1, 0, 2, 3]) }
      let heads = b.type(of: p[1]).tensor?.shape[2]
      let isGrouped = b.type(of: p[0]).tensor?.shape[2] != heads
      let captures = try [sequence(p[0]), sequence(p[1]), sequence(p[2])] + p.dropFirst(4).map(sequence)
      let results = try b.countedLoop(
        "position", count: b.scalarExtent(of: p[0], 1), carried: [b.convert(p[3], to: wide)], captures: captures
      ) { loop in
        let r = loop.builder
        var rest = try loop.captures.map(loop.element)[...]
        guard let q = rest.popFirst(), let k = rest.popFirst(), var v = rest.popFirst() else {
          preconditionFailure("query, key and value are captured above")
        }
        var state = loop.carried[0]
        if rule.hasDecay, let decay = rest.popFirst() {
          state = try r.multiply(state, r.expandDimensions(r.unary(.exponential, decay), axes: [3]))
        }
        let perHead = DotDimensions(lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [2], rhsContracting: [2])
        if rule.hasRate, let rate = rest.popFirst() {
          let known = try r.dot(k, state, perHead, result: wide)
          v = try r.multiply(rate, r.subtract(v, known))
        }
        let outer = try r.multiply(r.expandDimensions(k, axes: [3]), r.expandDimensions(v, axes: [2]))
        state = try r.add(state, outer)
        let y: ValueID
        if isGrouped {
          // [B, H, Hq / H, K] · [B, H, K, V]
          let grouped = try r.reshape(q, to: [.of(q, 0), .of(k, 1), -1, .of(q, 2)])
          let read = DotDimensions(lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [3], rhsContracting: [2])
          let all = try r.dot(grouped, state, read, result: wide)
          y = try r.reshape(all, to: [.of(q, 0), .of(q, 1), .of(v, 2)])
        } else {
          y = try r.dot(q, state, perHead, result: wide)
        }
        return ([state], [try r.multiply(y, r.scalar(scale, wide))])
      }
      return [
        try b.convert(b.transpose(results[1], [1, 0, 2, 3]), to: type),
        try b.convert(results[0], to: b.elementType(of: p[3])),
      ]
    }
  }
}
