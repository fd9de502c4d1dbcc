/// How rows and columns are cut into register tiles.
struct TileShape {
  /// Rows of the largest tile.
  let maxRows: Int
  /// Vectors of columns of the whole matrix, a partial one included.
  let totalVectors: Int
  private let hasAVX512: Bool

  init(hasAVX512: Bool, totalVectors: Int) {
    self.hasAVX512 = hasAVX512
    self.totalVectors = totalVectors
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
