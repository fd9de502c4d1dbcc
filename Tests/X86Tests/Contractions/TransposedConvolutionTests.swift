import GraphIR
import KernelIR
import Testing

@testable import X86

/// Generated transposed convolutions against the kernel's interpreter.
@Suite struct TransposedConvolutionTests {
  struct Case {
    var images = 1
    var input: [Int]
    var window: [Int]
    var strides: [Int]
    var dilations: [Int]?
    var padding: [Int]?
    /// Besides what the windows reach; negative crops.
    var extra: [Int]?
    var groups = 1
    var inputChannels: Int
    var outputChannels: Int
    var gap = 0

    var geometry: ConvolutionGeometry {
      let dilations = dilations ?? input.map { _ in 1 }
      let (padding, extra) = (padding ?? input.map { _ in 0 }, extra ?? input.map { _ in 0 })
      let output = input.indices.map { axis in
        let reach = (window[axis] - 1) * dilations[axis] + 1
        return max(0, (input[axis] - 1) * strides[axis] + reach + extra[axis] - padding[axis])
      }
      return ConvolutionGeometry(
        input: input, output: output, window: window, strides: strides, dilations: dilations, padding: padding)
    }
  }

  private func check(_ cap: InstructionSet, _ test: Case, seed: UInt64, epilogue: EpilogueCase? = nil) throws {
    var generator = SplitMix64(state: seed)
    let geometry = test.geometry
    let epilogue = epilogue ?? EpilogueCase(testDescription: "none", epilogue: .none)
    let kernel = TransposedConvolutionKernel(
      geometry: geometry, groups: test.groups, inputChannels: test.inputChannels, outputChannels: test.outputChannels,
      inputPixelStride: test.inputChannels + test.gap, outputPixelStride: test.outputChannels + test.gap,
      epilogue: epilogue.epilogue)
    let pixels = test.images * geometry.output.reduce(1, *)
    let x = wholeNumbers(test.images * geometry.input.reduce(1, *) * kernel.inputPixelStride, &generator)
    let filter = wholeNumbers(
      geometry.window.reduce(1, *) * test.inputChannels * test.outputChannels / test.groups, &generator)
    let operands = epilogue.epilogue.operands.map {
      wholeNumbers(max(1, $0.rowStride * pixels + test.outputChannels), &generator)
    }
    let untouched = [Float](repeating: 12345, count: pixels * kernel.outputPixelStride)
    var expected = [x, filter] + operands + [untouched]
    let pointers = expected.indices.map { index in
      UnsafeMutableRawPointer.allocate(byteCount: max(4, expected[index].count * 4), alignment: 64)
    }
    defer { for pointer in pointers { pointer.deallocate() } }
    for (pointer, values) in zip(pointers, expected) {
      values.withUnsafeBytes {
        pointer.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: $0.count)
      }
    }
    ContractionInterpreter.run(kernel, pointers, [test.images])
    let result = pointers.count - 1
    let floats = pointers[result].assumingMemoryBound(to: Float.self)
    expected[result] = (0..<untouched.count).map { floats[$0] }

    let runner = try ContractionRunner(.transposedConvolution(kernel), cap)
    let packing = Packing.transposedConvolution(
      TransposedPhases(geometry), groups: test.groups, inputChannels: test.inputChannels,
      outputChannels: test.outputChannels)
    let found = try runner.run(
      [x, runner.packed(packing, filter)] + operands + [untouched], results: [result], parameters: [test.images],
      seed: seed)[0]
    for index in found.indices where !epilogue.accepts(found[index], expected[result][index]) {
      Issue.record(
        "\(runner.kernel.name), \(test), \(epilogue.testDescription): element \(index) is \(found[index]), not \(expected[result][index])"
      )
      return
    }
  }

  @Test("Windows of the stride's size", arguments: ContractionRunner.caps)
  func tiling(cap: InstructionSet) throws {
    for (channels, features) in [(3, 1), (7, 16), (5, 40)] {
      for size in [1, 3, 15, 30] {
        try check(
          cap,
          Case(
            images: 2, input: [3, size], window: [2, 2], strides: [2, 2], inputChannels: channels,
            outputChannels: features, gap: size % 2), seed: UInt64(size))
      }
    }
    try check(
      cap, Case(input: [2, 2, 5], window: [3, 1, 2], strides: [3, 1, 2], inputChannels: 4, outputChannels: 18), seed: 1)
    // More stride than window leaves a phase without any position.
    try check(
      cap, Case(input: [4, 5], window: [2, 1], strides: [3, 2], inputChannels: 4, outputChannels: 6), seed: 2)
  }

  @Test("Windows over each other, padding and extra output", arguments: ContractionRunner.caps)
  func geometries(cap: InstructionSet) throws {
    for window in 1...5 {
      for stride in 1...3 {
        for dilation in 1...3 {
          for padding in 0...4 {
            let reach = (window - 1) * dilation + 1
            try check(
              cap,
              Case(
                input: [4, 17], window: [window, window], strides: [stride, stride], dilations: [dilation, dilation],
                padding: [padding, min(padding, reach)], extra: [padding % stride, -(padding % 2)], inputChannels: 3,
                outputChannels: 17), seed: 1)
          }
        }
      }
    }
  }

  @Test("Every epilogue", arguments: ContractionRunner.caps, EpilogueCase.all(rowStride: 0).indices)
  func epilogues(cap: InstructionSet, form: Int) throws {
    for (window, features) in [(2, 35), (4, 20)] {
      try check(
        cap,
        Case(
          images: 2, input: [5, 9], window: [window, window], strides: [2, 2], padding: [window / 3, window / 3],
          inputChannels: 6, outputChannels: features), seed: 1,
        epilogue: EpilogueCase.all(rowStride: features + 2)[form])
    }
  }

  @Test("Random", arguments: ContractionRunner.caps, 0..<60)
  func random(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed) &* 77)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let rank = pick(1...3)
    func each(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in pick(range) } }
    let groups = pick(0...3) == 0 ? pick(2...4) : 1
    let test = Case(
      images: pick(1...3), input: each(rank == 3 ? 1...5 : 1...20), window: each(1...4), strides: each(1...3),
      dilations: each(1...2), padding: each(0...2), extra: each(0...2), groups: groups,
      inputChannels: groups * pick(1...20), outputChannels: groups * pick(1...40), gap: pick(0...4))
    let epilogues = EpilogueCase.all(rowStride: test.outputChannels + pick(0...3))
    try check(cap, test, seed: UInt64(seed), epilogue: epilogues[pick(0...epilogues.count - 1)])
  }
}
