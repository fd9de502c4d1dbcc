import GraphIR
import Interpreter
import Tensors

/// Finds the kernel of a `transposedConvolution` node.
struct TransposedConvolutionAnchor {
  let index: GraphIndex
  let target: ScheduleTarget
  let number: Int
  private let groups: Int
  private let geometry: ConvolutionGeometry
  private let input: Shape
  private let filter: Shape
  private let output: Shape

  /// nil when no kernel does this convolution.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard target.kernels.contains(.transposedConvolution),
      case .transposedConvolution(let convolution, let end) = node.operation,
      node.operands.prefix(2).allSatisfy({ index.type($0) == .float32 }), let input = index.shape(node.operands[0]),
      let filter = index.shape(node.operands[1]), let output = index.shape(node.results[0]),
      index.constant(node.operands[1]) != nil, input.rank <= 5,
      let geometry = ConvolutionGeometry(node, convolution, outputPadding: end, input, filter, output),
      TransposedPhases(geometry).areFew
    else { return nil }
    self.index = index
    self.target = target
    self.number = number
    self.input = input
    self.filter = filter
    self.output = output
    self.geometry = geometry
    groups = convolution.groups
  }

  func anchor(taken: Set<Int>, pinned: Set<ValueID>, tables: TableStore) -> Anchor? {
    let node = index.node(number)
    let accumulators = Accumulators(number, index, target, pinned: pinned)
    guard let grown = accumulators.grown(taken: taken, accepts: { PixelLayout($0) != nil }),
      let layout = PixelLayout(grown)
    else { return nil }
    var kernel = TransposedConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: input[input.rank - 1],
      outputChannels: output[output.rank - 1], outputPixelStride: layout.pixelStride, epilogue: layout.epilogue)
    var operands = grown.operands.map { ScheduleValue.value($0.id) }
    if let joined = joiningWidth(kernel, grown.operands, tables) { (kernel, operands) = joined }
    let packing = Packing.transposedConvolution(
      TransposedPhases(kernel.geometry), groups: groups, inputChannels: kernel.inputChannels,
      outputChannels: kernel.outputChannels)
    var step = grown.step(
      .transposedConvolution(kernel), [], parameters: [input[0]],
      operations: 2 * Double(input.elementCount) * Double(filter.elementCount / kernel.inputChannels),
      bytes: 4 * Double(input.elementCount + filter.elementCount + output.elementCount))
    step?.operands = [.value(node.operands[0]), .packed(node.operands[1], packing)] + operands
    return step.map { Anchor(members: grown.members, steps: [$0]) }
  }

  /// Windows that lie side by side along the width: all pixels that an input pixel becomes there are channels of one
  /// wider pixel. In memory they are neighbours, in the filter too, and vectors of few channels are filled.
  private func joiningWidth(
    _ kernel: TransposedConvolutionKernel, _ operands: [Accumulators.Operand], _ tables: TableStore
  ) -> (TransposedConvolutionKernel, [ScheduleValue])? {
    var joined = kernel
    let last = geometry.input.count - 1
    let (count, channels) = (geometry.strides[last], kernel.outputChannels)
    guard groups == 1, count > 1, channels % 16 != 0, count * channels <= 256, geometry.window[last] == count,
      geometry.dilations[last] == 1, geometry.padding[last] == 0,
      geometry.output[last] == geometry.input[last] * count, kernel.outputPixelStride == channels
    else { return nil }
    joined.geometry.window[last] = 1
    joined.geometry.strides[last] = 1
    joined.geometry.output[last] = geometry.input[last]
    joined.outputChannels *= count
    joined.outputPixelStride *= count
    var sources: [ScheduleValue] = []
    for (number, operand) in kernel.epilogue.operands.enumerated() {
      let id = operands[number].id
      switch (operand.rowStride, operand.columnStride) {
      case (0, 0): sources.append(.value(id))
      case (channels, 1),
        (1, 0) where channels == 1:
        joined.epilogue.operands[number].rowStride = channels * count
        joined.epilogue.operands[number].columnStride = 1
        sources.append(.value(id))
      case (0, 1):
        guard let constant = index.constant(id), constant.elementCount == channels else { return nil }
        let elements = constant.elements(of: Float.self)
        sources.append(tables.table((0..<count).flatMap { _ in elements }))
      default: return nil
      }
    }
    return (joined, sources)
  }
}

extension ConvolutionGeometry {
  /// nil for what no kernel does.
  fileprivate init?(
    _ node: Node, _ convolution: Convolution, outputPadding: [Int], _ input: Shape, _ filter: Shape, _ output: Shape
  ) {
    let spatial = 1..<input.rank - 1
    let window = Array(filter.dimensions.prefix(spatial.count))
    let padding: [Int]
    if node.operands.count == 2, case .explicit(let low, _) = convolution.padding {
      padding = low
    } else {
      // What is left of everything that the windows reach is cut off at both ends.
      padding = spatial.map { axis in
        let index = axis - 1
        let reach = (window[index] - 1) * convolution.dilations[index] + 1
        let full = convolution.strides[index] * (input[axis] - 1) + outputPadding[index] + reach
        let total = max(0, full - output[axis])
        return convolution.padding == .sameUpper ? total / 2 : total - total / 2
      }
    }
    // Each phase is a piece of code, unless all look the same.
    let isTiling =
      window == convolution.strides && padding.allSatisfy { $0 == 0 } && outputPadding.allSatisfy { $0 == 0 }
    guard padding.allSatisfy({ $0 >= 0 }), convolution.strides.allSatisfy({ $0 <= 64 }),
      convolution.strides.reduce(1, *) <= (isTiling ? 4096 : 16)
    else { return nil }
    self.init(
      input: Array(input.dimensions[spatial]), output: Array(output.dimensions[spatial]), window: window,
      strides: convolution.strides, dilations: convolution.dilations, padding: padding)
  }
}
