import Tensors

/// What becomes of the losses of single elements.
public enum LossReduction: String, Hashable, Sendable {
  case none, sum
  /// Weighted by the weights of the elements.
  case mean
}

extension GraphBuilder {
  /// The negated log-probabilities of the targets: x [N, C, d…], target integers [N, d…], weights [C] by class →
  /// [N, d…] or a scalar. Targets equal to `ignoredIndex` lose nothing and weigh nothing.
  public func negativeLogLikelihood(
    _ x: ValueID, target: ValueID, weights: ValueID?, ignoredIndex: Int?, _ reduction: LossReduction
  ) throws -> ValueID {
    var attributes: [String: Composite.Attribute] = ["reduction": .text(reduction.rawValue)]
    if let ignoredIndex { attributes["ignore_index"] = .integer(ignoredIndex) }
    let operands = [x, target] + [weights].compactMap(\.self)
    return try composite(Composite("NegativeLogLikelihoodLoss", attributes), operands) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = type.accumulator
      var target = try b.convert(p[1], to: .int64)
      var ignored: ValueID?
      if let ignoredIndex {
        let isIgnored = try b.compare(.equal, target, b.index(ignoredIndex))
        // It may lie outside of the classes.
        target = try b.select(isIgnored, b.index(0), target)
        ignored = isIgnored
      }
      let picked = try b.one(.gatherElements(axis: 1), [p[0], b.expandDimensions(target, axes: [1])])
      var loss = try b.unary(.negate, b.convert(b.removeDimensions(picked, axes: [1]), to: wide))
      var weight = try p.dropFirst(2).first.map { try b.convert(b.gather($0, target, axis: 0), to: wide) }
      if let ignored {
        weight = try b.select(ignored, b.scalar(0, wide), weight ?? b.scalar(1, wide))
      }
      if let weight { loss = try b.multiply(loss, weight) }
      let axes = Array(0..<(try b.rank(of: loss)))
      switch reduction {
      case .none: break
      case .sum: loss = try b.reduce(.sum, loss, axes: axes)
      case .mean:
        if let weight {
          loss = try b.divide(b.reduce(.sum, loss, axes: axes), b.reduce(.sum, weight, axes: axes))
        } else {
          loss = try b.reduce(.mean, loss, axes: axes)
        }
      }
      return [try b.convert(loss, to: type)]
    }[0]
  }
}
