import Glibc
import GraphIR
import KernelIR
import Testing
import TileEmulator

@testable import X86

/// Products of float32 as products of bfloat16 parts on tiles: exact where float32 is, and with its errors elsewhere.
@Suite(.enabled(if: InstructionSet.runnable.contains(.amx), "this CPU lacks what kernels on tiles need"))
struct SplitGemmTests {
  private struct Case {
    var gemm: Gemm
    var rows: Int
    var parts = 3
    var entries = 1

    var isPacked: Bool { gemm.b == .packed }

    /// What tiles give, or vectors.
    func run(_ a: [Float], _ b: [Float], _ operands: [[Float]] = [], onTiles: Bool = true) throws -> [Float] {
      let cap: InstructionSet = onTiles ? .amx : .avx512
      let tiling = try #require(
        GemmEmission.SplitTiling(
          gemm, .amx, rows: rows, floats: parts == 2 ? .fast : .float32, mustPay: false))
      let kernel =
        onTiles
        ? try GemmEmission(gemm, .amx, splitTiling: tiling).compile()
        : try ContractionCompiler(instructionSet: cap).compile(.gemm(gemm))
      let runner = try ContractionRunner(kernel, cap)
      let packing = Packing.gemm(
        depth: gemm.depth, columns: gemm.columns, rowStride: gemm.columns, columnStride: 1)
      let c = [Float](repeating: 12345, count: entries * rows * gemm.cRowStride)
      return try runner.run(
        [a, isPacked ? runner.packed(packing, b) : b] + operands + [c], results: [2 + operands.count],
        parameters: [rows] + (gemm.batch.isEmpty ? [] : [entries]), seed: 1)[0]
    }
  }

  @Test("Whole numbers are exact, whatever the shape", arguments: 0..<40)
  func shapes(seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let rows = seed % 8 == 0 ? 193 + seed : Int.random(in: 1...70, using: &generator)
    let columns = seed % 5 == 0 ? 300 : Int.random(in: 1...70, using: &generator)
    let depth = seed % 7 == 0 ? 520 + seed : Int.random(in: 1...100, using: &generator)
    let gap = seed % 3
    let right: Gemm.RightHandSide = [.packed, .rows(stride: columns + gap), .packed, .columns(stride: depth + gap)][
      seed % 4]
    // B[k, n] at k · kStride + n · nStride.
    let (kStride, nStride) =
      switch right {
      case .packed: (columns, 1)
      case .rows(let stride): (stride, 1)
      case .columns(let stride): (1, stride)
      }
    let entries = seed % 3 == 1 && right != .packed ? 2 : 1
    let (aSize, bSize, cSize) = (rows * (depth + gap), max(depth * kStride, columns * nStride), rows * (columns + gap))
    let epilogue = EpilogueCase.all(rowStride: columns + gap, batchStrides: [rows])[seed % 4]
    let gemm = Gemm(
      columns: columns, depth: depth, aRowStride: depth + gap, b: right, cRowStride: columns + gap,
      batch: [Gemm.BatchAxis(extent: 0, aStride: aSize, bStride: right == .packed ? 0 : bSize, cStride: cSize)],
      epilogue: epilogue.epilogue)
    let a = wholeNumbers(entries * aSize, &generator)
    let b = wholeNumbers(entries * bSize, &generator)
    let operands = epilogue.epilogue.operands.map {
      wholeNumbers($0.rowStride * rows * entries + columns, &generator)
    }
    let found = try Case(gemm: gemm, rows: rows, entries: entries).run(a, b, operands)
    for row in 0..<entries * rows {
      let entry = row / rows
      for n in 0..<columns + gap {
        let value = found[row * (columns + gap) + n]
        guard n < columns else {
          if value != 12345 { Issue.record("seed \(seed) writes between rows") }
          continue
        }
        var sum: Float = 0
        for k in 0..<depth { sum += a[row * (depth + gap) + k] * b[entry * bSize + k * kStride + n * nStride] }
        let elements = zip(epilogue.epilogue.operands, operands).map { $1[row * $0.rowStride + n * $0.columnStride] }
        let expected = epilogue.apply(sum, elements)
        if !epilogue.accepts(value, expected) {
          Issue.record(
            "seed \(seed), \(rows)×\(columns)×\(depth), \(right): [\(row), \(n)] is \(value), not \(expected)")
          return
        }
      }
    }
  }

  /// Rows with infinities, numbers that are none, or too large for parts: as in vectors. Other rows: as without those.
  @Test("Special numbers concern their own row, or all where they are in B", arguments: 0..<8)
  func specials(seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let (rows, columns, depth) = (37, 35, 70)
    let gemm = Gemm(columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns)
    let test = Case(gemm: gemm, rows: rows)
    let plain = (0..<rows * depth).map { _ in Float.random(in: -1...1, using: &generator) }
    var b = (0..<depth * columns).map { _ in Float.random(in: -1...1, using: &generator) }
    var a = plain
    let special: [Float] = [.infinity, -.infinity, .nan, .greatestFiniteMagnitude, -3.4e38, 0x1.FFp127]
    let marked = Set((0..<5).map { _ in Int.random(in: 0..<rows, using: &generator) })
    for row in marked {
      a[row * depth + Int.random(in: 0..<depth, using: &generator)] = special.randomElement(using: &generator)!
    }
    let inB = seed % 2 == 1
    let usual = try test.run(plain, b)
    if inB { b[Int.random(in: b.indices, using: &generator)] = special.randomElement(using: &generator)! }
    let found = try test.run(a, b)
    let vectors = try test.run(a, b, onTiles: false)
    for m in 0..<rows {
      for n in 0..<columns {
        let value = found[m * columns + n]
        let expected = inB || marked.contains(m) ? vectors[m * columns + n] : usual[m * columns + n]
        let isRight = value.isNaN ? expected.isNaN : value.bitPattern == expected.bitPattern
        if !isRight {
          Issue.record("seed \(seed): [\(m), \(n)] is \(value), not \(expected)")
          return
        }
      }
    }
  }

  enum Numbers: CaseIterable { case normal, wide, cancelling }

  private struct Errors {
    /// Against Σ |a| · |b|.
    var largest = 0.0
    /// Relative, in Frobenius norm.
    var frobenius: Double { (squares / norm).squareRoot() }
    private var squares = 0.0
    private var norm = 0.0

    mutating func add(_ value: Float, exact: Double, magnitude: Double) {
      let error = Double(value) - exact
      largest = max(largest, abs(error) / magnitude)
      squares += error * error
      norm += exact * exact
    }
  }

  /// The errors of tiles, of vectors and of a chain of multiply-adds against float64.
  private func errors(
    _ numbers: Numbers, depth: Int, parts: Int
  ) throws -> (tiles: Errors, vectors: Errors, chain: Errors) {
    var generator = SplitMix64(state: UInt64(depth))
    let (rows, columns) = (16, 32)
    func normal() -> Double {
      (-2 * log(Double.random(in: 1e-300..<1, using: &generator))).squareRoot()
        * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
    }
    func number(_ isOdd: Bool) -> Float {
      switch numbers {
      case .normal, .cancelling: Float(normal())
      case .wide: Float(exp(3 * normal()) * (Bool.random(using: &generator) ? 1 : -1))
      }
    }
    var a = (0..<rows * depth).map { number($0 % 2 == 1) }
    let b = (0..<depth * columns).map { number($0 % 2 == 1) }
    var right = b
    if numbers == .cancelling {
      // Each product is nearly undone by its neighbour.
      for m in 0..<rows {
        for k in stride(from: 1, to: depth, by: 2) {
          a[m * depth + k] = -a[m * depth + k - 1] * (1 + Float(normal()) * 1e-4)
        }
      }
      for k in stride(from: 1, to: depth, by: 2) {
        for n in 0..<columns { right[k * columns + n] = b[(k - 1) * columns + n] }
      }
    }
    let gemm = Gemm(columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns)
    let test = Case(gemm: gemm, rows: rows, parts: parts)
    let found = try (tiles: test.run(a, right), vectors: test.run(a, right, onTiles: false))
    var result = (tiles: Errors(), vectors: Errors(), chain: Errors())
    for m in 0..<rows {
      for n in 0..<columns {
        var (exact, magnitude, chain) = (0.0, 0.0, Float(0))
        for k in 0..<depth {
          let (x, y) = (a[m * depth + k], right[k * columns + n])
          exact += Double(x) * Double(y)
          magnitude += abs(Double(x) * Double(y))
          chain = chain.addingProduct(x, y)
        }
        result.tiles.add(found.tiles[m * columns + n], exact: exact, magnitude: magnitude)
        result.vectors.add(found.vectors[m * columns + n], exact: exact, magnitude: magnitude)
        result.chain.add(chain, exact: exact, magnitude: magnitude)
      }
    }
    return result
  }

  /// Long sums in vectors are made of parts, and the longer the sum, the more that gains.
  @Test("Three parts have smaller errors than float32", arguments: Numbers.allCases, [64, 200, 512, 2048, 8192])
  func threeParts(numbers: Numbers, depth: Int) throws {
    let (tiles, vectors, chain) = try errors(numbers, depth: depth, parts: 3)
    #expect(tiles.largest <= chain.largest)
    #expect(tiles.frobenius <= 0.9 * chain.frobenius)
    // Where neighbours cancel, no sum is ever large.
    #expect(vectors.frobenius <= (depth < 2048 || numbers == .cancelling ? 1.4 : 0.6) * chain.frobenius)
  }

  @Test("Two parts are good to five digits", arguments: [Numbers.normal, .wide], [64, 2048])
  func twoParts(numbers: Numbers, depth: Int) throws {
    let tiles = try errors(numbers, depth: depth, parts: 2).tiles
    #expect(tiles.frobenius < 2e-5)
  }

  @Test(
    "A step of 32 × 32 sums takes 16 loads and 24 products",
    .enabled(if: InstructionSet.emulatesTiles, "only the emulator counts"))
  func counts() throws {
    let gemm = Gemm(columns: 64, depth: 256, aRowStride: 256, b: .packed, cRowStride: 64)
    let test = Case(gemm: gemm, rows: 64)
    let before = TileEmulator.counts
    _ = try test.run([Float](repeating: 1, count: 64 * 256), [Float](repeating: 1, count: 64 * 256))
    // Four blocks of eight steps, twice.
    let counts = TileEmulator.counts - before
    #expect(counts.products == 2 * 4 * 8 * 24)
    #expect(counts.loads == 2 * 4 * 8 * 16)
    #expect(counts.stores == 2 * 4 * 4)
  }

  @Test("Small products stay in vectors, large ones do not")
  func choice() {
    func isOnTiles(_ rows: Int, _ columns: Int, _ depth: Int) -> Bool {
      let gemm = Gemm(columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns)
      return KernelForm(.gemm(gemm), parameters: [rows], .amx).tileRows == nil
    }
    #expect(isOnTiles(128, 768, 768) && isOnTiles(128, 768, 3072) && isOnTiles(784, 512, 128))
    // The same bits alone and in a batch.
    let gemm = Gemm(columns: 768, depth: 768, aRowStride: 768, b: .packed, cRowStride: 768)
    #expect(KernelForm(.gemm(gemm), parameters: [128], .amx, floats: .batchInvariant).tileRows != nil)
    #expect(!isOnTiles(1, 768, 768) && !isOnTiles(16, 4096, 1024) && !isOnTiles(1000, 16, 8))
  }
}
