import KernelIR

/// Products of float32 numbers on AMX's tiles, as sums of products of bfloat16 parts.
///
///     for unit in begin..<end                     up to 192 rows × a block of columns of one batch entry
///       for chunk of K                            up to 512
///         split A                                 → tiles of the unit's rows
///         for group of two column vectors
///           split B                               → tiles of two vectors of columns
///           for pair of row tiles
///             for step of 32 of K                 12 loads for the 20 small products
///             for step of 32 of K                 4 loads for the 4 large ones
///             sums in memory
///       rows with numbers that have no parts      once more, in vectors
///       epilogue
///
/// B is split from the panels that vectors read, so that one packed constant of 4 bytes a number serves few rows, in
/// vectors, and many; over 192 rows it is a tenth of the time of the products. A B by columns becomes such panels first.
extension GemmEmission {
  struct SplitTiling {
    let split: SplitFloats
    /// Of 32 elements of K, the last one perhaps with fewer.
    let stepCount: Int
    /// Of a chunk; the last one may have fewer.
    let chunkSteps: Int

    /// Nil where tiles do not pay.
    /// - Parameter rows: nil where calls may have any number.
    init?(
      _ gemm: Gemm, _ instructionSet: InstructionSet, rows: Int?, floats: FloatProducts, mustPay: Bool = true
    ) {
      guard instructionSet >= .amx, gemm.factors == .float32, gemm.codes == nil, gemm.depth > 0,
        floats != .batchInvariant
      else { return nil }
      split = SplitFloats(floats)
      stepCount = (gemm.depth + SplitFloats.stepElements - 1) / SplitFloats.stepElements
      let chunks = (stepCount + Self.maximumChunkSteps - 1) / Self.maximumChunkSteps
      chunkSteps = (stepCount + chunks - 1) / chunks
      guard !mustPay || pays(gemm, rows: rows ?? Self.blockRows) else { return nil }
    }

    /// Cycles of the tile unit for the rows of each product, two vector operations a cycle for splitting, two
    /// multiply-adds a cycle in vectors. Panels of a B by columns are made for either, in vectors more often.
    private func pays(_ gemm: Gemm, rows: Int) -> Bool {
      let rowBlocks = (rows + Self.blockRows - 1) / Self.blockRows
      let ofBlock = (rows + max(1, rowBlocks) - 1) / max(1, rowBlocks)
      let tiles = (ofBlock + 15) / 16
      let tileRows = (ofBlock + max(1, tiles) - 1) / max(1, tiles)
      let vectors = (gemm.columns + 15) / 16
      let columnBlocks = (vectors + 15) / 16
      let ofProducts =
        rowBlocks
        * TileCost.steps(stepCount, tiles: tiles, rows: tileRows, vectors: vectors, products: split.productCount)
      let ofSplits = (rowBlocks * vectors * 16 + columnBlocks * rows) * stepCount * split.operationCount / 2
      // Of several chunks, each loads and stores them.
      let chunks = (stepCount + chunkSteps - 1) / chunkSteps
      let ofSums = TileCost.sums(rows: rows, vectors: vectors) + (chunks - 1) * rows * vectors * 3 / 2
      let inVectors = rows * vectors * gemm.depth / 2
      return (ofProducts + ofSplits + ofSums + 1000) * 6 / 5 < inVectors
    }

    static let blockRows = 192
    private static let maximumChunkSteps = 16

    // MARK: Scratch

    /// Equal numbers of rows in each tile, so at most 15 rows more than there are.
    static let largestTileCount = blockRows / TileConfiguration.rowCount
    static let tileByteCount = TileConfiguration.byteCountOfTile

    /// One entry of 8 bytes for each row of A, one for B.
    var specialsOffset: Int { TileConfiguration.byteCount }
    var specialsByteCount: Int { (Self.blockRows + 8) * 8 }
    var aOffset: Int { specialsOffset + specialsByteCount }
    /// Of the parts of a step for a tile of rows.
    var aStepByteCount: Int { split.parts * Self.tileByteCount }
    /// Of a tile of rows in a chunk.
    var aTileByteCount: Int { chunkSteps * aStepByteCount }
    var bOffset: Int { aOffset + Self.largestTileCount * aTileByteCount }
    /// Of the parts of a step for two vectors of columns, side by side.
    var bStepByteCount: Int { SplitColumns.stepByteCount(split) }
    var sumsOffset: Int { bufferOffset + TileBlock.sumByteCount }

    /// Sums of a chunk, before they are added to those of the chunks before it.
    var bufferOffset: Int { bOffset + chunkSteps * bStepByteCount }

    func scratchByteCount(sumRowByteCount: Int) -> Int { sumsOffset + sumRowCount * sumRowByteCount }
    var sumRowCount: Int { Self.blockRows + TileConfiguration.rowCount }
  }

  private func scratch(_ offset: Int) -> Value { builder.add(builder.scratch, .immediate(offset)) }

  // MARK: Units

  /// Configures tiles for a call; gives the number of rows of each.
  func configureTiles(_ tiling: SplitTiling, rows: Value, blockCount: Value) -> Value {
    let tileRows = builder.equalTileRows(rows: rows, blockCount: blockCount)
    // 16 pairs of K are 64 bytes of A and 16 rows of B.
    TileBlock.configure(builder, rows: tileRows, .whole(1), scratch: builder.scratch)
    return tileRows
  }

  func emitUnit(_ unit: Unit, _ tiling: SplitTiling, tileRows: Value) throws {
    let sums = scratch(tiling.sumsOffset)
    builder.clear(scratch(tiling.specialsOffset), byteCount: tiling.specialsByteCount)
    let isChunked = tiling.chunkSteps < tiling.stepCount
    if isChunked { builder.clear(sums, byteCount: tiling.sumRowCount * bufferRowByteCount) }
    let b = panels(unit)
    builder.loop(to: .immediate(tiling.stepCount), step: tiling.chunkSteps) { start, _ in
      let steps = builder.minimum(
        builder.subtract(builder.integer(tiling.stepCount), .value(start)), .immediate(tiling.chunkSteps))
      let chunk = Chunk(
        start: start, steps: steps, tileRows: tileRows,
        tileCount: builder.quotientRoundedUp(unit.rowCount, tileRows))
      splitRows(unit, tiling, chunk)
      blocks.forEachGroup(builder, of: 2, block: unit.block, b: b, vectorStride: vectorStride) { group in
        splitColumns(group, tiling, chunk)
        multiply(group, tiling, chunk, sums: sums, addsToSums: isChunked)
      }
      return []
    }
    recomputeRows(unit, tiling, b: b, sums: sums)
    try epilogue.storeRows(
      sums, rowByteCount: bufferRowByteCount, rowCount: .value(unit.rowCount), blocks: blocks, block: unit.block,
      at: pointers(unit, row: unit.firstRow, column: unit.firstColumn))
  }

  private struct Chunk {
    /// In steps.
    var start: Value
    var steps: Value
    var tileRows: Value
    var tileCount: Value
  }

  // MARK: Splitting

  /// Elements of the last step; 0 where it is whole.
  private var restElements: Int { gemm.depth % SplitFloats.stepElements }

  /// Emits one body for the whole steps of a chunk, and one for a last step that is not.
  private func forEachStep(
    _ tiling: SplitTiling, _ chunk: Chunk, carrying carried: [Value],
    _ body: (Value, [Value], _ elements: Int) -> [Value]
  ) -> [Value] {
    let wholeSteps = gemm.depth / SplitFloats.stepElements
    var count = chunk.steps
    if restElements > 0 {
      count = builder.minimum(count, .value(builder.subtract(builder.integer(wholeSteps), .value(chunk.start))))
    }
    let ends = builder.loop(to: .value(count), carrying: carried) { step, carried in
      body(step, carried, SplitFloats.stepElements)
    }
    guard restElements > 0 else { return ends }
    return builder.if(.compare(count, .less, .value(chunk.steps))) {
      body(count, ends, restElements)
    } else: {
      ends
    }
  }

  /// Rows of A as tiles: row i of tile t at t·tile + step·step bytes + part·1024 + i·64.
  private func splitRows(_ unit: Unit, _ tiling: SplitTiling, _ chunk: Chunk) {
    let specials = SpecialNumbers(builder: builder)
    let source = builder.address(
      Address(
        pointer(0, offset: unit.aOffset, row: unit.firstRow, rowStride: gemm.aRowStride),
        index: builder.multiply(chunk.start, by: SplitFloats.stepElements), scale: 4))
    builder.loop(to: .value(unit.rowCount), carrying: [source]) { row, carried in
      let (tile, rowOfTile) = builder.divide(row, by: chunk.tileRows)
      let offset = builder.add(
        builder.multiply(tile, by: tiling.aTileByteCount),
        .value(builder.multiply(rowOfTile, by: TileConfiguration.rowByteCount)))
      let target = builder.add(scratch(tiling.aOffset), .value(offset))
      let ends = forEachStep(tiling, chunk, carrying: [carried[0], target, specials.none]) { _, carried, elements in
        let parts = tiling.split.split(
          builder, low: builder.loadFloats(Address(carried[0]), count: elements),
          high: builder.loadFloats(
            Address(carried[0], displacement: 64), count: elements - SplitFloats.pairDistance))
        for (part, value) in parts.enumerated() {
          builder.store(value, to: Address(carried[1], displacement: part * SplitTiling.tileByteCount))
        }
        return [
          builder.add(carried[0], .immediate(SplitFloats.stepElements * 4)),
          builder.add(carried[1], .immediate(tiling.aStepByteCount)), specials.adding(parts[0], to: carried[2]),
        ]
      }
      specials.note(ends[2], at: Address(scratch(tiling.specialsOffset), index: row, scale: 8))
      return [builder.add(carried[0], .immediate(gemm.aRowStride * 4))]
    }
  }

  /// One or two vectors of columns of B as tiles, step by step.
  private func splitColumns(_ group: ColumnBlocks.Group, _ tiling: SplitTiling, _ chunk: Chunk) {
    let specials = SpecialNumbers(builder: builder)
    let source = builder.add(
      group.b, .value(builder.multiply(chunk.start, by: SplitFloats.stepElements * depthStride)))
    var mask: Value?
    if case .rows = gemm.b { mask = ColumnMask(builder, count: group.tailColumns)?.value }
    let columns = SplitColumns(
      builder: builder, split: tiling.split, vectors: group.vectors, vectorStride: vectorStride,
      depthStride: depthStride, mask: mask)
    let ends = forEachStep(
      tiling, chunk, carrying: [source, scratch(tiling.bOffset), specials.none]
    ) { _, carried, elements in
      [
        builder.add(carried[0], .immediate(SplitFloats.stepElements * depthStride)),
        builder.add(carried[1], .immediate(tiling.bStepByteCount)),
        columns.step(carried[0], carried[1], elements: elements, largest: carried[2]),
      ]
    }
    specials.note(
      ends[2], at: Address(builder.scratch, displacement: tiling.specialsOffset + SplitTiling.blockRows * 8))
  }

  // MARK: Products

  private func multiply(
    _ group: ColumnBlocks.Group, _ tiling: SplitTiling, _ chunk: Chunk, sums: Value, addsToSums: Bool
  ) {
    let columns = builder.address(Address(sums, index: builder.integer(group.column), scale: 4))
    let tileSums = builder.multiply(chunk.tileRows, by: bufferRowByteCount)
    let pairs = builder.and(chunk.tileCount, -2)
    func emit(_ tile: Value, rowTiles: Int) {
      let first = builder.add(columns, .value(builder.multiply(tile, tileSums)))
      let rows = rowTiles == 1 ? [first] : [first, builder.add(first, .value(tileSums))]
      var block = TileBlock(builder, .tdpbf16ps, rowTiles: rowTiles, columnTiles: group.vectors)
      let run = TileBlock.SplitRun(
        aTileStride: tiling.aTileByteCount, aPartStride: SplitTiling.tileByteCount,
        aRowStride: builder.integer(TileConfiguration.rowByteCount))
      let a = builder.add(scratch(tiling.aOffset), .value(builder.multiply(tile, by: tiling.aTileByteCount)))
      let count = block.accumulators.count
      for products in tiling.split.passes {
        let ends = builder.loop(
          to: .value(chunk.steps), carrying: block.accumulators + [a, scratch(tiling.bOffset)]
        ) { _, carried in
          var inner = block
          inner.accumulators = Array(carried.prefix(count))
          inner.multiplyParts(products, run, a: carried[count], b: carried[count + 1])
          return inner.accumulators + [
            builder.add(carried[count], .immediate(tiling.aStepByteCount)),
            builder.add(carried[count + 1], .immediate(tiling.bStepByteCount)),
          ]
        }
        block.accumulators = Array(ends.prefix(count))
      }
      if addsToSums {
        block.add(
          to: rows, rowStride: bufferRowByteCount, rowCount: .value(chunk.tileRows),
          buffer: scratch(tiling.bufferOffset))
      } else {
        block.store(to: rows, rowStride: builder.integer(bufferRowByteCount))
      }
    }
    builder.loop(to: .value(pairs), step: 2) { tile, _ in
      emit(tile, rowTiles: 2)
      return []
    }
    builder.if(.compare(pairs, .less, .value(chunk.tileCount))) { emit(pairs, rowTiles: 1) }
  }

  // MARK: Numbers without parts

  /// Sums of rows of A that hold such numbers, or of all rows where B does, as products in vectors give them.
  private func recomputeRows(_ unit: Unit, _ tiling: SplitTiling, b: Value, sums: Value) {
    let ofB = builder.loadInteger(
      Address(builder.scratch, displacement: tiling.specialsOffset + SplitTiling.blockRows * 8))
    builder.loop(to: .value(unit.rowCount), carrying: [sums]) { row, carried in
      let ofRow = builder.loadInteger(Address(scratch(tiling.specialsOffset), index: row, scale: 8))
      builder.if(.compare(builder.update(.or, ofRow, .value(ofB)), .notEqual, .immediate(0))) {
        let a = pointer(
          0, offset: unit.aOffset, row: builder.add(unit.firstRow, .value(row)), rowStride: gemm.aRowStride)
        blocks.forEachGroup(builder, of: 1, block: unit.block, b: b, vectorStride: vectorStride) { group in
          var mask: Value?
          if case .rows = gemm.b { mask = ColumnMask(builder, count: group.tailColumns)?.value }
          var tile = RegisterTile(
            builder, rows: 1, vectors: 1, isInParts: RegisterTile.isInParts(.float32, depth: gemm.depth))
          tile.accumulate(
            RegisterTile.Run(
              rowOffsets: [0], depth: .immediate(gemm.depth), vectorStride: vectorStride, depthStride: depthStride,
              lastMask: mask), a: a, b: group.b)
          tile.store(
            to: Address(carried[0], index: builder.integer(group.column), scale: 4), rowByteCount: bufferRowByteCount)
        }
      }
      return [builder.add(carried[0], .immediate(bufferRowByteCount))]
    }
  }
}
