import KernelIR

/// How rows and columns are cut into register tiles.
struct TileShape {
  /// Rows of the largest tile.
  let maxRows: Int
  /// Vectors of columns of the whole matrix, a partial one included.
  let totalVectors: Int
  private let hasAVX512: Bool
  /// Weights are decoded: words of codes want registers beside the accumulators.
  private let decodes: Bool

  init(hasAVX512: Bool, totalVectors: Int, decodes: Bool = false) {
    self.hasAVX512 = hasAVX512
    self.totalVectors = totalVectors
    self.decodes = decodes
    if decodes {
      maxRows = hasAVX512 ? 12 : 4
      return
    }
    // 28, 27 or 14 accumulators of 32 registers; 12 of 16. At least 8 keep two multiply-add units of latency 4 busy.
    switch (hasAVX512, totalVectors) {
    case (true, 3): maxRows = 9
    case (true, _): maxRows = 14
    case (false, 1): maxRows = 12
    case (false, _): maxRows = 6
    }
  }

  /// Vectors of a tile with so many rows. The fewer rows, the more of B is read for each multiply-add: few rows read
  /// many panels at once, which keeps more cache lines on their way.
  func vectors(rows: Int) -> Int {
    let limit =
      switch (hasAVX512, rows) {
      case (true, 2) where decodes: 4
      case (true, 6) where decodes: 2
      case (false, 1) where decodes: 4
      case (false, _) where decodes: 2
      case (_, 1): 8
      case (true, 2): 8
      case (false, 2...3): 4
      case (true, 3...6): 4
      case (true, 7...9) where totalVectors == 3: 3
      default: 2
      }
    return min(limit, totalVectors)
  }
}

// MARK: - Rows of matrix products

extension TileShape {
  init(_ gemm: Gemm, _ instructionSet: InstructionSet) {
    let hasAVX512 = instructionSet >= .avx512
    let lanes = hasAVX512 ? 16 : 8
    self.init(
      hasAVX512: hasAVX512, totalVectors: (gemm.columns + lanes - 1) / lanes, decodes: gemm.codes != nil)
  }

  /// Rows of a unit of work; it may have fewer.
  var blockRows: Int { maxRows * 8 }

  /// The numbers of rows that tiles have, ascending, where a matrix is cut into blocks and these into tiles, both as
  /// equal as possible.
  func tileRows(ofMatrix rows: Int) -> [Int] {
    let blocks = Self.parts(of: rows, largest: blockRows)
    return Set(blocks.flatMap { Self.parts(of: $0, largest: maxRows) }).sorted()
  }

  /// The sizes, one or two neighbouring numbers, of the fewest parts of which none is larger than `largest`. One for
  /// nothing at all: code has a part even if none runs.
  private static func parts(of count: Int, largest: Int) -> [Int] {
    let partCount = max(1, (count + largest - 1) / largest)
    let size = max(1, count / partCount)
    return count % partCount == 0 ? [size] : [size, size + 1]
  }
}
