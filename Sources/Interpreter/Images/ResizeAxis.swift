import GraphIR
import Tensors

/// How one axis is resampled: for every position of the result, neighbours in the operand and their weights.
package struct ResizeAxis {
  package let axis: Int
  package let output: Int
  /// Neighbours of each position: `indices[position * tapCount + tap]`.
  package let tapCount: Int
  package let indices: [Int]
  package let weights: [Double]
  /// Positions outside the region's image, which take the extrapolation value; empty when there are none.
  package let isOutside: [Bool]

  /// Axes whose elements change, in the order of `resize.axes`.
  package static func all(
    _ node: Node, _ shape: Shape, parameters: Tensor, region: Tensor?, _ resize: Resize
  ) throws -> [ResizeAxis] {
    let axes = resize.axes
    guard axes.allSatisfy({ 0 <= $0 && $0 < shape.rank }), Set(axes).count == axes.count else {
      throw EvaluationError(node, "axes \(axes) of \(shape)", expected: "different axes within the rank")
    }
    var (scales, outputs) = try extents(node, shape, parameters, resize)
    if resize.parametersAreSizes, resize.aspectRatio != .stretch,
      let kept = resize.keepingAspectRatio(axes.map { shape[$0] }, sizes: outputs)
    {
      scales = scales.map { _ in kept.scale }
      outputs = kept.extents
    }
    let regions = try resize.coordinates == .cropAndResize ? bounds(node, region, axes.count) : nil
    return try axes.enumerated().compactMap { index, axis in
      let region = regions?[index]
      let isWhole = region.map { $0 == (0, 1) } ?? true
      if abs(scales[index] - 1) <= 1e-9, outputs[index] == shape[axis], isWhole { return nil }
      if outputs[index] > 0, shape[axis] == 0 {
        throw EvaluationError(node, "axis \(axis) of \(shape)", expected: "elements to sample from")
      }
      return try ResizeAxis(
        node, axis,
        ResizeCoordinates(
          mode: resize.coordinates, scale: scales[index], input: shape[axis], output: outputs[index], region: region),
        resize)
    }
  }

  /// The shape after all axes, or nil when it is too large.
  static func result(_ shape: Shape, _ axes: [ResizeAxis]) -> Shape? {
    var dimensions = shape.dimensions
    for axis in axes { dimensions[axis.axis] = axis.output }
    return Shape(checking: dimensions)
  }

  /// Scale and new extent of each axis that the parameters speak of.
  private static func extents(
    _ node: Node, _ shape: Shape, _ parameters: Tensor, _ resize: Resize
  ) throws -> ([Double], [Int]) {
    let axes = resize.axes
    guard parameters.shape == [axes.count],
      parameters.elementType == .int64 || parameters.elementType.isFloat && !resize.parametersAreSizes
    else {
      throw EvaluationError(
        node, "\(parameters.elementType.name)\(parameters.shape)", expected: "one parameter for each of \(axes)")
    }
    let outputs: [Int]
    let scales: [Double]
    if resize.parametersAreSizes {
      outputs = try Images.numbers(parameters, as: Int64.self).map(Int.init)
      scales = zip(outputs, axes).map { Double($0) / Double(max(1, shape[$1])) }
    } else {
      let numbers = try Images.numbers(parameters, as: Float.self)
      guard numbers.allSatisfy({ $0 > 0 && $0.isFinite }) else {
        throw EvaluationError(node, "scales \(numbers)", expected: "positive numbers")
      }
      outputs = zip(numbers, axes).map { Resize.extent(shape[$1], scale: $0) }
      scales = numbers.map(Double.init)
    }
    guard outputs.allSatisfy({ 0 <= $0 && $0 <= Int(Int32.max) }) else {
      throw EvaluationError(node, "extents \(outputs)", expected: "0 ..< 2^31")
    }
    return (scales, outputs)
  }

  /// Starts and ends of the region of interest, normalised to the image.
  private static func bounds(_ node: Node, _ region: Tensor?, _ count: Int) throws -> [(Float, Float)] {
    guard let region, region.elementType.isFloat, region.shape == [2 * count] else {
      throw EvaluationError(
        node, region.map { "region \($0.elementType.name)\($0.shape)" } ?? "no region",
        expected: "float32[\(2 * count)]")
    }
    let numbers = try Images.numbers(region, as: Float.self)
    guard numbers.allSatisfy(\.isFinite) else {
      throw EvaluationError(node, "region \(numbers)", expected: "finite numbers")
    }
    return (0..<count).map { (numbers[$0], numbers[count + $0]) }
  }

  private init(_ node: Node, _ axis: Int, _ coordinates: ResizeCoordinates, _ resize: Resize) throws {
    self.axis = axis
    output = coordinates.output
    let kernel = ResizeKernel(resize, scale: coordinates.scale)
    tapCount = kernel.tapCount
    // With a position to compute, the scale is at least 1 / input, which bounds the table by 2 · input + 4 · output.
    let (count, overflow) = output.multipliedReportingOverflow(by: tapCount)
    guard !overflow else { throw EvaluationError(node, "\(output) × \(tapCount) weights", expected: "less than 2^63") }
    var indices: [Int] = []
    var weights: [Double] = []
    var isOutside: [Bool] = []
    indices.reserveCapacity(count)
    weights.reserveCapacity(count)
    for position in 0..<output {
      let (place, outside) = coordinates.place(position)
      guard place.magnitude < 0x1p52 else {
        throw EvaluationError(node, "coordinate \(place)", expected: "one near the image")
      }
      isOutside.append(outside)
      var (first, coefficients) = kernel.taps(place)
      if resize.excludesOutside, resize.mode != .nearest {
        for tap in 0..<tapCount where !(0..<coordinates.input ~= first + tap) { coefficients[tap] = 0 }
        let sum = coefficients.reduce(0, +)
        if sum != 0 { coefficients = coefficients.map { $0 / sum } }
      }
      for tap in 0..<tapCount { indices.append(min(max(first + tap, 0), coordinates.input - 1)) }
      weights += coefficients
    }
    self.indices = indices
    self.weights = weights
    self.isOutside = isOutside.contains(true) ? isOutside : []
  }
}

/// Where positions of the result lie in the operand.
struct ResizeCoordinates {
  var mode: Resize.Coordinates
  var scale: Double
  var input: Int
  var output: Int
  var region: (Float, Float)?

  /// The coordinate, and whether it is extrapolated.
  func place(_ position: Int) -> (Double, isOutside: Bool) {
    let x = Double(position)
    let input = Double(input)
    // Fractional when it comes from a scale.
    let output = scale * input
    switch mode {
    case .alignCorners: return (output == 1 ? 0 : x * (input - 1) / (output - 1), false)
    case .asymmetric: return (x / scale, false)
    case .pytorchHalfPixel: return (output == 1 ? -0.5 : (x + 0.5) / scale - 0.5, false)
    case .halfPixel: return ((x + 0.5) / scale - 0.5, false)
    case .tfHalfPixelForNearest: return ((x + 0.5) / scale, false)
    case .halfPixelSymmetric:
      let adjustment = Double(self.output) / output
      return (input / 2 * (1 - adjustment) + (x + 0.5) / scale - 0.5, false)
    case .cropAndResize:
      let (start, end) = region ?? (0, 1)
      let width = Double(end - start)
      var place = output == 1 ? width * (input - 1) / 2 : x * width * (input - 1) / (output - 1)
      place += Double(start * Float(self.input - 1))
      return (place, place < 0 || place > input - 1)
    }
  }
}

/// Weights of the neighbours of a coordinate.
private struct ResizeKernel {
  let tapCount: Int
  private let mode: Resize.Mode
  private let rounding: Resize.Rounding
  private let a: Double
  /// How much the kernel is stretched, as a factor on distances; nil without antialiasing.
  private let stretch: Double?

  init(_ resize: Resize, scale: Double) {
    mode = resize.mode
    rounding = resize.rounding
    a = Double(resize.cubicCoefficient)
    stretch = resize.antialias && mode != .nearest ? min(scale, 1) : nil
    let radius: Double = mode == .cubic ? 2 : 1
    if mode == .nearest {
      tapCount = 1
    } else {
      // Bounded, so that a scale that leaves nothing of the axis does not overflow.
      tapCount = 2 - 2 * Int(max(-0x1p40, (-radius / (stretch ?? 1)).rounded(.down) + 1))
    }
  }

  /// The first neighbour and the weights of it and those after it.
  func taps(_ place: Double) -> (first: Int, weights: [Double]) {
    let floor = place.rounded(.down)
    if mode == .nearest { return (nearest(place, floor), [1]) }
    // A coordinate on an element counts as 1 after the one before it.
    let ratio = place == floor ? 1 : place - floor
    // The window is found among elements padded on both sides, whose coordinates may round to integers.
    let padding = Double(tapCount / 2)
    let padded = place + padding
    let paddedFloor = padded.rounded(.down)
    let first = Int(paddedFloor - padding) - tapCount / 2 + (padded == paddedFloor ? 0 : 1)
    guard let stretch else {
      return (first, mode == .linear ? [1 - ratio, ratio] : (-1...2).map { cubic(Double($0) - ratio) })
    }
    let weights = (0..<tapCount).map { tap in
      let distance = (Double(tap + 1 - tapCount / 2) - ratio) * stretch
      return mode == .linear ? max(0, 1 - abs(distance)) : cubic(distance)
    }
    let sum = weights.reduce(0, +)
    return (first, weights.map { $0 / sum })
  }

  private func nearest(_ place: Double, _ floor: Double) -> Int {
    let below = Int(floor)
    if place == floor { return below }
    return switch rounding {
    case .roundPreferFloor: place - floor <= 0.5 ? below : below + 1
    case .roundPreferCeil: place - floor < 0.5 ? below : below + 1
    case .floor: below
    case .ceil: below + 1
    }
  }

  /// Keys' convolution kernel.
  private func cubic(_ distance: Double) -> Double {
    let x = abs(distance)
    if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
  }
}
