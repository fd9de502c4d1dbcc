import GraphIR
import Tensors

/// Constant weights as int8 numbers with one zero point and one scale for each channel (or all).
struct QuantizedWeights {
  /// int8, of the weights' shape.
  var numbers: Tensor
  /// [channels] or [1], float32; nil for plain integers.
  var scale: Tensor?
  /// What is taken from the numbers: [channels] or [1]; nil for none.
  var zeroPoint: [Int32]?
  /// Σ over everything but the channel, of (numbers − zero point): [channels].
  var sums: [Int32]

  /// - Parameter channelAxis: the axis that makes the result's channels.
  init?(_ weights: Tensor, zeroPoint: Tensor?, scale: Tensor?, scaleAxis: Int, channelAxis: Int) {
    guard weights.elementType == .int8 || weights.elementType == .uint8, !weights.shape.dimensions.contains(0) else {
      return nil
    }
    let channels = weights.shape[channelAxis]
    let hasChannels = [zeroPoint, scale].contains { ($0?.elementCount ?? 1) > 1 }
    guard !hasChannels || scaleAxis == channelAxis, [1, channels].contains(scale?.elementCount ?? 1),
      [1, channels].contains(zeroPoint?.elementCount ?? 1)
    else { return nil }
    guard let values = weights.int32Elements() else { return nil }
    let zeros = zeroPoint?.int32Elements() ?? [0]
    self.init(values, weights.shape, zeros: zeros, channelAxis: channelAxis)
    self.scale = scale.map { $0.reshaped([$0.elementCount]) }
    if weights.elementType == .int8, zeros.allSatisfy({ $0 == 0 }) { numbers = weights }
  }

  /// Weights that were centred and widened before.
  init?(wide weights: Tensor, channelAxis: Int) {
    guard weights.elementType == .int32, !weights.shape.dimensions.contains(0), let values = weights.int32Elements(),
      // Differences of 8-bit numbers, that is, so that nothing below overflows.
      values.allSatisfy({ -255 <= $0 && $0 <= 255 })
    else { return nil }
    self.init(values, weights.shape, zeros: [0], channelAxis: channelAxis)
  }

  /// nil if the weights of a channel lie further apart than 8 bits tell.
  private init?(_ values: [Int32], _ shape: Shape, zeros: [Int32], channelAxis: Int) {
    let channels = shape[channelAxis]
    let inner = shape.dimensions[(channelAxis + 1)...].reduce(1, *)
    var centred = [Int32](repeating: 0, count: values.count)
    sums = [Int32](repeating: 0, count: channels)
    var bounds = [(least: Int32, greatest: Int32)](repeating: (.max, .min), count: channels)
    for (position, value) in values.enumerated() {
      let channel = position / inner % channels
      let number = value - zeros[zeros.count == 1 ? 0 : channel]
      centred[position] = number
      sums[channel] &+= number
      bounds[channel] = (min(bounds[channel].least, number), max(bounds[channel].greatest, number))
    }
    let all = bounds.reduce((Int32.max, Int32.min)) { (min($0.0, $1.least), max($0.1, $1.greatest)) }
    // One shift for all channels is less work than one for each.
    guard let shifts = Self.shift(all.0, all.1).map({ [$0] }) ?? Self.shifts(bounds) else { return nil }
    numbers = Tensor(
      shape,
      centred.enumerated().map { position, number in
        Int8(truncatingIfNeeded: number - shifts[shifts.count == 1 ? 0 : position / inner % channels])
      })
    if shifts != [0] { zeroPoint = shifts.map { -$0 } }
  }

  private static func shifts(_ bounds: [(least: Int32, greatest: Int32)]) -> [Int32]? {
    let shifts = bounds.compactMap { shift($0.least, $0.greatest) }
    return shifts.count == bounds.count ? shifts : nil
  }

  /// What to take from numbers so that they are int8 ones; nil if nothing helps.
  private static func shift(_ least: Int32, _ greatest: Int32) -> Int32? {
    if greatest - least > 255 { return nil }
    return greatest > 127 ? greatest - 127 : min(least + 128, 0)
  }

  /// With zeros behind the others of an axis, by whose zero points the sums change.
  mutating func pad(axis: Int, by amount: Int) {
    if amount == 0 { return }
    var extents = numbers.shape.dimensions
    let (outer, own) = (extents[..<axis].reduce(1, *), extents[axis...].reduce(1, *))
    let inner = own / extents[axis]
    let channels = sums.count
    let added = Int32(truncatingIfNeeded: numbers.elementCount / extents[axis] * amount / channels)
    extents[axis] += amount
    let source = numbers.elements(of: Int8.self)
    var result: [Int8] = []
    result.reserveCapacity(outer * (own + amount * inner))
    for position in 0..<outer {
      result += source[position * own..<(position + 1) * own]
      result += repeatElement(0, count: amount * inner)
    }
    numbers = Tensor(Shape(extents), result)
    guard let zeroPoint else { return }
    for channel in sums.indices { sums[channel] &-= added &* zeroPoint[zeroPoint.count == 1 ? 0 : channel] }
  }
}
