import Engine
import Glibc
import Tensors

/// The range of each value that becomes an integer.
struct ValueRanges {
  /// x ≈ (q − zero point) · scale, q of 0…255.
  struct Scale: Equatable {
    var scale: Float
    var zeroPoint: UInt8

    /// The least range that holds both ends and 0, which is exact.
    init(low: Float, high: Float) {
      let (low, high) = (min(low, 0), max(high, 0))
      let step = (high - low) / 255
      // Nothing but zeros, or numbers so small that they are: any scale will do.
      scale = step.isNormal ? step : 1
      zeroPoint = UInt8(min(255, max(0, (-low / scale).rounded(.toNearestOrEven))))
    }
  }

  private var scales: [String: Scale] = [:]

  subscript(name: String) -> Scale? { scales[name] }

  /// - Parameters:
  ///   - session: gives the values in the order of `names`.
  static func measure(_ session: Session, _ names: [String], _ data: CalibrationData, _ method: RangeMethod) throws
    -> ValueRanges
  {
    var spans = [Span?](repeating: nil, count: names.count)
    try forEachValue(session, data) { position, values in
      var span = spans[position] ?? Span()
      span.add(values)
      spans[position] = span
    }
    var ranges = ValueRanges()
    for case (let name, let span?) in zip(names, spans) where span.isFinite {
      ranges.scales[name] = Scale(low: span.low, high: span.high)
    }
    if method == .minmax { return ranges }

    var histograms = spans.map { span in span.flatMap { $0.isFinite ? Histogram(largest: max(-$0.low, $0.high)) : nil }
    }
    try forEachValue(session, data) { position, values in histograms[position]?.add(values) }
    for case (let position, let histogram?) in histograms.enumerated() {
      guard let span = spans[position] else { continue }
      let limit = histogram.bestLimit(levels: span.low < 0 ? 128 : 256)
      ranges.scales[names[position]] = Scale(low: max(span.low, -limit), high: min(span.high, limit))
    }
    return ranges
  }

  private static func forEachValue(
    _ session: Session, _ data: CalibrationData, _ body: (_ position: Int, UnsafeBufferPointer<Float>) -> Void
  ) throws {
    for run in data.runs {
      for (position, value) in try session.run(run).enumerated() {
        guard let tensor = value.tensor, tensor.elementType == .float32 else { continue }
        tensor.withElements(of: Float.self) { body(position, $0) }
      }
    }
  }

  private struct Span {
    var low = Float.infinity
    var high = -Float.infinity

    mutating func add(_ values: UnsafeBufferPointer<Float>) {
      for value in values {
        if value < low { low = value }
        if value > high { high = value }
      }
    }

    var isFinite: Bool { low.isFinite && high.isFinite }
  }
}

/// How often magnitudes come, in bins of one width.
struct Histogram {
  private let largest: Float
  private var counts = [Double](repeating: 0, count: Self.binCount)

  private static let binCount = 2048

  init(largest: Float) { self.largest = max(largest, .leastNormalMagnitude) }

  mutating func add(_ values: UnsafeBufferPointer<Float>) {
    let factor = Float(Self.binCount) / largest
    for value in values where value != 0 && value.isFinite {
      counts[min(Self.binCount - 1, Int(abs(value) * factor))] += 1
    }
  }

  /// The limit of magnitudes whose form with so many levels differs least from how they are distributed, larger ones
  /// counted at the limit (Migacz, "8-bit Inference with TensorRT", 2017). Zeros, exact in every form, are left out.
  func bestLimit(levels: Int) -> Float {
    var best = (divergence: Double.infinity, bins: Self.binCount)
    let total = counts.reduce(0, +)
    guard total > 0 else { return largest }
    var inside = counts[..<levels].reduce(0, +)
    for bins in stride(from: levels, through: Self.binCount, by: 16) {
      if bins > levels { inside += counts[(bins - 16)..<bins].reduce(0, +) }
      let divergence = divergence(bins: bins, levels: levels, outside: total - inside, total: total)
      if divergence < best.divergence { best = (divergence, bins) }
    }
    return largest * Float(best.bins) / Float(Self.binCount)
  }

  private func divergence(bins: Int, levels: Int, outside: Double, total: Double) -> Double {
    let inside = total - outside
    guard inside > 0 else { return .infinity }
    var sum = 0.0
    var first = 0
    for level in 0..<levels {
      let end = (level + 1) * bins / levels
      defer { first = end }
      // Each level says of its bins that those that have any have as many.
      let filled = counts[first..<end].count { $0 > 0 }
      let even = counts[first..<end].reduce(0, +) / Double(max(1, filled))
      for bin in first..<end {
        let count = counts[bin] + (bin == bins - 1 ? outside : 0)
        guard count > 0 else { continue }
        // What the form cannot say at all, cut-off values in an empty bin, counts as one occurrence.
        sum += count / total * log((count / total) / (max(counts[bin] > 0 ? even : 0, 1) / inside))
      }
    }
    return sum
  }
}
