import GraphIR
import KernelIR
import Testing
import TileEmulator

@testable import X86

/// Convolutions of float32 as products of bfloat16 parts on tiles.
@Suite(.enabled(if: InstructionSet.runnable.contains(.amx), "this CPU lacks what kernels on tiles need"))
struct SplitConvolutionTests {
  private struct Case {
    var kernel: ConvolutionKernel
    var images: Int

    var inputCount: Int { images * kernel.geometry.input.reduce(1, *) * kernel.inputPixelStride }
    var pixels: Int { images * kernel.geometry.output.reduce(1, *) }
    var filterCount: Int {
      kernel.geometry.window.reduce(1, *) * kernel.inputChannels / kernel.groups * kernel.outputChannels
    }

    /// What tiles give, whatever it costs, or vectors.
    func run(
      _ x: [Float], _ filter: [Float], _ operands: [[Float]] = [], onTiles: Bool = true,
      floats: FloatProducts = .float32
    ) throws -> [Float] {
      let cap: InstructionSet = onTiles ? .amx : .avx512
      let compiled: CompiledKernel
      if onTiles {
        let plan = try #require(TileConvolution(kernel, cap, floats: floats, mustPay: false))
        compiled = try TileConvolutionEmission(kernel, plan, cap).compile()
      } else {
        compiled = try ContractionCompiler(instructionSet: cap).compile(.convolution(kernel))
      }
      let runner = try ContractionRunner(compiled, cap)
      let packing = Packing.convolution(
        window: kernel.geometry.window, groups: kernel.groups, inputChannels: kernel.inputChannels,
        outputChannels: kernel.outputChannels)
      let y = [Float](repeating: 12345, count: pixels * kernel.outputPixelStride)
      return try runner.run(
        [x, runner.packed(packing, filter)] + operands + [y], results: [2 + operands.count], parameters: [images],
        seed: 1)[0]
    }

    /// The plain meaning.
    func interpret(_ x: [Float], _ filter: [Float], _ operands: [[Float]]) throws -> [Float] {
      let y = [Float](repeating: 12345, count: pixels * kernel.outputPixelStride)
      let memory = try ([x, filter] + operands + [y]).map { try GuardedBytes([UInt8](bytesOf: $0), .beforeGuard) }
      ContractionInterpreter.run(kernel, memory.map(\.pointer), [images])
      return memory[memory.count - 1].bytes.elements(of: Float.self)
    }
  }

  private func geometry(
    _ input: [Int], window: [Int], stride: Int = 1, dilation: Int = 1, padding: Int = 0
  ) -> ConvolutionGeometry {
    ConvolutionGeometry(
      input: input,
      output: input.indices.map { (input[$0] + 2 * padding - (window[$0] - 1) * dilation - 1) / stride + 1 },
      window: window, strides: input.map { _ in stride }, dilations: input.map { _ in dilation },
      padding: input.map { _ in padding })
  }

  @Test("Whole numbers are exact, whatever the shape", arguments: 0..<40)
  func shapes(seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let rank = seed % 6 == 0 ? 1 : seed % 6 == 4 || seed % 6 == 5 ? 3 : 2
    let window = (0..<rank).map { _ in pick(1...3) }
    let geometry = geometry(
      (0..<rank).map { _ in rank == 3 ? pick(5...8) : pick(6...20) }, window: window, stride: pick(1...2),
      dilation: pick(1...2),
      padding: pick(0...2))
    let groups = seed % 5 == 0 ? 2 : 1
    // So many channels that the filter is split in chunks, too.
    let inputs = groups * (seed % 10 == 3 ? 300 : pick(1...70))
    let outputs = groups * (seed % 10 == 3 ? 20 : pick(1...70))
    let epilogue = EpilogueCase.all(rowStride: outputs)[seed % 4].epilogue
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: inputs, outputChannels: outputs,
      inputPixelStride: inputs + seed % 3, epilogue: epilogue)
    let test = Case(kernel: kernel, images: 1 + seed % 2)
    let x = wholeNumbers(test.inputCount, &generator)
    let filter = wholeNumbers(test.filterCount, &generator)
    let operands = epilogue.operands.map { wholeNumbers($0.rowStride * test.pixels + outputs, &generator) }
    let found = try test.run(x, filter, operands)
    let expected = try test.interpret(x, filter, operands)
    if let position = found.indices.first(where: { found[$0] != expected[$0] }) {
      Issue.record("seed \(seed), \(kernel): \(position) is \(found[position]), not \(expected[position])")
    }
  }

  /// An image with infinities, numbers that are none, or too large for parts has them where vectors have them; the other
  /// images have the bits that they would have beside any other.
  @Test("Special numbers concern their own image", arguments: [Float.infinity, -.infinity, .nan, 3.4e38])
  func specials(special: Float) throws {
    var generator = SplitMix64(state: 5)
    let kernel = ConvolutionKernel(
      geometry: geometry([12, 12], window: [3, 3], padding: 1), groups: 1, inputChannels: 40, outputChannels: 35)
    let test = Case(kernel: kernel, images: 2)
    let plain = (0..<test.inputCount).map { _ in Float.random(in: -1...1, using: &generator) }
    let filter = (0..<test.filterCount).map { _ in Float.random(in: -1...1, using: &generator) }
    var x = plain
    x[Int.random(in: 0..<x.count / 2, using: &generator)] = special
    let usual = try test.run(plain, filter)
    let found = try test.run(x, filter)
    let vectors = try test.run(x, filter, onTiles: false)
    let half = found.count / 2
    #expect(found[half...].map(\.bitPattern) == usual[half...].map(\.bitPattern))
    func agrees(_ left: Float, _ right: Float) -> Bool {
      left == right || left.isNaN && right.isNaN || abs(left - right) <= 1e-5 * max(1, abs(right))
    }
    #expect(zip(found, vectors).allSatisfy(agrees))
    #expect(found[..<half].contains { !($0.magnitude < 1e30) })

    // In the filter they concern every image.
    var inFilter = filter
    inFilter[Int.random(in: filter.indices, using: &generator)] = special
    let all = try test.run(plain, inFilter)
    #expect(zip(all, try test.run(plain, inFilter, onTiles: false)).allSatisfy(agrees))
  }

  @Test("Errors are no larger than those of float32", arguments: [16, 64, 300])
  func errors(channels: Int) throws {
    var generator = SplitMix64(state: UInt64(channels))
    let kernel = ConvolutionKernel(
      geometry: geometry([7, 7], window: [3, 3], padding: 1), groups: 1, inputChannels: channels, outputChannels: 32)
    let test = Case(kernel: kernel, images: 1)
    let x = (0..<test.inputCount).map { _ in Float.random(in: -1...1, using: &generator) }
    let filter = (0..<test.filterCount).map { _ in Float.random(in: -1...1, using: &generator) }
    // Sums in float64.
    let exact = try test.interpret(x, filter, [])
    func error(_ values: [Float]) -> Double {
      zip(values, exact).reduce(0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }.squareRoot()
    }
    #expect(error(try test.run(x, filter)) <= 1.5 * error(try test.run(x, filter, onTiles: false)))
    let size = exact.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    #expect(error(try test.run(x, filter, floats: .fast)) <= 2e-5 * size)
  }

  @Test("Layers of common networks run on tiles, small ones do not")
  func choice() {
    func plan(_ extent: Int, window: Int, stride: Int = 1, _ inputs: Int, _ outputs: Int) -> TileConvolution? {
      TileConvolution(
        ConvolutionKernel(
          geometry: geometry([extent, extent], window: [window, window], stride: stride, padding: window / 2),
          groups: 1, inputChannels: inputs, outputChannels: outputs), .amx)
    }
    for (extent, window, stride, inputs, outputs) in [
      (56, 3, 1, 64, 64), (56, 1, 1, 64, 256), (28, 3, 1, 128, 128), (14, 3, 1, 256, 256), (7, 3, 1, 512, 512),
      (56, 3, 2, 128, 128), (14, 1, 1, 1024, 256),
    ] {
      #expect(plan(extent, window: window, stride: stride, inputs, outputs) != nil, "\(extent) \(window) \(inputs)")
    }
    #expect(plan(224, window: 7, stride: 2, 3, 64) == nil)
    #expect(plan(1, window: 1, 512, 512) == nil)
    #expect(plan(14, window: 1, 8, 8) == nil)
  }
}
