import KernelIR

/// The loop nest of a convolution, without a copy of its windows.
///
///     for unit in begin..<end                    some lines of output pixels × a block of channels of one image, group
///       for line, tile of its pixels             tiles at the sides of the image are code of their own
///         for group of channel vectors
///           for window positions along depth and height that lie inside the image
///             run over window width × channels   one where they are neighbours in memory, else one for each position
///           epilogue
///
/// What lies outside the image is skipped, never read: along depth and height by the bounds of loops, along the width
/// because each tile at a side knows which of its pixels see which position.
struct ConvolutionEmission {
  let kernel: ConvolutionKernel
  let builder: VectorBuilder
  let name: String
  let window: ConvolutionShape
  let shape: TileShape
  let blocks: ColumnBlocks
  let epilogue: EpilogueEmission
  let products: Products
  let classes: [ConvolutionShape.TileClass]
  /// Channels of a group.
  let inputChannels: Int
  /// The same in steps, as `Products` has them.
  let inputSteps: Int
  let outputChannels: Int
  /// Where the pixels of one phase of a transposed convolution lie; nil for a plain convolution.
  let lattice: PixelLattice?
  /// What the parts of long sums are (`RegisterTile`); nil for sums that are not long.
  let parts: Parts?
  /// A unit is some lines, or some tiles of the only line.
  let linesPerUnit: Int
  let tilesPerUnit: Int

  enum Parts {
    /// Each run of channels, or several where it is long.
    case runs
    /// The window's positions along this axis and those after it.
    case along(axis: Int)
  }

  /// Parts should not be shorter: the price of one is that of two steps.
  private static let leastPartDepth = 128

  /// B of a block is read again for every tile: it should stay in a second-level cache of 1 MB.
  private static let blockByteCount = 768 << 10
  /// 20 µs or so: enough to hide what a unit costs, few enough to share between threads.
  private static let cyclesPerUnit = 80_000

  init(_ kernel: ConvolutionKernel, _ instructionSet: InstructionSet) throws {
    let text = kernel.geometry.window.map(String.init).joined(separator: "x")
    let name =
      "conv_\(kernel.factors.text)_\(instructionSet)_\(text)_c\(kernel.inputChannels)_m\(kernel.outputChannels)"
    try self.init(kernel, VectorBuilder(name: name, instructionSet: instructionSet), name: name)
  }

  init(_ kernel: ConvolutionKernel, _ builder: VectorBuilder, name: String, lattice: PixelLattice? = nil) throws {
    let geometry = kernel.geometry
    let rank = geometry.input.count
    guard (1...3).contains(rank),
      [geometry.output, geometry.window, geometry.strides, geometry.dilations, geometry.padding].allSatisfy({
        $0.count == rank
      }), (geometry.window + geometry.strides).allSatisfy({ $0 > 0 }), kernel.groups > 0, kernel.outputChannels > 0
    else { throw ContractionError.unsupported("a convolution over \(rank) axes") }
    self.kernel = kernel
    self.name = name
    self.builder = builder
    self.lattice = lattice
    window = ConvolutionShape(geometry, joinsAxes: lattice == nil)
    inputChannels = kernel.inputChannels / kernel.groups
    outputChannels = kernel.outputChannels / kernel.groups
    let lanes = builder.lanes
    shape = TileShape(hasAVX512: builder.hasAVX512, totalVectors: (outputChannels + lanes - 1) / lanes)
    classes = window.tileClasses(largest: shape.maxRows)
    products = Products(kernel.factors, builder.instructionSet)
    guard inputChannels % kernel.factors.depthUnit == 0 else {
      throw ContractionError.unsupported("\(inputChannels) channels of \(kernel.factors)")
    }
    inputSteps = products.steps(inputChannels)
    let depth = window.tapCount * inputSteps
    parts = Self.parts(kernel.factors, window, inputSteps: inputSteps)
    let fitting = Self.blockByteCount / max(1, depth * builder.vectorByteCount) & ~1
    blocks = ColumnBlocks(
      columns: outputChannels, lanes: lanes, vectors: shape.totalVectors == 3 ? 3 : min(256 / lanes, max(2, fitting)),
      sharedInRunsOf: max(1, window.lineCount))
    let pixelStep = lattice?.strides[2] ?? 1
    epilogue = try EpilogueEmission(builder, kernel.epilogue.stepping(pixelStep), factors: kernel.factors)

    let tileCount = classes.reduce(0) { $0 + $1.count }
    let lineCycles = max(1, window.width * depth * blocks.vectors / 2)
    if window.lineCount > 1 {
      let pieces = max(1, (window.lineCount * lineCycles + Self.cyclesPerUnit - 1) / Self.cyclesPerUnit)
      linesPerUnit = max(1, window.lineCount / min(window.lineCount, pieces))
      tilesPerUnit = max(1, tileCount)
    } else {
      let pieces = max(1, (lineCycles + Self.cyclesPerUnit - 1) / Self.cyclesPerUnit)
      linesPerUnit = 1
      tilesPerUnit = max(1, tileCount / min(max(1, tileCount), pieces))
    }
    let furthest = max(
      window.input[2] * kernel.inputPixelStride, kernel.outputPixelStride * pixelStep * shape.maxRows,
      (epilogue.epilogue.operands.map(\.rowStride).max() ?? 0) * shape.maxRows)
    guard furthest < 1 << 28 else { throw ContractionError.unsupported("pixels too far apart") }
  }

  private static func parts(_ factors: Factors, _ window: ConvolutionShape, inputSteps: Int) -> Parts? {
    guard RegisterTile.isInParts(factors, depth: window.tapCount * inputSteps) else { return nil }
    let line = window.window[2] * inputSteps
    if RegisterTile.isInParts(factors, depth: line) { return .runs }
    if line >= leastPartDepth { return .along(axis: 2) }
    return line * window.window[1] >= leastPartDepth && window.window[0] > 1 ? .along(axis: 1) : nil
  }

  private var lineBlocks: Int { (window.lineCount + linesPerUnit - 1) / linesPerUnit }
  private var tileCount: Int { classes.reduce(0) { $0 + $1.count } }
  private var tileBlocks: Int { (tileCount + tilesPerUnit - 1) / tilesPerUnit }

  private var taps: WindowTaps { WindowTaps(builder: builder, window: window) }

  // MARK: Strides in bytes

  private var pixelBytes: Int { kernel.inputPixelStride * products.elementByteCount }
  private var lineBytes: Int { window.input[2] * pixelBytes }
  private var planeBytes: Int { window.input[1] * lineBytes }
  private var imageBytes: Int { window.input[0] * planeBytes }
  /// From one pixel of a tile to the next.
  private var rowBytes: Int { window.strides[2] * pixelBytes }
  private var vectorStride: Int { window.tapCount * inputSteps * builder.vectorByteCount }

  // MARK: Scratch: sums, pixels of the input

  private var sumRowBytes: Int { blocks.vectors * builder.vectorByteCount }
  private var sumByteCount: Int { epilogue.isLong ? shape.maxRows * sumRowBytes : 0 }
  private var copiesRows: Bool {
    window.tapCount == 1 && !window.clips(2) && products.stepByteCount == 4
      && RowCopy.pays(rowByteCount: rowBytes, columns: outputChannels)
  }
  private var rowCopy: RowCopy { RowCopy(builder: builder, sourceRowByteCount: rowBytes, depth: inputSteps) }

  func compile() throws -> CompiledKernel {
    if unitCount > 0 {
      try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
        let (image, unit) = builder.divide(index, by: unitCount)
        try emitUnit(unit, image: image)
        return []
      }
    }
    let units = WorkUnits(constant: unitCount, factors: [WorkUnits.Factor(parameter: 0)])
    return CompiledKernel(name: name, code: try builder.build(), units: units, scratchByteCount: scratchByteCount)
  }

  /// Of one image.
  var unitCount: Int { kernel.groups * blocks.count * lineBlocks * tileBlocks }
  var scratchByteCount: Int { sumByteCount + (copiesRows ? shape.maxRows * rowCopy.rowByteCount : 0) }
  /// Bytes of the packed filter.
  var filterByteCount: Int { kernel.groups * shape.totalVectors * vectorStride }

  /// One unit of an image. A phase of a transposed convolution has its filter behind those of the phases before it, and
  /// its first pixel somewhere in the image.
  func emitUnit(_ unit: Value, image: Value, filterOffset: Value? = nil, firstPixel: Value? = nil) throws {
    try emitUnit(decode(unit, image: image, filterOffset: filterOffset, firstPixel: firstPixel))
  }

  // MARK: Units

  private struct Unit {
    var image: Value
    var group: Value
    var block: Value
    var firstLine: Value
    var endLine: Value
    var firstTile: Value
    var endTile: Value
    /// The first channel of the block, counted over all groups.
    var channel: Value
    /// The address of the image's first pixel, at the group's first channel.
    var x: Value
    /// The panels of the block.
    var filter: Value
    /// Pixels of the output before the first one of a phase; nil for a plain convolution.
    var firstPixel: Value?
  }

  /// The lines of one block of channels follow each other: B stays in the cache.
  private func decode(_ unit: Value, image: Value, filterOffset: Value?, firstPixel: Value?) -> Unit {
    var rest = unit
    func next(_ extent: Int) -> Value {
      let (quotient, remainder) = builder.divide(rest, by: extent)
      rest = quotient
      return remainder
    }
    let tileBlock = next(tileBlocks)
    let lineBlock = next(lineBlocks)
    let block = next(blocks.count)
    let group = rest
    let firstLine = builder.multiply(lineBlock, by: linesPerUnit)
    let firstTile = builder.multiply(tileBlock, by: tilesPerUnit)
    var x = builder.add(builder.argument(0), .value(builder.multiply(image, by: imageBytes)))
    var filter = builder.add(
      builder.argument(1), .value(builder.multiply(block, by: blocks.vectors * vectorStride)))
    if let filterOffset { filter = builder.add(filter, .value(filterOffset)) }
    var channel = builder.multiply(block, by: blocks.columns)
    if kernel.groups > 1 {
      x = builder.add(x, .value(builder.multiply(group, by: inputChannels * products.elementByteCount)))
      let groupBytes = shape.totalVectors * vectorStride
      filter = builder.add(filter, .value(builder.multiply(group, by: groupBytes)))
      channel = builder.add(channel, .value(builder.multiply(group, by: outputChannels)))
    }
    return Unit(
      image: image, group: group, block: block, firstLine: firstLine,
      endLine: builder.minimum(
        builder.add(firstLine, .immediate(linesPerUnit)), .immediate(window.lineCount)), firstTile: firstTile,
      endTile: builder.minimum(builder.add(firstTile, .immediate(tilesPerUnit)), .immediate(tileCount)),
      channel: channel, x: x, filter: filter, firstPixel: firstPixel)
  }

  /// One line of output pixels.
  private struct Line {
    var depth: WindowTaps.Range
    var height: WindowTaps.Range
    /// Output pixels of all images before the line.
    var pixel: Value
  }

  private func emitUnit(_ unit: Unit) throws {
    try builder.loop(from: .value(unit.firstLine), to: .value(unit.endLine)) { index, _ in
      let (depth, height) = builder.divide(index, by: window.output[1])
      let line = Line(
        depth: taps.range(0, output: depth, bytes: planeBytes), height: taps.range(1, output: height, bytes: lineBytes),
        pixel: linePixel(unit, index, depth: depth, height: height))
      for tiles in classes { try emitTiles(tiles, unit, line) }
      return []
    }
  }

  /// The first output pixel of a line, counted over all images.
  private func linePixel(_ unit: Unit, _ line: Value, depth: Value, height: Value) -> Value {
    guard let lattice, let firstPixel = unit.firstPixel else {
      let lines = builder.add(builder.multiply(unit.image, by: window.lineCount), .value(line))
      return builder.multiply(lines, by: window.width)
    }
    return builder.add(
      lattice.pixel(builder, image: unit.image, depth: depth, height: height), .value(firstPixel))
  }

  private func emitTiles(_ tiles: ConvolutionShape.TileClass, _ unit: Unit, _ line: Line) throws {
    let origin = builder.add(
      builder.add(unit.x, .value(line.depth.origin)), .value(line.height.origin))
    func emit(_ pixel: Value) throws {
      let pixels = builder.multiply(pixel, by: rowBytes)
      let a = builder.add(builder.add(origin, .value(pixels)), .immediate(-window.padding[2] * pixelBytes))
      try emitTile(tiles, unit, line, a: a, linePixel: pixel)
    }
    if tileBlocks == 1, tiles.count == 1 { return try emit(builder.integer(tiles.start)) }
    // Tiles of this class that belong to the unit.
    var bounds: (IntegerOperand, IntegerOperand) = (.immediate(0), .immediate(tiles.count))
    if tileBlocks > 1 {
      bounds.0 = .value(
        builder.maximum(builder.subtract(unit.firstTile, .immediate(tiles.first)), .immediate(0)))
      bounds.1 = .value(
        builder.minimum(builder.subtract(unit.endTile, .immediate(tiles.first)), .immediate(tiles.count)))
    }
    try builder.loop(from: bounds.0, to: bounds.1) { tile, _ in
      try emit(builder.add(builder.multiply(tile, by: tiles.pixels), .immediate(tiles.start)))
      return []
    }
  }

  // MARK: Tiles

  /// - Parameters:
  ///   - a: the input pixel of the tile's first pixel at window position 0 along all axes; may lie outside.
  ///   - linePixel: the tile's first output pixel, in its line.
  private func emitTile(
    _ tiles: ConvolutionShape.TileClass, _ unit: Unit, _ line: Line, a: Value, linePixel: Value
  ) throws {
    let pixel = builder.add(line.pixel, .value(builder.multiply(linePixel, by: lattice?.strides[2] ?? 1)))
    let rows = tiles.pixels
    var (a, rowBytes) = (a, rowBytes)
    if copiesRows, rows > RowCopy.rowsWithoutConflict {
      let copy = builder.add(builder.scratch, .immediate(sumByteCount))
      rowCopy.emit(from: a, to: copy, rowCount: .immediate(rows), depth: .immediate(inputSteps))
      (a, rowBytes) = (copy, rowCopy.rowByteCount)
    }
    // Single pixels at the sides: which positions along the width they see.
    let width = tiles.seen.isEmpty ? taps.range(2, output: linePixel, bytes: pixelBytes) : nil
    try blocks.forEachGroup(
      builder, of: shape.vectors(rows: rows), block: unit.block, b: unit.filter, vectorStride: vectorStride
    ) { group in
      let zero = RegisterTile(
        builder, kernel.factors, rows: rows, vectors: group.vectors, isInParts: parts != nil)
      func pointers() -> EpilogueEmission.Pointers {
        self.pointers(pixel: pixel, channel: builder.add(unit.channel, .value(builder.integer(group.column))))
      }
      epilogue.prefetch(rows: rows, vectors: group.vectors, at: pointers)
      let tile = emitWindow(zero, tiles, line, a: a, b: group.b, rowBytes: rowBytes, width: width)
      guard !epilogue.isLong else {
        tile.store(
          to: Address(builder.scratch, index: builder.integer(group.column), scale: 4), rowByteCount: sumRowBytes)
        return
      }
      let tailMask = ColumnMask(builder, count: group.tailColumns)
      try epilogue.store(tile, at: pointers(), lastMask: tailMask)
    }
    if epilogue.isLong {
      try epilogue.storeRows(
        builder.scratch, rowByteCount: sumRowBytes, rowCount: .immediate(rows), blocks: blocks, block: unit.block,
        at: pointers(pixel: pixel, channel: unit.channel))
    }
  }

  private func pointers(pixel: Value, channel: Value) -> EpilogueEmission.Pointers {
    var pointers = epilogue.pointers(
      row: pixel, column: channel, resultRowStride: kernel.outputPixelStride, operands: kernel.epilogue.operands)
    pointers.resultRowStride *= lattice?.strides[2] ?? 1
    return pointers
  }

  // MARK: The window

  private func emitWindow(
    _ tile: RegisterTile, _ tiles: ConvolutionShape.TileClass, _ line: Line, a: Value, b: Value, rowBytes: Int,
    width: WindowTaps.Range?
  ) -> RegisterTile {
    let widthBytes = window.window[2] * inputSteps * builder.vectorByteCount
    var tile = tile
    alongTaps(0, line.depth, &tile, a, b, aBytes: planeBytes, bBytes: window.window[1] * widthBytes) { tile, a, b in
      inPart(1, &tile) { tile in
        alongTaps(1, line.height, &tile, a, b, aBytes: lineBytes, bBytes: widthBytes) { tile, a, b in
          inPart(2, &tile) { tile in
            guard let width else { return emitWidth(&tile, tiles, a: a, b: b, rowBytes: rowBytes) }
            alongTaps(
              2, width, &tile, a, b, aBytes: pixelBytes, bBytes: inputSteps * builder.vectorByteCount
            ) { tile, a, b in
              tile.accumulate(run(tile, inputSteps, rowBytes: rowBytes), a: a, b: b)
            }
          }
        }
      }
    }
    return tile
  }

  /// What `body` adds to the tile is a part where all positions from this axis on are one.
  private func inPart(_ axis: Int, _ tile: inout RegisterTile, _ body: (inout RegisterTile) -> Void) {
    guard case .along(axis) = parts else { return body(&tile) }
    tile.addPart(body)
  }

  private func alongTaps(
    _ axis: Int, _ range: WindowTaps.Range, _ tile: inout RegisterTile, _ a: Value, _ b: Value, aBytes: Int,
    bBytes: Int, _ body: (inout RegisterTile, Value, Value) -> Void
  ) {
    tile.accumulators = taps.forEach(axis, range, carrying: tile.accumulators, a, b, aBytes: aBytes, bBytes: bBytes) {
      var inner = tile
      inner.accumulators = $0
      body(&inner, $1, $2)
      return inner.accumulators
    }
  }

  /// One window position along depth and height.
  private func emitWidth(
    _ tile: inout RegisterTile, _ tiles: ConvolutionShape.TileClass, a: Value, b: Value, rowBytes: Int
  ) {
    let count = window.window[2]
    let tapBytes = window.dilations[2] * pixelBytes
    if tiles.isInterior {
      if count == 1 || window.dilations[2] == 1 && kernel.inputPixelStride == inputChannels {
        tile.accumulate(run(tile, count * inputSteps, rowBytes: rowBytes), a: a, b: b)
        return
      }
      let ends = builder.loop(to: .immediate(count), carrying: tile.accumulators + [a, b]) { _, carried in
        var inner = tile
        inner.accumulators = Array(carried.dropLast(2))
        let (a, b) = (carried[carried.count - 2], carried[carried.count - 1])
        let next = inner.accumulate(run(inner, inputSteps, rowBytes: rowBytes), a: a, b: b)
        return inner.accumulators + [builder.add(a, .immediate(tapBytes)), next]
      }
      tile.accumulators = Array(ends.dropLast(2))
      return
    }
    for (tap, seen) in tiles.seen.enumerated() where seen.contains(true) {
      let b = builder.add(b, .immediate(tap * inputSteps * builder.vectorByteCount))
      let a = builder.add(a, .immediate(tap * tapBytes))
      tile.accumulate(run(tile, inputSteps, rowBytes: rowBytes) { seen[$0] }, a: a, b: b)
    }
  }

  private func run(
    _ tile: RegisterTile, _ depth: Int, rowBytes: Int, rows isActive: (Int) -> Bool = { _ in true }
  ) -> RegisterTile.Run {
    RegisterTile.Run(
      rowOffsets: (0..<tile.rows).map { isActive($0) ? $0 * rowBytes : nil }, depth: .immediate(depth),
      vectorStride: vectorStride, depthStride: builder.vectorByteCount,
      prefetchDistance: RegisterTile.prefetchDistance(
        rows: tile.rows, panelByteCount: shape.totalVectors * vectorStride))
  }
}
