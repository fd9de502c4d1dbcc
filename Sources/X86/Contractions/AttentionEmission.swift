import KernelIR

/// Attention in one pass over K and V.
///
///     for unit in begin..<end                    a block of query rows of one head
///       for block of keys                        those that some row of the unit sees
///         K transposed into panels
///         for tile of rows
///           scores = Q · Kᵀ
///           for row: scale, mask, new maximum m, weights e^(score − m), their sum
///           result = result · e^(old m − m) + weights · V
///       result / sum
///
/// After Dao et al., FlashAttention (arXiv 2205.14135), with blocks for a core's caches: scores of a tile and panels of
/// K stay in the first two levels. With AMX both products of bfloat16 are on tiles, see `AttentionEmission+Tiles`.
struct AttentionEmission {
  let kernel: AttentionKernel
  let builder: VectorBuilder
  let name: String
  let shape: TileShape
  let scoreBlocks: ColumnBlocks
  let valueBlocks: ColumnBlocks
  private let maths: VectorMaths
  private let elements: Lanes
  /// Of Q by K and of the weights by V, both as they are in scratch.
  let factors: Factors
  /// Whether products are on AMX's tiles.
  let usesTiles: Bool

  /// Keys of a block. Each costs a row's maximum and sum, so few blocks are better; 128 keys of 64 elements are 32 KB.
  static let keysPerBlock = 128
  /// Rows whose scores are in memory at a time: in vectors those of a register tile, else those of two tiles.
  private var maxRows: Int { usesTiles ? 2 * TileConfiguration.rowCount : shape.maxRows }
  /// Tiles of rows that share the transposed keys of a block. Products of bfloat16 take half the time, and the rounding of
  /// V comes on top.
  private var tilesPerUnit: Int { factors == .bfloat16 && !usesTiles ? 8 : 4 }

  init(_ kernel: AttentionKernel, _ instructionSet: InstructionSet) throws {
    guard kernel.keyHeads > 0, kernel.heads % kernel.keyHeads == 0, kernel.headSize > 0, kernel.valueSize > 0 else {
      throw ContractionError.unsupported("attention with \(kernel.heads) heads over \(kernel.keyHeads)")
    }
    guard kernel.resultType == .float32 || kernel.resultType == .bfloat16 else {
      throw ContractionError.unsupported("attention that gives \(kernel.resultType)")
    }
    for mask in kernel.masks where mask.columnStride != 0 && mask.columnStride != 1 {
      throw ContractionError.unsupported("a mask with stride \(mask.columnStride)")
    }
    self.kernel = kernel
    factors = kernel.factors == .bfloat16 && Products.hasBFloat16(instructionSet) ? .bfloat16 : .float32
    usesTiles = factors == .bfloat16 && instructionSet >= .amx
    name = "attention_\(factors.text)_\(instructionSet)_d\(kernel.headSize)\(kernel.isCausal ? "_causal" : "")"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    let lanes = builder.lanes
    shape = TileShape(hasAVX512: builder.hasAVX512, totalVectors: Self.keysPerBlock / lanes)
    scoreBlocks = ColumnBlocks(columns: Self.keysPerBlock, lanes: lanes, vectors: Self.keysPerBlock / lanes)
    valueBlocks = ColumnBlocks(columns: kernel.valueSize, lanes: lanes, vectors: Int.max / 2)
    maths = VectorMaths(builder)
    elements = Lanes(builder: builder, count: lanes, hasWideMasks: false)
    let furthest = [kernel.query, kernel.key, kernel.value, kernel.result].map(\.rowStride).max() ?? 0
    guard kernel.headSize % factors.depthUnit == 0 else {
      throw ContractionError.unsupported("\(kernel.headSize) elements of \(factors)")
    }
    guard furthest * 16 < 1 << 28, kernel.headSize <= 4096, kernel.valueSize <= 4096 else {
      throw ContractionError.unsupported("rows too far apart")
    }
  }

  private var lanes: Int { builder.lanes }
  private var resultByteCount: Int { kernel.resultType.bitWidth / 8 }
  private var rowsPerUnit: Int { maxRows * tilesPerUnit }

  // MARK: Scratch

  struct Layout {
    /// Only on tiles.
    var configuration: Int
    var queries: Int
    var partialKeys: Int
    var keys: Int
    /// Only of bfloat16: float32 is read where it is.
    var values: Int
    var scores: Int
    var sums: Int
    var statistics: Int
    /// Bools of a vector that is not whole.
    var bools: Int
    var byteCount: Int
  }

  var queryCopy: RowCopy {
    RowCopy(
      builder: builder, sourceRowByteCount: kernel.query.rowStride * 4, depth: kernel.headSize, factors: factors)
  }
  private var keyCopy: RowCopy {
    RowCopy(builder: builder, sourceRowByteCount: kernel.key.rowStride * 4, depth: kernel.headSize)
  }
  /// Steps of the first product, as `Products` has them.
  private var keyDepth: Int { kernel.headSize / factors.depthUnit }
  /// Rows of a panel of keys: on tiles there are zeros behind the last ones.
  private var keyRows: Int { usesTiles ? keySteps * TileConfiguration.rowCount : keyDepth }
  var keyVectorStride: Int { keyRows * builder.vectorByteCount }
  var valuePanels: ValuePanels {
    ValuePanels(builder: builder, rowByteCount: kernel.value.rowStride * 4, columns: valueBlocks)
  }
  var scoreRowBytes: Int { Self.keysPerBlock * 4 + 64 }
  var sumRowBytes: Int { valueBlocks.vectors * builder.vectorByteCount }
  /// Maximum, factor, sum of the block, sum of all: each a number for 16 or 32 rows.
  private var statisticBytes: Int { usesTiles ? 128 : 64 }
  private static let statisticCount = 4

  var layout: Layout {
    var end = 0
    func take(_ bytes: Int) -> Int {
      defer { end += (bytes + 63) / 64 * 64 }
      return end
    }
    // The last tile of rows is loaded and stored as a whole.
    let rows = rowsPerUnit + (usesTiles ? TileConfiguration.rowCount : 0)
    return Layout(
      configuration: take(usesTiles ? TileConfiguration.byteCount : 0),
      queries: take(rows * queryCopy.rowByteCount), partialKeys: take(lanes * keyCopy.rowByteCount),
      keys: take(Self.keysPerBlock / lanes * keyVectorStride),
      values: take(factors == .bfloat16 ? valuePanels.byteCount(keys: Self.keysPerBlock) : 0),
      scores: take(maxRows * scoreRowBytes),
      sums: take(rows * sumRowBytes),
      statistics: take((tilesPerUnit + 1) * Self.statisticCount * statisticBytes),
      bools: take(kernel.masks.isEmpty ? 0 : 64), byteCount: end)
  }

  func compile() throws -> CompiledKernel {
    let queryRows = parameter(1)
    let blockCount = builder.divide(builder.add(queryRows, .immediate(rowsPerUnit - 1)), by: rowsPerUnit).quotient
    let tileRows = usesTiles ? configureTiles(queryRows: queryRows, blockCount: blockCount) : nil
    builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      emitUnit(index, queryRows: queryRows, blockCount: blockCount, tileRows: tileRows)
      return []
    }
    if usesTiles { builder.releaseTiles() }
    let units = WorkUnits(
      constant: kernel.heads,
      factors: [WorkUnits.Factor(parameter: 0), WorkUnits.Factor(parameter: 1, divisor: rowsPerUnit)])
    return CompiledKernel(
      name: name, code: try builder.build(), units: units, scratchByteCount: layout.byteCount)
  }

  private func parameter(_ position: Int) -> Value {
    builder.argument(3 + kernel.masks.count + 1 + position)
  }
  func scratch(_ offset: Int) -> Value { builder.add(builder.scratch, .immediate(offset)) }
  func product(_ value: Value, _ factor: Int) -> IntegerOperand {
    factor == 0 ? .immediate(0) : .value(builder.multiply(value, by: factor))
  }

  // MARK: Units

  private struct Unit {
    var firstRow: Value
    var rowCount: Value
    /// Tiles of rows, as equal as possible; pairs of them where AMX's tiles are used.
    var tileCount: Value
    /// Of one of AMX's tiles; nil in vectors.
    var tileRows: Value?
    /// The head's first key and value.
    var key: Value
    var value: Value
    /// The masks at the unit's first row.
    var masks: [Value]
    var result: Value
  }

  private func emitUnit(_ index: Value, queryRows: Value, blockCount: Value, tileRows: Value?) {
    let (rest, block) = builder.divide(index, by: blockCount)
    let (batch, head) = builder.divide(rest, by: kernel.heads)
    let keyHead = builder.divide(head, by: kernel.heads / kernel.keyHeads).quotient
    let first = builder.divide(builder.multiply(block, queryRows), by: blockCount).quotient
    let next = builder.divide(
      builder.multiply(builder.add(block, .immediate(1)), queryRows), by: blockCount
    ).quotient
    func pointer(
      _ argument: Int, _ layout: AttentionKernel.Layout, _ head: Value, row: Value?, elementBytes: Int = 4
    ) -> Value {
      var pointer = builder.add(builder.argument(argument), product(batch, layout.batchStride * elementBytes))
      pointer = builder.add(pointer, product(head, layout.headStride * elementBytes))
      return row.map { builder.add(pointer, product($0, layout.rowStride * elementBytes)) } ?? pointer
    }
    let rowCount = builder.subtract(next, .value(first))
    let largest = tileRows.map { builder.add($0, .value($0)) } ?? builder.integer(shape.maxRows)
    let unit = Unit(
      firstRow: first, rowCount: rowCount, tileCount: builder.quotientRoundedUp(rowCount, largest),
      tileRows: tileRows,
      key: pointer(1, kernel.key, keyHead, row: nil), value: pointer(2, kernel.value, keyHead, row: nil),
      masks: kernel.masks.enumerated().map {
        pointer(3 + $0, $1.layout, head, row: first, elementBytes: $1.elementBytes)
      },
      result: pointer(
        3 + kernel.masks.count, kernel.result, head, row: first, elementBytes: resultByteCount))

    queryCopy.emit(
      from: pointer(0, kernel.query, head, row: first), to: scratch(layout.queries), rowCount: .value(rowCount),
      depth: .immediate(kernel.headSize))
    clear(unit)
    // With a causal mask, keys behind the last row are seen by nobody.
    var keyRows = parameter(2)
    if kernel.isCausal { keyRows = builder.minimum(keyRows, .value(next)) }
    builder.loop(to: .value(keyRows), step: Self.keysPerBlock) { start, _ in
      let count = builder.minimum(
        builder.subtract(keyRows, .value(start)), .immediate(Self.keysPerBlock))
      transposeKeys(builder.add(unit.key, product(start, kernel.key.rowStride * 4)), count: count)
      var value = builder.add(unit.value, product(start, kernel.value.rowStride * 4))
      if factors == .bfloat16 {
        let panels = scratch(layout.values)
        valuePanels.emit(source: value, target: panels, keys: count)
        if usesTiles { clearValues(behind: count) }
        value = panels
      }
      forEachTile(unit) { emitTile(unit, $0, start: start, count: count, value: value) }
      return []
    }
    forEachTile(unit) { finish(unit, $0) }
  }

  /// Sums 0, maxima −∞.
  private func clear(_ unit: Unit) {
    let sums = scratch(layout.sums)
    let zero = builder.zero()
    builder.loop(to: product(unit.rowCount, sumRowBytes), step: builder.vectorByteCount) { offset, _ in
      builder.store(zero, to: Address(sums, index: offset))
      return []
    }
    let statistics = scratch(layout.statistics)
    let lowest = builder.constant(-Float.infinity)
    let stride = Self.statisticCount * statisticBytes
    builder.loop(to: .immediate((tilesPerUnit + 1) * stride), step: stride) { tile, _ in
      for byte in Swift.stride(from: 0, to: statisticBytes, by: builder.vectorByteCount) {
        builder.store(lowest, to: Address(statistics, index: tile, displacement: byte))
        builder.store(
          zero, to: Address(statistics, index: tile, displacement: offset(.sum) + byte))
      }
      return []
    }
  }

  /// Panels of a block of keys; lanes behind the last key hold anything.
  private func transposeKeys(_ source: Value, count: Value) {
    let target = scratch(layout.keys)
    func transpose(columnStride: Int) -> PanelTranspose {
      PanelTranspose(builder: builder, columnStride: columnStride, depth: keyDepth, factors: factors)
    }
    let whole = builder.and(count, -lanes)
    builder.loop(to: .value(whole), step: lanes) { key, _ in
      transpose(columnStride: kernel.key.rowStride).emit(
        source: builder.add(source, product(key, kernel.key.rowStride * 4)),
        target: builder.add(target, product(key, keyRows * 4)), columnCount: lanes)
      return []
    }
    let rest = builder.subtract(count, .value(whole))
    builder.if(.compare(rest, .greater, .immediate(0))) {
      let copy = scratch(layout.partialKeys)
      keyCopy.emit(
        from: builder.add(source, product(whole, kernel.key.rowStride * 4)), to: copy, rowCount: .value(rest),
        depth: .immediate(kernel.headSize))
      transpose(columnStride: keyCopy.rowByteCount / 4).emit(
        source: copy, target: builder.add(target, product(whole, keyRows * 4)), columnCount: lanes)
    }
  }

  // MARK: Tiles

  struct Tile {
    /// In the unit.
    var firstRow: Value
    var rowCount: Value
    var statistics: Value
  }

  enum Statistic: Int { case maximum, factor, blockSum, sum }
  func offset(_ statistic: Statistic) -> Int { statistic.rawValue * statisticBytes }

  private func forEachTile(_ unit: Unit, _ body: (Tile) -> Void) {
    builder.loop(to: .value(unit.tileCount), carrying: [builder.integer(0)]) { tile, carried in
      let end: Value
      if let rows = unit.tileRows {
        end = builder.minimum(
          builder.add(carried[0], .value(builder.add(rows, .value(rows)))), .value(unit.rowCount))
      } else {
        end =
          builder.divide(
            builder.multiply(builder.add(tile, .immediate(1)), unit.rowCount), by: unit.tileCount
          ).quotient
      }
      body(
        Tile(
          firstRow: carried[0], rowCount: builder.subtract(end, .value(carried[0])),
          statistics: builder.add(
            scratch(layout.statistics), product(tile, Self.statisticCount * statisticBytes))))
      return [end]
    }
  }

  /// - Parameters:
  ///   - start: the block's first key.
  ///   - count: its keys.
  ///   - value: its first row of V.
  private func emitTile(_ unit: Unit, _ tile: Tile, start: Value, count: Value, value: Value) {
    guard kernel.isCausal else {
      emitTile(unit, tile, start: start, depth: count, value: value)
      return
    }
    let behind = builder.add(builder.add(unit.firstRow, .value(tile.firstRow)), .value(tile.rowCount))
    let depth = builder.minimum(count, .value(builder.subtract(behind, .value(start))))
    builder.if(.compare(depth, .greater, .immediate(0))) {
      emitTile(unit, tile, start: start, depth: depth, value: value)
    }
  }

  /// - Parameter depth: keys of the block that some row of the tile sees.
  private func emitTile(_ unit: Unit, _ tile: Tile, start: Value, depth: Value, value: Value) {
    let scores = scratch(layout.scores)
    let queries = builder.add(
      scratch(layout.queries), product(tile.firstRow, queryCopy.rowByteCount))
    if let tileRows = unit.tileRows {
      let width = builder.and(builder.add(depth, .immediate(Self.stepKeys - 1)), -Self.stepKeys)
      emitScoresOnTiles(tile, tileRows: tileRows, queries: queries, width: width)
      emitSoftmax(unit, tile, start: start, depth: depth, width: width)
      return emitSumsOnTiles(tile, tileRows: tileRows, width: width)
    }
    builder.choose(tile.rowCount, 1...shape.maxRows) { rows in
      emitScores(rows: rows, queries: queries, depth: depth)
    }
    emitSoftmax(unit, tile, start: start, depth: depth, width: depth)
    let sums = builder.add(scratch(layout.sums), product(tile.firstRow, sumRowBytes))
    builder.choose(tile.rowCount, 1...shape.maxRows) { rows in
      emitSums(rows: rows, tile, scores: scores, value: value, sums: sums, depth: depth)
    }
  }

  private func emitScores(rows: Int, queries: Value, depth: Value) {
    let size = shape.vectors(rows: rows)
    let run = RegisterTile.Run(
      rowOffsets: (0..<rows).map { $0 * queryCopy.rowByteCount }, depth: .immediate(keyDepth),
      vectorStride: keyVectorStride, depthStride: builder.vectorByteCount)
    // Whole groups: panels and scores have room for all keys of a block.
    builder.loop(
      to: .value(depth), step: size * lanes, carrying: [scratch(layout.keys), scratch(layout.scores)]
    ) { _, carried in
      var tile = RegisterTile(builder, factors, rows: rows, vectors: size)
      tile.accumulate(run, a: queries, b: carried[0])
      tile.store(to: Address(carried[1]), rowByteCount: scoreRowBytes)
      return [
        builder.add(carried[0], .immediate(size * keyVectorStride)),
        builder.add(carried[1], .immediate(size * builder.vectorByteCount)),
      ]
    }
  }

  private func emitSums(rows: Int, _ statistics: Tile, scores: Value, value: Value, sums: Value, depth: Value) {
    let isPacked = factors == .bfloat16
    let steps = isPacked ? builder.shiftRightArithmetic(builder.add(depth, .immediate(1)), 1) : depth
    valueBlocks.forEachGroup(
      builder, of: shape.vectors(rows: rows), block: builder.integer(0), b: value,
      vectorStride: builder.vectorByteCount
    ) { group in
      let run = RegisterTile.Run(
        rowOffsets: (0..<rows).map { $0 * scoreRowBytes }, depth: .value(steps),
        vectorStride: builder.vectorByteCount,
        depthStride: isPacked ? valuePanels.pairByteCount : kernel.value.rowStride * 4,
        lastMask: group.tailColumns > 0 && !isPacked ? builder.laneMask(count: group.tailColumns) : nil)
      let address = Address(sums, index: builder.integer(group.column), scale: 4)
      var tile = RegisterTile(builder, factors, rows: rows, vectors: group.vectors)
      tile.accumulate(run, a: scores, b: group.b)
      // Afterwards: a sum that begins at zero is rounded less.
      tile.add(address, rowStride: sumRowBytes) { row, sum in
        let factor = Address(statistics.statistics, displacement: offset(.factor) + row * 4)
        return builder.multiply(sum, builder.broadcast(factor))
      }
      tile.store(to: address, rowByteCount: sumRowBytes)
    }
  }

  // MARK: Softmax

  /// Scores become weights; the tile's maxima, factors and sums are brought up to date.
  /// - Parameters:
  ///   - depth: keys of the block that some row of the tile sees.
  ///   - width: scores of a row, 0 behind those.
  private func emitSoftmax(_ unit: Unit, _ tile: Tile, start: Value, depth: Value, width: Value) {
    let scores = scratch(layout.scores)
    forEachRow(unit, tile, start: start, depth: depth) { row, seen, masks in
      let pointer = builder.add(scores, product(row, scoreRowBytes))
      let maximum = emitMaximum(pointer, seen: seen, width: width, masks: masks)
      builder.perform(
        .vmovss, .memory(Address(tile.statistics, index: row, scale: 4, displacement: offset(.factor))),
        .view(maximum, .xmm))
    }
    // All rows of the tile at once: the new maximum, and by what sums so far shrink.
    for byte in stride(from: 0, to: statisticBytes, by: builder.vectorByteCount) {
      func at(_ statistic: Statistic) -> Address {
        Address(tile.statistics, displacement: offset(statistic) + byte)
      }
      let old = builder.load(at(.maximum))
      let maximum = builder.maximum(old, builder.load(at(.factor)))
      builder.store(maximum, to: at(.maximum))
      let factor = maths.exponentialOfNonPositive(builder.subtract(old, finite(maximum)))
      builder.store(factor, to: at(.factor))
      builder.store(builder.multiply(builder.load(at(.sum)), factor), to: at(.sum))
    }
    builder.loop(to: .value(tile.rowCount)) { row, _ in
      let pointer = builder.add(scores, product(row, scoreRowBytes))
      func at(_ statistic: Statistic) -> Address {
        Address(tile.statistics, index: row, scale: 4, displacement: offset(statistic))
      }
      let maximum = finite(builder.broadcast(at(.maximum)))
      let sums = builder.loop(to: .value(width), step: lanes, carrying: [builder.zero()]) { key, carried in
        let address = Address(pointer, index: key, scale: 4)
        let weight = maths.exponentialOfNonPositive(builder.subtract(builder.load(address), maximum))
        if factors == .bfloat16 {
          // Half as wide as what is read, so never ahead of it.
          elements.storeResult(.bfloat16, weight, Address(pointer, index: key, scale: 2), mask: nil)
        } else {
          builder.store(weight, to: address)
        }
        return [builder.add(carried[0], weight)]
      }
      let sum = builder.horizontal(sums[0], builder.add)
      let total = builder.define(.vaddss, .xmm, .value(sum), .memory(at(.sum)))
      builder.perform(.vmovss, .memory(at(.sum)), .value(total))
      return []
    }
  }

  /// −∞ stands for "nothing seen yet": differences to it must not be NaN.
  private func finite(_ maximum: Value) -> Value {
    let lowest = builder.constant(-Float.infinity)
    return builder.select(builder.compare(maximum, lowest, predicate: 0), builder.zero(), maximum)
  }

  /// Gives each row, how many keys of the block it sees, and the masks' elements for them.
  private func forEachRow(
    _ unit: Unit, _ tile: Tile, start: Value, depth: Value,
    _ body: (_ row: Value, _ seen: Value, _ masks: [Value]) -> Void
  ) {
    let bases = zip(unit.masks, kernel.masks).map { pointer, mask in
      let columns = product(start, mask.columnStride * mask.elementBytes)
      let rows = product(tile.firstRow, mask.layout.rowStride * mask.elementBytes)
      return builder.add(builder.add(pointer, columns), rows)
    }
    builder.loop(to: .value(tile.rowCount)) { row, _ in
      var seen = depth
      if kernel.isCausal {
        let position = builder.add(builder.add(unit.firstRow, .value(tile.firstRow)), .value(row))
        let visible = builder.add(builder.subtract(position, .value(start)), .immediate(1))
        seen = builder.maximum(builder.minimum(depth, .value(visible)), .immediate(0))
      }
      let masks = zip(bases, kernel.masks).map { base, mask in
        builder.add(base, product(row, mask.layout.rowStride * mask.elementBytes))
      }
      body(row, seen, masks)
      return []
    }
  }

  /// Scales and masks the scores of one row; those it does not see become −∞. Returns the largest in all lanes of 128 bits.
  private func emitMaximum(_ scores: Value, seen: Value, width: Value, masks: [Value]) -> Value {
    let lowest = builder.constant(-Float.infinity)
    let scale = builder.constant(Float(bitPattern: kernel.scale))
    let whole = builder.and(seen, -lanes)
    func scaled(_ key: Value, tail: Tail?) -> Value {
      let score = builder.load(Address(scores, index: key, scale: 4))
      var rest = Array(zip(kernel.masks, masks))[...]
      var result: Value
      if kernel.softcap == nil, let (mask, pointer) = rest.first, mask.form == .added {
        result = builder.update(.vfmadd213ps, score, .value(scale), .value(added(mask, pointer, key, tail)))
        rest = rest.dropFirst()
      } else {
        result = builder.multiply(score, scale)
        if let softcap = kernel.softcap {
          result = builder.multiply(maths.hyperbolicTangent(result), builder.constant(Float(bitPattern: softcap)))
        }
      }
      for (mask, pointer) in rest {
        switch mask.form {
        case .added: result = builder.add(result, added(mask, pointer, key, tail))
        case .selecting(let keeps, let otherwise):
          let (kept, other) = (result, builder.constant(Float(bitPattern: otherwise)))
          let isSet = bools(mask, pointer, key, tail)
          result = keeps ? builder.select(isSet, kept, other) : builder.select(isSet, other, kept)
        }
      }
      return result
    }
    func put(_ value: Value, _ key: Value) { builder.store(value, to: Address(scores, index: key, scale: 4)) }
    let maxima = builder.loop(to: .value(whole), step: lanes, carrying: [lowest]) { key, carried in
      let score = scaled(key, tail: nil)
      put(score, key)
      return [builder.maximum(carried[0], score)]
    }
    let rest = builder.subtract(seen, .value(whole))
    // The partial vector, then vectors that other rows of the tile see.
    let last = builder.loop(from: .value(whole), to: .value(width), step: lanes, carrying: [maxima[0], rest]) {
      key, carried in
      let lanes = builder.laneMask(count: carried[1])
      let score = builder.select(lanes, scaled(key, tail: Tail(lanes: lanes, count: carried[1])), lowest)
      put(score, key)
      return [builder.maximum(carried[0], score), builder.integer(0)]
    }
    return builder.horizontal(last[0], builder.maximum)
  }

  /// The lanes of a vector that is not whole.
  private struct Tail {
    var lanes: Value
    /// May be more than there are, or negative for none.
    var count: Value
  }

  private func added(_ mask: AttentionKernel.Mask, _ pointer: Value, _ key: Value, _ tail: Tail?) -> Value {
    if mask.columnStride == 0 { return builder.broadcast(Address(pointer)) }
    let address = Address(pointer, index: key, scale: 4)
    return tail.map { builder.load(address, mask: $0.lanes) } ?? builder.load(address)
  }

  /// Lanes whose byte is not 0.
  private func bools(_ mask: AttentionKernel.Mask, _ pointer: Value, _ key: Value, _ tail: Tail?) -> Value {
    if mask.columnStride == 0 {
      let byte = builder.define(.movzxb, .gpr64, .memory(Address(pointer)))
      let lowest = builder.define(.vmovd, .xmm, .view(byte, .gpr32))
      return isSet(builder.define(.vpbroadcastd, builder.vectorKind, .view(lowest, .xmm)), isBytes: false)
    }
    let address = Address(pointer, index: key)
    guard let tail else {
      return builder.hasAVX512
        ? isSet(builder.define(.vmovdqu8, .xmm, .memory(address)), isBytes: true)
        : isSet(builder.define(.vpmovzxbd, .ymm, .memory(address)), isBytes: false)
    }
    if builder.hasAVX512 {
      return isSet(
        builder.define(.vmovdqu8, .xmm, .memory(address), mask: tail.lanes, zeroing: true), isBytes: true)
    }
    // Byte by byte: nothing behind the mask's end may be read.
    let (source, copy) = (builder.address(address), scratch(layout.bools))
    builder.loop(to: .value(builder.minimum(tail.count, .immediate(lanes)))) { index, _ in
      let byte = builder.define(.movzxb, .gpr64, .memory(Address(source, index: index)))
      let lowest = builder.define(.vmovd, .xmm, .view(byte, .gpr32))
      builder.perform(.vpextrb, .memory(Address(copy, index: index)), .value(lowest), .immediate(0))
      return []
    }
    return isSet(builder.define(.vpmovzxbd, .ymm, .memory(Address(copy))), isBytes: false)
  }

  /// Lanes, of bytes or of 32 bits, that are not 0.
  private func isSet(_ value: Value, isBytes: Bool) -> Value {
    if builder.hasAVX512 {
      return builder.define(isBytes ? .vptestmb : .vptestmd, .mask, .value(value), .value(value))
    }
    return builder.define(.vpcmpgtd, .ymm, .value(value), .value(builder.zero()))
  }

  // MARK: End

  private func finish(_ unit: Unit, _ tile: Tile) {
    let sums = builder.add(scratch(layout.sums), product(tile.firstRow, sumRowBytes))
    let result = builder.add(unit.result, product(tile.firstRow, kernel.result.rowStride * resultByteCount))
    builder.loop(to: .value(tile.rowCount)) { row, _ in
      let sum = builder.broadcast(
        Address(tile.statistics, index: row, scale: 4, displacement: offset(.sum)))
      let source = builder.add(sums, product(row, sumRowBytes))
      let target = builder.add(result, product(row, kernel.result.rowStride * resultByteCount))
      func quotient(_ column: Value) -> Value {
        let quotient = builder.divide(builder.load(Address(source, index: column, scale: 4)), sum)
        guard kernel.unseenIsZero else { return quotient }
        // 0 / 0
        let isUnseen = builder.compare(sum, builder.zero(), predicate: 0)
        return builder.select(isUnseen, builder.zero(), quotient)
      }
      func store(_ column: Value, _ mask: ColumnMask?) {
        elements.storeResult(
          kernel.resultType, quotient(column), Address(target, index: column, scale: resultByteCount), mask: mask)
      }
      valueBlocks.forEachVector(builder, block: builder.integer(0)) { column in
        store(column, nil)
      } partial: { column in
        store(column, ColumnMask(builder, count: valueBlocks.tailColumns))
      }
      return []
    }
  }
}

extension AttentionKernel.Mask {
  fileprivate var elementBytes: Int { form == .added ? 4 : 1 }
}
