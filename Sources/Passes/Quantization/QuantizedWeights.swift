import GraphIR
import Tensors

/// Constant weights as int8 numbers with one zero point and one scale for each channel (or all).
struct QuantizedWeights {
  /// int8, of the weights' shape.
  var numbers: Tensor
  /// [channels] or [1], float32; nil for plain integers.
  var scale: Tensor?
  /// What the weights' zero points leave for row sums of the other operand: [channels] or [1]; nil for none.
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
      values.allSatisfy({ -128 <= $0 && $0 <= 127 })
    else { return nil }
    self.init(values, weights.shape, zeros: [0], channelAxis: channelAxis)
  }

  private init(_ values: [Int32], _ shape: Shape, zeros: [Int32], channelAxis: Int) {
    let channels = shape[channelAxis]
    let inner = shape.dimensions[(channelAxis + 1)...].reduce(1, *)
    var centred = [Int32](repeating: 0, count: values.count)
    var sums = [Int32](repeating: 0, count: channels)
    var (least, greatest) = (Int32.max, Int32.min)
    for (position, value) in values.enumerated() {
      let channel = position / inner % channels
      let number = value - zeros[zeros.count == 1 ? 0 : channel]
      centred[position] = number
      sums[channel] &+= number
      least = min(least, number)
      greatest = max(greatest, number)
    }
    self.sums = sums
    if least >= -128, greatest <= 127 {
      numbers = Tensor(shape, centred.map { Int8(truncatingIfNeeded: $0) })
    } else {
      // uint8 around another zero point: 128 less, exactly.
      numbers = Tensor(shape, values.map { Int8(truncatingIfNeeded: $0 - 128) })
      zeroPoint = zeros.map { $0 - 128 }
    }
  }
}
