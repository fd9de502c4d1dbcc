/// Cycles of what tiles do, for rules about when they pay. Throughputs and latencies as published for the first CPUs with
/// AMX; none of them is measured yet, nor is what the rules decide.
///
///     product      a cycle a row, 16 for a whole tile; its accumulator is ready for the next one after 52
///     load         8, from L2 some 18
///     store        16
///     ldtilecfg    204
///
/// A step of two by two tiles is 4 products, 64 cycles, beside 4 loads: 32 cycles, 52 where B comes from L2. Chains of
/// accumulators wait where there are fewer products or rows: a step never takes less than 52 cycles for each product
/// that an accumulator takes part in. That is what makes few rows slow, not their loads.
enum TileCost {
  private static let latency = 52
  private static let load = 8
  private static let loadFromL2 = 18
  /// Of a call: ldtilecfg, and what is computed before it.
  static let configuration = 300

  /// Cycles of a step of k for `tiles` tiles of `rows` rows, two by two, and a group of up to two vectors of columns.
  /// - Parameter products: for each accumulator; more than one with numbers in parts.
  static func step(tiles: Int, rows: Int, vectors: Int, products: Int = 1) -> Int {
    let (pairs, rest) = tiles.quotientAndRemainder(dividingBy: 2)
    return products * (pairs * max(latency, 2 * vectors * rows) + rest * max(latency, vectors * rows))
  }

  /// Of one tile of rows and four vectors, whose B, read once, comes from L2.
  static func skinnyStep(rows: Int) -> Int { max(latency, 4 * rows, load + 4 * loadFromL2) }

  /// The same as `step` for all vectors of columns.
  static func steps(_ count: Int, tiles: Int, rows: Int, vectors: Int, products: Int = 1) -> Int {
    let ofTwo = step(tiles: tiles, rows: rows, vectors: 2, products: products)
    let ofOne = step(tiles: tiles, rows: rows, vectors: 1, products: products)
    return count * (vectors / 2 * ofTwo + vectors % 2 * ofOne)
  }

  /// Cycles of so many rows of sums of a vector, through memory into an epilogue: a store, a load, and what waits for them.
  static func sums(rows: Int, vectors: Int) -> Int { rows * vectors * 3 }
}
