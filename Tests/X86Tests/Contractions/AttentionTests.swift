import Glibc
import GraphIR
import KernelIR
import Testing

@testable import X86

/// Generated attention against the definition in double precision.
@Suite struct AttentionTests {
  enum MaskForm: CaseIterable { case none, full, keys, rows }

  private func check(
    _ cap: InstructionSet, batch: Int = 1, heads: Int = 1, keyHeads: Int = 1, queries: Int, keys: Int, size: Int,
    valueSize: Int? = nil, isCausal: Bool = false, mask: MaskForm = .none, hidden: Bool = false, seed: UInt64
  ) throws {
    var generator = SplitMix64(state: seed)
    let valueSize = valueSize ?? size
    func random(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -2...2, using: &generator) } }
    // [B, S, H, D], as projections give it.
    func layout(_ rows: Int, _ heads: Int, _ size: Int) -> AttentionKernel.Layout {
      AttentionKernel.Layout(batchStride: rows * heads * size, headStride: size, rowStride: heads * size)
    }
    var form: AttentionKernel.Mask?
    var maskValues: [Float] = []
    switch mask {
    case .none: break
    case .full:
      form = AttentionKernel.Mask(
        layout: .init(batchStride: heads * queries * keys, headStride: queries * keys, rowStride: keys), columnStride: 1
      )
      maskValues = random(batch * heads * queries * keys)
    case .keys:
      form = AttentionKernel.Mask(layout: .init(batchStride: keys, headStride: 0, rowStride: 0), columnStride: 1)
      maskValues = random(batch * keys)
    case .rows:
      form = AttentionKernel.Mask(layout: .init(batchStride: 0, headStride: 0, rowStride: 1), columnStride: 0)
      maskValues = random(queries)
    }
    if hidden {
      for index in maskValues.indices where Int.random(in: 0...2, using: &generator) > 0 {
        maskValues[index] = -.infinity
      }
    }
    let scale = 1 / Float(size).squareRoot()
    let kernel = AttentionKernel(
      heads: heads, keyHeads: keyHeads, headSize: size, valueSize: valueSize, scale: scale, isCausal: isCausal,
      query: layout(queries, heads, size), key: layout(keys, keyHeads, size), value: layout(keys, keyHeads, valueSize),
      result: layout(queries, heads, valueSize), mask: form)
    let q = random(batch * queries * heads * size)
    let k = random(batch * keys * keyHeads * size)
    let v = random(batch * keys * keyHeads * valueSize)
    let result = [Float](repeating: 12345, count: batch * queries * heads * valueSize)
    let runner = try ContractionRunner(.attention(kernel), cap)
    let buffers = [q, k, v] + (form == nil ? [] : [maskValues]) + [result]
    let found = try runner.run(
      buffers, results: [buffers.count - 1], parameters: [batch, queries, keys], seed: seed)[0]

    func index(_ layout: AttentionKernel.Layout, _ b: Int, _ h: Int, _ row: Int) -> Int {
      b * layout.batchStride + h * layout.headStride + row * layout.rowStride
    }
    for b in 0..<batch {
      for h in 0..<heads {
        let keyHead = h / (heads / keyHeads)
        for s in 0..<queries {
          let scores = (0..<keys).map { t -> Double in
            if isCausal, t > s { return -.infinity }
            let (left, right) = (index(kernel.query, b, h, s), index(kernel.key, b, keyHead, t))
            let dot = (0..<size).reduce(0.0) { $0 + Double(q[left + $1]) * Double(k[right + $1]) }
            let added = form.map { maskValues[index($0.layout, b, h, s) + t * $0.columnStride] } ?? 0
            return dot * Double(scale) + Double(added)
          }
          let largest = scores.max() ?? 0
          let weights = scores.map { exp($0 - largest) }
          let sum = weights.reduce(0, +)
          for d in 0..<valueSize {
            let expected =
              (0..<keys).reduce(0.0) { $0 + weights[$1] * Double(v[index(kernel.value, b, keyHead, $1) + d]) } / sum
            let value = Double(found[index(kernel.result, b, h, s) + d])
            let isRight = expected.isNaN ? value.isNaN : abs(value - expected) <= 1e-5
            if !isRight {
              Issue.record(
                "\(runner.kernel.name) batch \(batch), heads \(heads)/\(keyHeads), \(queries)×\(keys), \(size)/\(valueSize), \(mask), seed \(seed): [\(b), \(h), \(s), \(d)] is \(value), not \(expected)"
              )
              return
            }
          }
        }
      }
    }
  }

  @Test("Numbers of queries and keys", arguments: ContractionRunner.caps, [false, true])
  func lengths(cap: InstructionSet, isCausal: Bool) throws {
    for queries in [1, 2, 13, 14, 15, 57, 130] {
      for keys in [1, 15, 16, 17, 127, 128, 129, 300] {
        try check(cap, queries: queries, keys: keys, size: 8, isCausal: isCausal, seed: UInt64(queries * 1000 + keys))
      }
    }
  }

  @Test("Sizes of heads and values", arguments: ContractionRunner.caps)
  func sizes(cap: InstructionSet) throws {
    for (size, valueSize) in [(1, 1), (3, 40), (16, 16), (33, 17), (64, 64), (80, 80), (128, 48), (64, 200)] {
      try check(cap, heads: 2, queries: 17, keys: 35, size: size, valueSize: valueSize, seed: UInt64(size))
    }
  }

  @Test("Heads that share keys, in batches", arguments: ContractionRunner.caps)
  func groups(cap: InstructionSet) throws {
    for (heads, keyHeads) in [(1, 1), (4, 4), (4, 2), (6, 1)] {
      try check(
        cap, batch: 3, heads: heads, keyHeads: keyHeads, queries: 20, keys: 30, size: 12, isCausal: true, seed: 1)
    }
  }

  @Test("Masks", arguments: ContractionRunner.caps, MaskForm.allCases)
  func masks(cap: InstructionSet, mask: MaskForm) throws {
    for isCausal in [false, true] {
      for hidden in [false, true] {
        for keys in [5, 16, 200] {
          try check(
            cap, batch: 2, heads: 2, keyHeads: 1, queries: 19, keys: keys, size: 9, isCausal: isCausal, mask: mask,
            hidden: hidden, seed: UInt64(keys))
        }
      }
    }
  }

  @Test("Random shapes", arguments: ContractionRunner.caps, 0..<20)
  func random(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed) &* 31)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let keyHeads = pick(1...3)
    try check(
      cap, batch: pick(1...2), heads: keyHeads * pick(1...3), keyHeads: keyHeads, queries: pick(0...80),
      keys: pick(1...200), size: pick(1...70), valueSize: pick(1...70), isCausal: pick(0...1) == 0,
      mask: MaskForm.allCases[pick(0...3)], hidden: pick(0...2) == 0, seed: UInt64(seed))
  }
}
