import GraphIR
import Interpreter
import Tensors

/// Finds the kernel of a `convolution` node.
struct ConvolutionAnchor {
  let index: GraphIndex
  let target: ScheduleTarget
  let number: Int
  let convolution: Convolution
  private let input: Shape
  private let filter: Shape
  private let output: Shape
  private let geometry: ConvolutionGeometry
  private let factors: Factors

  /// nil when no kernel does this convolution.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard case .convolution(let convolution, let result) = node.operation,
      let factors = Factors(index.type(node.operands[0]), index.type(node.operands[1]), result),
      let input = index.shape(node.operands[0]), let filter = index.shape(node.operands[1]),
      let output = index.shape(node.results[0]),
      index.constant(node.operands[1]) != nil, input.rank <= 5
    else { return nil }
    let window = Window(
      size: Array(filter.dimensions.prefix(input.rank - 2)), strides: convolution.strides,
      dilations: convolution.dilations, padding: convolution.padding)
    guard let windows = try? WindowGeometry(node, input, window), windows.axes.allSatisfy({ $0.low >= 0 }) else {
      return nil
    }
    let groupChannels = filter[input.rank - 2]
    let isDepthwise = groupChannels == 1 && convolution.groups == output[input.rank - 1] && convolution.groups > 1
    guard factors == .float32 || groupChannels % 4 == 0 || isDepthwise else { return nil }
    self.factors = factors
    geometry = ConvolutionGeometry(
      input: windows.axes.map(\.input), output: windows.axes.map(\.output), window: windows.axes.map(\.size),
      strides: windows.axes.map(\.stride), dilations: windows.axes.map(\.dilation), padding: windows.axes.map(\.low))
    self.index = index
    self.target = target
    self.number = number
    self.convolution = convolution
    self.input = input
    self.filter = filter
    self.output = output
  }

  private var node: Node { index.node(number) }
  private var inputChannels: Int { input[input.rank - 1] }
  private var outputChannels: Int { output[output.rank - 1] }

  private var isPointwise: Bool {
    convolution.groups == 1 && geometry.input == geometry.output
      && geometry.window.indices.allSatisfy {
        geometry.window[$0] == 1 && geometry.strides[$0] == 1 && geometry.padding[$0] == 0
      }
  }

  private var groupInputs: Int { inputChannels / convolution.groups }
  private var groupOutputs: Int { outputChannels / convolution.groups }

  /// One filter for each channel, or groups so small that a vector holds several: then each input is spread over the
  /// lanes of its group, which pays when several positions of the window use it, or when many lanes would be empty.
  private var isDepthwise: Bool {
    guard convolution.groups > 1 else { return false }
    if groupInputs == 1, groupOutputs == 1 { return true }
    if factors == .bytes { return false }
    let emptiness = geometry.window.last == 1 ? 4 : 2
    return groupInputs <= groupOutputs && groupOutputs * emptiness <= target.lanes
      && target.lanes % groupOutputs == 0
  }

  private var kind: ScheduleTarget.KernelKind? {
    let wanted: [ScheduleTarget.KernelKind] =
      isPointwise ? [.gemm, .convolution] : isDepthwise ? [.depthwise, .convolution] : [.convolution]
    return wanted.first { target.kernels.contains($0) }
  }

  func anchor(taken: Set<Int>, pinned: Set<ValueID>) -> Anchor? {
    guard let kind else { return nil }
    let accumulators = Accumulators(number, index, target, pinned: pinned)
    guard let grown = accumulators.grown(taken: taken, accepts: { PixelLayout($0) != nil }),
      let layout = PixelLayout(grown)
    else { return nil }
    let operations = 2 / factors.speed * Double(output.elementCount) * Double(filter.elementCount / outputChannels)
    let size = Double(factors.elementType.bitWidth / 8)
    let bytes = size * Double(input.elementCount + filter.elementCount + output.elementCount)
    let step = grown.step(
      kernel(kind, layout), [.value(node.operands[0]), filterOperand(kind)], parameters: parameters(kind),
      operations: operations, bytes: bytes)
    return step.map { Anchor(members: grown.members, steps: [$0]) }
  }

  private func kernel(_ kind: ScheduleTarget.KernelKind, _ layout: PixelLayout) -> Kernel {
    switch kind {
    case .gemm:
      .gemm(
        Gemm(
          columns: outputChannels, depth: inputChannels, aRowStride: inputChannels, b: .packed,
          cRowStride: layout.pixelStride, epilogue: layout.epilogue, factors: factors))
    case .depthwise:
      .depthwise(
        DepthwiseKernel(
          geometry: geometry, channels: outputChannels, groupInputs: groupInputs, groupOutputs: groupOutputs,
          outputPixelStride: layout.pixelStride,
          epilogue: layout.epilogue, factors: factors))
    default:
      .convolution(
        ConvolutionKernel(
          geometry: geometry, groups: convolution.groups, inputChannels: inputChannels,
          outputChannels: outputChannels, outputPixelStride: layout.pixelStride, epilogue: layout.epilogue,
          factors: factors))
    }
  }

  private func filterOperand(_ kind: ScheduleTarget.KernelKind) -> ScheduleValue {
    let filter = node.operands[1]
    switch kind {
    case .gemm:
      return .packed(
        filter,
        .gemm(
          depth: inputChannels, columns: outputChannels, rowStride: outputChannels, columnStride: 1, factors: factors))
    case .depthwise: return .value(filter)
    default:
      return .packed(
        filter,
        .convolution(
          window: geometry.window, groups: convolution.groups, inputChannels: inputChannels,
          outputChannels: outputChannels, factors: factors))
    }
  }

  private func parameters(_ kind: ScheduleTarget.KernelKind) -> [Int] {
    kind == .gemm ? [input.elementCount / inputChannels] : [input[0]]
  }
}

extension Factors {
  /// What kernels multiply; nil for other types.
  init?(_ left: ElementType?, _ right: ElementType?, _ result: ElementType) {
    switch (left, right, result) {
    case (.float32, .float32, .float32): self = .float32
    case (.uint8, .int8, .int32): self = .bytes
    default: return nil
    }
  }

  /// Products in the time of one of float32, roughly.
  var speed: Double {
    switch self {
    case .float32: 1
    case .bfloat16: 2
    case .bytes: 3
    }
  }
}
