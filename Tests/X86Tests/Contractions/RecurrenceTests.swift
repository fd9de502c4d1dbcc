import Glibc
import GraphIR
import KernelIR
import Testing

@testable import X86

/// Generated LSTM, GRU and plain recurrent layers against their definition in double precision.
@Suite struct RecurrenceTests {
  enum Form: CaseIterable {
    case rnn, rectifiedRNN, lstm, peepholes, gru, gruLinearBeforeReset

    var cell: RecurrenceKernel.Cell {
      switch self {
      case .rnn: .rnn(rectifies: false)
      case .rectifiedRNN: .rnn(rectifies: true)
      case .lstm: .lstm(hasPeepholes: false)
      case .peepholes: .lstm(hasPeepholes: true)
      case .gru: .gru(linearBeforeReset: false)
      case .gruLinearBeforeReset: .gru(linearBeforeReset: true)
      }
    }
    var isLSTM: Bool { self == .lstm || self == .peepholes }
    var isRNN: Bool { self == .rnn || self == .rectifiedRNN }
    var gates: Int { isLSTM ? 4 : isRNN ? 1 : 3 }
    /// Rows of [H] in the buffer of peepholes or recurrent biases.
    var extraRows: Int { self == .peepholes || self == .gruLinearBeforeReset ? 3 : 0 }
  }

  private func check(
    _ cap: InstructionSet, _ form: Form, steps: Int, batch: Int, size: Int, isReverse: Bool = false, gap: Int = 0,
    seed: UInt64
  ) throws {
    var generator = SplitMix64(state: seed)
    func random(_ count: Int, _ bound: Float = 1) -> [Float] {
      (0..<count).map { _ in Float.random(in: -bound...bound, using: &generator) }
    }
    let gates = form.gates
    let (inputStride, outputStride) = (gates * size + gap, size + gap)
    let kernel = RecurrenceKernel(
      cell: form.cell, hiddenSize: size, isReverse: isReverse, inputRowStride: inputStride,
      outputRowStride: outputStride)
    let inputs = random(steps * batch * inputStride, 2)
    let weights = random(gates * size * size, 1 / Float(size).squareRoot())
    let extra = random(form.extraRows * size)
    let (hidden, cell) = (random(batch * size), random(batch * size))
    let runner = try ContractionRunner(.recurrence(kernel), cap)
    var buffers = [inputs, runner.packed(.recurrence(gates: gates, hiddenSize: size), weights)]
    if form.extraRows > 0 { buffers.append(extra) }
    buffers.append(hidden)
    if form.isLSTM { buffers.append(cell) }
    let first = buffers.count
    let blank = [Float](repeating: 12345, count: batch * size)
    buffers += [[Float](repeating: 12345, count: steps * batch * outputStride), blank] + (form.isLSTM ? [blank] : [])
    let found = try runner.run(
      buffers, results: Array(first..<buffers.count), parameters: [steps, batch], seed: seed)

    func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    for row in 0..<batch {
      var h = (0..<size).map { Double(hidden[row * size + $0]) }
      var c = (0..<size).map { Double(cell[row * size + $0]) }
      for step in 0..<steps {
        let time = isReverse ? steps - 1 - step : step
        func product(_ gate: Int, _ unit: Int, _ state: [Double]) -> Double {
          (0..<size).reduce(0) { $0 + Double(weights[(gate * size + unit) * size + $1]) * state[$1] }
        }
        func input(_ gate: Int, _ unit: Int) -> Double {
          Double(inputs[(time * batch + row) * inputStride + gate * size + unit])
        }
        func more(_ gate: Int, _ unit: Int) -> Double { form.extraRows > 0 ? Double(extra[gate * size + unit]) : 0 }
        var next = h
        let resets =
          form.isLSTM || form.isRNN
          ? []
          : (0..<size).map { logistic(input(1, $0) + product(1, $0, h) + (form == .gru ? 0 : more(1, $0))) }
        for unit in 0..<size {
          if form.isRNN {
            let sum = input(0, unit) + product(0, unit, h)
            next[unit] = form == .rnn ? tanh(sum) : max(0, sum)
          } else if form.isLSTM {
            let old = c[unit]
            let i = logistic(input(0, unit) + product(0, unit, h) + more(0, unit) * old)
            let f = logistic(input(2, unit) + product(2, unit, h) + more(2, unit) * old)
            c[unit] = f * old + i * tanh(input(3, unit) + product(3, unit, h))
            next[unit] =
              logistic(input(1, unit) + product(1, unit, h) + more(1, unit) * c[unit]) * tanh(c[unit])
          } else {
            let z = logistic(input(0, unit) + product(0, unit, h) + more(0, unit))
            let recurrent =
              form == .gru
              ? product(2, unit, zip(resets, h).map { $0 * $1 })
              : resets[unit] * (product(2, unit, h) + more(2, unit))
            let candidate = tanh(input(2, unit) + recurrent)
            next[unit] = (1 - z) * candidate + z * h[unit]
          }
        }
        h = next
        for unit in 0..<size {
          let value = found[0][(time * batch + row) * outputStride + unit]
          if abs(Double(value) - h[unit]) > 2e-5 {
            Issue.record(
              "\(runner.kernel.name) \(form), batch \(batch), seed \(seed): h[\(time), \(row), \(unit)] is \(value), not \(h[unit])"
            )
            return
          }
        }
        for column in size..<outputStride {
          #expect(found[0][(time * batch + row) * outputStride + column] == 12345)
        }
      }
      for unit in 0..<size {
        #expect(abs(Double(found[1][row * size + unit]) - h[unit]) <= 2e-5)
        if form.isLSTM { #expect(abs(Double(found[2][row * size + unit]) - c[unit]) <= 2e-5) }
      }
    }
  }

  /// An LSTM with R of int8. A step is what the interpreter gives; after more of them, an h that lies between two levels
  /// may have become the other one.
  private func checkBytes(
    _ cap: InstructionSet, hasPeepholes: Bool, steps: Int, batch: Int, size: Int, isReverse: Bool, gap: Int,
    seed: UInt64
  ) throws {
    var generator = SplitMix64(state: seed)
    func random(_ count: Int, _ bound: Float = 1) -> [UInt8] {
      [UInt8](bytesOf: (0..<count).map { _ in Float.random(in: -bound...bound, using: &generator) })
    }
    let kernel = RecurrenceKernel(
      cell: .lstm(hasPeepholes: hasPeepholes), hiddenSize: size, isReverse: isReverse, inputRowStride: 4 * size + gap,
      outputRowStride: size + gap, factors: .bytes)
    let weights = (0..<4 * size * size).map { _ in Int8.random(in: .min ... .max, using: &generator) }
    let inputs = random(steps * batch * kernel.inputRowStride, 2)
    let scales = random(4 * size, 1 / (127 * Float(size).squareRoot()))
    let rest = (hasPeepholes ? [random(3 * size)] : []) + [random(batch * size), random(batch * size)]
    let blank = [UInt8](bytesOf: [Float](repeating: 12345, count: batch * size))
    let sequence = [Float](repeating: 12345, count: steps * batch * kernel.outputRowStride)
    let results = [[UInt8](bytesOf: sequence), blank, blank]

    let runner = try ContractionRunner(.recurrence(kernel), cap)
    let packed = [
      runner.packed(.recurrence(gates: 4, hiddenSize: size, factors: .bytes), weights), scales,
      runner.packed(.recurrenceOffsets(gates: 4, hiddenSize: size), weights),
    ]
    let buffers = [inputs] + packed + rest + results
    let written = Array(buffers.count - 3..<buffers.count)
    let found = try runner.run(buffers, results: written, parameters: [steps, batch], seed: seed)
    let plain = [inputs, [UInt8](bytesOf: weights), scales, []] + rest + results
    let memory = plain.map { bytes in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(64, bytes.count), alignment: 64)
      buffer.copyBytes(from: bytes)
      return buffer
    }
    defer { for buffer in memory { buffer.deallocate() } }
    ContractionInterpreter.run(kernel, memory.map { $0.baseAddress! }, [steps, batch])
    let tolerance: Float = steps <= 1 ? 2e-5 : 0.02
    for (position, bytes) in zip(written, found) {
      let expected = Array(UnsafeRawBufferPointer(memory[position]).prefix(bytes.count)).elements(of: Float.self)
      let differs = zip(bytes.elements(of: Float.self), expected).contains { !(abs($0 - $1) <= tolerance) }
      #expect(!differs, "\(cap), \(steps) steps, batch \(batch), \(size) units, seed \(seed), buffer \(position)")
    }
  }

  @Test("Weights of bytes", arguments: ContractionRunner.caps, [false, true])
  func bytes(cap: InstructionSet, hasPeepholes: Bool) throws {
    for (size, batch) in [(1, 1), (3, 2), (8, 7), (15, 3), (16, 6), (17, 5), (33, 13), (64, 4), (100, 1)] {
      for steps in [0, 1, 4] {
        try checkBytes(
          cap, hasPeepholes: hasPeepholes, steps: steps, batch: batch, size: size, isReverse: batch % 2 == 0,
          gap: batch % 3, seed: UInt64(size * 100 + batch * 10 + steps))
      }
    }
  }

  @Test("Hidden sizes", arguments: ContractionRunner.caps, Form.allCases)
  func sizes(cap: InstructionSet, form: Form) throws {
    for size in [1, 3, 8, 15, 16, 17, 33, 64] {
      try check(cap, form, steps: 3, batch: 2, size: size, seed: UInt64(size))
    }
  }

  @Test("Batches, lengths, directions, gaps", arguments: ContractionRunner.caps, Form.allCases)
  func shapes(cap: InstructionSet, form: Form) throws {
    for batch in [1, 2, 5, 6, 7, 13] {
      for steps in [0, 1, 5] {
        try check(
          cap, form, steps: steps, batch: batch, size: 20, isReverse: batch % 2 == 0, gap: batch,
          seed: UInt64(batch * 10 + steps))
      }
    }
  }
}
