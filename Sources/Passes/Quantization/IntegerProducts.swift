import GraphIR
import Tensors

extension Pass {
  /// Contractions of quantised numbers with constant weights multiply uint8 by int8 into int32:
  ///
  ///     dot(dequantize(x, s, z), dequantize(w, t))  →  convert(dot(x, w) − z · Σw) · (s · t)
  ///     dot(convert(x) − z, convert(w))             →  dot(x, w) − z · Σw
  ///
  /// and a bias of that scale is added to the integers. Weights that 8 bits reach only around another zero point than
  /// the file's leave sums of x, as its own zero point leaves sums of weights. Padding of a convolution stands for the zero point: where that
  /// is not 0, it is put into memory. The depth of a product is padded to the four that instructions multiply at once.
  public static let integerProducts = Pass(
    Rule(
      name: "integer-products",
      rewrite: { rewriter, step in
        switch step.operation {
        case .convolution(let convolution, let result):
          return try rewriter.integerConvolution(convolution, result, step.operands).map { [$0] }
        case .dot(let dimensions, let result):
          return try rewriter.integerDot(dimensions, result, step.operands).map { [$0] }
        case .binary(.add):
          return try rewriter.withIntegerBias(step.operands[0], step.operands[1])
            ?? rewriter.withIntegerBias(step.operands[1], step.operands[0])
        default: return nil
        }
      }))
}

/// The left operand of an integer product.
private struct QuantizedActivations {
  /// uint8
  var numbers: ValueID
  /// A float32 of one element; nil for plain integers.
  var scale: ValueID?
  /// int32 of one element; nil for 0.
  var zeroPoint: ValueID?
}

extension Rewriter {
  fileprivate func integerConvolution(
    _ convolution: Convolution, _ result: ElementType, _ operands: [ValueID]
  ) throws -> ValueID? {
    guard var x = try activations(operands[0], result), let rank = shape(operands[1])?.count,
      var weights = weights(operands[1], result, channelAxis: rank - 1),
      let channels = shape(x.numbers)?.last?.constant
    else { return nil }
    var convolution = convolution
    var (low, high) = ([0] + Array(repeating: 0, count: rank - 1), [0] + Array(repeating: 0, count: rank - 1))
    let pads = !isUnpadded(convolution.padding)
    if pads, x.zeroPoint != nil {
      guard case .explicit(let before, let after) = convolution.padding else { return nil }
      (low, high) = ([0] + before + [0], [0] + after + [0])
      convolution.padding = .explicit(
        low: Array(repeating: 0, count: rank - 2), high: Array(repeating: 0, count: rank - 2))
    }
    if convolution.groups == 1 {
      high[rank - 1] = Self.missing(channels)
      weights.pad(axis: rank - 2, by: high[rank - 1])
    }
    x.numbers = try padded(x, low, high)
    var sum = try one(.convolution(convolution, result: .int32), [x.numbers, constant(weights.numbers)])
    if let zeroPoint = weights.zeroPoint {
      guard let shape = shape(sum),
        let windows = try windowSums(x.numbers, convolution, size: weights.numbers.shape.dimensions.dropLast(2)),
        let less = try without(zeroPoint, times: windows, groups: convolution.groups, sum, shape)
      else { return nil }
      sum = less
    }
    return try scaled(sum, x, weights)
  }

  /// Σ x over the windows of a convolution: [N, spatial'…, groups], int32. nil where shapes cannot be told.
  private func windowSums(
    _ x: ValueID, _ convolution: Convolution, size: ArraySlice<Int>
  ) throws -> ValueID? {
    guard let shape = shape(x), let channels = shape.last?.constant,
      let parts = try reshape(
        one(.convert(to: .int32), [x]),
        to: shape.dropLast() + [.constant(convolution.groups), .constant(channels / convolution.groups)])
    else { return nil }
    let pixels = try one(.reduce(.sum, axes: [shape.count]), [parts])
    if size.allSatisfy({ $0 == 1 }), convolution.strides.allSatisfy({ $0 == 1 }), isUnpadded(convolution.padding) {
      return pixels
    }
    let window = Window(
      size: Array(size), strides: convolution.strides, dilations: convolution.dilations, padding: convolution.padding)
    return try one(.reduceWindow(.sum, window), [pixels])
  }

  /// Σ x (w − z) = Σ x w − z Σ x, of which the sums of x come as [..., groups], or [..., 1].
  private func without(
    _ zeroPoint: [Int32], times sums: ValueID, groups: Int = 1, _ product: ValueID, _ shape: [Dimension]
  ) throws -> ValueID? {
    guard groups > 1, let channels = shape.last?.constant, channels != groups else {
      let correction = try one(.binary(.multiply), [sums, constant(Tensor([zeroPoint.count], zeroPoint))])
      return try one(.binary(.subtract), [product, correction])
    }
    // The channels of a group read the same sum.
    let ofGroups = Tensor(
      [groups, channels / groups], (0..<channels).map { zeroPoint[zeroPoint.count == 1 ? 0 : $0] })
    guard let columns = try reshape(sums, to: shape.dropLast() + [.constant(groups), .one]),
      let correction = try reshape(one(.binary(.multiply), [columns, constant(ofGroups)]), to: shape)
    else { return nil }
    return try one(.binary(.subtract), [product, correction])
  }

  private func isUnpadded(_ padding: WindowPadding) -> Bool {
    if case .explicit(let low, let high) = padding { (low + high).allSatisfy { $0 == 0 } } else { false }
  }

  /// How much there is to the next multiple of 4.
  private static func missing(_ extent: Int) -> Int { (4 - extent % 4) % 4 }

  /// Padding stands for the zero point; what the weights of more channels are is 0.
  private func padded(_ x: QuantizedActivations, _ low: [Int], _ high: [Int]) throws -> ValueID {
    if low.allSatisfy({ $0 == 0 }), high.allSatisfy({ $0 == 0 }) { return x.numbers }
    let zero = try x.zeroPoint.map { try one(.reshape(), [$0, indices([])]) } ?? constant(Tensor(scalar: Int32(0)))
    let value = try one(.convert(to: .uint8), [zero])
    return try one(.pad(.constant), [x.numbers, value, indices(low), indices(high)])
  }

  fileprivate func integerDot(
    _ dimensions: DotDimensions, _ result: ElementType, _ operands: [ValueID]
  ) throws -> ValueID? {
    guard dimensions.lhsBatch.isEmpty, dimensions.rhsBatch.isEmpty, dimensions.rhsContracting.count == 1,
      let shape = shape(operands[0]), let right = self.shape(operands[1]), right.count == 2,
      dimensions.lhsContracting == [shape.count - 1], let depth = right[dimensions.rhsContracting[0]].constant,
      depth > 0, let columns = right[1 - dimensions.rhsContracting[0]].constant, columns > 0,
      var x = try activations(operands[0], result),
      var weights = weights(operands[1], result, channelAxis: 1 - dimensions.rhsContracting[0])
    else { return nil }
    let missing = Self.missing(depth)
    let zeros = Array(repeating: 0, count: shape.count)
    x.numbers = try padded(x, zeros, zeros.dropLast() + [missing])
    weights.pad(axis: dimensions.rhsContracting[0], by: missing)
    var sum = try one(.dot(dimensions, result: .int32), [x.numbers, constant(weights.numbers)])
    if let zeroPoint = weights.zeroPoint {
      let rows = try one(.reduce(.sum, axes: [shape.count - 1]), [one(.convert(to: .int32), [x.numbers])])
      guard let column = try reshape(rows, to: shape.dropLast() + [.one]),
        let less = try without(zeroPoint, times: column, sum, shape)
      else { return nil }
      sum = less
    }
    return try scaled(sum, x, weights)
  }

  /// sum − zero point · Σ weights, and times both scales where there are some.
  private func scaled(_ sum: ValueID, _ x: QuantizedActivations, _ weights: QuantizedWeights) throws -> ValueID {
    var sum = sum
    if let known = x.zeroPoint.flatMap({ number($0) }) {
      sum = try one(
        .binary(.add), [sum, constant(Tensor([weights.sums.count], weights.sums.map { $0 &* -Int32(known) }))])
    } else if let zero = x.zeroPoint {
      let sums = constant(Tensor([weights.sums.count], weights.sums))
      sum = try one(.binary(.subtract), [sum, one(.binary(.multiply), [vector(zero), sums])])
    }
    guard let scale = x.scale, let weightScale = weights.scale else { return sum }
    let factor = try one(.binary(.multiply), [vector(scale), constant(weightScale)])
    return try one(.binary(.multiply), [one(.convert(to: .float32), [sum]), factor])
  }

  /// One element, without axes that would broadcast a vector to more.
  private func vector(_ id: ValueID) throws -> ValueID {
    shape(id)?.count ?? 0 <= 1 ? id : try one(.reshape(), [id, indices([1])])
  }

  // MARK: Operands

  private func activations(_ id: ValueID, _ result: ElementType) throws -> QuantizedActivations? {
    if result == .float32 {
      var (source, permutation) = (id, [Int]?.none)
      if let moved = transposed(id) { (source, permutation) = (moved.source, moved.permutation) }
      guard let x = dequantized(source) else { return nil }
      let zero = try x.zeroPoint.flatMap { try number($0) == 0 ? nil : one(.convert(to: .int32), [$0]) }
      let numbers = try permutation.map { try transpose(x.numbers, $0) } ?? x.numbers
      return try unsigned(QuantizedActivations(numbers: numbers, scale: x.scale, zeroPoint: zero))
    }
    guard result == .int32 else { return nil }
    let (source, permutation) = transposed(id).map { ($0.source, $0.permutation) } ?? (id, nil)
    func inPlace(_ numbers: ValueID) throws -> ValueID { try permutation.map { try transpose(numbers, $0) } ?? numbers }
    if let numbers = widened(source) { return try unsigned(QuantizedActivations(numbers: inPlace(numbers))) }
    guard let node = producer(source), case .binary(.subtract) = node.operation,
      let numbers = widened(node.operands[0]), hasOneElement(node.operands[1])
    else { return nil }
    return try unsigned(QuantizedActivations(numbers: inPlace(numbers), zeroPoint: node.operands[1]))
  }

  /// The 8-bit integers that were widened to int32.
  private func widened(_ id: ValueID) -> ValueID? {
    guard let node = producer(id) else { return nil }
    if case .transpose = node.operation { return nil }
    guard case .convert(.int32, _) = node.operation, let type = elementType(node.operands[0]),
      type == .uint8 || type == .int8
    else { return nil }
    return node.operands[0]
  }

  /// int8 numbers as uint8 ones, 128 higher.
  private func unsigned(_ x: QuantizedActivations) throws -> QuantizedActivations {
    guard elementType(x.numbers) == .int8 else { return x }
    let offset = constant(Tensor(scalar: Int32(128)))
    var result = x
    let wide = try one(.convert(to: .int32), [x.numbers])
    result.numbers = try one(.convert(to: .uint8), [one(.binary(.add), [wide, offset])])
    result.zeroPoint = try x.zeroPoint.map { try one(.binary(.add), [$0, offset]) } ?? offset
    return result
  }

  private func weights(_ id: ValueID, _ result: ElementType, channelAxis: Int) -> QuantizedWeights? {
    if result == .float32 {
      guard let node = producer(id), case .dequantize(let axis, .float32) = node.operation, axis.blockSize == 0,
        let numbers = self[node.operands[0]].constant, let scale = self[node.operands[1]].constant,
        scale.elementType == .float32
      else { return nil }
      let zeroPoint = node.operands.count > 2 ? self[node.operands[2]].constant : nil
      if node.operands.count > 2, zeroPoint == nil { return nil }
      return QuantizedWeights(
        numbers, zeroPoint: zeroPoint, scale: scale, scaleAxis: axis.axis, channelAxis: channelAxis)
    }
    if let tensor = self[id].constant { return QuantizedWeights(wide: tensor, channelAxis: channelAxis) }
    if let numbers = widened(id).flatMap({ self[$0].constant }) {
      return QuantizedWeights(numbers, zeroPoint: nil, scale: nil, scaleAxis: 0, channelAxis: channelAxis)
    }
    guard let node = producer(id), case .binary(.subtract) = node.operation,
      let numbers = widened(node.operands[0]).flatMap({ self[$0].constant }),
      let zero = constant(node.operands[1]), zero.elementCount == 1 || zero.shape.rank == 1
    else { return nil }
    // A vector belongs to the last axis.
    return QuantizedWeights(
      numbers, zeroPoint: zero, scale: nil, scaleAxis: numbers.shape.rank - 1, channelAxis: channelAxis)
  }

  // MARK: Bias

  /// convert(sum) · s + dequantize(bias, s) → convert(sum + bias) · s
  fileprivate func withIntegerBias(_ y: ValueID, _ bias: ValueID) throws -> [ValueID]? {
    guard let product = producer(y), case .binary(.multiply) = product.operation,
      let converted = producer(product.operands[0]), case .convert(.float32, _) = converted.operation,
      elementType(converted.operands[0]) == .int32, let scale = self[product.operands[1]].constant?.float32Elements(),
      let node = producer(bias), case .dequantize(let axis, .float32) = node.operation, axis.blockSize == 0,
      let numbers = self[node.operands[0]].constant, numbers.elementType == .int32, numbers.shape.rank == 1,
      let own = self[node.operands[1]].constant?.float32Elements(), keepsShape(y, with: bias)
    else { return nil }
    if node.operands.count > 2, uniform(node.operands[2]) != 0 { return nil }
    let count = max(scale.count, own.count)
    guard [1, count].contains(scale.count), [1, count].contains(own.count),
      (0..<count).allSatisfy({
        let (a, b) = (scale[scale.count == 1 ? 0 : $0], own[own.count == 1 ? 0 : $0])
        return abs(a - b) <= 4 * max(a.ulp, b.ulp)
      })
    else { return nil }
    let sum = try plus(converted.operands[0], numbers)
    return try add(
      .binary(.multiply), [one(.convert(to: .float32), [sum]), product.operands[1]])
  }

  /// A sum plus a vector, joined with the vector that is added already.
  private func plus(_ sum: ValueID, _ vector: Tensor) throws -> ValueID {
    if let node = producer(sum), case .binary(.add) = node.operation, let first = self[node.operands[1]].constant,
      first.shape.rank == 1, let both = Constants.evaluate(.binary(.add), [first, vector])?[0]
    {
      return try one(.binary(.add), [node.operands[0], constant(both)])
    }
    return try one(.binary(.add), [sum, constant(vector)])
  }
}
