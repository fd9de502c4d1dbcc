import KernelIR

/// A block of accumulators in AMX's tile registers: one or two tiles of rows, one or two of columns; up to four of columns
/// where there is one of rows.
///
/// A tile of C is 16 rows × 16 columns of 4 bytes. A step multiplies 16 rows × 64 bytes of A by 64 bytes × 16 columns of
/// B: with two tiles each way it is 4 loads for 4 products of 16 cycles, 64 bytes of operands a cycle.
///
///     registers   0 1   C of the upper rows        4   A of the upper rows      6 7   B
///                 2 3   C of the lower rows        5   A of the lower rows
///
/// Where there is one tile of rows, 2 and 3 are C of the third and fourth columns, whose B takes turns with the others'.
struct TileBlock {
  let builder: VectorBuilder
  let product: Instruction
  let rowTiles: Int
  let columnTiles: Int
  /// Row by row.
  var accumulators: [Value]

  /// All zero.
  init(_ builder: VectorBuilder, _ product: Instruction, rowTiles: Int, columnTiles: Int) {
    self.builder = builder
    self.product = product
    self.rowTiles = rowTiles
    self.columnTiles = columnTiles
    accumulators = (0..<rowTiles).flatMap { row in (0..<columnTiles).map { builder.zeroTile(2 * row + $0) } }
  }

  /// Sums from memory: the address of the first row of each tile of rows.
  init(_ builder: VectorBuilder, _ product: Instruction, columnTiles: Int, loading rows: [Value], rowStride: Value) {
    self.builder = builder
    self.product = product
    rowTiles = rows.count
    self.columnTiles = columnTiles
    accumulators = rows.enumerated().flatMap { row, address in
      (0..<columnTiles).map {
        builder.loadTile(
          2 * row + $0, address, stride: rowStride, displacement: $0 * TileConfiguration.rowByteCount)
      }
    }
  }

  // MARK: Configuration

  /// - Parameters:
  ///   - rows: of a tile of A and of C.
  ///   - steps: how runs of A are cut.
  static func configuration(rows: Int, _ steps: TileSteps) -> TileConfiguration {
    let c = TileConfiguration.Tile(rows: rows, columnBytes: TileConfiguration.rowByteCount)
    let a = TileConfiguration.Tile(rows: rows, columnBytes: steps.byteCount)
    let b = TileConfiguration.Tile(rows: steps.quads, columnBytes: TileConfiguration.rowByteCount)
    return TileConfiguration([c, c, c, c, a, a, b, b])
  }

  /// Configures tiles with a number of rows that is known when the code runs; `scratch` has 64 bytes.
  static func configure(_ builder: VectorBuilder, rows: Value, _ steps: TileSteps, scratch: Value) {
    let bytes = configuration(rows: 1, steps).bytes
    builder.store(builder.constant(elements: bytes), to: Address(scratch))
    // A byte for each tile: one number for the six of A and C, and `quads` for the two of B.
    let ofB = steps.quads * 0x0101_0000_0000_0000
    let numbers = builder.add(builder.multiply(rows, by: 0x0000_0101_0101_0101), .immediate(ofB))
    builder.store(integer: numbers, to: Address(scratch, displacement: TileConfiguration.rowsOffset))
    builder.configureTiles(at: Address(scratch))
  }

  // MARK: Products

  /// What a block multiplies: rows of A, each contiguous, with the panels of B that belong to them.
  struct Run {
    var stepCount: IntegerOperand
    /// Bytes of A, and groups of 4 bytes of B, from one step to the next.
    var aStepBytes: Int
    var bStepBytes: Int
    /// Bytes from row to row of A, in a register.
    var aRowStride: Value
    /// 64, in a register.
    var bRowStride: Value
    /// Bytes from one vector of columns to the next.
    var vectorStride: Int
  }

  /// The addresses of A, one for each tile of rows, and of B.
  struct Place {
    var a: [Value]
    var b: Value
  }

  /// accumulators += A · B. Returns the addresses behind the run.
  @discardableResult
  mutating func accumulate(_ run: Run, at place: Place) -> Place {
    let carried = builder.loop(
      to: run.stepCount, carrying: accumulators + place.a + [place.b]
    ) { _, carried in
      var inner = self
      inner.accumulators = Array(carried.prefix(accumulators.count))
      let a = Array(carried[accumulators.count..<carried.count - 1])
      let b = carried[carried.count - 1]
      inner.step(run, a, b)
      return inner.accumulators + a.map { builder.add($0, .immediate(run.aStepBytes)) }
        + [builder.add(b, .immediate(run.bStepBytes))]
    }
    let count = accumulators.count
    accumulators = Array(carried.prefix(count))
    return Place(a: Array(carried[count..<carried.count - 1]), b: carried[carried.count - 1])
  }

  private mutating func step(_ run: Run, _ a: [Value], _ b: Value) {
    func right(_ column: Int) -> Value {
      builder.loadTile(6 + column % 2, b, stride: run.bRowStride, displacement: column * run.vectorStride)
    }
    if rowTiles == 1 {
      let left = builder.loadTile(4, a[0], stride: run.aRowStride)
      for column in 0..<columnTiles { multiply(0, column, left, right(column)) }
      return
    }
    let both = (0..<columnTiles).map(right)
    for row in 0..<rowTiles {
      let left = builder.loadTile(4 + row, a[row], stride: run.aRowStride)
      for column in 0..<columnTiles { multiply(row, column, left, both[column]) }
    }
  }

  /// Where the parts of A lie: bytes from the upper tile to the lower one, from part to part, and from row to row.
  struct SplitRun {
    var aTileStride: Int
    var aPartStride: Int
    var aRowStride: Value
  }

  /// One step of a pass over numbers in parts. A tile stays as long as the next product wants the same: with three parts
  /// 12 loads for 20 products in the first pass, 4 for 4 in the second.
  /// - Parameters:
  ///   - a: the first part of the upper tile.
  ///   - b: tiles as `SplitColumns` makes them.
  mutating func multiplyParts(_ products: [SplitFloats.Product], _ run: SplitRun, a: Value, b: Value) {
    let stride = builder.integer(TileConfiguration.rowByteCount)
    var left: (part: Int, tiles: [Value])?
    var right: (part: Int, tiles: [Value])?
    for (partOfA, partOfB) in products {
      if right?.part != partOfB {
        let tiles = (0..<columnTiles).map {
          builder.loadTile(
            6 + $0, b, stride: stride, displacement: (2 * partOfB + $0) * TileConfiguration.byteCountOfTile)
        }
        right = (partOfB, tiles)
      }
      if left?.part != partOfA {
        let tiles = (0..<rowTiles).map {
          builder.loadTile(
            4 + $0, a, stride: run.aRowStride, displacement: $0 * run.aTileStride + partOfA * run.aPartStride)
        }
        left = (partOfA, tiles)
      }
      guard let left, let right else { continue }
      for row in 0..<rowTiles {
        for column in 0..<columnTiles { multiply(row, column, left.tiles[row], right.tiles[column]) }
      }
    }
  }

  private mutating func multiply(_ row: Int, _ column: Int, _ left: Value, _ right: Value) {
    let position = row * columnTiles + column
    accumulators[position] = builder.multiplyTiles(product, left, right, adding: accumulators[position])
  }

  // MARK: Sums

  /// Bytes of a row of sums in memory.
  var sumRowByteCount: Int { columnTiles * TileConfiguration.rowByteCount }
  /// Of the sums of the largest block.
  static let sumByteCount = 2 * TileConfiguration.rowCount * 2 * TileConfiguration.rowByteCount
  /// Bytes from the sums of the upper tiles to those of the lower ones.
  var sumTileByteCount: Int { TileConfiguration.rowCount * sumRowByteCount }

  /// Writes the sums as rows: vectors of columns side by side, 16 rows for each tile of them.
  func store(to sums: Value) {
    let rows = (0..<rowTiles).map { builder.add(sums, .immediate($0 * sumTileByteCount)) }
    store(to: rows, rowStride: builder.integer(sumRowByteCount))
  }

  /// Adds the sums to those in memory, by way of `buffer`, which has `sumByteCount`. In vectors, since a sum that begins
  /// at zero is rounded less than one that goes on.
  /// - Parameter rows: the address of the first row of each tile of rows.
  func add(to rows: [Value], rowStride: Int, rowCount: IntegerOperand, buffer: Value) {
    store(to: buffer)
    for (tile, first) in rows.enumerated() {
      let part = builder.add(buffer, .immediate(tile * sumTileByteCount))
      builder.loop(to: rowCount, carrying: [first, part]) { _, carried in
        for column in 0..<columnTiles {
          let place = Address(carried[0], displacement: column * TileConfiguration.rowByteCount)
          let sum = builder.load(Address(carried[1], displacement: column * TileConfiguration.rowByteCount))
          builder.store(builder.add(builder.load(place), sum), to: place)
        }
        return [
          builder.add(carried[0], .immediate(rowStride)), builder.add(carried[1], .immediate(sumRowByteCount)),
        ]
      }
    }
  }

  /// Writes the sums to the address of the first row of each tile of rows.
  func store(to rows: [Value], rowStride: Value) {
    for (position, tile) in accumulators.enumerated() {
      let (row, column) = (position / columnTiles, position % columnTiles)
      builder.storeTile(
        tile, to: rows[row], stride: rowStride, displacement: column * TileConfiguration.rowByteCount)
    }
  }
}

/// A run of A cut into equal steps of up to 64 bytes. What a step does not use of a tile costs as much as what it uses,
/// but nothing behind a row is ever read.
struct TileSteps: Hashable {
  let count: Int
  /// Groups of 4 bytes in a step: rows of a tile of B.
  let quads: Int

  var byteCount: Int { quads * 4 }

  /// Steps that fill tiles.
  static func whole(_ count: Int) -> TileSteps { TileSteps(count: count, quads: TileConfiguration.rowCount) }

  private init(count: Int, quads: Int) {
    self.count = count
    self.quads = quads
  }

  /// Nil where a run has no equal steps that fill at least two thirds of the tiles that it needs.
  /// - Parameter runQuads: groups of 4 bytes in the run.
  init?(runQuads: Int) {
    guard runQuads > 0 else { return nil }
    let fewest = (runQuads + TileConfiguration.rowCount - 1) / TileConfiguration.rowCount
    guard let count = (fewest...fewest * 3 / 2).first(where: { runQuads % $0 == 0 }) else { return nil }
    self.count = count
    quads = runQuads / count
  }
}

extension VectorBuilder {
  /// Rows of a tile, where a matrix is cut into blocks and these into tiles, all as equal as possible.
  func equalTileRows(rows: Value, blockCount: Value) -> Value {
    // Without rows nothing runs, but a configuration must be one.
    let some = maximum(rows, .immediate(1))
    let blocks = maximum(blockCount, .immediate(1))
    let largest = quotientRoundedUp(some, blocks)
    let tiles = quotientRoundedUp(largest, integer(TileConfiguration.rowCount))
    return quotientRoundedUp(largest, tiles)
  }

  func quotientRoundedUp(_ dividend: Value, _ divisor: Value) -> Value {
    let last = add(add(dividend, .value(divisor)), .immediate(-1))
    return divide(last, by: divisor).quotient
  }
}
