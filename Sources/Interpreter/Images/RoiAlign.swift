import GraphIR
import Tensors

extension Images {
  /// ONNX RoiAlign over [N, H, W, C].
  static func roiAlign(
    _ node: Node, _ x: Tensor, boxes: Tensor, batchIndices: Tensor, _ align: RoiAlign, _ context: EvaluationContext
  ) throws -> Tensor {
    guard x.shape.rank == 4, boxes.shape.rank == 2, boxes.shape[1] == 4, batchIndices.shape == [boxes.shape[0]],
      x.elementType.isFloat, boxes.elementType.isFloat
    else {
      throw EvaluationError(
        node, "operand \(x.shape), boxes \(boxes.shape), indices \(batchIndices.shape)",
        expected: "floats [N, H, W, C], [R, 4] and [R]")
    }
    guard align.outputHeight >= 0, align.outputWidth >= 0,
      let shape = Shape(checking: [boxes.shape[0], align.outputHeight, align.outputWidth, x.shape[3]])
    else {
      throw EvaluationError(
        node, "\(align.outputHeight) × \(align.outputWidth)", expected: "a tensor that fits in memory")
    }
    let images = try numbers(batchIndices, as: Int64.self)
    guard images.allSatisfy({ 0 <= $0 && $0 < Int64(x.shape[0]) }) else {
      throw EvaluationError(node, "batch indices \(images)", expected: "0 ..< \(x.shape[0])")
    }
    guard shape.elementCount == 0 || x.elementCount > 0 else {
      throw EvaluationError(node, "operand \(x.shape)", expected: "pixels to sample")
    }
    func aligned<Real: SampleReal>(_: Real.Type) throws -> Tensor {
      let isDirect = x.elementType == Real.elementType
      let result =
        try isDirect ? context.makeTensor(x.elementType, shape) : Tensor(Real.elementType, shape, zeroed: false)
      let corners = try numbers(boxes, as: Real.self)
      try x.converted(to: Real.elementType).withElements(of: Real.self) { source in
        try result.withMutableElements(of: Real.self) { result in
          guard let pixels = source.baseAddress, let target = result.baseAddress else { return }
          for box in 0..<images.count {
            let region = try Region<Real>(node, corners[(box * 4)..<(box * 4 + 4)], align)
            region.pool(
              pixels + Int(images[box]) * x.shape[1] * x.shape[2] * x.shape[3],
              height: x.shape[1], width: x.shape[2], channels: x.shape[3], align,
              into: target + box * align.outputHeight * align.outputWidth * x.shape[3])
          }
        }
      }
      return try isDirect ? result : result.narrowed(to: x.elementType)
    }
    return try x.elementType == .float64 ? aligned(Double.self) : aligned(Float.self)
  }

  /// One box in pixels, cut into bins, each sampled on a grid.
  private struct Region<Real: SampleReal> {
    let top: Real
    let left: Real
    let binHeight: Real
    let binWidth: Real
    let gridHeight: Int
    let gridWidth: Int

    /// `corners`: x1, y1, x2, y2
    init(_ node: Node, _ corners: ArraySlice<Real>, _ align: RoiAlign) throws {
      let sides = corners.map { $0 * Real(align.spatialScale) - (align.halfPixel ? 0.5 : 0) }
      (left, top) = (sides[0], sides[1])
      var (width, height) = (sides[2] - left, sides[3] - top)
      if !align.halfPixel {
        // Malformed boxes count as one pixel.
        (width, height) = (max(width, 1), max(height, 1))
      }
      binHeight = height / Real(max(1, align.outputHeight))
      binWidth = width / Real(max(1, align.outputWidth))
      let grid = [binHeight, binWidth].map {
        align.samplingRatio > 0 ? Real(align.samplingRatio) : $0.rounded(.up)
      }
      // Samples are work that a request asks for.
      guard grid.allSatisfy({ $0 <= 65536 }), max(grid[0], 0) * max(grid[1], 0) <= 0x1p24 else {
        throw EvaluationError(node, "\(grid[0]) × \(grid[1]) samples in a bin", expected: "at most 2^24")
      }
      (gridHeight, gridWidth) = (max(0, Int(grid[0])), max(0, Int(grid[1])))
    }

    func pool(
      _ x: UnsafePointer<Real>, height: Int, width: Int, channels: Int, _ align: RoiAlign,
      into result: UnsafeMutablePointer<Real>
    ) {
      var target = result
      let samples = Real(max(gridHeight * gridWidth, 1))
      for binY in 0..<align.outputHeight {
        for binX in 0..<align.outputWidth {
          target.update(repeating: 0, count: channels)
          var isFirst = true
          for sampleY in 0..<gridHeight {
            let y = top + Real(binY) * binHeight + (Real(sampleY) + 0.5) * binHeight / Real(gridHeight)
            for sampleX in 0..<gridWidth {
              let x0 = left + Real(binX) * binWidth + (Real(sampleX) + 0.5) * binWidth / Real(gridWidth)
              let corners = Corners(y, x0, height: height, width: width)
              let (p, q, r, s) = (
                x + corners.offsets.0 * channels, x + corners.offsets.1 * channels, x + corners.offsets.2 * channels,
                x + corners.offsets.3 * channels
              )
              let weights = corners.weights
              for channel in 0..<channels {
                let (a, b) = (weights.0 * p[channel], weights.1 * q[channel])
                let (c, d) = (weights.2 * r[channel], weights.3 * s[channel])
                if align.maximum {
                  let largest = max(max(a, b), max(c, d))
                  target[channel] = isFirst ? largest : max(target[channel], largest)
                } else {
                  target[channel] += a + b + c + d
                }
              }
              isFirst = false
            }
          }
          if !align.maximum {
            for channel in 0..<channels { target[channel] /= samples }
          }
          target += channels
        }
      }
    }

    /// The four pixels around a point and their bilinear weights; all weights are 0 outside the image.
    struct Corners {
      var offsets = (0, 0, 0, 0)
      var weights: (Real, Real, Real, Real) = (0, 0, 0, 0)

      init(_ y: Real, _ x: Real, height: Int, width: Int) {
        guard y >= -1, y <= Real(height), x >= -1, x <= Real(width) else { return }
        func neighbours(_ place: Real, _ extent: Int) -> (low: Int, high: Int, fraction: Real) {
          let place = max(place, 0)
          let low = Int(place)
          return low >= extent - 1 ? (extent - 1, extent - 1, 0) : (low, low + 1, place - Real(low))
        }
        let (y0, y1, dy) = neighbours(y, height)
        let (x0, x1, dx) = neighbours(x, width)
        offsets = (y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1)
        weights = ((1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx)
      }
    }
  }
}
