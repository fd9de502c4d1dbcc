import KernelIR

/// Multiplies a tile by weights in few bits, which are decoded in registers.
///
///     for word of codes                       8 codes of 4 bits, or 4 of 8 bits, of every column
///       for code                              a step of k
///         for vector of columns
///           w = (float(code) − zero point) · scale
///           for row                           accumulators += a · w
///
/// What a product of few rows costs is reading B: an eighth of it is left. With AVX-512 a code of 4 bits is an index into
/// a vector of the 16 numbers that it can be, less the zero point if that is one for all. Where a column has one scale, it
/// multiplies the sums instead.
struct CodedTile {
  let codes: WeightCodes
  /// K
  let depth: Int
  /// Bytes from the address of A to each row.
  let rowOffsets: [Int]
  /// Bytes from the words of one vector of columns to those of the next.
  let codeStride: Int
  /// Panels [block][lane] at the first vector of columns.
  let scales: Value
  /// nil where one number is the zero point of all.
  let zeroPoints: Value?

  static func blockCount(_ codes: WeightCodes, depth: Int) -> Int { (depth + codes.blockSize - 1) / codes.blockSize }

  private var perWord: Int { 32 / codes.bits }
  private var blockCount: Int { Self.blockCount(codes, depth: depth) }
  private var scalesSums: Bool { blockCount == 1 }

  /// accumulators += A · B; they are zeros before.
  func accumulate(_ tile: inout RegisterTile, a: Value, codes address: Value) {
    let builder = tile.builder
    let decoder = Decoder(builder, codes)
    let (words, rest) = (depth / perWord, depth % perWord)
    let wordsPerBlock = max(1, codes.blockSize / perWord)
    let vectorBytes = builder.vectorByteCount
    var (a, address) = (a, address)
    if words > 0 {
      let carried = builder.loop(to: .immediate(words), carrying: tile.accumulators + [a, address]) { word, carried in
        var inner = tile
        inner.accumulators = Array(carried.dropLast(2))
        let (a, address) = (carried[carried.count - 2], carried[carried.count - 1])
        let block =
          scalesSums
          ? nil
          : builder.shiftLeft(
            builder.shiftRightArithmetic(word, wordsPerBlock.trailingZeroBitCount), vectorBytes.trailingZeroBitCount)
        emitWord(&inner, Word(a: a, address: address, block: block, steps: perWord), decoder)
        return inner.accumulators + [
          builder.add(a, .immediate(perWord * 4)), builder.add(address, .immediate(vectorBytes)),
        ]
      }
      tile.accumulators = Array(carried.dropLast(2))
      (a, address) = (carried[carried.count - 2], carried[carried.count - 1])
    }
    if rest > 0 {
      let block = scalesSums ? nil : builder.integer(words / wordsPerBlock * vectorBytes)
      emitWord(&tile, Word(a: a, address: address, block: block, steps: rest), decoder)
    }
    guard scalesSums else { return }
    for vector in 0..<tile.vectors {
      let scale = builder.load(parameter(scales, vector, nil, builder))
      for row in 0..<tile.rows {
        let position = row * tile.vectors + vector
        tile.accumulators[position] = builder.multiply(tile.accumulators[position], scale)
      }
    }
  }

  private struct Word {
    /// Of A at the first code.
    var a: Value
    /// Of the words of the first vector of columns.
    var address: Value
    /// Bytes to the block of the codes in a panel of scales; nil for the first.
    var block: Value?
    var steps: Int
  }

  /// The scales or zero points of a vector of columns.
  private func parameter(_ panels: Value, _ vector: Int, _ block: Value?, _ builder: VectorBuilder) -> Address {
    let displacement = vector * blockCount * builder.vectorByteCount
    guard let block else { return Address(panels, displacement: displacement) }
    return Address(panels, index: block, scale: 1, displacement: displacement)
  }

  private func emitWord(_ tile: inout RegisterTile, _ word: Word, _ decoder: Decoder) {
    let builder = tile.builder
    let (rows, vectors) = (tile.rows, tile.vectors)
    let words = (0..<vectors).map { builder.load(Address(word.address, displacement: $0 * codeStride)) }
    // Scales stay in registers where there are some left.
    let registers = builder.hasAVX512 ? 32 : 16
    let keepsScales = !scalesSums && rows * vectors + 2 * vectors + 6 <= registers
    let kept = keepsScales ? (0..<vectors).map { builder.load(parameter(scales, $0, word.block, builder)) } : []

    func number(_ vector: Int, _ step: Int) -> Value {
      var value = decoder.number(words[vector], step)
      if let zeroPoints {
        value = builder.define(
          .vsubps, builder.vectorKind, .value(value), .memory(parameter(zeroPoints, vector, word.block, builder)))
      }
      if scalesSums { return value }
      let scale: VectorOperand =
        keepsScales ? .value(kept[vector]) : .memory(parameter(scales, vector, word.block, builder))
      return builder.define(.vmulps, builder.vectorKind, .value(value), scale)
    }
    for step in 0..<word.steps {
      func a(_ row: Int) -> Address { Address(word.a, displacement: rowOffsets[row] + step * 4) }
      func add(_ row: Int, _ vector: Int, _ a: Value, _ number: Value) {
        let position = row * vectors + vector
        tile.accumulators[position] = builder.multiplyAdd(a, number, adding: tile.accumulators[position])
      }
      if rows == 1 {
        let repeated = builder.broadcast(a(0))
        for vector in 0..<vectors { add(0, vector, repeated, number(vector, step)) }
      } else {
        let numbers = (0..<vectors).map { number($0, step) }
        for row in 0..<rows {
          let repeated = builder.broadcast(a(row))
          for vector in 0..<vectors { add(row, vector, repeated, numbers[vector]) }
        }
      }
    }
  }

  /// Codes to float32 numbers, less the zero point that all share.
  private struct Decoder {
    let builder: VectorBuilder
    let codes: WeightCodes
    /// What each code of 4 bits is; nil without AVX-512, which has vectors of 16.
    private let table: Value?
    private let zeroPoint: Value?

    init(_ builder: VectorBuilder, _ codes: WeightCodes) {
      self.builder = builder
      self.codes = codes
      let zero = codes.zeroPoint ?? 0
      if codes.bits == 4, builder.hasAVX512 {
        table = builder.constant(
          elements: (0..<16).map { Float((codes.isSigned && $0 >= 8 ? $0 - 16 : $0) - zero) })
        zeroPoint = nil
      } else {
        table = nil
        zeroPoint = zero == 0 ? nil : builder.constant(Float(zero))
      }
    }

    func number(_ word: Value, _ step: Int) -> Value {
      func shifted(_ instruction: Instruction, _ value: Value, _ count: Int) -> Value {
        count == 0 ? value : builder.define(instruction, builder.vectorKind, .value(value), .immediate(Int64(count)))
      }
      // Of an index the low four bits count.
      if let table {
        return builder.define(
          .vpermps, builder.vectorKind, .value(shifted(.vpsrld, word, codes.bits * step)), .value(table))
      }
      let left = shifted(.vpslld, word, 32 - codes.bits * (step + 1))
      let code = shifted(codes.isSigned ? .vpsrad : .vpsrld, left, 32 - codes.bits)
      let number = builder.define(.vcvtdq2ps, builder.vectorKind, .value(code))
      return zeroPoint.map { builder.subtract(number, $0) } ?? number
    }
  }
}
