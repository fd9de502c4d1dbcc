import GraphIR
import Tensors

extension Schedule: CustomStringConvertible {
  /// One line a step: results, what is done, operands, and what a kernel is made of.
  ///
  ///     %9 float32[2, 56, 56, 64] = convolution 7x7/2 3→64 [add max](%0, packed %4, %5) N=2
  ///     %12 float32[2, 1000] = loops max_sum_exp(%11) units 2
  public var description: String { steps.map(line).joined(separator: "\n") }

  private func line(_ step: Step) -> String {
    let results = step.results.map { "\($0) \(text(graph.type(of: $0)))" }.joined(separator: ", ")
    let operands = step.operands.map { operand in
      switch operand {
      case .value(let id): graph[id].constant == nil ? "\(id)" : "constant \(id)"
      case .packed(let id, _): "packed \(id)"
      case .packedTrees(let id, _): "trees of node \(id.index)"
      case .table(let number): "table \(number)"
      }
    }
    let inPlace = step.inPlaceOperand.map { " in place of \(operands[$0])" } ?? ""
    let place = step.resultByteOffset > 0 ? " from byte \(step.resultByteOffset)" : ""
    return
      "\(results)\(place) = \(work(step.work))(\(operands.joined(separator: ", ")))\(parameters(step.work))\(inPlace)"
  }

  private func text(_ type: ValueType) -> String {
    guard let tensor = type.tensor, let shape = tensor.constantShape else { return "\(type)" }
    return "\(tensor.elementType.name)\(shape)"
  }

  private func work(_ work: Step.Work) -> String {
    switch work {
    case .node(let id): "node \(graph[id].operation.name)"
    case .view: "view"
    case .kernel(let kernel, _): kernel.summary
    }
  }

  private func parameters(_ work: Step.Work) -> String {
    guard case .kernel(let kernel, let call) = work else { return "" }
    let parameters = call.parameters.map(String.init).joined(separator: ", ")
    guard case .loops(let loops) = kernel else { return " for \(parameters)" }
    let axes = loops.axes.dropFirst().map { axis in
      let kind = axis.kind == .parallel ? "" : axis.kind == .serial ? "serial " : "vector "
      return ", \(kind)\(axis.extent)"
    }
    return " for \(parameters)\(axes.joined())"
  }
}

extension Kernel {
  /// What kind of kernel this is, its form and its epilogue, in a few words.
  public var summary: String {
    switch self {
    case .loops(let kernel): "loops \(kernel.name)"
    case .gemm(let kernel): kernel.summary
    case .convolution(let kernel):
      "\(kernel.factors.prefix)convolution \(kernel.geometry.summary) \(kernel.inputChannels)→\(kernel.outputChannels)"
        + (kernel.groups > 1 ? " groups \(kernel.groups)" : "") + kernel.epilogue.summary
    case .depthwise(let kernel):
      "\(kernel.factors.prefix)depthwise \(kernel.geometry.summary) \(kernel.channels)"
        + (kernel.groupOutputs > 1 ? " groups of \(kernel.groupInputs)→\(kernel.groupOutputs)" : "")
        + kernel.epilogue.summary
    case .transposedConvolution(let kernel):
      "transposed convolution \(kernel.geometry.summary) \(kernel.inputChannels)→\(kernel.outputChannels)"
        + (kernel.groups > 1 ? " groups \(kernel.groups)" : "") + kernel.epilogue.summary
    case .attention(let kernel):
      "\(kernel.factors.prefix)attention \(kernel.heads)/\(kernel.keyHeads) heads of \(kernel.headSize), \(kernel.valueSize)"
        + (kernel.isCausal ? " causal" : "") + (kernel.softcap == nil ? "" : " capped")
        + (kernel.masks.isEmpty ? "" : " masked")
    case .recurrence(let kernel): "\(kernel.factors.prefix)recurrence \(kernel.cell) of \(kernel.hiddenSize)"
    case .trees(let kernel):
      "trees \(kernel.features)→\(kernel.targets) \(kernel.aggregation) \(kernel.isWide ? "wide" : "narrow") \(kernel.leaves)"
    }
  }
}

extension Gemm {
  fileprivate var summary: String {
    let right =
      switch b {
      case .packed: codes.map { "\($0.isSigned ? "i" : "u")\($0.bits) by \($0.blockSize)" } ?? "packed"
      case .rows(let stride): "rows \(stride)"
      case .columns(let stride): "columns \(stride)"
      }
    let batch = self.batch.map { " batch \($0.extent) (\($0.aStride), \($0.bStride), \($0.cStride))" }.joined()
    return "\(factors.prefix)gemm \(depth)→\(columns) A \(aRowStride) B \(right) C \(cRowStride)\(batch)"
      + epilogue.summary
  }
}

extension ConvolutionGeometry {
  /// Window / strides, and dilations where there are some.
  fileprivate var summary: String {
    func text(_ numbers: [Int]) -> String { numbers.map(String.init).joined(separator: "x") }
    return text(window) + (strides.allSatisfy { $0 == 1 } ? "" : "/\(text(strides))")
      + (dilations.allSatisfy { $0 == 1 } ? "" : " dilated \(text(dilations))")
  }
}

extension Epilogue {
  /// The functions in order; nothing without any.
  fileprivate var summary: String {
    let names = terms.compactMap { term in
      switch term {
      case .accumulator, .operand, .constant, .integer: nil as String?
      case .float: "float"
      case .unary(let function, _): function.rawValue
      case .binary(let function, _, _): function.rawValue
      case .compare(let comparison, _, _): comparison.rawValue
      case .select: "select"
      }
    }
    return names.isEmpty ? "" : " [\(names.joined(separator: " "))]"
  }
}

extension Factors {
  fileprivate var prefix: String {
    switch self {
    case .float32: ""
    case .bfloat16: "bf16 "
    case .bytes: "int8 "
    }
  }
}
