import GraphIR
import KernelIR
import Tensors
import Testing
import TileEmulator

@testable import X86

/// Contractions of bfloat16 against their interpreters: the same bits where sums are exact, else within what float32 sums
/// may be apart.
@Suite struct BFloat16ContractionTests {
  /// What the factors are.
  enum Numbers: CaseIterable {
    /// Small integers.
    case whole
    /// Whatever float32 has, weights not yet rounded.
    case real
    /// Some infinities and NaN among small integers.
    case special
  }

  private func factors(_ count: Int, _ numbers: Numbers, _ generator: inout SplitMix64) -> [Float] {
    switch numbers {
    case .whole: return wholeNumbers(count, &generator)
    case .real: return (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
    case .special:
      return wholeNumbers(count, &generator).map { number in
        switch Int.random(in: 0..<400, using: &generator) {
        case 0: .infinity
        case 1: .nan
        default: number
        }
      }
    }
  }

  private func rounded(_ numbers: [Float]) -> [UInt8] {
    [UInt8](bytesOf: numbers.map { FloatFormat.bfloat16.encode($0) })
  }

  private func epilogue(rowStride: Int, result: ElementType, _ generator: inout SplitMix64) -> Epilogue {
    let type: ElementType = Bool.random(using: &generator) ? .bfloat16 : .float32
    func operand(_ row: Int, _ column: Int) -> Epilogue.Operand {
      Epilogue.Operand(type, rowStride: row, columnStride: column)
    }
    let sum: [Epilogue.Term] = [.accumulator, .operand(0), .binary(.add, 0, 1)]
    let zero = Epilogue.Term.constant(0)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: return Epilogue(resultType: result)
    case 1: return Epilogue(operands: [operand(0, 1)], terms: sum, resultType: result)
    case 2:
      return Epilogue(
        operands: [operand(0, 1), operand(rowStride, 1)],
        terms: sum + [.operand(1), .binary(.add, 2, 3), zero, .binary(.maximum, 4, 5)], resultType: result)
    default:
      return Epilogue(
        operands: [operand(0, 1), operand(0, 0)],
        terms: sum + [.operand(1), .binary(.multiply, 2, 3), .unary(.hyperbolicTangent, 4)], resultType: result)
    }
  }

  private func operands(_ epilogue: Epilogue, rows: Int, columns: Int, _ generator: inout SplitMix64) -> [[UInt8]] {
    epilogue.operands.map { operand in
      let numbers = wholeNumbers(operand.rowStride * rows + columns, &generator)
      return operand.elementType == .bfloat16 ? rounded(numbers) : [UInt8](bytesOf: numbers)
    }
  }

  private func values(_ bytes: [UInt8], _ type: ElementType) -> [Float] {
    type == .float32
      ? bytes.elements(of: Float.self) : bytes.elements(of: UInt16.self).map { Float(bfloat16: $0) }
  }

  /// Runs generated code and the interpreter on the same buffers.
  /// - Parameter compiled: what runs; nil for what the kernel is compiled to.
  private func check(
    _ kernel: Kernel, _ epilogue: Epilogue, _ cap: InstructionSet, x: [Float], weights: [Float], packing: Packing,
    depth: Int, operands: [[UInt8]], resultCount: Int, parameters: [Int], exactly: Bool, seed: UInt64,
    compiled: CompiledKernel? = nil
  ) throws {
    let size = epilogue.resultType.bitWidth / 8
    let result = [UInt8](repeating: 0xA5, count: resultCount * size)
    let runner = try compiled.map { try ContractionRunner($0, cap) } ?? ContractionRunner(kernel, cap)
    let packed = [UInt8](bytesOf: runner.packed(packing, weights))
    let buffers = [rounded(x), packed] + operands + [result]
    let found = try runner.run(buffers, results: [buffers.count - 1], parameters: parameters, seed: seed)[0]
    let plain = try packing.plain(Tensor(Shape([weights.count]), weights)).elements(of: Float.self)
    let memory = try ([rounded(x), [UInt8](bytesOf: plain)] + operands + [result]).map {
      try GuardedBytes($0, .beforeGuard)
    }
    switch kernel {
    case .gemm(let gemm): ContractionInterpreter.run(gemm, memory.map(\.pointer), parameters)
    case .convolution(let convolution): ContractionInterpreter.run(convolution, memory.map(\.pointer), parameters)
    default: Issue.record("no contraction of bfloat16")
    }
    let pairs = zip(values(found, epilogue.resultType), values(memory[memory.count - 1].bytes, epilogue.resultType))
    // Sums of so many products of numbers up to 1; a result may be the next bfloat16 then.
    let isLong = epilogue.terms.contains { if case .unary = $0 { true } else { false } }
    let apart = (exactly ? 0 : Float(depth) * 0x1p-23) + (isLong ? 1e-6 : 0)
    let step: Float = apart > 0 && epilogue.resultType == .bfloat16 ? 0x1p-7 : 0
    for (position, (found, expected)) in pairs.enumerated() {
      if expected.isNaN, found.isNaN { continue }
      if found == expected || abs(found - expected) <= apart * 8 + step * abs(expected) { continue }
      Issue.record("\(kernel.summary) for \(cap), seed \(seed): element \(position): \(found), not \(expected)")
      return
    }
  }

  @Test("Matrix products", arguments: ContractionRunner.caps, Array(0..<60))
  func products(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    // Past 3072 numbers there are partial sums.
    let isDeep = seed % 10 == 0
    let rows = Int.random(in: 0...(isDeep ? 6 : 40), using: &generator)
    let columns = Int.random(in: 1...(isDeep ? 40 : 90), using: &generator)
    let depth = 2 * (isDeep ? 1800 : Int.random(in: 0...40, using: &generator))
    let gap = Int.random(in: 0...2, using: &generator)
    let result: ElementType = Bool.random(using: &generator) ? .bfloat16 : .float32
    let epilogue = epilogue(rowStride: columns + gap, result: result, &generator)
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth + gap, b: .packed, cRowStride: columns + gap,
      epilogue: epilogue, factors: .bfloat16)
    let numbers = Numbers.allCases[seed % 3]
    let weights = factors(depth * columns, numbers, &generator)
    try check(
      .gemm(gemm), epilogue, cap, x: factors(rows * (depth + gap), numbers, &generator), weights: weights,
      packing: .gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bfloat16),
      depth: depth, operands: operands(epilogue, rows: rows, columns: columns, &generator),
      resultCount: rows * (columns + gap), parameters: [rows], exactly: numbers != .real, seed: UInt64(seed))
    // Weights that lie the other way round are packed alike.
    let packer = Packer(instructionSet: cap)
    let turned = (0..<columns).flatMap { n in (0..<depth).map { weights[$0 * columns + n] } }
    let packings = [
      Packing.gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bfloat16),
      .gemm(depth: depth, columns: columns, rowStride: 1, columnStride: depth, factors: .bfloat16),
    ]
    let both = zip(packings, [weights, turned]).map { packer.bytes($0, from: $1) }
    #expect(both[0] == both[1])
    #expect(both[0].count == (columns + packer.lanes - 1) / packer.lanes * packer.lanes * depth * 2)
  }

  @Test("Rows that lie a power of two apart", arguments: ContractionRunner.caps)
  func conflicts(cap: InstructionSet) throws {
    var generator = SplitMix64(state: 7)
    let (rows, columns, depth) = (30, 100, 1024)
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns, factors: .bfloat16)
    try check(
      .gemm(gemm), .none, cap, x: wholeNumbers(rows * depth, &generator),
      weights: wholeNumbers(columns * depth, &generator),
      packing: .gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1, factors: .bfloat16),
      depth: depth, operands: [], resultCount: rows * columns, parameters: [rows], exactly: true, seed: 7)
  }

  @Test("Convolutions", arguments: ContractionRunner.caps, Array(0..<60))
  func convolutions(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let rank = Int.random(in: 1...2, using: &generator)
    func some(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in Int.random(in: range, using: &generator) } }
    let (input, window, strides) = (some(5...20), some(1...3), some(1...2))
    let (dilations, padding) = (some(1...2), some(0...2))
    let output: [Int] = (0..<rank).map { (axis: Int) -> Int in
      let reach = (window[axis] - 1) * dilations[axis] + 1
      return (input[axis] + 2 * padding[axis] - reach) / strides[axis] + 1
    }
    let geometry = ConvolutionGeometry(
      input: input, output: output, window: window, strides: strides, dilations: dilations, padding: padding)
    let groups = [1, 1, 1, 2].randomElement(using: &generator)!
    let inputs = groups * 2 * Int.random(in: 1...12, using: &generator)
    let outputs = groups * Int.random(in: 1...40, using: &generator)
    let images = Int.random(in: 0...2, using: &generator)
    let result: ElementType = Bool.random(using: &generator) ? .bfloat16 : .float32
    let epilogue = epilogue(rowStride: outputs, result: result, &generator)
    let pixels = images * geometry.output.reduce(1, *)
    let depth = geometry.window.reduce(1, *) * inputs / groups
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: inputs, outputChannels: outputs, epilogue: epilogue,
      factors: .bfloat16)
    let numbers = Numbers.allCases[seed % 3]
    try check(
      .convolution(kernel), epilogue, cap,
      x: factors(images * geometry.input.reduce(1, *) * inputs, numbers, &generator),
      weights: factors(depth * outputs, numbers, &generator),
      packing: .convolution(
        window: geometry.window, groups: groups, inputChannels: inputs, outputChannels: outputs, factors: .bfloat16),
      depth: depth, operands: operands(epilogue, rows: pixels, columns: outputs, &generator),
      resultCount: pixels * outputs, parameters: [images], exactly: numbers != .real, seed: UInt64(seed))
  }

  /// Layers too small to pay, so that many run in little time.
  @Test(
    "Convolutions on tiles",
    .enabled(if: InstructionSet.runnable.contains(.amx), "this CPU lacks what kernels on tiles need"),
    arguments: 0..<60)
  func convolutionsOnTiles(seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let rank = seed % 6 == 0 ? 1 : seed % 6 == 4 || seed % 6 == 5 ? 3 : 2
    func some(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in pick(range) } }
    let (input, window, strides) = (some(rank == 3 ? 5...8 : 5...14), some(1...3), some(1...2))
    let (dilations, padding) = (some(1...2), some(0...2))
    let output: [Int] = (0..<rank).map { (axis: Int) -> Int in
      (input[axis] + 2 * padding[axis] - (window[axis] - 1) * dilations[axis] - 1) / strides[axis] + 1
    }
    let geometry = ConvolutionGeometry(
      input: input, output: output, window: window, strides: strides, dilations: dilations, padding: padding)
    let groups = seed % 5 == 0 ? 2 : 1
    let (inputs, outputs) = (groups * 2 * pick(1...20), groups * pick(1...40))
    let images = pick(0...2)
    let epilogue = epilogue(rowStride: outputs, result: seed % 2 == 0 ? .bfloat16 : .float32, &generator)
    let pixels = images * output.reduce(1, *)
    let depth = window.reduce(1, *) * inputs / groups
    let pixelStride = inputs + seed % 3 * 2
    let kernel = ConvolutionKernel(
      geometry: geometry, groups: groups, inputChannels: inputs, outputChannels: outputs,
      inputPixelStride: pixelStride, epilogue: epilogue, factors: .bfloat16)
    guard let plan = TileConvolution(kernel, .amx, mustPay: false) else {
      return #expect(TileSteps(runQuads: inputs / groups / 2) == nil)
    }
    let numbers = Numbers.allCases[seed % 3]
    // Infinities of the image, of the filter, or of both: what lies outside the image is never multiplied by them.
    let ofImage = numbers == .special && seed % 2 == 0 ? .whole : numbers
    var weights = factors(depth * outputs, numbers, &generator)
    if numbers == .special {
      let bad: [Float] = [.infinity, -.infinity, .nan, .greatestFiniteMagnitude]
      weights[pick(0...weights.count - 1)] = bad[seed / 3 % 4]
    }
    try check(
      .convolution(kernel), epilogue, .amx,
      x: factors(images * input.reduce(1, *) * pixelStride, ofImage, &generator), weights: weights,
      packing: .convolution(
        window: window, groups: groups, inputChannels: inputs, outputChannels: outputs, factors: .bfloat16),
      depth: depth, operands: operands(epilogue, rows: pixels, columns: outputs, &generator),
      resultCount: pixels * outputs, parameters: [images], exactly: numbers != .real, seed: UInt64(seed),
      compiled: TileConvolutionEmission(kernel, plan, .amx).compile())
  }

  @Test("Layers with zeros around their lines run on tiles, small ones do not")
  func choice() {
    func plan(_ extent: Int, window: Int, stride: Int = 1, _ inputs: Int, _ outputs: Int) -> TileConvolution? {
      let output = (extent + window / 2 * 2 - window) / stride + 1
      return TileConvolution(
        ConvolutionKernel(
          geometry: ConvolutionGeometry(
            input: [extent, extent], output: [output, output], window: [window, window], strides: [stride, stride],
            dilations: [1, 1], padding: [window / 2, window / 2]),
          groups: 1, inputChannels: inputs, outputChannels: outputs, factors: .bfloat16), .amx)
    }
    for (extent, stride, inputs, outputs) in [
      (56, 1, 64, 64), (28, 1, 128, 128), (14, 1, 256, 256), (7, 1, 512, 512), (56, 2, 128, 128), (224, 1, 64, 64),
      (224, 2, 4, 32),
    ] {
      #expect(plan(extent, window: 3, stride: stride, inputs, outputs) != nil, "\(extent) \(stride) \(inputs)")
    }
    #expect(plan(224, window: 7, stride: 2, 4, 64) != nil)
    #expect(plan(7, window: 3, 8, 8) == nil)
    #expect(plan(1, window: 3, 64, 64) == nil)
  }

  @Test("What does not come in pairs has no code", arguments: ContractionRunner.caps)
  func oddDepths(cap: InstructionSet) {
    let compiler = ContractionCompiler(instructionSet: cap)
    let odd = Gemm(columns: 8, depth: 3, aRowStride: 3, b: .packed, cRowStride: 8, factors: .bfloat16)
    let unpacked = Gemm(columns: 8, depth: 4, aRowStride: 4, b: .rows(stride: 8), cRowStride: 8, factors: .bfloat16)
    for gemm in [odd, unpacked] {
      #expect(throws: ContractionError.self) { try compiler.compile(.gemm(gemm)) }
    }
  }

  /// Neighbouring columns are rounded eight at a time, others one by one.
  @Test(arguments: [InstructionSet.avx2, .avx512], [(1, 1), (7, 19), (32, 48), (65, 203)])
  func packsColumnsAsRows(cap: InstructionSet, size: (depth: Int, columns: Int)) {
    var generator = SplitMix64(state: UInt64(size.depth))
    let (depth, columns) = size
    let rows = (0..<depth * columns).map { _ in Float(bitPattern: UInt32.random(in: .min ... .max, using: &generator)) }
    let transposed = (0..<depth * columns).map { rows[$0 % depth * columns + $0 / depth] }
    func packed(_ numbers: [Float], rowStride: Int, columnStride: Int) -> [UInt8] {
      let packing = Packing.gemm(
        depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride, factors: .bfloat16)
      return numbers.withUnsafeBytes { bytes in
        let panels = Packer(instructionSet: cap).pack(packing, from: bytes.baseAddress!)
        defer { panels.deallocate() }
        return Array(panels)
      }
    }
    let found = packed(rows, rowStride: columns, columnStride: 1)
    #expect(
      found.prefix(depth * columns * 2)
        == packed(transposed, rowStride: 1, columnStride: depth).prefix(depth * columns * 2))
    #expect(found.contains { $0 != 0 })
  }
}
