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
/// Each number of rows that a tile can have is code of its own, with the number of vectors that suits it.
struct GemmEmission {
  let gemm: Gemm
  let builder: VectorBuilder
  let shape: TileShape
  let blocks: ColumnBlocks
  let epilogue: EpilogueEmission
  let name: String
  /// Rows of a unit; it may have fewer.
  let blockRows: Int
  /// Steps of K between partial sums; K itself if there are none.
  let chunkDepth: Int
  private let lanes: Int

  /// Columns of a block: with 1024 steps of K, 1 MB of B that a unit reads again for every tile of rows. Half of it for
  /// narrow matrices, so that there are units for several threads.
  private static let blockColumns = 256
  /// Partial sums of a block are 28 loads and stores a tile for each 1024 steps of 14 cycles.
  private static let chunkDepth = 1024

  init(_ gemm: Gemm, _ instructionSet: InstructionSet) throws {
    let name = "gemm_f32_\(instructionSet)_n\(gemm.columns)_k\(gemm.depth)"
    self.name = name
    self.gemm = gemm
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    lanes = builder.lanes
    guard gemm.columns > 0 else { throw ContractionError.unsupported("no columns") }
    let totalVectors = (gemm.columns + lanes - 1) / lanes
    shape = TileShape(hasAVX512: builder.hasAVX512, totalVectors: totalVectors)
    blockRows = shape.maxRows * 8
    if gemm.depth <= Self.chunkDepth * 3 / 2 {
      chunkDepth = gemm.depth
    } else {
      let chunks = (gemm.depth + Self.chunkDepth - 1) / Self.chunkDepth
      chunkDepth = ((gemm.depth + chunks - 1) / chunks + 3) / 4 * 4
    }
    let isNarrow = gemm.columns <= 2 * Self.blockColumns
    blocks = ColumnBlocks(
      columns: gemm.columns, lanes: lanes, vectors: Self.blockColumns / lanes / (isNarrow ? 2 : 1))
    epilogue = try EpilogueEmission(builder, gemm.epilogue)
    let furthestRow = max(gemm.aRowStride, gemm.cRowStride, gemm.epilogue.operands.map(\.rowStride).max() ?? 0)
    guard furthestRow * shape.maxRows < 1 << 28, gemm.columns * gemm.depth < 1 << 40 else {
      throw ContractionError.unsupported("rows too far apart")
    }
  }

  private var isChunked: Bool { chunkDepth < gemm.depth }
  private var isBuffered: Bool { isChunked || epilogue.isLong }
  private var blockColumns: Int { blocks.vectors * lanes }

  // MARK: B

  /// Bytes from one vector of columns to the next.
  private var vectorStride: Int {
    switch gemm.b {
    case .packed, .columns: gemm.depth * builder.vectorByteCount
    case .rows: builder.vectorByteCount
    }
  }
  private var depthStride: Int {
    switch gemm.b {
    case .packed, .columns: builder.vectorByteCount
    case .rows(let stride): stride * 4
    }
  }

  // MARK: Scratch: panels of B, sums, rows of A

  private var panelByteCount: Int {
    if case .columns = gemm.b { return blocks.vectors * gemm.depth * builder.vectorByteCount }
    return 0
  }
  private var bufferRowByteCount: Int { blocks.vectors * builder.vectorByteCount }
  private var bufferByteCount: Int {
    isBuffered ? (isChunked ? blockRows : shape.maxRows) * bufferRowByteCount : 0
  }

  // MARK: Copies of A

  /// Rows that are a multiple of 2 KB apart share one or two sets of a first-level cache, which holds 8 to 12 lines in
  /// each: larger tiles read a copy whose rows are an odd number of lines apart. Few columns do not pay for it.
  private static let rowsWithoutConflict = 6
  private var copiesRows: Bool {
    gemm.aRowStride != 0 && gemm.aRowStride % 512 == 0 && gemm.columns >= 96 && shape.maxRows > Self.rowsWithoutConflict
  }
  private var copyRowByteCount: Int { ((chunkDepth * 4 + 63) / 64 | 1) * 64 }
  private var copyByteCount: Int { copiesRows ? shape.maxRows * copyRowByteCount : 0 }
  private var copyOffset: Int { panelByteCount + bufferByteCount }

  private func copyRows(_ a: Value, rowCount: Value, depth: IntegerOperand) -> Value {
    let target = builder.add(builder.scratch, .immediate(copyOffset))
    let depth = integer(depth)
    let whole = builder.and(depth, -lanes)
    let rest = builder.subtract(depth, .value(whole))
    builder.loop(to: .value(rowCount), carrying: [a, target]) { _, carried in
      builder.loop(to: .value(whole), step: lanes) { k, _ in
        builder.store(
          builder.load(Address(carried[0], index: k, scale: 4)), to: Address(carried[1], index: k, scale: 4))
        return []
      }
      builder.if(.compare(rest, .greater, .immediate(0))) {
        let mask = builder.laneMask(count: rest)
        let tail = builder.load(Address(carried[0], index: whole, scale: 4), mask: mask)
        builder.store(tail, to: Address(carried[1], index: whole, scale: 4))
      }
      return [
        builder.add(carried[0], .immediate(gemm.aRowStride * 4)), builder.add(carried[1], .immediate(copyRowByteCount)),
      ]
    }
    return target
  }

  // MARK: Arguments

  private var operandCount: Int { gemm.epilogue.operands.count }
  private var resultPosition: Int { 2 + operandCount }
  private func parameter(_ position: Int) -> Value { builder.argument(3 + operandCount + position) }

  func compile() throws -> CompiledKernel {
    let rows = parameter(0)
    let blockCount = builder.divide(builder.add(rows, .immediate(blockRows - 1)), by: blockRows).quotient
    try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      try emitUnit(decode(index, rows: rows, blockCount: blockCount))
      return []
    }
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
      name: name, code: try builder.build(), units: units, scratchByteCount: copyOffset + copyByteCount)
  }

  // MARK: Units

  private struct Unit {
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

  /// The row blocks of one column block follow each other: B stays in the cache.
  private func decode(_ index: Value, rows: Value, blockCount: Value) -> Unit {
    let (rest, rowBlock) = builder.divide(index, by: blockCount)
    var (entry, block) = builder.divide(rest, by: blocks.count)
    let first = builder.divide(builder.multiply(rowBlock, rows), by: blockCount).quotient
    let next = builder.divide(
      builder.multiply(builder.add(rowBlock, .immediate(1)), rows), by: blockCount
    ).quotient
    var offsets: [Value?] = Array(repeating: nil, count: 3 + operandCount)
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
        let bytes = builder.multiply(coordinate, by: stride * 4)
        offsets[buffer] = offsets[buffer].map { builder.add($0, .value(bytes)) } ?? bytes
      }
    }
    return Unit(
      firstRow: first, rowCount: builder.subtract(next, .value(first)), block: block,
      firstColumn: builder.multiply(block, by: blockColumns), aOffset: offsets[0], bOffset: offsets[1],
      cOffset: offsets[2], operandOffsets: Array(offsets[3...]))
  }

  /// The bytes at row, column of an argument.
  private func pointer(
    _ argument: Int, offset: Value?, row: Value? = nil, rowStride: Int = 0, column: Value? = nil
  ) -> Value {
    var pointer = builder.argument(argument)
    if let offset { pointer = builder.add(pointer, .value(offset)) }
    if let row, rowStride != 0 {
      pointer = builder.add(pointer, .value(builder.multiply(row, by: rowStride * 4)))
    }
    return column.map { builder.address(Address(pointer, index: $0, scale: 4)) } ?? pointer
  }

  private func emitUnit(_ unit: Unit) throws {
    let b = panels(unit)
    if !isChunked {
      try emitTiles(unit, chunkStart: nil, depth: .immediate(gemm.depth), b)
      return
    }
    let rowBytes = builder.multiply(unit.rowCount, by: bufferRowByteCount)
    let buffer = builder.add(builder.scratch, .immediate(panelByteCount))
    builder.loop(to: .value(rowBytes), step: builder.vectorByteCount) { offset, _ in
      builder.store(builder.zero(), to: Address(buffer, index: offset))
      return []
    }
    try builder.loop(to: .immediate(gemm.depth), step: chunkDepth) { start, _ in
      let rest = builder.subtract(builder.integer(gemm.depth), .value(start))
      let depth = builder.minimum(rest, .immediate(chunkDepth))
      let chunk = builder.add(b, .value(builder.multiply(start, by: depthStride)))
      try emitTiles(unit, chunkStart: start, depth: .value(depth), chunk)
      return []
    }
    try emitEpilogue(unit, firstRow: unit.firstRow, rowCount: unit.rowCount)
  }

  /// The address of B's first row in the unit's first column.
  private func panels(_ unit: Unit) -> Value {
    switch gemm.b {
    case .packed:
      let base = pointer(1, offset: unit.bOffset)
      return builder.add(base, .value(builder.multiply(unit.block, by: blocks.vectors * vectorStride)))
    case .rows:
      return pointer(1, offset: unit.bOffset, column: unit.firstColumn)
    case .columns(let stride):
      let source = pointer(1, offset: unit.bOffset, row: unit.firstColumn, rowStride: stride)
      let transpose = PanelTranspose(builder: builder, columnStride: stride, depth: gemm.depth)
      // Whole vectors of columns, then the partial one.
      let whole = vectorCount(unit, full: blocks.vectors, last: blocks.lastVectors - (blocks.tailColumns > 0 ? 1 : 0))
      let ends = builder.loop(to: whole, carrying: [source, builder.scratch]) { _, carried in
        transpose.emit(source: carried[0], target: carried[1], columnCount: lanes)
        return [
          builder.add(carried[0], .immediate(lanes * stride * 4)), builder.add(carried[1], .immediate(vectorStride)),
        ]
      }
      if blocks.tailColumns > 0 {
        inLastBlock(unit) { transpose.emit(source: ends[0], target: ends[1], columnCount: blocks.tailColumns) }
      }
      return builder.scratch
    }
  }

  private func inLastBlock(_ unit: Unit, _ body: () throws -> Void) rethrows {
    if blocks.count == 1 { return try body() }
    try builder.if(.compare(unit.block, .equal, .immediate(blocks.count - 1)), body)
  }

  /// One number for all blocks but the last, another one there.
  private func vectorCount(_ unit: Unit, full: Int, last: Int) -> IntegerOperand {
    if blocks.count == 1 || full == last { return .immediate(last) }
    let results = builder.if(.compare(unit.block, .equal, .immediate(blocks.count - 1))) {
      [builder.integer(last)]
    } else: {
      [builder.integer(full)]
    }
    return .value(results[0])
  }

  private func integer(_ operand: IntegerOperand) -> Value {
    switch operand {
    case .value(let value): value
    case .immediate(let value): builder.integer(value)
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
      var a = pointer(0, offset: unit.aOffset, row: row, rowStride: gemm.aRowStride, column: chunkStart)
      if copiesRows {
        a =
          builder.if(.compare(rowCount, .greater, .immediate(Self.rowsWithoutConflict))) {
            [copyRows(a, rowCount: rowCount, depth: depth)]
          } else: {
            [a]
          }[0]
      }
      try choose(rowCount, 1...largest) { rows in
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

  /// Runs the code for the number that `value` is.
  private func choose(_ value: Value, _ range: ClosedRange<Int>, _ body: (Int) throws -> Void) rethrows {
    guard range.count > 1 else { return try body(range.lowerBound) }
    let middle = (range.lowerBound + range.upperBound + 1) / 2
    try builder.if(.compare(value, .greaterOrEqual, .immediate(middle))) {
      try choose(value, middle...range.upperBound, body)
      return []
    } else: {
      try choose(value, range.lowerBound...middle - 1, body)
      return []
    }
  }

  private func emitGroups(_ tiles: Tiles, rows: Int) throws {
    let size = shape.vectors(rows: rows)
    let groups = blocks.groups(of: size)
    let lastGroups = blocks.lastGroups(of: size)
    let columns = vectorCount(
      tiles.unit, full: groups.whole * size * lanes, last: lastGroups.whole * size * lanes)
    let ends = try builder.loop(to: columns, step: size * lanes, carrying: [tiles.b]) { column, carried in
      try emitTile(tiles, rows: rows, vectors: size, column: .value(column), b: carried[0], isLast: false)
      return [builder.add(carried[0], .immediate(size * vectorStride))]
    }
    if groups.rest > 0, blocks.count > 1 {
      try builder.if(.compare(tiles.unit.block, .less, .immediate(blocks.count - 1))) {
        try emitTile(
          tiles, rows: rows, vectors: groups.rest, column: .immediate(groups.whole * size * lanes), b: ends[0],
          isLast: false)
      }
    }
    if lastGroups.rest > 0 {
      try inLastBlock(tiles.unit) {
        try emitTile(
          tiles, rows: rows, vectors: lastGroups.rest, column: .immediate(lastGroups.whole * size * lanes),
          b: ends[0], isLast: true)
      }
    }
  }

  /// - Parameters:
  ///   - column: in the block.
  ///   - isLast: the last vector is the matrix's last one.
  private func emitTile(
    _ tiles: Tiles, rows: Int, vectors: Int, column: IntegerOperand, b: Value, isLast: Bool
  ) throws {
    let tailMask = isLast && blocks.tailColumns > 0 ? builder.laneMask(count: blocks.tailColumns) : nil
    var readMask: Value?
    if case .rows = gemm.b { readMask = tailMask }
    let rowByteCount = copiesRows && rows > Self.rowsWithoutConflict ? copyRowByteCount : gemm.aRowStride * 4
    let run = RegisterTile.Run(
      rowOffsets: (0..<rows).map { $0 * rowByteCount }, depth: tiles.depth, vectorStride: vectorStride,
      depthStride: depthStride, lastMask: readMask)
    let column = integer(column)
    guard isBuffered else {
      var tile = RegisterTile(builder, rows: rows, vectors: vectors)
      tile.accumulate(run, a: tiles.a, b: b)
      let pointers = pointers(
        tiles.unit, row: tiles.row, column: builder.add(column, .value(tiles.unit.firstColumn)))
      try epilogue.store(tile, at: pointers, lastMask: tailMask)
      return
    }
    var tile: RegisterTile
    if isChunked {
      let buffer = bufferAddress(row: tiles.startInBlock, column)
      tile = RegisterTile(builder, rows: rows, vectors: vectors, loading: buffer, rowStride: bufferRowByteCount)
    } else {
      tile = RegisterTile(builder, rows: rows, vectors: vectors)
    }
    tile.accumulate(run, a: tiles.a, b: b)
    let buffer = bufferAddress(row: isChunked ? tiles.startInBlock : nil, column)
    for row in 0..<rows {
      for vector in 0..<vectors {
        builder.store(
          tile.accumulator(row, vector),
          to: buffer.advanced(by: row * bufferRowByteCount + vector * builder.vectorByteCount))
      }
    }
  }

  private func bufferAddress(row: Value?, _ column: Value) -> Address {
    let base =
      row.map { builder.add(builder.scratch, .value(builder.multiply($0, by: bufferRowByteCount))) } ?? builder.scratch
    return Address(base, index: column, scale: 4, displacement: panelByteCount)
  }

  private func pointers(_ unit: Unit, row: Value, column: Value) -> EpilogueEmission.Pointers {
    EpilogueEmission.Pointers(
      result: pointer(
        resultPosition, offset: unit.cOffset, row: row, rowStride: gemm.cRowStride, column: column),
      resultRowStride: gemm.cRowStride,
      operands: gemm.epilogue.operands.enumerated().map { position, operand in
        pointer(
          2 + position, offset: unit.operandOffsets[position], row: row, rowStride: operand.rowStride,
          column: operand.columnStride == 0 ? nil : column)
      })
  }

  /// Applies the epilogue to sums in the buffer, row by row, vector by vector.
  private func emitEpilogue(_ unit: Unit, firstRow: Value, rowCount: Value) throws {
    let whole = vectorCount(
      unit, full: blockColumns, last: (blocks.lastVectors - (blocks.tailColumns > 0 ? 1 : 0)) * lanes)
    try builder.loop(to: .value(rowCount)) { row, _ in
      let pointers = pointers(unit, row: builder.add(firstRow, .value(row)), column: unit.firstColumn)
      let buffer = builder.add(
        builder.add(builder.scratch, .immediate(panelByteCount)),
        .value(builder.multiply(row, by: bufferRowByteCount)))
      try builder.loop(to: whole, step: lanes) { column, _ in
        try emitEpilogueVector(pointers, buffer, column: column, mask: nil)
        return []
      }
      if blocks.tailColumns > 0 {
        try inLastBlock(unit) {
          try emitEpilogueVector(
            pointers, buffer, column: builder.integer((blocks.lastVectors - 1) * lanes),
            mask: builder.laneMask(count: blocks.tailColumns))
        }
      }
      return []
    }
  }

  private func emitEpilogueVector(
    _ pointers: EpilogueEmission.Pointers, _ buffer: Value, column: Value, mask: Value?
  ) throws {
    var pointers = pointers
    pointers.result = builder.address(Address(pointers.result, index: column, scale: 4))
    for (position, operand) in gemm.epilogue.operands.enumerated() where operand.columnStride != 0 {
      pointers.operands[position] = builder.address(Address(pointers.operands[position], index: column, scale: 4))
    }
    var constants = EpilogueEmission.Constants()
    let sum = builder.load(Address(buffer, index: column, scale: 4))
    let value = try epilogue.value(of: sum, row: 0, vector: 0, pointers, mask, &constants)
    epilogue.store(value, to: Address(pointers.result), mask: mask)
  }
}
