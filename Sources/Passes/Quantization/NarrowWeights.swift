import GraphIR
import Tensors

extension Pass {
  /// Weights that a file spells out as float32(8-bit numbers) · scale stay 8 bits wide:
  ///
  ///     dot(x, convert(w) · s)        →  dot(x, dequantize(w, s)), of which kernels take the codes
  ///     gather(convert(w) · s, rows)  →  convert(gather(w, rows)) · gather(s, rows)
  ///
  /// Else they would be widened at every run, a table of words for the sake of a few of its rows.
  public static let narrowWeights = Pass(
    Rule(
      name: "narrow-weights",
      rewrite: { rewriter, step in
        switch step.operation {
        case .dot: return try rewriter.productOfCodes(step)
        case .gather(axis: 0, batchDimensions: 0): return try rewriter.gatheredCodes(step)
        default: return nil
        }
      }))
}

/// convert(numbers) · scale, both constants.
private struct WidenedWeights {
  /// int8 or uint8
  var numbers: ValueID
  /// float32
  var scale: ValueID
}

extension Rewriter {
  fileprivate func productOfCodes(_ step: Step) throws -> [ValueID]? {
    guard let weights = widenedWeights(step.operands[1]), let shape = self[weights.numbers].constant?.shape.dimensions,
      let scale = self[weights.scale].constant
    else { return nil }
    // A scale for all, or one for each index of an axis.
    var extents = scale.shape.dimensions
    extents = Array(repeating: 1, count: shape.count - extents.count) + extents
    let scaled = extents.indices.filter { extents[$0] != 1 }
    guard scaled.count <= 1, scaled.allSatisfy({ extents[$0] == shape[$0] }) else { return nil }
    let parameter = constant(scale.reshaped(Shape(scaled.map { shape[$0] })))
    var changed = step
    changed.operands[1] = try one(
      .dequantize(QuantizationAxis(axis: scaled.first ?? 0), to: .float32), [weights.numbers, parameter])
    return try add(changed)
  }

  fileprivate func gatheredCodes(_ step: Step) throws -> [ValueID]? {
    guard let weights = widenedWeights(step.operands[0]), let rank = self[weights.numbers].constant?.shape.rank,
      let parameter = self[weights.scale].constant
    else { return nil }
    let extents = parameter.shape.dimensions
    func gathered(_ id: ValueID) throws -> ValueID {
      var changed = step
      changed.operands[0] = id
      return try one(changed.operation, changed.operands)
    }
    let numbers = try one(.convert(to: .float32), [gathered(weights.numbers)])
    var scale = weights.scale
    if extents.count == rank {
      // A scale for each row, or one row of them for all.
      scale = try extents[0] > 1 ? gathered(scale) : constant(parameter.reshaped(Shape(Array(extents.dropFirst()))))
    }
    return try add(.binary(.multiply), [numbers, scale])
  }

  private func widenedWeights(_ id: ValueID) -> WidenedWeights? {
    guard let product = producer(id), case .binary(.multiply) = product.operation,
      let convert = producer(product.operands[0]), case .convert(.float32, _) = convert.operation,
      let numbers = self[convert.operands[0]].constant, let scale = self[product.operands[1]].constant,
      numbers.elementType == .int8 || numbers.elementType == .uint8, scale.elementType == .float32,
      scale.shape.rank <= numbers.shape.rank, !numbers.shape.dimensions.isEmpty
    else { return nil }
    // The product has the numbers' shape.
    let extents = numbers.shape.dimensions.suffix(scale.shape.rank)
    guard zip(scale.shape.dimensions, extents).allSatisfy({ $0 == 1 || $0 == $1 }) else { return nil }
    return WidenedWeights(numbers: convert.operands[0], scale: product.operands[1])
  }
}
