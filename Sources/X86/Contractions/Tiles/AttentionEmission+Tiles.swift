import KernelIR

/// The two products of attention on AMX's tiles, for bfloat16.
///
///     for pair of row tiles                      up to 32 queries
///       for two vectors of keys                  scores = Q · Kᵀ
///       softmax of the rows, in vectors
///       sums = sums · factor
///       for two vectors of values                sums += weights · V
///
/// The panels of K and V are those that vectors read. Keys and heads are filled up to whole steps of 32, with zeros in K,
/// Q and V and weights of 0, so that one configuration does for both products.
///
/// For 32 queries, 128 keys and heads of 64 elements each product is 32 tile products, 512 cycles of the tile unit, with
/// as many loads, 8 cycles each beside them; scores go through memory in 16 stores of 16 cycles. `vdpbf16ps` takes 8192
/// for each product at one a cycle. The softmax of the 4096 scores, some 2500 cycles, is what is left.
///
/// float32 stays in vectors, which take 8192 cycles for each product too. In six products of parts it would be 3072, and
/// on top of that 900 for splitting the weights, 900 for a quarter of K and V where four tiles of rows share them, and
/// 1000 for sums in memory: 11,500 cycles with the softmax instead of 18,900, a gain of 1.6 in what is a tenth of an
/// encoder's time, for a second form of every kernel that numbers without parts need. With two parts, for `fast`, it
/// would be 7,900.
extension AttentionEmission {
  /// Keys of a step of the second product.
  static let stepKeys = 2 * TileConfiguration.rowCount
  /// Steps of the first product.
  var keySteps: Int { (kernel.headSize + 31) / 32 }

  /// Configures tiles for a call, and clears what fills up Q and K; gives the number of rows of each tile.
  func configureTiles(queryRows: Value, blockCount: Value) -> Value {
    let tileRows = builder.equalTileRows(rows: queryRows, blockCount: blockCount)
    TileBlock.configure(builder, rows: tileRows, .whole(1), scratch: scratch(layout.configuration))
    if kernel.headSize % 32 != 0 {
      builder.clear(scratch(layout.queries), byteCount: layout.partialKeys - layout.queries)
      builder.clear(scratch(layout.keys), byteCount: layout.values - layout.keys)
    }
    return tileRows
  }

  /// Zeros behind the last pair of keys of a block, for the rest of a step.
  func clearValues(behind count: Value) {
    let pairs = builder.shiftRightArithmetic(builder.add(count, .immediate(1)), 1)
    let end = builder.and(builder.add(pairs, .immediate(15)), -16)
    let zero = builder.zero()
    let panels = scratch(layout.values)
    builder.loop(
      from: product(pairs, valuePanels.pairByteCount), to: product(end, valuePanels.pairByteCount),
      step: builder.vectorByteCount
    ) { offset, _ in
      builder.store(zero, to: Address(panels, index: offset))
      return []
    }
  }

  /// Runs the code for one or for two tiles of rows, with the first row of each.
  private func forRowTiles(_ tile: Tile, tileRows: Value, _ body: ([Value]) -> Void) {
    let zero = builder.integer(0)
    builder.if(.compare(tile.rowCount, .greater, .value(tileRows))) {
      body([zero, tileRows])
      return []
    } else: {
      body([zero])
      return []
    }
  }

  /// - Parameter width: keys, whole steps of them.
  func emitScoresOnTiles(_ tile: Tile, tileRows: Value, queries: Value, width: Value) {
    let run = TileBlock.Run(
      stepCount: .immediate(keySteps), aStepBytes: TileConfiguration.rowByteCount,
      bStepBytes: TileConfiguration.byteCountOfTile, aRowStride: builder.integer(queryCopy.rowByteCount),
      bRowStride: builder.integer(TileConfiguration.rowByteCount), vectorStride: keyVectorStride)
    let stride = builder.integer(scoreRowBytes)
    forRowTiles(tile, tileRows: tileRows) { rows in
      let a = rows.map { builder.add(queries, product($0, queryCopy.rowByteCount)) }
      let scores = rows.map { builder.add(scratch(layout.scores), product($0, scoreRowBytes)) }
      builder.loop(to: .value(width), step: Self.stepKeys, carrying: [scratch(layout.keys)]) { key, carried in
        var block = TileBlock(builder, .tdpbf16ps, rowTiles: rows.count, columnTiles: 2)
        block.accumulate(run, at: TileBlock.Place(a: a, b: carried[0]))
        block.store(to: scores.map { builder.address(Address($0, index: key, scale: 4)) }, rowStride: stride)
        return [builder.add(carried[0], .immediate(2 * keyVectorStride))]
      }
    }
  }

  /// - Parameter width: keys, whole steps of them.
  func emitSumsOnTiles(_ tile: Tile, tileRows: Value, width: Value) {
    let sums = builder.add(scratch(layout.sums), product(tile.firstRow, sumRowBytes))
    builder.loop(to: .value(tile.rowCount), carrying: [sums]) { row, carried in
      let factor = builder.broadcast(
        Address(tile.statistics, index: row, scale: 4, displacement: offset(.factor)))
      builder.loop(to: .immediate(sumRowBytes), step: builder.vectorByteCount) { column, _ in
        let address = Address(carried[0], index: column)
        builder.store(builder.multiply(builder.load(address), factor), to: address)
        return []
      }
      return [builder.add(carried[0], .immediate(sumRowBytes))]
    }
    let run = TileBlock.Run(
      stepCount: .value(builder.shiftRightArithmetic(width, 5)), aStepBytes: TileConfiguration.rowByteCount,
      bStepBytes: TileConfiguration.rowCount * valuePanels.pairByteCount,
      aRowStride: builder.integer(scoreRowBytes), bRowStride: builder.integer(valuePanels.pairByteCount),
      vectorStride: TileConfiguration.rowByteCount)
    let stride = builder.integer(sumRowBytes)
    forRowTiles(tile, tileRows: tileRows) { rows in
      let a = rows.map { builder.add(scratch(layout.scores), product($0, scoreRowBytes)) }
      valueBlocks.forEachGroup(
        builder, of: 2, block: builder.integer(0), b: scratch(layout.values),
        vectorStride: TileConfiguration.rowByteCount
      ) { group in
        let column = builder.integer(group.column)
        let c = rows.map {
          builder.address(Address(builder.add(sums, product($0, sumRowBytes)), index: column, scale: 4))
        }
        var block = TileBlock(builder, .tdpbf16ps, columnTiles: group.vectors, loading: c, rowStride: stride)
        block.accumulate(run, at: TileBlock.Place(a: a, b: group.b))
        block.store(to: c, rowStride: stride)
      }
    }
  }
}
