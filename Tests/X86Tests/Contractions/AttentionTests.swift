import Glibc
import GraphIR
import KernelIR
import Tensors
import Testing
import TileEmulator

@testable import X86

/// Generated attention against the definition in double precision.
@Suite struct AttentionTests {
  enum MaskForm: CaseIterable { case none, full, keys, rows, boolFull, boolKeys, boolRows, both }

  private func check(
    _ cap: InstructionSet, batch: Int = 1, heads: Int = 1, keyHeads: Int = 1, queries: Int, keys: Int, size: Int,
    valueSize: Int? = nil, isCausal: Bool = false, mask: MaskForm = .none, hidden: Bool = false,
    softcap: Float? = nil, unseenIsZero: Bool = false, factors: Factors = .float32,
    resultType: ElementType = .float32, seed: UInt64
  ) throws {
    var generator = SplitMix64(state: seed)
    let valueSize = valueSize ?? size
    func random(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -2...2, using: &generator) } }
    // [B, S, H, D], as projections give it.
    func layout(_ rows: Int, _ heads: Int, _ size: Int) -> AttentionKernel.Layout {
      AttentionKernel.Layout(batchStride: rows * heads * size, headStride: size, rowStride: heads * size)
    }
    let full = AttentionKernel.Layout(
      batchStride: heads * queries * keys, headStride: queries * keys, rowStride: keys)
    let perKey = AttentionKernel.Layout(batchStride: keys, headStride: 0, rowStride: 0)
    let perRow = AttentionKernel.Layout(batchStride: 0, headStride: 0, rowStride: 1)
    func selecting(_ keeps: Bool) -> AttentionKernel.Mask.Form {
      .selecting(keeps: keeps, otherwise: (hidden ? -Float.infinity : -3).bitPattern)
    }
    let masks: [AttentionKernel.Mask] =
      switch mask {
      case .none: []
      case .full: [.init(layout: full, columnStride: 1)]
      case .keys: [.init(layout: perKey, columnStride: 1)]
      case .rows: [.init(layout: perRow, columnStride: 0)]
      case .boolFull: [.init(layout: full, columnStride: 1, form: selecting(true))]
      case .boolKeys: [.init(layout: perKey, columnStride: 1, form: selecting(false))]
      case .boolRows: [.init(layout: perRow, columnStride: 0, form: selecting(true))]
      case .both:
        [.init(layout: perKey, columnStride: 1, form: selecting(true)), .init(layout: full, columnStride: 1)]
      }
    // Bools as bytes, four to a float.
    let maskElements = masks.map { mask -> [Float] in
      let count = mask.layout == full ? batch * heads * queries * keys : mask.layout == perKey ? batch * keys : queries
      guard mask.form == .added else {
        return (0..<count).map { _ in Float(Int.random(in: 0...3, using: &generator) > 0 ? 1 : 0) }
      }
      return random(count).map { hidden && Int.random(in: 0...2, using: &generator) > 0 ? -.infinity : $0 }
    }
    let maskValues = zip(masks, maskElements).map { mask, elements -> [Float] in
      if mask.form == .added { return elements }
      return stride(from: 0, to: elements.count, by: 4).map { first in
        let bytes = (first..<first + 4).map { $0 < elements.count && elements[$0] != 0 ? UInt32(1) : 0 }
        return Float(bitPattern: bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24)
      }
    }
    let scale = 1 / Float(size).squareRoot()
    var kernel = AttentionKernel(
      heads: heads, keyHeads: keyHeads, headSize: size, valueSize: valueSize, scale: scale, isCausal: isCausal,
      softcap: softcap, unseenIsZero: unseenIsZero, query: layout(queries, heads, size),
      key: layout(keys, keyHeads, size), value: layout(keys, keyHeads, valueSize),
      result: layout(queries, heads, valueSize), masks: masks)
    (kernel.factors, kernel.resultType) = (factors, resultType)
    let q = random(batch * queries * heads * size)
    let k = random(batch * keys * keyHeads * size)
    let v = random(batch * keys * keyHeads * valueSize)
    let result = [UInt8](
      repeating: 0xA5, count: batch * queries * heads * valueSize * resultType.bitWidth / 8)
    let runner = try ContractionRunner(.attention(kernel), cap)
    let buffers = ([q, k, v] + maskValues).map { [UInt8](bytesOf: $0) } + [result]
    let bytes = try runner.run(
      buffers, results: [buffers.count - 1], parameters: [batch, queries, keys], seed: seed)[0]
    let found =
      resultType == .float32
      ? bytes.elements(of: Float.self) : bytes.elements(of: UInt16.self).map { Float(bfloat16: $0) }
    // Of numbers up to 2.
    let tolerance = factors == .bfloat16 ? 0.08 : resultType == .bfloat16 ? 0.01 : 1e-5

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
            let capped = softcap.map { tanh(dot * Double(scale)) * Double($0) } ?? dot * Double(scale)
            return zip(masks, maskElements).reduce(capped) { score, item in
              let element = item.1[index(item.0.layout, b, h, s) + t * item.0.columnStride]
              switch item.0.form {
              case .added: return score + Double(element)
              case .selecting(let keeps, let otherwise):
                return (element != 0) == keeps ? score : Double(Float(bitPattern: otherwise))
              }
            }
          }
          let largest = scores.max() ?? 0
          let weights = scores.map { exp($0 - largest) }
          let sum = weights.reduce(0, +)
          for d in 0..<valueSize {
            let isUnseen = unseenIsZero && largest == -.infinity
            let expected =
              isUnseen
              ? 0
              : (0..<keys).reduce(0.0) { $0 + weights[$1] * Double(v[index(kernel.value, b, keyHead, $1) + d]) } / sum
            let value = Double(found[index(kernel.result, b, h, s) + d])
            let isRight = expected.isNaN ? value.isNaN : abs(value - expected) <= tolerance
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

  @Test("Rounded to bfloat16", arguments: ContractionRunner.caps, [false, true])
  func rounded(cap: InstructionSet, isCausal: Bool) throws {
    for queries in [1, 9, 57] {
      for keys in [1, 2, 15, 17, 127, 130, 300] {
        try check(
          cap, queries: queries, keys: keys, size: 8, isCausal: isCausal, factors: .bfloat16, resultType: .bfloat16,
          seed: UInt64(queries * 1000 + keys))
      }
    }
    // Several units of rows, with rows that see nothing.
    try check(
      cap, batch: 2, queries: 139, keys: 131, size: 24, valueSize: 20, isCausal: isCausal, mask: .full, hidden: true,
      unseenIsZero: true, factors: .bfloat16, seed: 3)
    for (size, valueSize) in [(2, 1), (6, 40), (16, 16), (34, 17), (64, 64), (80, 80), (128, 48), (64, 200)] {
      try check(
        cap, heads: 4, keyHeads: 2, queries: 17, keys: 35, size: size, valueSize: valueSize, isCausal: isCausal,
        mask: MaskForm.allCases[size % MaskForm.allCases.count], factors: .bfloat16, seed: UInt64(size))
      try check(
        cap, queries: 5, keys: 9, size: size, valueSize: valueSize, resultType: .bfloat16, seed: UInt64(size))
    }
  }

  @Test(
    "Each product of 32 queries, 128 keys and 64 elements is 32 tile products",
    .enabled(if: InstructionSet.emulatesTiles, "only the emulator counts"))
  func counts() throws {
    let before = TileEmulator.counts
    try check(.amx, queries: 32, keys: 128, size: 64, factors: .bfloat16, seed: 1)
    // The runner calls twice. Sums are loaded, scores begin as zeros.
    let counts = TileEmulator.counts - before
    #expect(counts.products == 2 * (32 + 32))
    #expect(counts.loads == 2 * (32 + 32 + 8))
    #expect(counts.stores == 2 * (16 + 8))
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
            hidden: hidden, softcap: keys == 5 ? 2 : nil, unseenIsZero: keys == 16, seed: UInt64(keys))
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
      mask: MaskForm.allCases[pick(0...7)], hidden: pick(0...2) == 0,
      softcap: pick(0...3) == 0 ? 1.5 : nil, unseenIsZero: pick(0...1) == 0, seed: UInt64(seed))
  }
}
