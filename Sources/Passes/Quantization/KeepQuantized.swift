import GraphIR
import Tensors

extension Pass {
  /// Moves dequantize down past nodes that only move numbers, so that these move 8 bits and not 32, and drops it with a
  /// quantize of the same scale behind it. Activations quantised to int8 become uint8 with another zero point: kernels
  /// multiply uint8 by int8.
  public static let keepQuantized = Pass(
    Rule(
      name: "keep-quantized",
      rewrite: { rewriter, step in
        try rewriter.undoneQuantization(step) ?? rewriter.unsignedQuantization(step)
          ?? rewriter.unsignedDequantization(step) ?? rewriter.movedQuantized(step)
          ?? rewriter.reshapedChannels(step)
      }))
}

extension Rewriter {
  /// quantize(dequantize(x)) of one scale and zero point is x: (n · s) / s rounds to n for numbers of 8 bits.
  fileprivate func undoneQuantization(_ step: Step) throws -> [ValueID]? {
    guard case .quantize(_, let type, _) = step.operation, let inner = dequantized(step.operands[0]),
      elementType(inner.numbers) == type, isSameConstant(inner.scale, step.operands[1]),
      number(step.operands[1]).map({ $0.isFinite && $0 != 0 && $0.magnitude > 1e-30 && $0.magnitude < 1e30 }) == true,
      isSameConstant(inner.zeroPoint, step.operands.count > 2 ? step.operands[2] : nil)
    else { return nil }
    return [inner.numbers]
  }

  // MARK: uint8

  /// x as int8 = (x as uint8, its zero point 128 higher) − 128.
  fileprivate func unsignedQuantization(_ step: Step) throws -> [ValueID]? {
    guard case .quantize(let axis, .int8, let saturating) = step.operation, axis.blockSize == 0,
      hasOneElement(step.operands[1]), let zero = zeroPoint(of: step)
    else { return nil }
    let unsigned = try one(
      .quantize(axis, to: .uint8, saturating: saturating),
      [step.operands[0], step.operands[1], shifted(zero, like: step.operands[1])])
    return [try recentred(unsigned)]
  }

  /// The uint8 numbers less 128, as int8.
  private func recentred(_ unsigned: ValueID) throws -> ValueID {
    let wide = try one(.convert(to: .int32), [unsigned])
    let centred = try one(.binary(.subtract), [wide, constant(Tensor(scalar: Int32(128)))])
    return try one(.convert(to: .int8), [centred])
  }

  /// The uint8 numbers behind int8 ones that `recentred` made of them.
  private func uncentred(_ id: ValueID) -> ValueID? {
    guard let narrow = producer(id), case .convert(.int8, _) = narrow.operation,
      let difference = producer(narrow.operands[0]), case .binary(.subtract) = difference.operation,
      number(difference.operands[1]) == 128, let wide = producer(difference.operands[0]),
      case .convert(.int32, _) = wide.operation, elementType(wide.operands[0]) == .uint8
    else { return nil }
    return wide.operands[0]
  }

  fileprivate func unsignedDequantization(_ step: Step) throws -> [ValueID]? {
    guard case .dequantize(let axis, let type) = step.operation, axis.blockSize == 0,
      hasOneElement(step.operands[1]), let unsigned = uncentred(step.operands[0]), let zero = zeroPoint(of: step)
    else { return nil }
    return try add(
      .dequantize(axis, to: type), [unsigned, step.operands[1], shifted(zero, like: step.operands[1])])
  }

  private func zeroPoint(of step: Step) -> Int? {
    guard step.operands.count > 2 else { return 0 }
    return number(step.operands[2]).map { Int($0) }
  }

  private func shifted(_ zero: Int, like scale: ValueID) -> ValueID {
    let shape = Shape(Array(repeating: 1, count: self.shape(scale)?.count ?? 0))
    return constant(Tensor(shape, [UInt8(clamping: zero + 128)]))
  }

  // MARK: Movement

  /// f(dequantize(x)) → dequantize(f(x)) for what only moves or picks elements. Transposes have a pass of their own.
  fileprivate func movedQuantized(_ step: Step) throws -> [ValueID]? {
    switch step.operation {
    case .reshape, .broadcast, .slice, .gather, .gatherND, .gatherElements, .reverse, .reduceWindow(.maximum, _):
      guard let x = try dequantized(step.operands[0]) ?? dequantizedBehindTranspose(step) else { return nil }
      var moved = step
      moved.operands[0] = x.numbers
      // A window keeps the order only if the scale does.
      if case .reduceWindow = step.operation, number(x.scale).map({ $0 > 0 }) != true { return nil }
      return [try dequantize(one(moved.operation, moved.operands), like: x)]
    case .concatenate(let axis):
      let parts = step.operands.compactMap { dequantized($0) }
      guard parts.count == step.operands.count, let first = parts.first,
        parts.allSatisfy({
          isSameConstant($0.scale, first.scale) && isSameConstant($0.zeroPoint, first.zeroPoint)
            && elementType($0.numbers) == elementType(first.numbers)
        })
      else { return nil }
      return [try dequantize(one(.concatenate(axis: axis), parts.map(\.numbers)), like: first)]
    case .pad(.constant):
      guard let x = dequantized(step.operands[0]), number(step.operands[1]) == 0, let type = elementType(x.numbers)
      else { return nil }
      let zero = constant(Tensor(scalar: Int32(x.zeroPoint.flatMap { number($0) } ?? 0)))
      if let point = x.zeroPoint, number(point) == nil { return nil }
      let padding = try one(.convert(to: type), [zero])
      return [
        try dequantize(
          one(.pad(.constant), [x.numbers, padding, step.operands[2], step.operands[3]]), like: x)
      ]
    case .pad(let mode):
      guard let x = dequantized(step.operands[0]) else { return nil }
      let zero = try one(.convert(to: elementType(x.numbers) ?? .uint8), [constant(Tensor(scalar: Int32(0)))])
      return [
        try dequantize(one(.pad(mode), [x.numbers, zero, step.operands[2], step.operands[3]]), like: x)
      ]
    case .resize(let resize) where resize.mode == .nearest && resize.coordinates != .cropAndResize:
      guard let x = dequantized(step.operands[0]) else { return nil }
      return [try dequantize(one(step.operation, [x.numbers] + step.operands.dropFirst()), like: x)]
    default: return nil
    }
  }

  /// A reshape may keep a transpose from going on.
  private func dequantizedBehindTranspose(_ step: Step) throws -> QuantizedValue? {
    guard case .reshape = step.operation, let moved = transposed(step.operands[0]), var x = dequantized(moved.source)
    else { return nil }
    x.numbers = try transpose(x.numbers, moved.permutation)
    return x
  }

  /// A reshape of numbers along one axis, one filter of 1×1 for each channel, say, takes the scales of that axis along.
  fileprivate func reshapedChannels(_ step: Step) throws -> [ValueID]? {
    guard case .reshape = step.operation, let node = producer(step.operands[0]),
      case .dequantize(let axis, let type) = node.operation, axis.blockSize == 0,
      let extents = shape(node.operands[0])?.map(\.constant),
      extents.indices.allSatisfy({ $0 == axis.axis || extents[$0] == 1 })
    else { return nil }
    var moved = step
    moved.operands[0] = node.operands[0]
    let numbers = try one(moved.operation, moved.operands)
    guard let channel = shape(numbers)?.firstIndex(where: { $0.constant != 1 }) else { return nil }
    return [try one(.dequantize(QuantizationAxis(axis: channel), to: type), [numbers] + node.operands.dropFirst())]
  }

  private func dequantize(_ numbers: ValueID, like x: QuantizedValue) throws -> ValueID {
    try one(
      .dequantize(QuantizationAxis(axis: 0), to: .float32),
      [numbers, x.scale] + [x.zeroPoint].compactMap(\.self))
  }
}
