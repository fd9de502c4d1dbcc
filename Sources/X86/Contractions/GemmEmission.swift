import KernelIR

/// The loop nest of a matrix product.
///
///     for unit in begin..<end                     a block of rows × a block of columns of one batch entry
///       [B by columns: transposed into panels]
///       for chunk of K                            one, unless K is long
///         for tile of rows                        rows of a block in tiles as equal as possible
///           for group of column vectors           A of the tile stays in L1, B of the block in L2
///             tile, epilogue
///
/// Each number of rows that a tile can have is code of its own, with the number of vectors that suits it; see
/// `KernelForm`.
struct GemmEmission {
  let gemm: Gemm
  let builder: VectorBuilder
  let shape: TileShape
  let blocks: ColumnBlocks
  let epilogue: EpilogueEmission
  let name: String
  /// Numbers of rows that tiles may have, ascending.
  let tileRows: [Int]
  let products: Products
  /// K in steps, as `Products` has them.
  let depth: Int
  /// Steps of K between partial sums; all of them if there are none.
  let chunkDepth: Int
  /// For products on AMX's tiles, of one kind or the other; nil for those in vectors.
  let tiling: Tiling?
  let splitTiling: SplitTiling?
  /// Whether all of B may stay in the cache.
  private let isNarrow: Bool
  private let lanes: Int

  /// Columns of a block: with 1024 steps of K, 1 MB of B that a unit reads again for every tile of rows. Half of it for
  /// narrow matrices, so that there are units for several threads.
  private static let blockColumns = 256
  /// Partial sums of a block are 28 loads and stores a tile for each 1024 steps of 14 cycles.
  private static let chunkDepth = 1024

  /// - Parameters:
  ///   - tileRows: the numbers of rows of a tile that there is code for; nil for all.
  ///   - splitTiling: tests want products on tiles that are too small to pay, too.
  init(
    _ gemm: Gemm, _ instructionSet: InstructionSet, tileRows: [Int]? = nil, floats: FloatProducts = .float32,
    splitTiling: SplitTiling? = nil
  ) throws {
    let factors = gemm.codes.map { "f32w\($0.bits)" } ?? gemm.factors.text
    let name = "gemm_\(factors)_\(instructionSet)_n\(gemm.columns)_k\(gemm.depth)"
    self.name = name
    self.gemm = gemm
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    lanes = builder.lanes
    guard gemm.columns > 0 else { throw ContractionError.unsupported("no columns") }
    shape = TileShape(gemm, instructionSet)
    tiling = tileRows == nil ? Tiling(gemm, instructionSet, rows: nil) : nil
    let tilingOfAnyRows = tileRows == nil ? SplitTiling(gemm, instructionSet, rows: nil, floats: floats) : nil
    self.splitTiling = splitTiling ?? tilingOfAnyRows
    self.tileRows = tileRows ?? Array(1...shape.maxRows)
    products = Products(gemm.factors, instructionSet)
    depth = products.steps(gemm.depth)
    if gemm.factors != .float32 {
      guard case .packed = gemm.b, gemm.depth % gemm.factors.depthUnit == 0 else {
        throw ContractionError.unsupported("\(gemm.factors) that are not packed side by side")
      }
    }
    if gemm.codes != nil {
      guard case .packed = gemm.b, gemm.factors == .float32, gemm.depth > 0 else {
        throw ContractionError.unsupported("codes that are not packed")
      }
    }
    if depth <= Self.chunkDepth * 3 / 2 || gemm.codes != nil {
      chunkDepth = depth
    } else {
      let chunks = (depth + Self.chunkDepth - 1) / Self.chunkDepth
      chunkDepth = ((depth + chunks - 1) / chunks + 3) / 4 * 4
    }
    isNarrow = gemm.columns <= 2 * Self.blockColumns
    blocks = ColumnBlocks(
      columns: gemm.columns, lanes: lanes, vectors: Self.blockColumns / lanes / (isNarrow ? 2 : 1),
      sharedInRunsOf: 1)
    epilogue = try EpilogueEmission(builder, gemm.epilogue, factors: gemm.factors)
    let furthestRow = max(gemm.aRowStride, gemm.cRowStride, gemm.epilogue.operands.map(\.rowStride).max() ?? 0)
    guard furthestRow * shape.maxRows < 1 << 28, gemm.columns * gemm.depth < 1 << 40 else {
      throw ContractionError.unsupported("rows too far apart")
    }
  }

  private var blockRows: Int {
    tiling != nil ? Tiling.blockRows : splitTiling != nil ? SplitTiling.blockRows : shape.blockRows
  }
  private var isChunked: Bool { chunkDepth < depth }
  private var isBuffered: Bool { isChunked || epilogue.isLong }
  // MARK: B

  /// Bytes from one vector of columns to the next.
  var vectorStride: Int {
    if let codes = gemm.codes { return Packer.wordCount(depth, bits: codes.bits) * builder.vectorByteCount }
    return switch gemm.b {
    case .packed, .columns: depth * builder.vectorByteCount
    case .rows: builder.vectorByteCount
    }
  }
  var depthStride: Int {
    switch gemm.b {
    case .packed, .columns: builder.vectorByteCount
    case .rows(let stride): stride * 4
    }
  }

  // MARK: Scratch: panels of B, sums, rows of A

  /// Behind what split tiles want of the scratch.
  private var panelOffset: Int { splitTiling?.scratchByteCount(sumRowByteCount: bufferRowByteCount) ?? 0 }
  private var panelByteCount: Int {
    if case .columns = gemm.b { return blocks.vectors * gemm.depth * builder.vectorByteCount }
    return 0
  }
  var bufferRowByteCount: Int { blocks.vectors * builder.vectorByteCount }
  private var bufferByteCount: Int {
    isBuffered ? (isChunked ? blockRows : shape.maxRows) * bufferRowByteCount : 0
  }

  var aRowByteCount: Int { gemm.aRowStride * products.elementByteCount }
  private var copiesRows: Bool {
    RowCopy.pays(rowByteCount: aRowByteCount, columns: gemm.columns) && products.stepByteCount == 4
      && shape.maxRows > RowCopy.rowsWithoutConflict
  }
  private var rowCopy: RowCopy {
    RowCopy(builder: builder, sourceRowByteCount: aRowByteCount, depth: chunkDepth)
  }
  private var copyByteCount: Int { copiesRows ? shape.maxRows * rowCopy.rowByteCount : 0 }
  private var copyOffset: Int { panelByteCount + bufferByteCount }

  // MARK: Arguments

  private var operandCount: Int { gemm.epilogue.operands.count }
  private var firstOperandPosition: Int { gemm.firstOperandPosition }
  private var resultPosition: Int { firstOperandPosition + operandCount }
  private func parameter(_ position: Int) -> Value { builder.argument(resultPosition + 1 + position) }

  func compile() throws -> CompiledKernel {
    let rows = parameter(0)
    let blockCount = builder.divide(builder.add(rows, .immediate(blockRows - 1)), by: blockRows).quotient
    let tileRows =
      tiling.map { configureTiles($0, rows: rows, blockCount: blockCount) }
      ?? splitTiling.map { configureTiles($0, rows: rows, blockCount: blockCount) }
    try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      let unit = decode(index, rows: rows, blockCount: blockCount)
      if let tiling, let tileRows {
        try emitUnit(unit, tiling, tileRows: tileRows)
      } else if let splitTiling, let tileRows {
        try emitUnit(unit, splitTiling, tileRows: tileRows)
      } else {
        try emitUnit(unit)
      }
      return []
    }
    if tileRows != nil { builder.releaseTiles() }
    var units = WorkUnits(
      constant: blocks.count, factors: [WorkUnits.Factor(parameter: 0, divisor: blockRows)])
    for (position, axis) in gemm.batch.enumerated() {
      if position == 0 {
        units.factors.append(WorkUnits.Factor(parameter: 1))
      } else {
        units.constant *= axis.extent
      }
    }
    return CompiledKernel(
      name: name, code: try builder.build(), units: units, scratchByteCount: scratchByteCount)
  }

  private var scratchByteCount: Int {
    if tiling != nil { return Self.tileScratchByteCount }
    return splitTiling != nil ? panelOffset + panelByteCount : copyOffset + copyByteCount
  }

  // MARK: Units

  struct Unit {
    var firstRow: Value
    var rowCount: Value
    var block: Value
    var firstColumn: Value
    /// Bytes to the batch entry; nil where there is no batch.
    var aOffset: Value?
    var bOffset: Value?
    var cOffset: Value?
    var operandOffsets: [Value?]
  }

  /// The row blocks of one column block follow each other: B stays in the cache. Of a narrow matrix it is the column
  /// blocks of a row block: A is read once, and threads share rows where there are enough.
  private func decode(_ index: Value, rows: Value, blockCount: Value) -> Unit {
    var (entry, rowBlock, block): (Value, Value, Value)
    if isNarrow {
      let (rest, inner) = builder.divide(index, by: blocks.count)
      ((entry, rowBlock), block) = (builder.divide(rest, by: blockCount), inner)
    } else {
      let (rest, inner) = builder.divide(index, by: blockCount)
      ((entry, block), rowBlock) = (builder.divide(rest, by: blocks.count), inner)
    }
    let first = builder.divide(builder.multiply(rowBlock, rows), by: blockCount).quotient
    let next = builder.divide(
      builder.multiply(builder.add(rowBlock, .immediate(1)), rows), by: blockCount
    ).quotient
    var offsets: [Value?] = Array(repeating: nil, count: 3 + operandCount)
    let sizes =
      [products.elementByteCount, 4, epilogue.resultByteCount] + gemm.epilogue.operands.map(\.elementByteCount)
    for (position, axis) in gemm.batch.enumerated().reversed() {
      let coordinate: Value
      if position == 0 {
        coordinate = entry
      } else {
        (entry, coordinate) = builder.divide(entry, by: axis.extent)
      }
      let strides =
        [axis.aStride, axis.bStride, axis.cStride] + gemm.epilogue.operands.map { $0.batchStrides[position] }
      for (buffer, stride) in strides.enumerated() where stride != 0 {
        let bytes = builder.multiply(coordinate, by: stride * sizes[buffer])
        offsets[buffer] = offsets[buffer].map { builder.add($0, .value(bytes)) } ?? bytes
      }
    }
    return Unit(
      firstRow: first, rowCount: builder.subtract(next, .value(first)), block: block,
      firstColumn: builder.multiply(block, by: blocks.columns), aOffset: offsets[0], bOffset: offsets[1],
      cOffset: offsets[2], operandOffsets: Array(offsets[3...]))
  }

  /// The bytes at row, column of an argument.
  func pointer(
    _ argument: Int, offset: Value?, row: Value? = nil, rowStride: Int = 0, column: Value? = nil, size: Int = 4
  ) -> Value {
    var pointer = builder.argument(argument)
    if let offset { pointer = builder.add(pointer, .value(offset)) }
    if let row, rowStride != 0 {
      pointer = builder.add(pointer, .value(builder.multiply(row, by: rowStride * size)))
    }
    return column.map { builder.address(Address(pointer, index: $0, scale: size)) } ?? pointer
  }

  private func emitUnit(_ unit: Unit) throws {
    let b = panels(unit)
    if !isChunked {
      try emitTiles(unit, chunkStart: nil, depth: .immediate(depth), b)
      return
    }
    let rowBytes = builder.multiply(unit.rowCount, by: bufferRowByteCount)
    let buffer = builder.add(builder.scratch, .immediate(panelByteCount))
    builder.loop(to: .value(rowBytes), step: builder.vectorByteCount) { offset, _ in
      builder.store(builder.zero(), to: Address(buffer, index: offset))
      return []
    }
    try builder.loop(to: .immediate(depth), step: chunkDepth) { start, _ in
      let rest = builder.subtract(builder.integer(depth), .value(start))
      let isEven = depth % chunkDepth == 0
      let depth: IntegerOperand =
        isEven ? .immediate(chunkDepth) : .value(builder.minimum(rest, .immediate(chunkDepth)))
      let chunk = builder.add(b, .value(builder.multiply(start, by: depthStride)))
      try emitTiles(unit, chunkStart: start, depth: depth, chunk)
      return []
    }
    try emitEpilogue(unit, firstRow: unit.firstRow, rowCount: unit.rowCount)
  }

  /// The address of B's first row in the unit's first column.
  func panels(_ unit: Unit) -> Value {
    switch gemm.b {
    case .packed:
      let base = pointer(1, offset: unit.bOffset)
      return builder.add(base, .value(builder.multiply(unit.block, by: blocks.vectors * vectorStride)))
    case .rows:
      return pointer(1, offset: unit.bOffset, column: unit.firstColumn)
    case .columns(let stride):
      let source = pointer(1, offset: unit.bOffset, row: unit.firstColumn, rowStride: stride)
      let transpose = PanelTranspose(builder: builder, columnStride: stride, depth: gemm.depth)
      let panels = builder.add(builder.scratch, .immediate(panelOffset))
      func emit(_ column: Value, count: Int) {
        let target = builder.multiply(column, by: gemm.depth * 4)
        transpose.emit(
          source: builder.add(source, .value(builder.multiply(column, by: stride * 4))),
          target: builder.add(panels, .value(target)), columnCount: count)
      }
      blocks.forEachVector(builder, block: unit.block) {
        emit($0, count: lanes)
      } partial: {
        emit($0, count: blocks.tailColumns)
      }
      return panels
    }
  }

  // MARK: Tiles

  private func emitTiles(_ unit: Unit, chunkStart: Value?, depth: IntegerOperand, _ b: Value) throws {
    let largest = shape.maxRows
    let count = builder.divide(builder.add(unit.rowCount, .immediate(largest - 1)), by: largest).quotient
    try builder.loop(to: .value(count), carrying: [builder.integer(0)]) { tile, carried in
      let start = carried[0]
      let end = builder.divide(
        builder.multiply(builder.add(tile, .immediate(1)), unit.rowCount), by: count
      ).quotient
      let row = builder.add(unit.firstRow, .value(start))
      let rowCount = builder.subtract(end, .value(start))
      var a = pointer(
        0, offset: unit.aOffset, row: row, rowStride: gemm.aRowStride, size: products.elementByteCount)
      if let chunkStart { a = builder.address(Address(a, index: chunkStart, scale: products.stepByteCount)) }
      if copiesRows {
        a =
          builder.if(.compare(rowCount, .greater, .immediate(RowCopy.rowsWithoutConflict))) {
            let copy = builder.add(builder.scratch, .immediate(copyOffset))
            rowCopy.emit(from: a, to: copy, rowCount: .value(rowCount), depth: depth)
            return [copy]
          } else: {
            [a]
          }[0]
      }
      try builder.choose(rowCount, tileRows[...]) { rows in
        try emitGroups(Tiles(unit: unit, row: row, startInBlock: start, depth: depth, a: a, b: b), rows: rows)
      }
      if isBuffered, !isChunked { try emitEpilogue(unit, firstRow: row, rowCount: rowCount) }
      return [end]
    }
  }

  /// One tile of rows over all columns of a block.
  private struct Tiles {
    var unit: Unit
    /// In the matrix.
    var row: Value
    var startInBlock: Value
    var depth: IntegerOperand
    var a: Value
    var b: Value
  }

  private func emitGroups(_ tiles: Tiles, rows: Int) throws {
    try blocks.forEachGroup(
      builder, of: shape.vectors(rows: rows), block: tiles.unit.block, b: tiles.b, vectorStride: vectorStride
    ) { try emitTile(tiles, rows: rows, $0) }
  }

  private func emitTile(_ tiles: Tiles, rows: Int, _ group: ColumnBlocks.Group) throws {
    let vectors = group.vectors
    let tailMask = ColumnMask(builder, count: group.tailColumns)
    var readMask: Value?
    if case .rows = gemm.b { readMask = tailMask?.value }
    let rowByteCount = copiesRows && rows > RowCopy.rowsWithoutConflict ? rowCopy.rowByteCount : aRowByteCount
    var run = RegisterTile.Run(
      rowOffsets: (0..<rows).map { $0 * rowByteCount }, depth: tiles.depth, vectorStride: vectorStride,
      depthStride: depthStride, lastMask: readMask)
    if case .packed = gemm.b {
      run.prefetchDistance = RegisterTile.prefetchDistance(
        rows: rows, panelByteCount: shape.totalVectors * vectorStride)
    }
    let column = builder.integer(group.column)
    guard isBuffered else {
      func pointers() -> EpilogueEmission.Pointers {
        self.pointers(tiles.unit, row: tiles.row, column: builder.add(column, .value(tiles.unit.firstColumn)))
      }
      epilogue.prefetch(rows: rows, vectors: vectors, at: pointers)
      var tile = zeros(rows: rows, vectors: vectors)
      accumulate(&tile, run, tiles, group)
      try epilogue.store(tile, at: pointers(), lastMask: tailMask)
      return
    }
    var tile = zeros(rows: rows, vectors: vectors)
    accumulate(&tile, run, tiles, group)
    let buffer = bufferAddress(row: isChunked ? tiles.startInBlock : nil, column)
    if isChunked { tile.add(buffer, rowStride: bufferRowByteCount) }
    tile.store(to: buffer, rowByteCount: bufferRowByteCount)
  }

  private func zeros(rows: Int, vectors: Int) -> RegisterTile {
    RegisterTile(
      builder, gemm.factors, rows: rows, vectors: vectors,
      isInParts: gemm.codes == nil && RegisterTile.isInParts(gemm.factors, depth: chunkDepth))
  }

  private func accumulate(
    _ tile: inout RegisterTile, _ run: RegisterTile.Run, _ tiles: Tiles, _ group: ColumnBlocks.Group
  ) {
    guard let codes = gemm.codes else {
      tile.accumulate(run, a: tiles.a, b: group.b)
      return
    }
    // Scales and zero points are panels of as many rows as there are blocks.
    let vector = builder.add(
      builder.multiply(tiles.unit.block, by: blocks.columns), .value(builder.integer(group.column)))
    let offset = builder.multiply(vector, by: CodedTile.blockCount(codes, depth: depth) * 4)
    func panel(_ position: Int) -> Value { builder.add(builder.argument(position), .value(offset)) }
    let coded = CodedTile(
      codes: codes, depth: depth, rowOffsets: run.rowOffsets.compactMap(\.self), codeStride: vectorStride,
      scales: panel(2), zeroPoints: codes.zeroPoint == nil ? panel(3) : nil)
    coded.accumulate(&tile, a: tiles.a, codes: group.b)
  }

  private func bufferAddress(row: Value?, _ column: Value) -> Address {
    let base =
      row.map { builder.add(builder.scratch, .value(builder.multiply($0, by: bufferRowByteCount))) } ?? builder.scratch
    return Address(base, index: column, scale: 4, displacement: panelByteCount)
  }

  func pointers(_ unit: Unit, row: Value, column: Value) -> EpilogueEmission.Pointers {
    EpilogueEmission.Pointers(
      result: pointer(
        resultPosition, offset: unit.cOffset, row: row, rowStride: gemm.cRowStride, column: column,
        size: epilogue.resultByteCount),
      resultRowStride: gemm.cRowStride,
      operands: gemm.epilogue.operands.enumerated().map { position, operand in
        pointer(
          firstOperandPosition + position, offset: unit.operandOffsets[position], row: row,
          rowStride: operand.rowStride,
          column: operand.columnStride == 0 ? nil : column, size: operand.elementByteCount)
      })
  }

  /// Applies the epilogue to sums in the buffer.
  private func emitEpilogue(_ unit: Unit, firstRow: Value, rowCount: Value) throws {
    try epilogue.storeRows(
      builder.add(builder.scratch, .immediate(panelByteCount)), rowByteCount: bufferRowByteCount,
      rowCount: .value(rowCount), blocks: blocks, block: unit.block,
      at: pointers(unit, row: firstRow, column: unit.firstColumn))
  }
}
