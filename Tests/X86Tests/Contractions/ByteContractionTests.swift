import GraphIR
import KernelIR
import Tensors
import Testing
import TileEmulator

@testable import X86

/// Contractions of uint8 by int8, bit for bit what their interpreters give.
@Suite struct ByteContractionTests {
  /// What is done to the sums, over the whole range of numbers.
  private enum Ending: CaseIterable {
    case sums, scaled, requantized, signed, residual, divided, turned, quotients, selected, compared

    func epilogue(rowStride: Int, batchStrides: [Int]) -> Epilogue {
      func operand(_ type: ElementType, _ row: Int, _ column: Int) -> Epilogue.Operand {
        Epilogue.Operand(type, rowStride: row, columnStride: column, batchStrides: batchStrides.map { $0 * row })
      }
      func number(_ value: Float) -> Epilogue.Term { .constant(value.bitPattern) }
      let bias = operand(.int32, 0, 1)
      let scale = operand(.float32, 0, 1)
      // 0 sum, 1 bias, 2 sum + bias, 3 as float, 4 scale, 5 product
      let scaled: [Epilogue.Term] = [
        .accumulator, .operand(0), .binary(.add, 0, 1), .float(2), .operand(1), .binary(.multiply, 3, 4),
      ]
      // 6 rounded, 7 bound, 8 max, 9 bound, 10 min
      let levels: [Epilogue.Term] =
        scaled + [
          .unary(.roundNearestEven, 5), number(-128), .binary(.maximum, 6, 7), number(127), .binary(.minimum, 8, 9),
        ]
      switch self {
      case .sums: return Epilogue(resultType: .int32)
      case .scaled: return Epilogue(operands: [bias, scale], terms: scaled)
      case .requantized:
        return Epilogue(
          operands: [bias, scale], terms: levels + [number(128), .binary(.add, 10, 11)], resultType: .uint8)
      case .signed: return Epilogue(operands: [bias, scale], terms: levels, resultType: .int8)
      case .selected:
        // Where one mask and not the other: the product, elsewhere the bias.
        return Epilogue(
          operands: [bias, scale, operand(.bool, rowStride, 1), operand(.bool, 1, 0)],
          terms: scaled + [
            .operand(2), .operand(3), .unary(.not, 7), .binary(.and, 6, 8), .float(1), .select(9, 5, 10),
          ])
      case .compared:
        return Epilogue(
          operands: [bias, scale, operand(.bool, 0, 1)],
          terms: scaled + [number(0), .compare(.less, 5, 6), .operand(2), .binary(.exclusiveOr, 7, 8)],
          resultType: .bool)
      case .residual:
        // levels · 0.5 + (other − 3) · 0.25, rounded
        return Epilogue(
          operands: [bias, scale, operand(.uint8, rowStride, 1)],
          terms: levels + [
            number(0.5), .binary(.multiply, 10, 11), .operand(2), .float(13), number(3), .binary(.subtract, 14, 15),
            number(0.25), .binary(.multiply, 16, 17), .binary(.add, 12, 18), .unary(.roundNearestEven, 19), number(0),
            .binary(.maximum, 20, 21), number(255), .binary(.minimum, 22, 23),
          ], resultType: .uint8)
      case .divided:
        // (levels · 0.5 + other · 0.25) / 0.37, rounded, between 0 and 255
        return Epilogue(
          operands: [bias, scale, operand(.uint8, rowStride, 1)],
          terms: levels + [
            number(0.5), .binary(.multiply, 10, 11), .operand(2), .float(13), number(0.25), .binary(.multiply, 14, 15),
            .binary(.add, 12, 16), number(0.37), .binary(.divide, 17, 18), .unary(.roundNearestEven, 19), number(0),
            .compare(.greater, 20, 21), .select(22, 20, 21), number(255), .binary(.minimum, 23, 24),
          ], resultType: .uint8)
      case .turned:
        // Divided by a power of two, at most 90, at least -128, and 3 more.
        return Epilogue(
          operands: [bias, scale],
          terms: scaled + [
            number(-0.25), .binary(.divide, 5, 6), .unary(.roundNearestEven, 7), number(90), .compare(.less, 8, 9),
            .select(10, 8, 9), number(-128), .binary(.maximum, 11, 12), number(3), .binary(.add, 13, 14),
          ], resultType: .int8)
      case .quotients:
        return Epilogue(
          operands: [bias, scale],
          terms: scaled + [number(0.018658448), .binary(.divide, 5, 6), .unary(.roundNearestEven, 7)])
      }
    }
  }

  /// Extreme numbers often: pairs of their products do not fit 16 bits.
  private func numbers<Number: FixedWidthInteger>(
    _ count: Int, _ generator: inout SplitMix64
  ) -> [Number] {
    (0..<count).map { _ in
      Bool.random(using: &generator)
        ? [.min, .max].randomElement(using: &generator)! : .random(in: .min ... .max, using: &generator)
    }
  }

  private func operands(
    _ epilogue: Epilogue, rows: Int, columns: Int, depth: Int, _ generator: inout SplitMix64
  ) -> [[UInt8]] {
    epilogue.operands.map { operand in
      let count = operand.rowStride * rows + columns
      switch operand.elementType {
      case .int32:
        return [UInt8](bytesOf: (0..<count).map { _ in Int32.random(in: -100_000...100_000, using: &generator) })
      case .float32:
        let largest = 2 / Float(depth)
        return [UInt8](
          bytesOf: (0..<count).map { _ in Float.random(in: -largest / 100...largest / 50, using: &generator) })
      default: return numbers(count, &generator)
      }
    }
  }

  /// Runs generated code and the interpreter on the same buffers.
  private func check(
    _ kernel: Kernel, _ epilogue: Epilogue, _ cap: InstructionSet, x: [UInt8], weights: [Int8], packing: Packing?,
    operands: [[UInt8]], resultCount: Int, parameters: [Int], seed: UInt64, compiled: CompiledKernel? = nil
  ) throws {
    let size = epilogue.resultType.bitWidth / 8
    let result = [UInt8](repeating: 0xA5, count: resultCount * size)
    let plain = [UInt8](bytesOf: weights)
    let runner = try compiled.map { try ContractionRunner($0, cap) } ?? ContractionRunner(kernel, cap)
    let buffers = [x, packing.map { runner.packed($0, weights) } ?? plain] + operands + [result]
    let found = try runner.run(buffers, results: [buffers.count - 1], parameters: parameters, seed: seed)[0]
    let memory = try ([x, plain] + operands + [result]).map { try GuardedBytes($0, .beforeGuard) }
    let pointers = memory.map(\.pointer)
    switch kernel {
    case .gemm(let gemm): ContractionInterpreter.run(gemm, pointers, parameters)
    case .convolution(let convolution): ContractionInterpreter.run(convolution, pointers, parameters)
    case .depthwise(let depthwise): ContractionInterpreter.run(depthwise, pointers, parameters)
    default: Issue.record("no contraction of bytes")
    }
    let expected = memory[memory.count - 1].bytes
    if let position = expected.indices.first(where: { found[$0] != expected[$0] }) {
      Issue.record(
        "\(kernel.summary) for \(cap), seed \(seed): byte \(position): \(found[position]), not \(expected[position])")
    }
  }

  @Test("Matrix products", arguments: ContractionRunner.caps, Array(0..<60))
  func products(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let rows = Int.random(in: 0...40, using: &generator)
    let columns = Int.random(in: 1...90, using: &generator)
    let depth = 4 * (seed % 10 == 0 ? 1600 : Int.random(in: 1...40, using: &generator))
    let gap = 4 * Int.random(in: 0...1, using: &generator)
    let ending = Ending.allCases[seed % Ending.allCases.count]
    let epilogue = ending.epilogue(rowStride: columns + gap, batchStrides: [])
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth + gap, b: .packed, cRowStride: columns + gap,
      epilogue: epilogue, factors: .bytes)
    let byColumns = Bool.random(using: &generator)
    try check(
      .gemm(gemm), epilogue, cap, x: numbers(rows * (depth + gap), &generator),
      weights: numbers(depth * columns, &generator),
      packing: .gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bytes),
      operands: operands(epilogue, rows: rows, columns: columns, depth: depth * 255, &generator),
      resultCount: rows * (columns + gap), parameters: [rows], seed: UInt64(seed))
    // Weights that lie the other way round are packed alike.
    guard byColumns else { return }
    let packer = Packer(instructionSet: cap)
    let weights: [Int8] = numbers(depth * columns, &generator)
    let turned = (0..<columns).flatMap { n in (0..<depth).map { weights[$0 * columns + n] } }
    let packings = [
      Packing.gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bytes),
      .gemm(depth: depth, columns: columns, rowStride: 1, columnStride: depth, factors: .bytes),
    ]
    let both = zip(packings, [weights, turned]).map { packer.bytes($0, from: $1) }
    #expect(both[0] == both[1])
  }

  @Test("Rows in many tiles, and batches", arguments: ContractionRunner.caps, [1, 16, 17, 33, 49, 64, 65, 100, 131])
  func tiles(cap: InstructionSet, rows: Int) throws {
    var generator = SplitMix64(state: UInt64(rows))
    let (columns, depth, batch) = (35 + rows % 3 * 300, 64 + rows % 2 * 24, 2)
    let epilogue = Ending.residual.epilogue(rowStride: columns, batchStrides: [rows])
    let axis = Gemm.BatchAxis(extent: 0, aStride: rows * depth, bStride: 0, cStride: rows * columns)
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns, batch: [axis],
      epilogue: epilogue, factors: .bytes)
    try check(
      .gemm(gemm), epilogue, cap, x: numbers(batch * rows * depth, &generator),
      weights: numbers(depth * columns, &generator),
      packing: .gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bytes),
      operands: operands(epilogue, rows: batch * rows, columns: columns, depth: depth * 255, &generator),
      resultCount: batch * rows * columns, parameters: [rows, batch], seed: UInt64(rows))
  }

  /// Four loads for four products in a block of two by two tiles, and one configuration a call.
  @Test("Tiles are loaded as often as planned", .enabled(if: InstructionSet.emulatesTiles, "only the emulator counts"))
  func counts() throws {
    let (rows, columns, depth) = (64, 64, 256)
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns,
      epilogue: Epilogue(resultType: .int32), factors: .bytes)
    // Fewer rows than tiles are worth run in vectors.
    #expect(KernelForm(.gemm(gemm), parameters: [2], .amx).tileRows != nil)
    #expect(KernelForm(.gemm(gemm), parameters: [rows], .amx).tileRows == nil)
    let runner = try ContractionRunner(.gemm(gemm), .amx)
    let weights = runner.packed(
      .gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bytes),
      [Int8](repeating: 1, count: depth * columns))
    let before = TileEmulator.counts
    let buffers = [
      [UInt8](repeating: 1, count: rows * depth), weights, [UInt8](repeating: 0, count: rows * columns * 4),
    ]
    let result = try runner.run(buffers, results: [2], parameters: [rows], seed: 0)[0]
    #expect(result.elements(of: Int32.self).allSatisfy { $0 == Int32(depth) })
    // The runner calls twice, the second time perhaps in pieces.
    let counts = TileEmulator.counts - before
    #expect(counts.products == 2 * (4 * 4 * 4))
    #expect(counts.loads == counts.products)
    #expect(counts.stores == 2 * (4 * 4))
    #expect(counts.zeros == counts.stores)
    #expect(counts.configurations >= 4)
  }

  @Test("Convolutions", arguments: ContractionRunner.caps, Array(0..<60))
  func convolutions(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let geometry = geometry(&generator)
    let groups = [1, 1, 1, 2].randomElement(using: &generator)!
    let inputs = groups * 4 * Int.random(in: 1...6, using: &generator)
    let outputs = groups * Int.random(in: 1...40, using: &generator)
    let images = Int.random(in: 0...2, using: &generator)
    let ending = Ending.allCases[seed % Ending.allCases.count]
    let epilogue = ending.epilogue(rowStride: outputs, batchStrides: [])
    let pixels = images * geometry.output.reduce(1, *)
    let depth = geometry.window.reduce(1, *) * inputs / groups
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: inputs, outputChannels: outputs, epilogue: epilogue,
      factors: .bytes)
    try check(
      .convolution(kernel), epilogue, cap, x: numbers(images * geometry.input.reduce(1, *) * inputs, &generator),
      weights: numbers(depth * outputs, &generator),
      packing: .convolution(
        window: geometry.window, groups: groups, inputChannels: inputs, outputChannels: outputs, factors: .bytes),
      operands: operands(epilogue, rows: pixels, columns: outputs, depth: depth * 255, &generator),
      resultCount: pixels * outputs, parameters: [images], seed: UInt64(seed))
  }

  /// What layers of common networks become: which rows are computed, and how many.
  @Test("Convolutions are cut into tiles with few rows in vain")
  func cuts() throws {
    func plan(
      _ extent: Int, window: Int, stride: Int = 1, channels: Int, outputs: Int
    ) -> TileConvolution? {
      let padding = window / 2
      let output = (extent + 2 * padding - window) / stride + 1
      return TileConvolution(
        ConvolutionKernel(
          geometry: ConvolutionGeometry(
            input: [extent, extent], output: [output, output], window: [window, window], strides: [stride, stride],
            dilations: [1, 1], padding: [padding, padding]),
          groups: 1, inputChannels: channels, outputChannels: outputs, factors: .bytes), .amx)
    }
    let deep = try #require(plan(7, window: 3, channels: 512, outputs: 512))
    #expect(deep.mode == .spanning && deep.stripRows(lines: 7) == 61 && deep.tileRows == 16 && deep.tileCount == 4)
    let pointwise = try #require(plan(28, window: 1, channels: 512, outputs: 128))
    #expect(pointwise.mode == .inPlace && pointwise.tileRows == 16 && pointwise.tileCount == 49)
    let halving = try #require(plan(56, window: 3, stride: 2, channels: 128, outputs: 128))
    #expect(halving.mode == .lines && halving.tileRows == 14 && halving.tileCount == 2)
    let skipping = try #require(plan(28, window: 1, stride: 2, channels: 512, outputs: 1024))
    #expect(skipping.mode == .inPlace && skipping.tileRows == 14 && skipping.tileCount == 1)
    // Four channels of an image fill a quarter of a step; a single pixel is a matrix of one row.
    #expect(plan(224, window: 1, channels: 4, outputs: 16) == nil)
    #expect(plan(1, window: 1, channels: 512, outputs: 512) == nil)
  }

  /// Also those for which vectors would be chosen.
  @Test(
    "Convolutions on tiles",
    .enabled(if: InstructionSet.runnable.contains(.amx), "this CPU lacks what kernels on tiles need"),
    arguments: 0..<60)
  func convolutionsOnTiles(seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    var geometry = geometry(&generator)
    // Images that windows leave, and such that they do not.
    if seed % 3 == 0 {
      geometry.padding = geometry.padding.map { _ in 0 }
      geometry.output = geometry.output.indices.map { axis in
        let reach = (geometry.window[axis] - 1) * geometry.dilations[axis] + 1
        return (geometry.input[axis] - reach) / geometry.strides[axis] + 1
      }
    }
    let groups = seed % 5 == 0 ? 2 : 1
    let inputs = groups * 4 * Int.random(in: 1...20, using: &generator)
    let outputs = groups * Int.random(in: 1...70, using: &generator)
    let gap = seed % 4 == 0 ? 4 : 0
    let ending = Ending.allCases[seed % Ending.allCases.count]
    let epilogue = ending.epilogue(rowStride: outputs, batchStrides: [])
    let images = Int.random(in: 1...2, using: &generator)
    let pixels = images * geometry.output.reduce(1, *)
    let depth = geometry.window.reduce(1, *) * inputs / groups
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: inputs, outputChannels: outputs,
      inputPixelStride: inputs + gap, epilogue: epilogue, factors: .bytes)
    // Runs of channels without equal steps are left to vectors.
    guard let plan = TileConvolution(kernel, .amx, mustPay: false) else {
      return #expect(TileSteps(runQuads: inputs / groups / 4) == nil)
    }
    try check(
      .convolution(kernel), epilogue, .amx,
      x: numbers(images * geometry.input.reduce(1, *) * (inputs + gap), &generator),
      weights: numbers(depth * outputs, &generator),
      packing: .convolution(
        window: geometry.window, groups: groups, inputChannels: inputs, outputChannels: outputs, factors: .bytes),
      operands: operands(epilogue, rows: pixels, columns: outputs, depth: depth * 255, &generator),
      resultCount: pixels * outputs, parameters: [images], seed: UInt64(seed),
      compiled: TileConvolutionEmission(kernel, plan, .amx).compile())
  }

  @Test("Depthwise convolutions", arguments: ContractionRunner.caps, Array(0..<60))
  func depthwise(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let geometry = geometry(&generator)
    let channels = Int.random(in: 1...70, using: &generator)
    let images = Int.random(in: 0...2, using: &generator)
    let ending = Ending.allCases[seed % Ending.allCases.count]
    let epilogue = ending.epilogue(rowStride: channels, batchStrides: [])
    let pixels = images * geometry.output.reduce(1, *)
    let taps = geometry.window.reduce(1, *)
    try check(
      .depthwise(DepthwiseKernel(geometry: geometry, channels: channels, epilogue: epilogue, factors: .bytes)),
      epilogue, cap, x: numbers(images * geometry.input.reduce(1, *) * channels, &generator),
      weights: numbers(taps * channels, &generator), packing: nil,
      operands: operands(epilogue, rows: pixels, columns: channels, depth: taps * 255, &generator),
      resultCount: pixels * channels, parameters: [images], seed: UInt64(seed))
  }

  private func geometry(_ generator: inout SplitMix64) -> ConvolutionGeometry {
    let rank = Int.random(in: 1...3, using: &generator)
    func some(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in Int.random(in: range, using: &generator) } }
    let (input, window, strides) = (some(rank == 3 ? 5...8 : 5...20), some(1...3), some(1...2))
    let (dilations, padding) = (some(1...2), some(0...2))
    let output: [Int] = (0..<rank).map { (axis: Int) -> Int in
      let reach = (window[axis] - 1) * dilations[axis] + 1
      return (input[axis] + 2 * padding[axis] - reach) / strides[axis] + 1
    }
    return ConvolutionGeometry(
      input: input, output: output, window: window, strides: strides, dilations: dilations, padding: padding)
  }
}
