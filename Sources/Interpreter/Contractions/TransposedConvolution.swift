import GraphIR
import Tensors

extension Contractions {
  static func transposedConvolution(
    _ node: Node, _ x: Tensor, _ filter: Tensor, _ convolution: Convolution, outputPadding: [Int], shape: Tensor?,
    _ context: EvaluationContext
  ) throws -> Tensor {
    let geometry = try TransposedGeometry(
      node, x.shape, filter.shape, convolution, outputPadding: outputPadding,
      spatial: shape.map { try extents(node, $0) })
    let result = x.elementType
    func convolve<Arithmetic: MatrixArithmetic>(_: Arithmetic.Type) throws -> Tensor {
      let isDirect = Arithmetic.Sum.elementType == result
      let sums =
        try isDirect
        ? context.makeTensor(result, geometry.result)
        : Tensor(Arithmetic.Sum.elementType, geometry.result, zeroed: false)
      try geometry.convolve(
        Arithmetic.self, factors(x, as: Arithmetic.Factor.self), factors(filter, as: Arithmetic.Factor.self),
        into: sums, threads: context.threadCount)
      return try isDirect ? sums : narrowed(sums, to: result)
    }
    switch try arithmetic(node, x, filter, result: result) {
    case .float32: return try convolve(RealArithmetic<Float>.self)
    case .float64: return try convolve(RealArithmetic<Double>.self)
    case .smallIntegers: return try convolve(SmallIntegerArithmetic.self)
    case .int32: return try convolve(IntegerArithmetic<Int32>.self)
    case .int64: return try convolve(IntegerArithmetic<Int64>.self)
    case .complex64, .complex128:
      throw EvaluationError(node, x.elementType.name, expected: "real numbers")
    }
  }

  private static func extents(_ node: Node, _ tensor: Tensor) throws -> [Int] {
    guard tensor.elementType == .int64, tensor.shape.rank == 1 else {
      throw EvaluationError(node, "spatial shape \(tensor.elementType.name)\(tensor.shape)", expected: "int64[n]")
    }
    return tensor.elements(of: Int64.self).map(Int.init)
  }
}

/// A transposed convolution as a set of plain ones.
///
/// Windows start every `stride` elements of the *result*; an element of the result gets contributions of those taps k
/// for which (position + low - k · dilation) is a multiple of the stride. Which taps these are depends on the
/// position's remainder modulo the stride alone. So for each remainder (phase) there is one matrix product: rows are
/// the phase's positions, depth is (tap of the phase, channel), without any multiplication by inserted zeros.
private struct TransposedGeometry {
  struct Axis {
    var input: Int
    var size: Int
    var stride: Int
    var dilation: Int
    var low: Int
    var output: Int

    static let trivial = Axis(input: 1, size: 1, stride: 1, dilation: 1, low: 0, output: 1)

    /// Remainders that occur.
    var phases: Int { min(stride, output) }
    /// Positions phase, phase + stride, …
    func positions(_ phase: Int) -> Int { (output - phase + stride - 1) / stride }
    func taps(_ phase: Int) -> [Int] { (0..<size).filter { (phase + low - $0 * dilation) % stride == 0 } }
  }

  let batch: Int
  let channels: Int
  let groups: Int
  let features: Int
  let axes: [Axis]
  let result: Shape

  private static let limit = Int(Int32.max)

  init(
    _ node: Node, _ x: Shape, _ filter: Shape, _ convolution: Convolution, outputPadding: [Int], spatial: [Int]?
  ) throws {
    func check(_ condition: Bool, _ found: @autoclosure () -> String, _ expected: String) throws {
      if !condition { throw EvaluationError(node, found(), expected: expected) }
    }
    let rank = x.rank - 2
    try check(
      1...3 ~= rank && filter.rank == x.rank, "operand \(x), filter \(filter)",
      "[N, spatial…, C] and [spatial…, M/groups, C] with 1, 2 or 3 spatial axes")
    groups = convolution.groups
    channels = x[rank + 1]
    try check(
      groups >= 1 && channels % max(groups, 1) == 0 && filter[rank + 1] == channels,
      "operand \(x), filter \(filter), \(groups) groups", "as many channels, divisible by groups")
    let (features, overflow) = filter[rank].multipliedReportingOverflow(by: groups)
    try check(!overflow, "\(groups) groups of \(filter[rank])", "a tensor that fits in memory")
    self.features = features
    batch = x[0]
    let size = Array(filter.dimensions[..<rank])
    for (name, numbers) in [
      ("size", size), ("strides", convolution.strides), ("dilations", convolution.dilations),
    ] {
      try check(
        numbers.count == rank && numbers.allSatisfy { 1 <= $0 && $0 <= Self.limit }, "\(name) \(numbers) for \(x)",
        "one positive number for each spatial axis")
    }
    try check(
      outputPadding.count == rank && outputPadding.allSatisfy { 0 <= $0 && $0 <= Self.limit },
      "output padding \(outputPadding)", "one number for each spatial axis")
    if let spatial {
      try check(
        spatial.count == rank && spatial.allSatisfy { 0 <= $0 && $0 <= Self.limit }, "spatial shape \(spatial)",
        "one extent for each spatial axis")
    }
    if case .explicit(let low, let high) = convolution.padding {
      try check(
        low.count == rank && high.count == rank && (low + high).allSatisfy { $0.magnitude <= Self.limit },
        "padding \(low), \(high) for \(x)", "one number for each spatial axis")
    }
    try check(x.dimensions.allSatisfy { $0 <= Self.limit }, "operand \(x)", "extents below 2^31")
    let padding = convolution.padding
    axes = (0..<rank).map { index in
      var axis = Axis(
        input: x[index + 1], size: size[index], stride: convolution.strides[index],
        dilation: convolution.dilations[index], low: 0, output: 0)
      // What there is without padding.
      let span = (axis.size - 1) * axis.dilation + 1
      let full = axis.input == 0 ? 0 : axis.stride * (axis.input - 1) + outputPadding[index] + span
      if spatial == nil, case .explicit(let low, let high) = padding {
        axis.low = low[index]
        axis.output = max(0, full - low[index] - high[index])
      } else {
        axis.output = spatial?[index] ?? axis.input * axis.stride
        let total = max(0, full - axis.output)
        axis.low = padding == .sameUpper ? total / 2 : total - total / 2
      }
      return axis
    }
    let extents = [batch] + axes.map(\.output) + [features]
    guard let result = Shape(checking: extents) else {
      throw EvaluationError(node, "result extents \(extents)", expected: "a tensor that fits in memory")
    }
    self.result = result
  }

  func convolve<Arithmetic: MatrixArithmetic>(
    _: Arithmetic.Type, _ x: Tensor, _ filter: Tensor, into sums: Tensor, threads: Int
  ) throws {
    if sums.elementCount == 0 { return }
    let padded = Array(repeating: Axis.trivial, count: 3 - axes.count) + axes
    let (depth, height, width) = (padded[0], padded[1], padded[2])
    for phaseD in 0..<depth.phases {
      for phaseH in 0..<height.phases {
        for phaseW in 0..<width.phases {
          let phase = Phase<Arithmetic>(
            depth: .init(depth, phaseD), height: .init(height, phaseH), width: .init(width, phaseW), batch: batch,
            channels: channels, groups: groups, features: features)
          try phase.run(x, filter, into: sums, threads: threads)
        }
      }
    }
  }

  /// One axis of one phase.
  struct PhaseAxis {
    var axis: Axis
    var phase: Int
    var positions: Int
    var taps: [Int]
    /// Position in the operand that tap `taps[i]` of the phase's first position reads; one more for each next one.
    var origins: [Int]

    init(_ axis: Axis, _ phase: Int) {
      self.axis = axis
      self.phase = phase
      positions = axis.positions(phase)
      taps = axis.taps(phase)
      origins = taps.map { (phase + axis.low - $0 * axis.dilation) / axis.stride }
    }
  }

  struct Phase<Arithmetic: MatrixArithmetic> {
    var depth: PhaseAxis
    var height: PhaseAxis
    var width: PhaseAxis
    var batch: Int
    var channels: Int
    var groups: Int
    var features: Int

    typealias Factor = Arithmetic.Factor
    typealias Sum = Arithmetic.Sum

    func run(_ x: Tensor, _ filter: Tensor, into sums: Tensor, threads: Int) throws {
      let rows = batch * depth.positions * height.positions * width.positions
      let groupChannels = channels / groups
      let groupFeatures = features / groups
      let taps = offsets()
      let product = MatrixProduct<Arithmetic>(
        rows: rows, columns: groupFeatures, depth: taps.count * groupChannels)
      let weights = try gathered(filter, taps.map(\.filter))
      let block = try Tensor(Sum.elementType, Shape([rows, features]), zeroed: false)
      withExtendedLifetime((x, weights, block)) {
        let image = UnsafePointer(x.base.assumingMemoryBound(to: Factor.self))
        let weights = UnsafePointer(weights.base.assumingMemoryBound(to: Factor.self))
        let target = block.base.assumingMemoryBound(to: Sum.self)
        product.run(count: groups, threads: threads) { group in
          .init(
            left: Columns(
              phase: self, taps: taps, base: image + group * groupChannels, groupChannels: groupChannels,
              zero: Arithmetic.zero),
            right: MatrixView(
              base: weights + group * product.depth * groupFeatures, rowStride: groupFeatures, columnStride: 1),
            result: target + group * groupFeatures, resultStride: features)
        }
      }
      scatter(block, into: sums)
    }

    struct Tap {
      /// Flat index in the filter.
      var filter: Int
      /// Where the phase's first position reads.
      var d: Int
      var h: Int
      var w: Int
    }

    private func offsets() -> [Tap] {
      var taps: [Tap] = []
      for (d, originD) in zip(depth.taps, depth.origins) {
        for (h, originH) in zip(height.taps, height.origins) {
          for (w, originW) in zip(width.taps, width.origins) {
            taps.append(
              Tap(filter: (d * height.axis.size + h) * width.axis.size + w, d: originD, h: originH, w: originW))
          }
        }
      }
      return taps
    }

    /// Filter [taps, M/groups, C] → [groups, the phase's taps, C/groups, M/groups].
    private func gathered(_ filter: Tensor, _ taps: [Int]) throws -> Tensor {
      let groupChannels = channels / groups
      let groupFeatures = features / groups
      let result = try Tensor(
        Factor.elementType, Shape([groups, taps.count, groupChannels, groupFeatures]), zeroed: false)
      filter.withElements(of: Factor.self) { source in
        result.withMutableElements(of: Factor.self) { target in
          var position = 0
          for group in 0..<groups {
            for tap in taps {
              for channel in 0..<groupChannels {
                let start = tap * groupFeatures * channels + group * groupChannels + channel
                for feature in 0..<groupFeatures {
                  target[position] = source[start + feature * channels]
                  position += 1
                }
              }
            }
          }
        }
      }
      return result
    }

    /// Rows of the phase → their places in the result.
    private func scatter(_ block: Tensor, into sums: Tensor) {
      withExtendedLifetime((block, sums)) {
        var source = UnsafePointer(block.base.assumingMemoryBound(to: Sum.self))
        let target = sums.base.assumingMemoryBound(to: Sum.self)
        for image in 0..<batch {
          for d in 0..<depth.positions {
            let plane = image * depth.axis.output + depth.phase + d * depth.axis.stride
            for h in 0..<height.positions {
              let line = plane * height.axis.output + height.phase + h * height.axis.stride
              for w in 0..<width.positions {
                let pixel = line * width.axis.output + width.phase + w * width.axis.stride
                (target + pixel * features).update(from: source, count: features)
                source += features
              }
            }
          }
        }
      }
    }

    /// Row = position of the phase, depth = (tap of the phase, channel of the group).
    struct Columns: LeftOperand {
      var phase: Phase
      var taps: [Tap]
      var base: UnsafePointer<Factor>
      var groupChannels: Int
      var zero: Factor

      var needsScratch: Bool { true }

      func block(
        rows: Range<Int>, depths: Range<Int>, scratch: UnsafeMutablePointer<Factor>
      ) -> (base: UnsafePointer<Factor>, stride: Int) {
        let (depth, height, width) = (phase.depth.axis, phase.height.axis, phase.width.axis)
        var target = scratch
        for row in rows {
          let (line, w) = row.quotientAndRemainder(dividingBy: phase.width.positions)
          let (plane, h) = line.quotientAndRemainder(dividingBy: phase.height.positions)
          let (image, d) = plane.quotientAndRemainder(dividingBy: phase.depth.positions)
          var position = depths.lowerBound
          while position < depths.upperBound {
            let (index, from) = position.quotientAndRemainder(dividingBy: groupChannels)
            let count = min(groupChannels - from, depths.upperBound - position)
            let tap = taps[index]
            let (x, y, z) = (tap.w + w, tap.h + h, tap.d + d)
            if 0 <= x && x < width.input && 0 <= y && y < height.input && 0 <= z && z < depth.input {
              let pixel = ((image * depth.input + z) * height.input + y) * width.input + x
              target.update(from: base + (pixel * phase.channels + from), count: count)
            } else {
              target.update(repeating: zero, count: count)
            }
            target += count
            position += count
          }
        }
        return (UnsafePointer(scratch), depths.count)
      }
    }
  }
}
