import GraphIR
import KernelIR
import Testing

@testable import X86

/// Generated matrix products against exact sums.
@Suite struct GemmTests {
  /// A product with all that a kernel may ask for, and its operands.
  private struct Case {
    var gemm: Gemm
    var rows: Int
    /// [K, N] of each batch entry, contiguous; where B is not packed, as stored.
    var a: [Float]
    var b: [Float]
    var operands: [[Float]]
    var c: [Float]
  }

  enum Right: CaseIterable { case packed, rows, columns }

  private func check(
    _ cap: InstructionSet, rows: Int, columns: Int, depth: Int, right: Right, batch: [Int] = [],
    epilogue: EpilogueCase = EpilogueCase(testDescription: "none", epilogue: .none), gap: Int = 0, seed: UInt64,
    special: Float? = nil
  ) throws {
    var generator = SplitMix64(state: seed)
    let (aRowStride, cRowStride) = (depth + gap, columns + gap)
    let (aSize, cSize) = (rows * aRowStride, rows * cRowStride)
    let rightForm: Gemm.RightHandSide
    let bSize: Int
    switch right {
    case .packed: (rightForm, bSize) = (.packed, columns * depth)
    case .rows: (rightForm, bSize) = (.rows(stride: columns + gap), (columns + gap) * depth)
    case .columns: (rightForm, bSize) = (.columns(stride: depth + gap), (depth + gap) * columns)
    }
    // Row-major batch axes; a packed B is shared by all.
    var axes: [Gemm.BatchAxis] = []
    var entries = 1
    for (position, extent) in batch.enumerated().reversed() {
      axes.insert(
        Gemm.BatchAxis(
          extent: position == 0 ? 0 : extent, aStride: entries * aSize, bStride: right == .packed ? 0 : entries * bSize,
          cStride: entries * cSize), at: 0)
      entries *= extent
    }
    var form2 = epilogue.epilogue
    for position in form2.operands.indices {
      form2.operands[position].batchStrides = axes.map {
        form2.operands[position].rowStride * ($0.aStride / max(1, aSize)) * rows
      }
    }
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: aRowStride, b: rightForm, cRowStride: cRowStride, batch: axes,
      epilogue: form2)
    var a = wholeNumbers(entries * aSize, &generator)
    if let special, !a.isEmpty { a[Int.random(in: a.indices, using: &generator)] = special }
    let b = wholeNumbers((right == .packed ? 1 : entries) * bSize, &generator)
    let operands = form2.operands.map { operand in
      wholeNumbers(max(1, operand.rowStride * rows * entries + columns), &generator)
    }
    let sentinel: Float = 12345
    let c = [Float](repeating: sentinel, count: entries * cSize)

    let runner = try ContractionRunner(.gemm(gemm), cap)
    let panels =
      right == .packed
      ? runner.packed(.gemm(depth: depth, columns: columns, rowStride: columns, columnStride: 1), b) : b
    let parameters = [rows] + batch.prefix(1)
    let buffers = [a, panels] + operands + [c]
    let result = try runner.run(buffers, results: [2 + operands.count], parameters: parameters, seed: seed)[0]
    // What is generated for these rows alone.
    let form = KernelForm(.gemm(gemm), parameters: parameters, cap)
    let formed = try ContractionRunner(form, cap)
      .run(buffers, results: [2 + operands.count], parameters: parameters, seed: seed)[0]
    #expect(formed.map(\.bitPattern) == result.map(\.bitPattern), "\(rows) rows as \(form.tileRows ?? [])")

    for entry in 0..<entries {
      for m in 0..<rows {
        for n in 0..<cRowStride {
          let found = result[entry * cSize + m * cRowStride + n]
          guard n < columns else {
            if found != sentinel { Issue.record("\(runner.kernel.name) writes between rows") }
            continue
          }
          var sum: Float = 0
          for k in 0..<depth {
            let right: Float =
              switch rightForm {
              case .packed: b[k * columns + n]
              case .rows(let stride): b[entry * bSize + k * stride + n]
              case .columns(let stride): b[entry * bSize + n * stride + k]
              }
            sum += a[entry * aSize + m * aRowStride + k] * right
          }
          let elements = zip(form2.operands, operands).map { operand, values in
            values[(entry * rows + m) * operand.rowStride + n * operand.columnStride]
          }
          let expected = epilogue.apply(sum, elements)
          if !epilogue.accepts(found, expected) {
            Issue.record(
              "\(runner.kernel.name), \(rows) rows, \(right), batch \(batch), gap \(gap), \(epilogue.testDescription), seed \(seed): [\(entry), \(m), \(n)] is \(found), not \(expected)"
            )
            return
          }
        }
      }
    }
  }

  @Test("Every number of rows, with column tails", arguments: ContractionRunner.caps)
  func rows(cap: InstructionSet) throws {
    for rows in 0...30 {
      try check(cap, rows: rows, columns: 35, depth: 19, right: .packed, seed: UInt64(rows))
    }
  }

  @Test("A form has the tiles that its rows are cut into, and no others", arguments: ContractionRunner.caps)
  func forms(cap: InstructionSet) throws {
    let gemm = Gemm(columns: 64, depth: 3, aRowStride: 3, b: .packed, cRowStride: 64, epilogue: .none)
    let largest = TileShape(gemm, cap).maxRows
    func tileRows(_ rows: Int) -> [Int]? { KernelForm(.gemm(gemm), parameters: [rows], cap).tileRows }
    #expect(tileRows(0) == [1])
    #expect(tileRows(1) == [1])
    #expect(tileRows(largest) == [largest])
    #expect(tileRows(largest + 1)?.max() == (largest + 2) / 2)
    #expect(tileRows(largest * 8 * 100) == [largest])
    for rows in 1...1000 {
      // As the generated code cuts them.
      let blocks = (rows + largest * 8 - 1) / (largest * 8)
      let found = (0..<blocks).flatMap { block in
        let count = (block + 1) * rows / blocks - block * rows / blocks
        let tiles = (count + largest - 1) / largest
        return (0..<tiles).map { ($0 + 1) * count / tiles - $0 * count / tiles }
      }
      #expect(tileRows(rows) == Set(found).sorted())
    }
    #expect(KernelForm(.gemm(gemm)) == KernelForm(.gemm(gemm)))
    #expect(KernelForm(.gemm(gemm), parameters: [1], cap) != KernelForm(.gemm(gemm), parameters: [2], cap))
    let all = try ContractionRunner(.gemm(gemm), cap).kernel.code.bytes.count
    let one = try ContractionRunner(KernelForm(.gemm(gemm), parameters: [1], cap), cap).kernel.code.bytes.count
    #expect(one * 4 < all)
  }

  @Test("Every number of columns", arguments: ContractionRunner.caps, Right.allCases)
  func columns(cap: InstructionSet, right: Right) throws {
    for columns in Array(1...70) + [127, 128, 129, 255, 256, 257, 300] {
      try check(cap, rows: 5, columns: columns, depth: 18, right: right, seed: UInt64(columns))
    }
  }

  @Test("Every depth", arguments: ContractionRunner.caps, Right.allCases)
  func depths(cap: InstructionSet, right: Right) throws {
    for depth in Array(0...36) { try check(cap, rows: 9, columns: 33, depth: depth, right: right, seed: UInt64(depth)) }
  }

  @Test("Depths with partial sums in memory", arguments: ContractionRunner.caps, Right.allCases)
  func deep(cap: InstructionSet, right: Right) throws {
    for depth in [1536, 1537, 2051, 4099] {
      for rows in [1, 17] { try check(cap, rows: rows, columns: 41, depth: depth, right: right, seed: UInt64(depth)) }
    }
  }

  @Test("Rows whose cache lines fall into one set", arguments: ContractionRunner.caps)
  func conflictingRows(cap: InstructionSet) throws {
    for (depth, gap) in [(512, 0), (1000, 24), (5, 507), (2040, 8)] {
      for rows in [3, 14, 25] {
        try check(cap, rows: rows, columns: 101, depth: depth, right: .packed, gap: gap, seed: UInt64(depth))
      }
    }
  }

  @Test("Every epilogue", arguments: ContractionRunner.caps, EpilogueCase.all(rowStride: 0).indices)
  func epilogues(cap: InstructionSet, form: Int) throws {
    for (rows, columns) in [(1, 130), (3, 47), (14, 32), (29, 65), (13, 16)] {
      let epilogue = EpilogueCase.all(rowStride: columns + 3)[form]
      for depth in [7, 1600] {
        try check(cap, rows: rows, columns: columns, depth: depth, right: .packed, epilogue: epilogue, seed: 3)
      }
      try check(
        cap, rows: rows, columns: columns, depth: 7, right: .rows, batch: [2, 3], epilogue: epilogue, gap: 2, seed: 4)
    }
  }

  @Test("Not a number and infinities come through every epilogue", arguments: ContractionRunner.caps)
  func specials(cap: InstructionSet) throws {
    for epilogue in EpilogueCase.all(rowStride: 33) {
      for special in [Float.nan, .infinity, -.infinity] {
        try check(
          cap, rows: 6, columns: 33, depth: 5, right: .packed, epilogue: epilogue, seed: 9, special: special)
      }
    }
  }

  @Test("Random shapes", arguments: ContractionRunner.caps, 0..<40)
  func random(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed) &* 77)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let columns = pick(1...400)
    let epilogues = EpilogueCase.all(rowStride: columns + pick(0...3))
    try check(
      cap, rows: pick(0...130), columns: columns, depth: pick(0...90), right: Right.allCases[pick(0...2)],
      batch: (0..<pick(0...3)).map { _ in pick(1...3) }, epilogue: epilogues[pick(0...epilogues.count - 1)],
      gap: pick(0...20), seed: UInt64(seed))
  }

  @Test("A result may take the memory of a residual")
  func inPlace() throws {
    let epilogue = Epilogue(
      operands: [Epilogue.Operand(.float32, rowStride: 40, columnStride: 1)],
      terms: [.accumulator, .operand(0), .binary(.add, 0, 1)])
    let gemm = Gemm(columns: 40, depth: 3, aRowStride: 3, b: .rows(stride: 40), cRowStride: 40, epilogue: epilogue)
    for cap in ContractionRunner.caps {
      let kernel = try ContractionCompiler(instructionSet: cap).compile(.gemm(gemm))
      let region = try CodeRegion(capacity: 1 << 20)
      let function = try region.add(name: "gemm", kernel.code).function(as: ContractionRunner.Function.self)
      var a = [Float](repeating: 1, count: 60)
      var b = [Float](repeating: 2, count: 120)
      var c = (0..<800).map { Float($0) }
      var scratch = [UInt8](repeating: 0, count: kernel.scratchByteCount + 64)
      a.withUnsafeMutableBytes { a in
        b.withUnsafeMutableBytes { b in
          c.withUnsafeMutableBytes { c in
            let arguments = [a, b, c, c].map { UInt64(UInt(bitPattern: $0.baseAddress!)) } + [20]
            arguments.withUnsafeBytes { arguments in
              scratch.withUnsafeMutableBytes {
                function(arguments.baseAddress!, 0, kernel.units.count(parameters: [20]), $0.baseAddress!)
              }
            }
          }
        }
      }
      #expect(c == (0..<800).map { Float($0) + 6 })
      withExtendedLifetime(region) {}
    }
  }

  @Test("A row has the same bits alone and among others", arguments: ContractionRunner.caps)
  func batchInvariance(cap: InstructionSet) throws {
    var generator = SplitMix64(state: 5)
    let gemm = Gemm(columns: 70, depth: 1700, aRowStride: 1700, b: .packed, cRowStride: 70)
    let runner = try ContractionRunner(.gemm(gemm), cap)
    let a = (0..<1700 * 20).map { _ in Float.random(in: -1...1, using: &generator) }
    let b = (0..<1700 * 70).map { _ in Float.random(in: -1...1, using: &generator) }
    let panels = runner.packed(.gemm(depth: 1700, columns: 70, rowStride: 70, columnStride: 1), b)
    let all = try runner.run([a, panels, [Float](repeating: 0, count: 1400)], results: [2], parameters: [20], seed: 1)[
      0]
    for row in 0..<20 {
      let alone = try runner.run(
        [Array(a[row * 1700..<(row + 1) * 1700]), panels, [Float](repeating: 0, count: 70)], results: [2],
        parameters: [1], seed: 1)[0]
      #expect(alone == Array(all[row * 70..<(row + 1) * 70]))
    }
  }
}
