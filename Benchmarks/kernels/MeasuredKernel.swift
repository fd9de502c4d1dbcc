import KernelIR
import X86

/// A kernel with everything that a call of it needs.
struct MeasuredKernel {
  var name: String
  var kernel: Kernel
  /// Elements of the buffers, in the kernel's order.
  var buffers: [Int]
  /// The layout of one of the buffers.
  var packed: (buffer: Int, packing: Packing)?
  var parameters: [Int]
  var flops: Double
  /// What has to be read and written at least.
  var bytes: Double { Double(buffers.reduce(0, +) * 4) }

  static let all: [MeasuredKernel] =
    [
      gemm(1024, 1024, 1024), gemm(128, 768, 768), gemm(128, 3072, 768), gemm(128, 768, 3072), gemm(14, 4096, 1024),
      gemm(1, 4096, 4096), gemm(1, 1000, 2048), gemm(4, 1024, 512),
    ] + [
      convolution(224, 3, 64, 7, stride: 2), convolution(56, 64, 64, 3), convolution(28, 128, 128, 3),
      convolution(14, 256, 256, 3), convolution(7, 512, 512, 3), convolution(56, 64, 256, 1, hasResidual: true),
      convolution(28, 512, 128, 1), convolution(14, 1024, 256, 1), convolution(7, 512, 2048, 1),
      convolution(56, 256, 512, 1, stride: 2), convolution(320, 3, 32, 3, stride: 2),
    ] + [
      transposed(56, 64, 32, 2, padding: 0), transposed(56, 64, 32, 4, padding: 1),
      transposed(160, 24, 24, 2, padding: 0),
      transposed(320, 24, 1, 2, padding: 0),
    ] + [
      depthwise(112, 32, 3), depthwise(112, 96, 3, stride: 2), depthwise(28, 192, 3), depthwise(14, 672, 5),
      depthwise(7, 960, 5), depthwise(56, 128, 3, group: 4), depthwise(28, 256, 3, group: 8),
      depthwise(28, 256, 3, group: 2),
    ] + [
      attention(heads: 12, 128, 128, 64), attention(heads: 12, 512, 512, 64, isCausal: true),
      attention(heads: 12, 1, 1024, 64),
    ] + [
      lstm(steps: 100, batch: 1, 128), lstm(steps: 50, batch: 32, 256), gru(steps: 100, batch: 1, 128),
    ]

  /// bias, then the residual if there is one, then relu.
  private static func epilogue(residual stride: Int? = nil) -> Epilogue {
    let bias = Epilogue.Operand(.float32, rowStride: 0, columnStride: 1)
    guard let stride else {
      return Epilogue(
        operands: [bias],
        terms: [.accumulator, .operand(0), .binary(.add, 0, 1), .constant(0), .binary(.maximum, 2, 3)])
    }
    return Epilogue(
      operands: [bias, Epilogue.Operand(.float32, rowStride: stride, columnStride: 1)],
      terms: [
        .accumulator, .operand(0), .binary(.add, 0, 1), .operand(1), .binary(.add, 2, 3), .constant(0),
        .binary(.maximum, 4, 5),
      ])
  }

  private static func gemm(_ m: Int, _ n: Int, _ k: Int) -> MeasuredKernel {
    MeasuredKernel(
      name: "gemm \(m)×\(n)×\(k)",
      kernel: .gemm(Gemm(columns: n, depth: k, aRowStride: k, b: .packed, cRowStride: n, epilogue: epilogue())),
      buffers: [m * k, k * n, n, m * n],
      packed: (1, .gemm(depth: k, columns: n, rowStride: n, columnStride: 1)), parameters: [m],
      flops: 2 * Double(m * n * k))
  }

  /// A square image; flops are those of window positions inside the image.
  private static func geometry(_ size: Int, _ window: Int, _ stride: Int) -> (ConvolutionGeometry, taps: Int) {
    let padding = window / 2
    let output = (size + 2 * padding - window) / stride + 1
    let inside = (0..<window).reduce(0) { sum, tap in
      sum + (0..<output).count { (0..<size).contains($0 * stride - padding + tap) }
    }
    let geometry = ConvolutionGeometry(
      input: [size, size], output: [output, output], window: [window, window], strides: [stride, stride],
      dilations: [1, 1], padding: [padding, padding])
    return (geometry, inside * inside)
  }

  private static func convolution(
    _ size: Int, _ c: Int, _ m: Int, _ window: Int, stride: Int = 1, groups: Int = 1, hasResidual: Bool = false
  ) -> MeasuredKernel {
    let (geometry, taps) = geometry(size, window, stride)
    let pixels = geometry.output.reduce(1, *)
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: c, outputChannels: m,
      epilogue: epilogue(residual: hasResidual ? m : nil))
    let details = (stride > 1 ? " stride \(stride)" : "") + (groups > 1 ? " groups \(groups)" : "")
    return MeasuredKernel(
      name: "conv \(window)×\(window)\(details) \(size)×\(size)×\(c) → \(m)\(hasResidual ? " + residual" : "")",
      kernel: .convolution(kernel),
      buffers: [size * size * c, window * window * c / groups * m, m] + (hasResidual ? [pixels * m] : []) + [
        pixels * m
      ],
      packed: (
        1, .convolution(window: geometry.window, groups: groups, inputChannels: c, outputChannels: m)
      ), parameters: [1], flops: 2 * Double(taps * c / groups * m))
  }

  /// Stride 2; windows of that size with the width's two pixels as channels, as the scheduler has them.
  private static func transposed(_ size: Int, _ c: Int, _ m: Int, _ window: Int, padding: Int) -> MeasuredKernel {
    var geometry = ConvolutionGeometry(
      input: [size, size], output: [2 * size, 2 * size], window: [window, window], strides: [2, 2], dilations: [1, 1],
      padding: [padding, padding])
    var features = m
    if window == 2, m % 16 != 0 {
      features *= 2
      (geometry.window[1], geometry.strides[1], geometry.output[1]) = (1, 1, size)
    }
    let kernel = TransposedConvolutionKernel(
      geometry: geometry, groups: 1, inputChannels: c, outputChannels: features, epilogue: epilogue())
    return MeasuredKernel(
      name: "transposed \(window)×\(window) \(size)×\(size)×\(c) → \(m)", kernel: .transposedConvolution(kernel),
      buffers: [size * size * c, window * window * c * m, features, 4 * size * size * m],
      packed: (
        1,
        .transposedConvolution(TransposedPhases(geometry), groups: 1, inputChannels: c, outputChannels: features)
      ), parameters: [1], flops: 2 * Double(size * size * window * window * c * m))
  }

  /// - Parameter group: channels of a group, of the input and of the output.
  private static func depthwise(
    _ size: Int, _ c: Int, _ window: Int, stride: Int = 1, group: Int = 1
  ) -> MeasuredKernel {
    let (geometry, taps) = geometry(size, window, stride)
    return MeasuredKernel(
      name: "\(group > 1 ? "groups of \(group)" : "depthwise") \(window)×\(window)"
        + "\(stride > 1 ? " stride \(stride)" : "") \(size)×\(size)×\(c)",
      kernel: .depthwise(
        DepthwiseKernel(
          geometry: geometry, channels: c, groupInputs: group, groupOutputs: group, epilogue: epilogue())),
      buffers: [size * size * c, window * window * c * group, c, geometry.output.reduce(1, *) * c], parameters: [1],
      flops: 2 * Double(taps * c * group))
  }

  private static func attention(
    heads: Int, _ queries: Int, _ keys: Int, _ size: Int, isCausal: Bool = false
  ) -> MeasuredKernel {
    func layout(_ rows: Int) -> AttentionKernel.Layout {
      AttentionKernel.Layout(batchStride: rows * heads * size, headStride: size, rowStride: heads * size)
    }
    let kernel = AttentionKernel(
      heads: heads, keyHeads: heads, headSize: size, valueSize: size, scale: 0.125, isCausal: isCausal,
      query: layout(queries), key: layout(keys), value: layout(keys), result: layout(queries))
    let width = heads * size
    return MeasuredKernel(
      name: "attention \(heads) heads \(queries)×\(keys)×\(size)\(isCausal ? " causal" : "")",
      kernel: .attention(kernel), buffers: [queries * width, keys * width, keys * width, queries * width],
      parameters: [1, queries, keys], flops: 4 * Double(queries * keys * width) / (isCausal ? 2 : 1))
  }

  private static func lstm(steps: Int, batch: Int, _ size: Int) -> MeasuredKernel {
    recurrence("lstm", .lstm(hasPeepholes: false), gates: 4, steps, batch, size, states: 2, extra: [])
  }

  private static func gru(steps: Int, batch: Int, _ size: Int) -> MeasuredKernel {
    recurrence("gru", .gru(linearBeforeReset: true), gates: 3, steps, batch, size, states: 1, extra: [3 * size])
  }

  private static func recurrence(
    _ name: String, _ cell: RecurrenceKernel.Cell, gates: Int, _ steps: Int, _ batch: Int, _ size: Int, states: Int,
    extra: [Int]
  ) -> MeasuredKernel {
    let state = Array(repeating: batch * size, count: states)
    return MeasuredKernel(
      name: "\(name) \(steps) steps, batch \(batch), \(size) units",
      kernel: .recurrence(
        RecurrenceKernel(
          cell: cell, hiddenSize: size, isReverse: false, inputRowStride: gates * size, outputRowStride: size)),
      buffers: [steps * batch * gates * size, gates * size * size] + extra + state + [steps * batch * size] + state,
      packed: (1, .recurrence(gates: gates, hiddenSize: size)), parameters: [steps, batch],
      flops: 2 * Double(steps * batch * gates * size * size))
  }
}
