import GraphIR
import KernelIR
import Testing

@testable import X86

/// Generated products with weights in few bits against their interpreter. Scales are powers of two and all numbers small,
/// so that sums are exact in any order.
@Suite struct CodedGemmTests {
  enum Zeros: CaseIterable { case none, one, perBlock }

  struct Form: CustomTestStringConvertible {
    var bits: Int
    var isSigned: Bool
    var blockSize: Int?
    var zeros: Zeros
    var testDescription: String {
      "\(isSigned ? "int" : "uint")\(bits), blocks of \(blockSize.map(String.init) ?? "all"), zero points \(zeros)"
    }
  }

  static let forms: [Form] = [4, 8].flatMap { bits in
    [false, true].flatMap { isSigned in
      [nil, 8, 32, 64].flatMap { blockSize in
        Zeros.allCases.map { Form(bits: bits, isSigned: isSigned, blockSize: blockSize, zeros: $0) }
      }
    }
  }

  private func check(
    _ cap: InstructionSet, _ form: Form, rows: Int, columns: Int, depth: Int, isTransposed: Bool,
    _ generator: inout SplitMix64
  ) throws {
    let seed = generator.state
    let blockSize = min(form.blockSize ?? depth, depth)
    let blocks = (depth + blockSize - 1) / blockSize
    let range = form.isSigned ? -(1 << (form.bits - 1))...(1 << (form.bits - 1)) - 1 : 0...(1 << form.bits) - 1
    let zero = form.zeros == .none ? 0 : Int.random(in: range, using: &generator)
    let codes = WeightCodes(
      bits: form.bits, isSigned: form.isSigned, blockSize: blockSize, zeroPoint: form.zeros == .perBlock ? nil : zero)
    let bias = Epilogue(
      operands: [Epilogue.Operand(.float32, rowStride: 0, columnStride: 1, batchStrides: [])],
      terms: [.accumulator, .operand(0), .binary(.add, 0, 1)])
    let gap = Int.random(in: 0...3, using: &generator)
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth + gap, b: .packed, cRowStride: columns + gap,
      epilogue: Bool.random(using: &generator) ? bias : .none, codes: codes)
    let numbers = (0..<depth * columns).map { _ in Int.random(in: range, using: &generator) }
    let scales = (0..<blocks * columns).map { _ in Float([0.25, 0.5, 1, 2].randomElement(using: &generator)!) }
    let zeros = (0..<blocks * columns).map { _ in Float(Int.random(in: range, using: &generator)) }
    let a = wholeNumbers(rows * (depth + gap), &generator)
    let operands = gemm.epilogue.operands.map { _ in wholeNumbers(columns, &generator) }
    let c = [Float](repeating: 12345, count: rows * (columns + gap))

    // As in a file: [K, N] or [N, K], low bits first.
    let (rowStride, columnStride) = isTransposed ? (1, depth) : (columns, 1)
    var file = [UInt8](repeating: 0, count: (depth * columns * form.bits + 7) / 8)
    for k in 0..<depth {
      for n in 0..<columns {
        let bit = (k * rowStride + n * columnStride) * form.bits
        let code = numbers[k * columns + n] & (1 << form.bits - 1)
        file[bit / 8] |= UInt8(truncatingIfNeeded: code << (bit % 8))
      }
    }
    let form2 = KernelForm(.gemm(gemm), parameters: [rows], cap)
    let runner = try ContractionRunner(form2, cap)
    func packed(_ packing: Packing, _ source: [UInt8]) -> [UInt8] {
      let bytes = runner.packer.pack(packing, from: source)
      defer { bytes.deallocate() }
      return Array(bytes.prefix(runner.packer.byteCount(packing)))
    }
    let panels = Packing.codes(
      depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride, bits: form.bits)
    var buffers = [
      [UInt8](bytesOf: a), packed(panels, file),
      packed(
        .gemm(depth: blocks, columns: columns, rowStride: columns, columnStride: 1), [UInt8](bytesOf: scales)),
    ]
    var plain = [a, numbers.map(Float.init), scales]
    if codes.zeroPoint == nil {
      buffers.append(
        packed(
          .zeroPoints(depth: blocks, columns: columns, rowStride: columns, columnStride: 1), [UInt8](bytesOf: zeros)))
      plain.append(zeros)
    }
    plain += operands + [c]
    buffers += operands.map { [UInt8](bytesOf: $0) } + [[UInt8](bytesOf: c)]
    let found = try runner.run(buffers, results: [buffers.count - 1], parameters: [rows], seed: seed)[0]
      .elements(of: Float.self)

    let memory = plain.map { values in
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(1, values.count))
      _ = buffer.initialize(from: values)
      return buffer
    }
    defer { for buffer in memory { buffer.deallocate() } }
    ContractionInterpreter.run(gemm, memory.map { UnsafeMutableRawPointer($0.baseAddress!) }, [rows])
    let expected = memory[memory.count - 1].prefix(c.count)
    #expect(
      found.elementsEqual(expected),
      "\(cap), \(form.testDescription), \(rows)×\(depth)×\(columns), transposed \(isTransposed), seed \(seed)")
  }

  @Test(arguments: ContractionRunner.caps, forms)
  func productsOfCodes(_ cap: InstructionSet, _ form: Form) throws {
    var generator = SplitMix64(state: 7)
    for rows in [1, 2, 4, 5, 6, 7, 13, 26] {
      try check(
        cap, form, rows: rows, columns: Int.random(in: 1...70, using: &generator),
        depth: Int.random(in: 1...150, using: &generator), isTransposed: Bool.random(using: &generator), &generator)
    }
    try check(cap, form, rows: 1, columns: 300, depth: 128, isTransposed: true, &generator)
    try check(cap, form, rows: 3, columns: 256, depth: 64, isTransposed: false, &generator)
  }
}
