import KernelIR

/// Matrix products on AMX's tiles.
///
///     for unit in begin..<end                     up to 64 rows × a block of columns of one batch entry
///       for group of two column vectors           its panels of B stay in L1
///         for pair of row tiles
///           tiles → sums in memory → epilogue → C
///
/// A unit of one tile of rows takes four column vectors at a time instead.
///
/// Row tiles have equal numbers of rows, found when the call begins; the last one of a unit starts early where rows are
/// left, and stores only its own: no row outside the unit is read, and nothing is configured again.
extension GemmEmission {
  /// What is different on tiles.
  struct Tiling {
    let steps: TileSteps
    let product: Instruction

    /// Nil where tiles do not pay, or cannot read what there is.
    /// - Parameter rows: nil where calls may have any number.
    init?(_ gemm: Gemm, _ instructionSet: InstructionSet, rows: Int?) {
      let depthByteCount = gemm.depth * gemm.factors.elementType.bitWidth / 8
      guard instructionSet >= .amx, let product = gemm.factors.tileProduct, depthByteCount % 4 == 0,
        let steps = TileSteps(runQuads: depthByteCount / 4)
      else { return nil }
      self.steps = steps
      self.product = product
      guard pays(gemm, rows: rows) else { return nil }
    }

    /// Four groups of 4 bytes of 16 columns are a cycle of two `vpdpbusd`, which `vdpbf16ps` hardly reaches.
    private func pays(_ gemm: Gemm, rows: Int?) -> Bool {
      guard let rows else { return true }
      guard rows >= Self.minimumRows else { return false }
      let vectors = (gemm.columns + 15) / 16
      let rowBlocks = (rows + Self.blockRows - 1) / Self.blockRows
      let ofBlock = (rows + rowBlocks - 1) / rowBlocks
      let tiles = (ofBlock + 15) / 16
      let tileRows = (ofBlock + tiles - 1) / tiles
      let ofProducts =
        tiles == 1
        ? (vectors + Self.skinnyVectors - 1) / Self.skinnyVectors * steps.count
          * TileCost.skinnyStep(rows: tileRows)
        : TileCost.steps(steps.count, tiles: tiles, rows: tileRows, vectors: vectors)
      let onTiles = rowBlocks * ofProducts + TileCost.sums(rows: rows, vectors: vectors) + TileCost.configuration
      return onTiles * 6 / 5 < rows * vectors * steps.count * steps.quads / 2
    }

    /// Fewer rows wait for the weights, which are the same for both.
    private static let minimumRows = 4
    /// Rows of a unit of work.
    static let blockRows = 64
    /// Vectors of columns beside each other where there is one tile of rows: four products on their way, as with two by
    /// two.
    static let skinnyVectors = 4
  }

  // MARK: Scratch: the configuration, sums

  static var tileScratchByteCount: Int { TileConfiguration.byteCount + TileBlock.sumByteCount }
  private var sums: Value { builder.add(builder.scratch, .immediate(TileConfiguration.byteCount)) }

  // MARK: Rows

  /// Configures tiles for a call; gives the number of rows of each.
  func configureTiles(_ tiling: Tiling, rows: Value, blockCount: Value) -> Value {
    let tileRows = builder.equalTileRows(rows: rows, blockCount: blockCount)
    TileBlock.configure(builder, rows: tileRows, tiling.steps, scratch: builder.scratch)
    return tileRows
  }

  /// - Parameter tileRows: as `configureTiles` gave it.
  func emitUnit(_ unit: Unit, _ tiling: Tiling, tileRows: Value) throws {
    let tileCount = builder.quotientRoundedUp(unit.rowCount, tileRows)
    try builder.if(.compare(tileCount, .equal, .immediate(1))) {
      let only = rows(builder.integer(0), of: unit, tileRows: tileRows)
      try blocks.forEachGroup(
        builder, of: Tiling.skinnyVectors, block: unit.block, b: panels(unit), vectorStride: vectorStride
      ) { try emitTiles(unit, $0, tiling, [only]) }
    }
    try builder.if(.compare(tileCount, .greater, .immediate(1))) {
      try emitPairs(unit, tiling, tileRows: tileRows, tileCount: tileCount)
    }
  }

  private func emitPairs(_ unit: Unit, _ tiling: Tiling, tileRows: Value, tileCount: Value) throws {
    let pairs = builder.and(tileCount, -2)
    try blocks.forEachGroup(
      builder, of: 2, block: unit.block, b: panels(unit), vectorStride: vectorStride
    ) { group in
      try builder.loop(to: .value(pairs), step: 2) { tile, _ in
        let both = [tile, builder.add(tile, .immediate(1))]
        try emitTiles(unit, group, tiling, both.map { rows($0, of: unit, tileRows: tileRows) })
        return []
      }
      try builder.if(.compare(pairs, .less, .value(tileCount))) {
        try emitTiles(unit, group, tiling, [rows(pairs, of: unit, tileRows: tileRows)])
      }
    }
  }

  /// The rows of one tile.
  private struct TileRows {
    /// Counted from the unit's first row.
    var first: Value
    /// How many rows at the start belong to the tile before it.
    var skipped: Value
    /// How many rows are the tile's own.
    var count: Value
  }

  private func rows(_ tile: Value, of unit: Unit, tileRows: Value) -> TileRows {
    let nominal = builder.multiply(tile, tileRows)
    let first = builder.minimum(nominal, .value(builder.subtract(unit.rowCount, .value(tileRows))))
    let skipped = builder.subtract(nominal, .value(first))
    return TileRows(first: first, skipped: skipped, count: builder.subtract(tileRows, .value(skipped)))
  }

  private func emitTiles(_ unit: Unit, _ group: ColumnBlocks.Group, _ tiling: Tiling, _ tiles: [TileRows]) throws {
    var block = TileBlock(builder, tiling.product, rowTiles: tiles.count, columnTiles: group.vectors)
    let run = TileBlock.Run(
      stepCount: .immediate(tiling.steps.count), aStepBytes: tiling.steps.byteCount,
      bStepBytes: tiling.steps.quads * TileConfiguration.rowByteCount, aRowStride: builder.integer(aRowByteCount),
      bRowStride: builder.integer(TileConfiguration.rowByteCount), vectorStride: vectorStride)
    let rowStride = gemm.aRowStride
    let a = tiles.map { tile in
      pointer(
        0, offset: unit.aOffset, row: builder.add(unit.firstRow, .value(tile.first)), rowStride: rowStride,
        size: products.elementByteCount)
    }
    block.accumulate(run, at: TileBlock.Place(a: a, b: group.b))
    let sums = self.sums
    block.store(to: sums)
    let column = builder.add(builder.integer(group.column), .value(unit.firstColumn))
    let mask = ColumnMask(builder, count: group.tailColumns)
    for (number, tile) in tiles.enumerated() {
      let row = builder.add(builder.add(unit.firstRow, .value(tile.first)), .value(tile.skipped))
      let first = builder.add(
        builder.add(sums, .value(builder.multiply(tile.skipped, by: block.sumRowByteCount))),
        .immediate(number * block.sumTileByteCount))
      try epilogue.storeRows(
        first, rowByteCount: block.sumRowByteCount, rowCount: .value(tile.count), vectors: group.vectors,
        lastMask: mask, at: pointers(unit, row: row, column: column))
    }
  }
}
