import GraphIR
import Tensors

/// Concatenations of what contractions give: each kernel writes its part where it belongs, and nothing is copied.
struct JoinedResults {
  private(set) var anchors: [Anchor]
  /// The nodes that are made so.
  private(set) var concatenations: Set<Int> = []
  private let index: GraphIndex
  /// The anchor that gives a value.
  private var makers: [ValueID: Int] = [:]
  /// What contractions read, perhaps past the nodes in between.
  private let read: Set<ValueID>

  init(_ anchors: [Anchor], _ index: GraphIndex) {
    self.anchors = anchors
    self.index = index
    read = Set(anchors.flatMap { $0.steps.flatMap { $0.operands.compactMap(\.id) } })
    for (number, anchor) in anchors.enumerated() where anchor.steps.count == 1 {
      makers[anchor.steps[0].results[0]] = number
    }
  }

  mutating func run() {
    for (number, node) in index.graph.nodes.enumerated() {
      guard case .concatenate(let axis) = node.operation, let parts = parts(number, node, axis) else { continue }
      for part in parts { anchors[part.anchor].steps[0] = part.step }
      concatenations.insert(number)
    }
  }

  /// The steps of all parts, or nil when one of them is no contraction's or is read by itself too.
  private func parts(_ number: Int, _ node: Node, _ axis: Int) -> [(anchor: Int, step: Step)]? {
    let result = node.results[0]
    guard let whole = index.shape(result), axis == whole.rank - 1, Set(node.operands).count == node.operands.count
    else { return nil }
    var parts: [(Int, Step)] = []
    var start = 0
    for operand in node.operands {
      guard let maker = makers[operand], index.consumers(of: operand) == [number], !index.isOutput(operand),
        !read.contains(operand), let channels = index.shape(operand)?.dimensions.last
      else { return nil }
      var step = anchors[maker].steps[0]
      guard case .kernel(let kernel, let call) = step.work,
        let wider = kernel.writing(rowsOf: channels, apart: whole[axis])
      else { return nil }
      step.work = .kernel(wider, call)
      step.results = [result]
      step.resultByteOffset = start * MemoryLayout<Float>.stride
      start += channels
      parts.append((maker, step))
    }
    return parts
  }
}

extension Kernel {
  /// The kernel that writes its dense rows of float32 into rows that are further apart; nil when its rows are others.
  fileprivate func writing(rowsOf columns: Int, apart stride: Int) -> Kernel? {
    switch self {
    case .gemm(var gemm):
      guard gemm.columns == columns, gemm.cRowStride == columns, gemm.batch.isEmpty,
        gemm.epilogue.resultType == .float32
      else { return nil }
      gemm.cRowStride = stride
      return .gemm(gemm)
    case .convolution(var kernel):
      guard kernel.outputChannels == columns, kernel.outputPixelStride == columns,
        kernel.epilogue.resultType == .float32
      else { return nil }
      kernel.outputPixelStride = stride
      return .convolution(kernel)
    case .transposedConvolution(var kernel):
      guard kernel.outputChannels == columns, kernel.outputPixelStride == columns,
        kernel.epilogue.resultType == .float32
      else { return nil }
      kernel.outputPixelStride = stride
      return .transposedConvolution(kernel)
    case .depthwise(var kernel):
      guard kernel.channels == columns, kernel.outputPixelStride == columns, kernel.epilogue.resultType == .float32
      else { return nil }
      kernel.outputPixelStride = stride
      return .depthwise(kernel)
    case .loops, .attention, .recurrence, .trees: return nil
    }
  }
}
