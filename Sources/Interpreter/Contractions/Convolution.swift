import GraphIR
import Tensors

extension Contractions {
  static func convolution(
    _ node: Node, _ x: Tensor, _ filter: Tensor, _ convolution: Convolution, result: ElementType,
    _ context: EvaluationContext
  ) throws -> Tensor {
    let rank = x.shape.rank
    guard rank >= 3, filter.shape.rank == rank else {
      throw EvaluationError(
        node, "operand \(x.shape), filter \(filter.shape)", expected: "[N, spatial…, C] and [spatial…, C/groups, M]")
    }
    let size = Array(filter.shape.dimensions[..<(rank - 2)])
    let features = filter.shape[rank - 1]
    let groups = convolution.groups
    guard groups >= 1, x.shape[rank - 1] % groups == 0, x.shape[rank - 1] / groups == filter.shape[rank - 2],
      features % groups == 0
    else {
      throw EvaluationError(
        node, "operand \(x.shape), filter \(filter.shape), \(groups) groups",
        expected: "C = groups · \(filter.shape[rank - 2]), and M divisible by groups")
    }
    let geometry = try WindowGeometry(
      node, x.shape,
      Window(
        size: size, strides: convolution.strides, dilations: convolution.dilations, padding: convolution.padding))
    let shape = try geometry.result(node, channels: features)
    let images = try ImageWindows(node, geometry, groups: groups, features: features)

    func convolve<Arithmetic: MatrixArithmetic>(_: Arithmetic.Type) throws -> Tensor {
      let factors = try (factors(x, as: Arithmetic.Factor.self), factors(filter, as: Arithmetic.Factor.self))
      let isDirect = Arithmetic.Sum.elementType == result
      let sums =
        try isDirect
        ? context.makeTensor(result, shape) : Tensor(Arithmetic.Sum.elementType, shape, zeroed: false)
      if images.isDepthwise {
        DepthwiseConvolution<Arithmetic>(windows: images)
          .run(factors.0, factors.1, into: sums, threads: context.threadCount)
      } else {
        run(Arithmetic.self, images, factors.0, factors.1, into: sums, threads: context.threadCount)
      }
      return try isDirect ? sums : narrowed(sums, to: result)
    }
    switch try arithmetic(node, x, filter, result: result) {
    case .float32: return try convolve(RealArithmetic<Float>.self)
    case .float64: return try convolve(RealArithmetic<Double>.self)
    // A depthwise convolution adds up all taps in one sum.
    case .smallIntegers where !images.isDepthwise || images.taps <= matrixDepthBlock:
      return try convolve(SmallIntegerArithmetic.self)
    case .int32, .smallIntegers: return try convolve(IntegerArithmetic<Int32>.self)
    case .int64: return try convolve(IntegerArithmetic<Int64>.self)
    case .complex64, .complex128:
      throw EvaluationError(node, x.elementType.name, expected: "real numbers")
    }
  }

  /// One matrix product for each group: [N·positions, taps·C/groups] · [taps·C/groups, M/groups].
  private static func run<Arithmetic: MatrixArithmetic>(
    _: Arithmetic.Type, _ windows: ImageWindows, _ x: Tensor, _ filter: Tensor, into sums: Tensor, threads: Int
  ) {
    if sums.elementCount == 0 { return }
    let groupFeatures = windows.features / windows.groups
    let product = MatrixProduct<Arithmetic>(
      rows: windows.batch * windows.positions, columns: groupFeatures, depth: windows.taps * windows.groupChannels)
    withExtendedLifetime((x, filter, sums)) {
      let image = UnsafePointer(x.base.assumingMemoryBound(to: Arithmetic.Factor.self))
      let weights = UnsafePointer(filter.base.assumingMemoryBound(to: Arithmetic.Factor.self))
      let result = sums.base.assumingMemoryBound(to: Arithmetic.Sum.self)
      func right(_ group: Int) -> MatrixView<Arithmetic.Factor> {
        MatrixView(base: weights + group * groupFeatures, rowStride: windows.features, columnStride: 1)
      }
      if windows.isPointwise {
        // Pixels are the rows as they lie.
        product.run(count: windows.groups, threads: threads) { group in
          .init(
            left: MatrixView(
              base: image + group * windows.groupChannels, rowStride: windows.channels, columnStride: 1),
            right: right(group), result: result + group * groupFeatures, resultStride: windows.features)
        }
      } else {
        product.run(count: windows.groups, threads: threads) { group in
          .init(
            left: WindowColumns(
              windows: windows, base: image + group * windows.groupChannels, zero: Arithmetic.zero),
            right: right(group), result: result + group * groupFeatures, resultStride: windows.features)
        }
      }
    }
  }
}

/// The left factor of a convolution's product, made block by block: row = window, depth = (tap, channel of the
/// group), zero where the window leaves the image.
struct WindowColumns<Factor>: LeftOperand {
  var windows: ImageWindows
  /// First channel of the group in the first pixel.
  var base: UnsafePointer<Factor>
  var zero: Factor

  var needsScratch: Bool { true }

  func block(
    rows: Range<Int>, depths: Range<Int>, scratch: UnsafeMutablePointer<Factor>
  ) -> (base: UnsafePointer<Factor>, stride: Int) {
    // Without groups and dilation a line of the window is one run of memory.
    let isRun = windows.groups == 1 && windows.width.dilation == 1
    let runLength = isRun ? windows.width.size * windows.channels : windows.groupChannels
    let runsPerLine = isRun ? 1 : windows.width.size
    var target = scratch
    for row in rows {
      let (image, d, h, w) = windows.position(row)
      let pixels = base + image * windows.imagePixels * windows.channels
      let (d0, h0, w0) = (windows.depth.start(d), windows.height.start(h), windows.width.start(w))
      var position = depths.lowerBound
      while position < depths.upperBound {
        let (run, from) = position.quotientAndRemainder(dividingBy: runLength)
        let to = min(runLength, from + depths.upperBound - position)
        let (line, tapW) = run.quotientAndRemainder(dividingBy: runsPerLine)
        let (tapD, tapH) = line.quotientAndRemainder(dividingBy: windows.height.size)
        let y = d0 + tapD * windows.depth.dilation
        let z = h0 + tapH * windows.height.dilation
        var inside = 0..<0
        let start: Int
        if isRun {
          start = w0 * windows.channels
          inside = max(0, -start)..<max(max(0, -start), (windows.width.input - w0) * windows.channels)
        } else {
          let x = w0 + tapW * windows.width.dilation
          start = x * windows.channels
          if 0 <= x && x < windows.width.input { inside = 0..<runLength }
        }
        if y < 0 || y >= windows.depth.input || z < 0 || z >= windows.height.input { inside = 0..<0 }
        inside = inside.clamped(to: from..<to)
        (target).update(repeating: zero, count: inside.lowerBound - from)
        let offset = (y * windows.height.input + z) * windows.width.input * windows.channels + start
        if !inside.isEmpty {
          (target + (inside.lowerBound - from)).update(from: pixels + (offset + inside.lowerBound), count: inside.count)
        }
        (target + (inside.upperBound - from)).update(repeating: zero, count: to - inside.upperBound)
        target += to - from
        position += to - from
      }
    }
    return (UnsafePointer(scratch), depths.count)
  }
}
