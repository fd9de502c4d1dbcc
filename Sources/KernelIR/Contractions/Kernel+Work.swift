extension Kernel {
  /// Floating-point operations of one call, multiplications and additions counted singly; nil where they are not what
  /// its time goes to.
  public func operationCount(parameters: [Int]) -> Int? {
    switch self {
    case .loops, .trees: nil
    case .gemm(let gemm):
      2 * parameters[0] * gemm.columns * gemm.depth
        * gemm.batch.dropFirst().reduce(parameters.count > 1 ? parameters[1] : 1) { $0 * $1.extent }
    case .convolution(let kernel):
      2 * parameters[0] * kernel.geometry.output.product * kernel.geometry.window.product * kernel.outputChannels
        * kernel.inputChannels / kernel.groups
    case .depthwise(let kernel):
      2 * parameters[0] * kernel.geometry.output.product * kernel.geometry.window.product * kernel.channels
        * kernel.groupInputs
    case .transposedConvolution(let kernel):
      2 * parameters[0] * kernel.geometry.input.product * kernel.geometry.window.product * kernel.outputChannels
        * kernel.inputChannels / kernel.groups
    case .attention(let kernel):
      2 * parameters[0] * kernel.heads * parameters[1] * parameters[2] * (kernel.headSize + kernel.valueSize)
    case .recurrence(let kernel):
      2 * parameters[0] * parameters[1] * kernel.hiddenSize * kernel.hiddenSize * kernel.gateCount
    }
  }
}

extension RecurrenceKernel {
  /// 4 for an LSTM, 3 for a GRU.
  public var gateCount: Int {
    switch cell {
    case .lstm: 4
    case .gru: 3
    case .rnn: 1
    }
  }
}

extension [Int] {
  fileprivate var product: Int { reduce(1, *) }
}
