import GraphIR
import KernelIR
import TestSupport
import Testing

@testable import X86

/// Generated convolutions against exact sums.
@Suite struct ConvolutionTests {
  struct Case {
    var images = 1
    var input: [Int]
    var window: [Int]
    var strides: [Int]?
    var dilations: [Int]?
    /// At the start of each axis, and at its end.
    var padding: [Int]?
    var endPadding: [Int]?
    var groups = 1
    var inputChannels: Int
    var outputChannels: Int
    var gap = 0
    var isDepthwise = false

    var geometry: ConvolutionGeometry {
      let ones = input.map { _ in 1 }
      let (strides, dilations) = (strides ?? ones, dilations ?? ones)
      let (padding, end) = (padding ?? input.map { _ in 0 }, endPadding ?? padding ?? input.map { _ in 0 })
      let output = input.indices.map { axis in
        let reach = (window[axis] - 1) * dilations[axis] + 1
        return max(0, (input[axis] + padding[axis] + end[axis] - reach) / strides[axis] + 1)
      }
      return ConvolutionGeometry(
        input: input, output: output, window: window, strides: strides, dilations: dilations, padding: padding)
    }
  }

  private func check(
    _ cap: InstructionSet, _ test: Case, seed: UInt64,
    epilogue: EpilogueCase = EpilogueCase(testDescription: "none", epilogue: .none)
  ) throws {
    var generator = SplitMix64(state: seed)
    let geometry = test.geometry
    let (inputStride, outputStride) = (test.inputChannels + test.gap, test.outputChannels + test.gap)
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: test.groups, inputChannels: test.inputChannels, outputChannels: test.outputChannels,
      inputPixelStride: inputStride, outputPixelStride: outputStride, epilogue: epilogue.epilogue)
    let pixels = test.images * geometry.output.reduce(1, *)
    let x = wholeNumbers(test.images * geometry.input.reduce(1, *) * inputStride, &generator)
    let groupChannels = test.inputChannels / test.groups
    let filter = wholeNumbers(
      geometry.window.reduce(1, *) * groupChannels * test.outputChannels, &generator)
    let operands = epilogue.epilogue.operands.map {
      wholeNumbers(max(1, $0.rowStride * pixels + test.outputChannels), &generator)
    }
    let sentinel: Float = 12345
    let depthwise = DepthwiseKernel(
      geometry: geometry, channels: test.outputChannels, groupInputs: groupChannels,
      groupOutputs: test.outputChannels / test.groups, inputPixelStride: inputStride, outputPixelStride: outputStride,
      epilogue: epilogue.epilogue)
    let runner = try ContractionRunner(test.isDepthwise ? .depthwise(depthwise) : .convolution(kernel), cap)
    let packing = Packing.convolution(
      window: geometry.window, groups: test.groups, inputChannels: test.inputChannels,
      outputChannels: test.outputChannels)
    let result = try runner.run(
      [x, test.isDepthwise ? filter : runner.packed(packing, filter)] + operands + [
        [Float](repeating: sentinel, count: pixels * outputStride)
      ],
      results: [2 + operands.count], parameters: [test.images], seed: seed)[0]

    var pixel = 0
    for image in 0..<test.images {
      for output in positions(geometry.output) {
        for channel in 0..<outputStride {
          let found = result[pixel * outputStride + channel]
          guard channel < test.outputChannels else {
            if found != sentinel { Issue.record("\(runner.kernel.name) writes between pixels") }
            continue
          }
          let group = channel / (test.outputChannels / test.groups)
          var sum: Float = 0
          for (tap, offset) in positions(geometry.window).enumerated() {
            var place = image
            var isInside = true
            for axis in geometry.input.indices {
              let position =
                output[axis] * geometry.strides[axis] - geometry.padding[axis] + offset[axis] * geometry.dilations[axis]
              isInside = isInside && (0..<geometry.input[axis]).contains(position)
              place = place * geometry.input[axis] + position
            }
            guard isInside else { continue }
            for c in 0..<groupChannels {
              sum +=
                x[place * inputStride + group * groupChannels + c]
                * filter[(tap * groupChannels + c) * test.outputChannels + channel]
            }
          }
          let elements = zip(epilogue.epilogue.operands, operands).map {
            $1[pixel * $0.rowStride + channel * $0.columnStride]
          }
          let expected = epilogue.apply(sum, elements)
          if !epilogue.accepts(found, expected) {
            Issue.record(
              "\(runner.kernel.name), \(test), \(epilogue.testDescription): image \(image), \(output), channel \(channel) is \(found), not \(expected)"
            )
            return
          }
        }
        pixel += 1
      }
    }
  }

  /// All positions of a grid, row-major.
  private func positions(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { rows, extent in rows.flatMap { row in (0..<extent).map { row + [$0] } } }
  }

  @Test("Pointwise", arguments: ContractionRunner.caps)
  func pointwise(cap: InstructionSet) throws {
    for (height, width) in [(1, 1), (3, 5), (7, 7), (14, 14), (9, 31), (40, 40)] {
      for (c, m) in [(3, 16), (40, 33), (16, 96)] {
        try check(
          cap, Case(images: 2, input: [height, width], window: [1, 1], inputChannels: c, outputChannels: m), seed: 1)
      }
    }
  }

  @Test("Pointwise with strides, gaps and rows that share cache sets", arguments: ContractionRunner.caps)
  func pointwiseStrided(cap: InstructionSet) throws {
    for stride in 1...3 {
      try check(
        cap,
        Case(
          images: 2, input: [15, 22], window: [1, 1], strides: [stride, stride], inputChannels: 7,
          outputChannels: 20, gap: 5), seed: 1)
    }
    try check(cap, Case(input: [3, 14], window: [1, 1], inputChannels: 1024, outputChannels: 100), seed: 1)
    try check(
      cap, Case(input: [5, 27], window: [1, 1], strides: [1, 2], inputChannels: 512, outputChannels: 130), seed: 1)
  }

  @Test("3×3 of every width", arguments: ContractionRunner.caps)
  func widths(cap: InstructionSet) throws {
    for width in 1...33 {
      try check(
        cap, Case(input: [5, width], window: [3, 3], padding: [1, 1], inputChannels: 5, outputChannels: 35),
        seed: UInt64(width))
    }
  }

  @Test("Strides, dilations and paddings", arguments: ContractionRunner.caps)
  func geometries(cap: InstructionSet) throws {
    for stride in 1...3 {
      for dilation in 1...3 {
        for padding in [0, 1, 4] {
          try check(
            cap,
            Case(
              images: 2, input: [11, 17], window: [3, 3], strides: [stride, stride], dilations: [dilation, dilation],
              padding: [padding, padding], inputChannels: 3, outputChannels: 17), seed: 1)
        }
      }
    }
  }

  @Test("First layers", arguments: ContractionRunner.caps)
  func firstLayers(cap: InstructionSet) throws {
    try check(
      cap,
      Case(input: [30, 33], window: [7, 7], strides: [2, 2], padding: [3, 3], inputChannels: 3, outputChannels: 64),
      seed: 1)
    try check(
      cap,
      Case(
        input: [32, 32], window: [3, 3], strides: [2, 2], padding: [0, 0], endPadding: [1, 1], inputChannels: 3,
        outputChannels: 24), seed: 2)
    try check(
      cap, Case(input: [20, 20], window: [5, 5], padding: [2, 2], inputChannels: 1, outputChannels: 6), seed: 3)
  }

  @Test("Groups", arguments: ContractionRunner.caps)
  func groups(cap: InstructionSet) throws {
    for (groups, c, m) in [(2, 8, 40), (4, 4, 4), (3, 9, 60), (5, 5, 10)] {
      try check(
        cap,
        Case(
          images: 2, input: [6, 15], window: [3, 3], padding: [1, 1], groups: groups, inputChannels: c,
          outputChannels: m), seed: 1)
    }
  }

  @Test("One and three axes, wide windows", arguments: ContractionRunner.caps)
  func axes(cap: InstructionSet) throws {
    try check(
      cap, Case(images: 2, input: [100], window: [3], padding: [1], inputChannels: 10, outputChannels: 40), seed: 1)
    try check(
      cap, Case(input: [200], window: [25], strides: [3], padding: [12], inputChannels: 2, outputChannels: 20), seed: 2)
    try check(cap, Case(input: [10], window: [25], padding: [12], inputChannels: 2, outputChannels: 20), seed: 3)
    try check(
      cap, Case(input: [4, 5, 16], window: [3, 3, 3], padding: [1, 1, 1], inputChannels: 4, outputChannels: 18), seed: 4
    )
    try check(
      cap,
      Case(
        input: [6, 5, 9], window: [2, 1, 3], strides: [2, 1, 2], padding: [0, 2, 1], inputChannels: 3,
        outputChannels: 5), seed: 5)
    try check(
      cap,
      Case(
        images: 2, input: [3, 40, 1], window: [1, 5, 1], strides: [2, 2, 1], padding: [0, 2, 0], inputChannels: 7,
        outputChannels: 20), seed: 7)
    try check(cap, Case(input: [3, 3], window: [3, 3], inputChannels: 30, outputChannels: 70), seed: 6)
  }

  @Test("Tiles cut a line in order, and those of a class see the same of the window")
  func tilesOfALine() {
    var random = SeededGenerator(seed: 77)
    for _ in 0..<2_000 {
      let window = Int.random(in: 1...14, using: &random)
      let dilation = Int.random(in: 1...40, using: &random)
      let stride = Int.random(in: 1...4, using: &random)
      let padding = Int.random(in: -3...30, using: &random)
      let input = Int.random(in: 1...300, using: &random)
      let output = Int.random(in: 1...300, using: &random)
      let shape = ConvolutionShape(
        ConvolutionGeometry(
          input: [2, input], output: [2, output], window: [2, window], strides: [1, stride],
          dilations: [1, dilation], padding: [0, padding]))
      var (pixel, tile) = (0, 0)
      for tiles in shape.tileClasses(largest: 14) {
        #expect(tiles.first == tile && tiles.start == pixel && tiles.pixels <= 14)
        for start in (0..<tiles.count).map({ pixel + $0 * tiles.pixels }) where !tiles.seen.isEmpty {
          let seen = (0..<window).map { tap in (start..<start + tiles.pixels).map { shape.sees($0, tap) } }
          #expect(tiles.seen == seen)
        }
        tile += tiles.count
        pixel += tiles.count * tiles.pixels
      }
      #expect(pixel == output)
    }
  }

  @Test("Lines of any width are cut at once")
  func tilesOfAHugeLine() {
    let width = 1 << 40
    let shape = ConvolutionShape(
      ConvolutionGeometry(
        input: [2, width], output: [2, width], window: [1, 3], strides: [1, 1], dilations: [1, 1], padding: [0, 1]))
    let classes = shape.tileClasses(largest: 14)
    #expect(classes.reduce(0) { $0 + $1.count * $1.pixels } == width)
    #expect(classes.count < 10)
  }

  @Test("Every epilogue", arguments: ContractionRunner.caps, EpilogueCase.all(rowStride: 0).indices)
  func epilogues(cap: InstructionSet, form: Int) throws {
    for (c, m) in [(4, 35), (6, 300)] {
      try check(
        cap, Case(images: 2, input: [5, 19], window: [3, 3], padding: [1, 1], inputChannels: c, outputChannels: m),
        seed: 1, epilogue: EpilogueCase.all(rowStride: m + 2)[form])
      try check(
        cap, Case(images: 3, input: [4, 19], window: [1, 1], inputChannels: c, outputChannels: m, gap: 3),
        seed: 1, epilogue: EpilogueCase.all(rowStride: m + 2)[form])
    }
  }

  @Test("Random convolutions", arguments: ContractionRunner.caps, 0..<60)
  func random(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed) &* 91)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let rank = pick(1...3)
    func each(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in pick(range) } }
    let groups = pick(0...3) == 0 ? pick(2...4) : 1
    let window = each(1...4)
    let test = Case(
      images: pick(1...3), input: each(rank == 3 ? 1...9 : 1...24), window: window, strides: each(1...3),
      dilations: each(1...2), padding: each(0...3), endPadding: each(0...3), groups: groups,
      inputChannels: groups * pick(1...20), outputChannels: groups * pick(1...60), gap: pick(0...4))
    guard test.geometry.output.allSatisfy({ $0 > 0 }) else { return }
    let epilogues = EpilogueCase.all(rowStride: test.outputChannels + pick(0...3))
    try check(cap, test, seed: UInt64(seed), epilogue: epilogues[pick(0...epilogues.count - 1)])
  }

  // MARK: Depthwise

  private func depthwise(_ channels: Int, _ test: Case) -> Case {
    var test = test
    (test.groups, test.inputChannels, test.outputChannels, test.isDepthwise) = (channels, channels, channels, true)
    return test
  }

  @Test("Depthwise: every width and channel tail", arguments: ContractionRunner.caps)
  func depthwiseWidths(cap: InstructionSet) throws {
    for width in 1...33 {
      try check(
        cap,
        depthwise(
          width,
          Case(images: 2, input: [5, width], window: [3, 3], padding: [1, 1], inputChannels: 0, outputChannels: 0)),
        seed: UInt64(width))
    }
    for channels in [64, 100, 256, 257, 600] {
      try check(
        cap,
        depthwise(
          channels,
          Case(input: [6, 15], window: [5, 5], padding: [2, 2], inputChannels: 0, outputChannels: 0, gap: 3)),
        seed: 1)
    }
  }

  @Test("Several groups in a vector", arguments: ContractionRunner.caps)
  func smallGroups(cap: InstructionSet) throws {
    for (inputs, outputs) in [(1, 2), (1, 4), (2, 2), (1, 8), (2, 4), (3, 4), (4, 4), (5, 8), (8, 8)] {
      if outputs * 2 > (cap >= .avx512 ? 16 : 8) { continue }
      for groups in [1, 3, 8, 21] {
        for (window, stride, width) in [(3, 1, 13), (3, 2, 20), (1, 1, 9), (13, 1, 30)] {
          var test = Case(
            images: 2, input: [3, width], window: [2, window], strides: [1, stride], padding: [1, window / 2],
            groups: groups, inputChannels: groups * inputs, outputChannels: groups * outputs, gap: groups % 2)
          test.isDepthwise = true
          try check(
            cap, test, seed: UInt64(groups), epilogue: EpilogueCase.all(rowStride: groups * outputs + 1)[groups % 3])
        }
      }
    }
  }

  @Test("Depthwise: every epilogue", arguments: ContractionRunner.caps, EpilogueCase.all(rowStride: 0).indices)
  func depthwiseEpilogues(cap: InstructionSet, form: Int) throws {
    try check(
      cap,
      depthwise(
        37, Case(images: 2, input: [5, 19], window: [3, 3], padding: [1, 1], inputChannels: 0, outputChannels: 0)),
      seed: 1, epilogue: EpilogueCase.all(rowStride: 40)[form])
  }

  @Test("Depthwise: random", arguments: ContractionRunner.caps, 0..<60)
  func depthwiseRandom(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed) &* 57)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let rank = pick(1...3)
    func each(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in pick(range) } }
    var window = each(1...5)
    if pick(0...5) == 0 { window[rank - 1] = pick(12...20) }
    let test = depthwise(
      pick(1...80),
      Case(
        images: pick(1...3), input: each(rank == 3 ? 1...9 : 1...30), window: window, strides: each(1...3),
        dilations: each(1...2), padding: each(0...3), endPadding: each(0...3), inputChannels: 0, outputChannels: 0,
        gap: pick(0...4)))
    guard test.geometry.output.allSatisfy({ $0 > 0 }) else { return }
    let epilogues = EpilogueCase.all(rowStride: test.outputChannels + pick(0...3))
    try check(cap, test, seed: UInt64(seed), epilogue: epilogues[pick(0...epilogues.count - 1)])
  }
}
