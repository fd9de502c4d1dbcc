import Glibc

extension RecurrenceKernel {
  /// Buffers and parameters as the kernel's documentation lists them; R is [gates·H, H].
  func interpret(_ call: KernelArguments) {
    var state = State(self, call)
    for step in 0..<call.parameters[0] {
      state.advance(to: isReverse ? call.parameters[0] - 1 - step : step)
    }
    state.finish()
  }

  /// The walk over the steps of one call.
  private struct State {
    let kernel: RecurrenceKernel
    let batch: Int
    let size: Int
    let inputs: UnsafeMutablePointer<Float>
    /// float32 or, with their scales, int8.
    let weights: UnsafeMutableRawPointer
    var scales: UnsafeMutablePointer<Float>?
    var recurrentBias: UnsafeMutablePointer<Float>?
    var peepholes: UnsafeMutablePointer<Float>?
    let sequence: UnsafeMutablePointer<Float>
    /// Last h, and last c of an LSTM.
    let last: [UnsafeMutablePointer<Float>]
    /// [B][H]
    var hidden: [[Double]]
    var cell: [[Double]]

    init(_ kernel: RecurrenceKernel, _ call: KernelArguments) {
      self.kernel = kernel
      batch = call.parameters[1]
      size = kernel.hiddenSize
      weights = call.buffers[1]
      var rest = call.buffers.map { $0.assumingMemoryBound(to: Float.self) }[...]
      func matrix(_ values: UnsafeMutablePointer<Float>, _ rows: Int, _ size: Int) -> [[Double]] {
        (0..<rows).map { row in (0..<size).map { Double(values[row * size + $0]) } }
      }
      inputs = rest.removeFirst()
      rest.removeFirst()
      if kernel.factors == .bytes {
        scales = rest.removeFirst()
        rest.removeFirst()
      }
      switch kernel.cell {
      case .rnn:
        hidden = matrix(rest.removeFirst(), batch, size)
        cell = []
      case .gru(let linearBeforeReset):
        if linearBeforeReset { recurrentBias = rest.removeFirst() }
        hidden = matrix(rest.removeFirst(), batch, size)
        cell = []
      case .lstm(let hasPeepholes):
        if hasPeepholes { peepholes = rest.removeFirst() }
        hidden = matrix(rest.removeFirst(), batch, size)
        cell = matrix(rest.removeFirst(), batch, size)
      }
      sequence = rest.removeFirst()
      last = Array(rest)
    }

    mutating func advance(to step: Int) {
      for row in 0..<batch {
        let projected = inputs + (step * batch + row) * kernel.inputRowStride
        switch kernel.cell {
        case .rnn(let rectifies): hidden[row] = rnn(projected, row, rectifies)
        case .lstm: (hidden[row], cell[row]) = lstm(projected, row)
        case .gru(let linearBeforeReset): hidden[row] = gru(projected, row, linearBeforeReset)
        }
        let target = sequence + (step * batch + row) * kernel.outputRowStride
        for unit in 0..<size { target[unit] = Float(hidden[row][unit]) }
      }
    }

    func finish() {
      for row in 0..<batch {
        for unit in 0..<size {
          last[0][row * size + unit] = Float(hidden[row][unit])
          if last.count > 1 { last[1][row * size + unit] = Float(cell[row][unit]) }
        }
      }
    }

    /// hidden · Rᵀ for one gate and unit.
    private func product(_ gate: Int, _ unit: Int, _ hidden: [Double]) -> Double {
      let start = (gate * size + unit) * size
      if let scales {
        let (numbers, scale) = Self.quantized(hidden)
        let row = weights.assumingMemoryBound(to: Int8.self) + start
        let sum = (0..<size).reduce(0 as Int32) { $0 &+ Int32(row[$1]) * numbers[$1] }
        return Double(Float(sum) * (scale * scales[gate * size + unit]))
      }
      let row = weights.assumingMemoryBound(to: Float.self) + start
      return (0..<size).reduce(0.0) { $0 + Double(row[$1]) * hidden[$1] }
    }

    private static func quantized(_ hidden: [Double]) -> (numbers: [Int32], scale: Float) {
      let values = hidden.map { Float($0) }
      let scale = values.reduce(1e-30) { max($0, abs($1)) } / 127
      return (values.map { Int32(($0 / scale).rounded(.toNearestOrEven)) }, scale)
    }

    private func rnn(_ projected: UnsafeMutablePointer<Float>, _ row: Int, _ rectifies: Bool) -> [Double] {
      (0..<size).map { unit in
        let sum = Double(projected[unit]) + product(0, unit, hidden[row])
        return rectifies ? (sum < 0 ? 0 : sum) : tanh(sum)
      }
    }

    /// Gates input, output, forget, cell.
    private func lstm(_ projected: UnsafeMutablePointer<Float>, _ row: Int) -> ([Double], [Double]) {
      var (newHidden, newCell) = (hidden[row], cell[row])
      for unit in 0..<size {
        func gate(_ number: Int, peeking value: Double, peephole: Int?) -> Double {
          let own = Double(projected[number * size + unit]) + product(number, unit, hidden[row])
          guard let peepholes, let peephole else { return own }
          return own + Double(peepholes[peephole * size + unit]) * value
        }
        let old = cell[row][unit]
        let input = logistic(gate(0, peeking: old, peephole: 0))
        let forget = logistic(gate(2, peeking: old, peephole: 2))
        let candidate = tanh(gate(3, peeking: old, peephole: nil))
        newCell[unit] = forget * old + input * candidate
        newHidden[unit] = logistic(gate(1, peeking: newCell[unit], peephole: 1)) * tanh(newCell[unit])
      }
      return (newHidden, newCell)
    }

    /// Gates update, reset, hidden.
    private func gru(_ projected: UnsafeMutablePointer<Float>, _ row: Int, _ linearBeforeReset: Bool) -> [Double] {
      let hidden = hidden[row]
      func gate(_ number: Int, _ unit: Int) -> Double {
        let bias = recurrentBias.map { Double($0[number * size + unit]) } ?? 0
        return logistic(Double(projected[number * size + unit]) + product(number, unit, hidden) + bias)
      }
      let resets = (0..<size).map { gate(1, $0) }
      let resetHidden = zip(resets, hidden).map { $0 * $1 }
      return (0..<size).map { unit in
        let recurrent: Double
        if linearBeforeReset {
          let bias = recurrentBias.map { Double($0[2 * size + unit]) } ?? 0
          recurrent = resets[unit] * (product(2, unit, hidden) + bias)
        } else {
          recurrent = product(2, unit, resetHidden)
        }
        let candidate = tanh(Double(projected[2 * size + unit]) + recurrent)
        return candidate + gate(0, unit) * (hidden[unit] - candidate)
      }
    }

    private func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
  }
}
