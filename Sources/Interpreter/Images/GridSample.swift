import GraphIR
import Tensors

extension Images {
  /// ONNX GridSample over [N, spatial…, C]. Coordinates are worked out in float32, as ONNX's reference does, since
  /// nearest neighbours depend on their rounding. A grid names the last spatial axis first.
  static func gridSample(
    _ node: Node, _ x: Tensor, grid: Tensor, _ sample: GridSample, _ context: EvaluationContext
  ) throws -> Tensor {
    let rank = x.shape.rank - 2
    guard 1...3 ~= rank, grid.shape.rank == rank + 2, grid.shape[rank + 1] == rank, grid.shape[0] == x.shape[0],
      grid.elementType.isFloat, x.elementType.isNumeric
    else {
      throw EvaluationError(
        node, "operand \(x.shape), grid \(grid.shape)", expected: "numbers [N, spatial…, C] and [N, spatial'…, n]")
    }
    let channels = x.shape[rank + 1]
    let extents = Array(grid.shape.dimensions[..<(rank + 1)]) + [channels]
    guard let shape = Shape(checking: extents) else {
      throw EvaluationError(node, "result extents \(extents)", expected: "a tensor that fits in memory")
    }
    let spatial = Array(x.shape.dimensions[1...rank])
    guard shape.elementCount == 0 || !spatial.contains(0) else {
      throw EvaluationError(node, "operand \(x.shape)", expected: "pixels to sample")
    }
    let axes = spatial.map { SampleAxis(extent: $0, sample: sample) }
    func sampled<Real: SampleReal>(_: Real.Type) throws -> Tensor {
      let isDirect = x.elementType == Real.elementType
      let result =
        try isDirect ? context.makeTensor(x.elementType, shape) : Tensor(Real.elementType, shape, zeroed: false)
      if shape.elementCount == 0 { return try isDirect ? result : result.narrowed(to: x.elementType) }
      let places = try grid.converted(to: .float32)
      let points = shape.elementCount / channels / shape[0]
      try x.converted(to: Real.elementType).withElements(of: Real.self) { x in
        result.withMutableElements(of: Real.self) { result in
          places.withElements(of: Float.self) { places in
            guard let x = x.baseAddress, let result = result.baseAddress, let places = places.baseAddress else {
              return
            }
            let operations = Double(shape.elementCount) * 8
            parallelFor(points * shape[0], threads: operations < 1e6 ? 1 : context.threadCount) { part in
              for point in part {
                let image = x + point / points * spatial.reduce(channels, *)
                interpolate(
                  image, axes[...], places + point * rank, channels: channels, weight: 1,
                  into: result + point * channels)
              }
            }
          }
        }
      }
      return try isDirect ? result : result.converted(to: x.elementType)
    }
    let isSingle = x.elementType.isFloat && x.elementType != .float64
    return try isSingle ? sampled(Float.self) : sampled(Double.self)
  }

  /// Adds the weighted neighbours of a point along the axes that are left; the first call clears the result.
  private static func interpolate<Real: SampleReal>(
    _ x: UnsafePointer<Real>, _ axes: ArraySlice<SampleAxis>, _ places: UnsafePointer<Float>, channels: Int,
    weight: Real, into result: UnsafeMutablePointer<Real>, isWhole: Bool = true
  ) {
    if isWhole { result.update(repeating: 0, count: channels) }
    guard let axis = axes.first else {
      for channel in 0..<channels { result[channel] += x[channel] * weight }
      return
    }
    let rest = axes.dropFirst()
    let step = rest.reduce(channels) { $0 * $1.extent }
    for (index, tap) in axis.taps(places[rest.count]) where index >= 0 {
      interpolate(
        x + index * step, rest, places, channels: channels, weight: weight * Real(tap), into: result, isWhole: false)
    }
  }
}

/// How samples are taken along one axis.
private struct SampleAxis {
  let extent: Int
  let sample: GridSample
  /// Where coordinates are reflected.
  private let low: Double
  private let high: Double

  init(extent: Int, sample: GridSample) {
    self.extent = extent
    self.sample = sample
    low = sample.alignsCorners ? 0 : -0.5
    high = sample.alignsCorners ? Double(extent) - 1 : Double(extent) - 0.5
  }

  /// Elements and weights for a normalised coordinate; -1 for elements that are zero padding.
  func taps(_ normalized: Float) -> [(index: Int, weight: Float)] {
    let place = place(normalized)
    if sample.mode == .nearest { return [(index(Int(place)), 1)] }
    let floor = place.rounded(.down)
    let first = Int(floor)
    let t = place - floor
    if sample.mode == .linear { return [(index(first), 1 - t), (index(first + 1), t)] }
    // Keys' kernel with a = -0.75.
    let a: Float = -0.75
    func near(_ x: Float) -> Float { ((a + 2) * x - (a + 3)) * x * x + 1 }
    func far(_ x: Float) -> Float { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
    return [
      (index(first - 1), far(1 + t)), (index(first), near(t)), (index(first + 1), near(1 - t)),
      (index(first + 2), far(2 - t)),
    ]
  }

  /// The coordinate in elements, brought back to the image as the padding says.
  private func place(_ normalized: Float) -> Float {
    let length = Float(extent)
    var place =
      sample.alignsCorners ? (normalized + 1) / 2 * (length - 1) : ((normalized + 1) * length - 1) / 2
    // As PyTorch has it.
    if place.isNaN { place = -1 }
    if sample.mode == .nearest { place = place.rounded(.toNearestOrEven) }
    if Double(place) < low || Double(place) > high {
      switch sample.padding {
      case .zeros: break
      // Of a cubic sample only the taps are held at the border, as in PyTorch and ONNX Runtime.
      case .border: if sample.mode != .cubic { place = min(max(place, 0), length - 1) }
      case .reflection: place = Float(reflected(Double(place)))
      }
    }
    // Far outside is outside.
    return min(max(place, -0x1p24), 0x1p24 + length)
  }

  private func index(_ position: Int) -> Int {
    if 0 <= position && position < extent { return position }
    return switch sample.padding {
    case .zeros: -1
    case .border: min(max(position, 0), extent - 1)
    case .reflection: min(max(Int(reflected(Double(position))), 0), extent - 1)
    }
  }

  /// Mirrored at both borders until it is between them.
  private func reflected(_ place: Double) -> Double {
    let range = high - low
    if range <= 0 || !place.isFinite { return low }
    let distance = place < low ? low - place : place - high
    if distance < 0 { return place }
    let times = (distance / range).rounded(.down)
    let rest = distance - times * range
    let isEven = times.truncatingRemainder(dividingBy: 2) == 0
    return (place < low) == isEven ? low + rest : high - rest
  }
}
