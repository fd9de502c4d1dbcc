import Tensors

/// What a discrete Fourier transform starts from or leaves out.
public struct FourierTransform: Hashable, Sendable {
  public var axis: Int
  public var isInverse: Bool
  /// Half of the spectrum of a real signal: the result of a forward transform, the operand of an inverse one.
  public var isOneSided: Bool

  public init(axis: Int, isInverse: Bool = false, isOneSided: Bool = false) {
    self.axis = axis
    self.isInverse = isInverse
    self.isOneSided = isOneSided
  }
}

extension GraphBuilder {
  /// The transform of x [..., n, ..., 1 (real) or 2 (real and imaginary part)] along an axis other than the last;
  /// the same with `length` (int64[1]) points, or as many as x has: → [..., length, ..., 2].
  ///
  /// One-sided forward: [..., length / 2 + 1, ..., 2]. One-sided inverse: x has that shape, and the result is real,
  /// [..., length, ..., 1], by default with an even length. Computed in float32 or wider.
  public func fourierTransform(_ x: ValueID, length: ValueID? = nil, _ transform: FourierTransform) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = [
      "axis": .integer(transform.axis), "inverse": .init(transform.isInverse), "onesided": .init(transform.isOneSided),
    ]
    return try composite(Composite("DFT", attributes), [x] + [length].compactMap(\.self)) { b, p in
      [try b.fourierBody(p[0], length: p.dropFirst().first, transform)]
    }[0]
  }

  private func fourierBody(_ x: ValueID, length: ValueID?, _ transform: FourierTransform) throws -> ValueID {
    let axis = transform.axis
    let last = try rank(of: x) - 1
    guard (0..<last).contains(axis) else {
      throw GraphError(
        operation: "DFT", source: source, found: "axis \(axis) of rank \(last + 1)", expected: "an axis before the last"
      )
    }
    let type = try elementType(of: x)
    let two = indices([2])
    let isHalf = transform.isInverse && transform.isOneSided
    let own = try extent(of: x, axis)
    let points = try length ?? (isHalf ? multiply(two, subtract(own, indices([1]))) : own)
    let half = try add(divide(points, two), indices([1]))
    var signal = try complexNumbers(convert(x, to: type.accumulator), axis: axis, extent: isHalf ? half : points)
    if isHalf { signal = try hermitian(signal, axis: axis, points: points, half: half) }
    var y = try one(.fft(axis: axis, inverse: transform.isInverse), [signal])
    if transform.isOneSided, !transform.isInverse { y = try slice(y, axis: axis, to: half) }
    let parts = isHalf ? [UnaryFunction.realPart] : [.realPart, .imaginaryPart]
    let planes = try parts.map { try expandDimensions(unary($0, y), axes: [last]) }
    return try convert(concatenate(planes, axis: last), to: type)
  }

  /// Padded with zeros or cut to `extent` (int64[1]) along one axis.
  private func fitting(_ x: ValueID, axis: Int, to extent: ValueID) throws -> ValueID {
    let missing = try subtract(extent, self.extent(of: x, axis))
    if elements(of: missing) == [.constant(0)] { return x }
    let rank = try rank(of: x)
    let high = try shape((0..<rank).map { $0 == axis ? .elements(missing) : 0 })
    return try one(.pad(.constant), [x, scalar(0, like: x), indices(Array(repeating: 0, count: rank)), high])
  }

  /// [..., 1 or 2] as complex [...], padded or cut to `extent` along one axis.
  private func complexNumbers(_ x: ValueID, axis: Int, extent: ValueID) throws -> ValueID {
    let last = try rank(of: x) - 1
    let parts = try constantExtent(of: x, last, operation: "DFT")
    guard parts == 1 || parts == 2 else {
      throw GraphError(
        operation: "DFT", source: source, found: "\(parts) numbers in the last axis",
        expected: "1 (real) or 2 (complex)")
    }
    func part(_ index: Int) throws -> ValueID {
      let plane = try removeDimensions(slice(x, axis: last, from: index, to: index + 1), axes: [last])
      return try fitting(plane, axis: axis, to: extent)
    }
    return try binary(.complex, part(0), parts == 2 ? part(1) : scalar(0, like: x))
  }

  /// The whole spectrum of a real signal, of which x is the first half: the rest is its mirror image, conjugated.
  private func hermitian(_ x: ValueID, axis: Int, points: ValueID, half: ValueID) throws -> ValueID {
    let mirrored = try slice(x, axis: axis, from: 1, to: subtract(points, subtract(half, indices([1]))))
    let reversed = try one(.reverse(axes: [axis]), [mirrored])
    let conjugate = try binary(
      .complex, unary(.realPart, reversed), unary(.negate, unary(.imaginaryPart, reversed)))
    return try concatenate([x, conjugate], axis: axis)
  }

  /// Elements `start..<limit` along one axis, with a limit that is an int64[1].
  private func slice(_ x: ValueID, axis: Int, from start: Int = 0, to limit: ValueID) throws -> ValueID {
    let rank = try rank(of: x)
    let limits = try shape((0..<rank).map { $0 == axis ? .elements(limit) : .constant(.max) })
    let starts = indices((0..<rank).map { $0 == axis ? start : 0 })
    return try one(.slice, [x, starts, limits, indices(Array(repeating: 1, count: rank))])
  }

  /// The transforms of frames of a signal: x [B, n, 1 or 2], a window [length] or none → [B, frames, bins, 2]; frames
  /// lie `step` (int64[1]) apart.
  public func shortTimeFourierTransform(
    _ x: ValueID, step: ValueID, length: ValueID, window: ValueID?, isOneSided: Bool
  ) throws -> ValueID {
    let room = try subtract(extent(of: x, 1), length)
    let frames = try add(divide(room, step), indices([1]))
    let grid = try concatenate([frames, length], axis: 0)
    let start = try multiply(one(.iota(.int64, axis: 0), [grid]), step)
    let positions = try add(start, one(.iota(.int64, axis: 1), [grid]))
    var pieces = try gather(x, positions, axis: 1)
    if let window { pieces = try multiply(pieces, reshape(convert(window, to: elementType(of: x)), [-1, 1])) }
    return try fourierTransform(pieces, FourierTransform(axis: 2, isOneSided: isOneSided))
  }

  /// Σ weights[k] · cos(2πkn / N) for n in 0..<size (int64 scalar), with N = size when `periodic`, else size - 1.
  public func cosineWindow(
    size: ValueID, weights: [Double], periodic: Bool, elementType: ElementType
  ) throws -> ValueID {
    let count = try reshape(convert(size, to: .int64), [1])
    let position = try one(.iota(.float64, axis: 0), [count])
    let period = try convert(periodic ? count : subtract(count, indices([1])), to: .float64)
    let angle = try divide(multiply(position, scalar(2 * .pi, .float64)), period)
    var sum = try scalar(weights[0], .float64)
    for (k, weight) in weights.enumerated().dropFirst() {
      let cosine = try unary(.cosine, multiply(angle, scalar(Double(k), .float64)))
      sum = try add(sum, multiply(cosine, scalar(weight, .float64)))
    }
    return try convert(sum, to: elementType)
  }
}
