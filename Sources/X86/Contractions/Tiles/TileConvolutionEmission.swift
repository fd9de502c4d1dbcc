import KernelIR

/// The loop nest of a convolution on AMX's tiles; see `TileConvolution`.
///
///     for unit in begin..<end                    some lines of output pixels × a block of channels of one image, group
///       copy of the lines that the unit sees     unless tiles read the image itself
///       for group of two channel vectors         its panels of B stay in L1
///         for strip, pair of row tiles
///           for window position along depth, along height, along width, step of channels
///           sums in memory → epilogue → y
struct TileConvolutionEmission {
  let kernel: ConvolutionKernel
  let plan: TileConvolution
  let builder: VectorBuilder
  private let name: String
  let epilogue: EpilogueEmission

  init(_ kernel: ConvolutionKernel, _ plan: TileConvolution, _ instructionSet: InstructionSet) throws {
    self.kernel = kernel
    self.plan = plan
    let text = kernel.geometry.window.map(String.init).joined(separator: "x")
    name = "conv_\(kernel.factors.text)_\(instructionSet)_\(text)_c\(kernel.inputChannels)_m\(kernel.outputChannels)"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    epilogue = try EpilogueEmission(builder, kernel.epilogue, factors: kernel.factors)
    let furthest = max(
      window.input[2] * kernel.inputPixelStride, kernel.outputPixelStride,
      kernel.epilogue.operands.map(\.rowStride).max() ?? 0)
    guard furthest < 1 << 28, plan.copiedPixelCount * plan.channelByteCount < 1 << 30 else {
      throw ContractionError.unsupported("pixels too far apart")
    }
  }

  var window: ConvolutionShape { plan.window }
  var blocks: ColumnBlocks { plan.blocks }

  // MARK: Bytes

  private var elementBytes: Int { kernel.factors.elementType.bitWidth / 8 }
  /// Of the image.
  var pixelBytes: Int { kernel.inputPixelStride * elementBytes }
  var lineBytes: Int { window.input[2] * pixelBytes }
  var planeBytes: Int { window.input[1] * lineBytes }
  /// Of what tiles read.
  var readPixelBytes: Int { plan.mode == .inPlace ? pixelBytes : plan.channelByteCount }
  var readLineBytes: Int { plan.mode == .inPlace ? lineBytes : plan.pitch * plan.channelByteCount }
  var readPlaneBytes: Int { plan.mode == .inPlace ? planeBytes : plan.planePixelCount * plan.channelByteCount }
  var rowBytes: Int { window.strides[2] * readPixelBytes }
  /// Rows of B for a position of the window.
  var panelRows: Int { plan.split == nil ? plan.channelByteCount / 4 : plan.channels }
  var vectorStride: Int { window.tapCount * panelRows * TileConfiguration.rowByteCount }
  private var groupBytes: Int {
    let outputs = kernel.outputChannels / kernel.groups
    return (outputs + 15) / 16 * vectorStride
  }

  // MARK: Scratch: sums, lines

  private var linesOffset: Int { plan.split == nil ? TileBlock.sumByteCount : splitLinesOffset }
  var lines: Value { builder.add(builder.scratch, .immediate(linesOffset)) }

  private var unitCount: Int {
    kernel.groups * blocks.count * window.output[0] * plan.lineBlocks * plan.tileBlocks
  }

  func compile() throws -> CompiledKernel {
    builder.configureTiles(TileBlock.configuration(rows: plan.tileRows, plan.steps))
    try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      let (image, unit) = builder.divide(index, by: unitCount)
      try emitUnit(decode(unit, image: image))
      return []
    }
    builder.releaseTiles()
    return CompiledKernel(
      name: name, code: try builder.build(),
      units: WorkUnits(constant: unitCount, factors: [WorkUnits.Factor(parameter: 0)]),
      scratchByteCount: plan.split == nil
        ? linesOffset + plan.copiedPixelCount * plan.channelByteCount : splitScratchByteCount)
  }

  // MARK: Units

  struct Unit {
    var image: Value
    var block: Value
    /// The first channel of the block, counted over all groups.
    var channel: Value
    /// Of the output.
    var plane: Value
    /// The image's first pixel, at the group's first channel.
    var x: Value
    /// The panels of the block.
    var filter: Value
    var firstLine: Value
    var lineCount: Value
    var firstTile: Value
    var endTile: Value
  }

  /// The lines of one block of channels follow each other: B stays in the cache.
  private func decode(_ unit: Value, image: Value) -> Unit {
    var rest = unit
    func next(_ extent: Int) -> Value {
      let (quotient, remainder) = builder.divide(rest, by: extent)
      rest = quotient
      return remainder
    }
    let tileBlock = next(plan.tileBlocks)
    let lineBlock = next(plan.lineBlocks)
    let plane = window.output[0] == 1 ? builder.integer(0) : next(window.output[0])
    let block = next(blocks.count)
    let group = rest
    let firstLine = builder.multiply(lineBlock, by: plan.linesPerUnit)
    let behind = builder.minimum(
      builder.add(firstLine, .immediate(plan.linesPerUnit)), .immediate(window.planeLineCount))
    let firstTile = builder.multiply(tileBlock, by: plan.tilesPerUnit)
    var x = builder.add(builder.argument(0), .value(builder.multiply(image, by: window.input[0] * planeBytes)))
    var filter = builder.add(
      builder.argument(1), .value(builder.multiply(block, by: blocks.vectors * vectorStride)))
    var channel = builder.multiply(block, by: blocks.columns)
    if kernel.groups > 1 {
      x = builder.add(x, .value(builder.multiply(group, by: plan.channels * elementBytes)))
      filter = builder.add(filter, .value(builder.multiply(group, by: groupBytes)))
      channel = builder.add(
        channel, .value(builder.multiply(group, by: kernel.outputChannels / kernel.groups)))
    }
    return Unit(
      image: image, block: block, channel: channel, plane: plane, x: x, filter: filter, firstLine: firstLine,
      lineCount: builder.subtract(behind, .value(firstLine)), firstTile: firstTile,
      endTile: builder.minimum(builder.add(firstTile, .immediate(plan.tilesPerUnit)), .immediate(plan.tileCount)))
  }

  private func emitUnit(_ unit: Unit) throws {
    if let split = plan.split { return try emitUnit(unit, split) }
    guard plan.mode != .inPlace, kernel.factors == .bfloat16 else { return try emitOnTiles(unit) }
    // Zeros around lines are no numbers where a filter is infinite.
    let special = builder.loadInteger(
      Address(builder.argument(1), displacement: kernel.groups * groupBytes))
    try builder.if(.compare(special, .equal, .immediate(0))) { try emitOnTiles(unit) }
    try builder.if(.compare(special, .notEqual, .immediate(0))) {
      try blocks.forEachGroup(
        builder, of: 2, block: unit.block, b: unit.filter, vectorStride: vectorStride
      ) { try emitInVectors(unit, $0) }
    }
  }

  private func emitOnTiles(_ unit: Unit) throws {
    if plan.mode != .inPlace { emitCopy(unit) }
    try blocks.forEachGroup(
      builder, of: 2, block: unit.block, b: unit.filter, vectorStride: vectorStride
    ) { group in
      try forEachStrip(unit) { strip in
        try forEachPair(strip, unit) { try emitTiles($0, strip, unit, group) }
      }
    }
  }

  // MARK: Strips

  /// The first plane of the image that a unit sees, counted from the image's first; may be before it.
  private func firstPlane(_ unit: Unit) -> Value {
    builder.add(builder.multiply(unit.plane, by: window.strides[0]), .immediate(-window.padding[0]))
  }

  /// The output's lines before the unit's plane.
  func linesBefore(_ unit: Unit) -> Value {
    builder.add(
      builder.multiply(unit.image, by: window.lineCount),
      .value(builder.multiply(unit.plane, by: window.planeLineCount)))
  }

  /// Output pixels at equal distances.
  struct Strip {
    /// Counted from the unit's first.
    var number: Value
    var firstLine: Value
    var lineCount: Value
    /// What the first pixel's window sees first.
    var a: Value
  }

  func forEachStrip(_ unit: Unit, _ body: (Strip) throws -> Void) throws {
    guard plan.mode != .spanning else {
      return try body(
        Strip(number: builder.integer(0), firstLine: unit.firstLine, lineCount: unit.lineCount, a: lines))
    }
    let origin =
      plan.mode == .inPlace ? builder.add(unit.x, .value(builder.multiply(firstPlane(unit), by: planeBytes))) : lines
    try builder.loop(to: .value(unit.lineCount)) { number, _ in
      let line = builder.add(unit.firstLine, .value(number))
      // Lines of the copy are counted from the first one that the unit sees.
      let first =
        plan.mode == .inPlace
        ? builder.add(builder.multiply(line, by: window.strides[1]), .immediate(-window.padding[1]))
        : builder.multiply(number, by: window.strides[1])
      var a = builder.add(origin, .value(builder.multiply(first, by: readLineBytes)))
      if plan.mode == .inPlace { a = builder.add(a, .immediate(-window.padding[2] * pixelBytes)) }
      try body(Strip(number: number, firstLine: line, lineCount: builder.integer(1), a: a))
      return []
    }
  }

  /// The tiles of a strip two by two, and one by itself where they are odd.
  func forEachPair(_ strip: Strip, _ unit: Unit, _ body: ([Value]) throws -> Void) throws {
    var (first, end) = (builder.integer(0), builder.integer(plan.tileCount))
    if plan.cutsLine {
      (first, end) = (unit.firstTile, unit.endTile)
    } else if plan.mode == .spanning, window.planeLineCount % plan.linesPerUnit != 0 {
      // The last unit has fewer lines.
      end = builder.divide(builder.add(rows(of: strip), .immediate(plan.tileRows - 1)), by: plan.tileRows).quotient
    }
    let pairs = builder.add(first, .value(builder.and(builder.subtract(end, .value(first)), -2)))
    try builder.loop(from: .value(first), to: .value(pairs), step: 2) { tile, _ in
      try body([tile, builder.add(tile, .immediate(1))])
      return []
    }
    try builder.if(.compare(pairs, .less, .value(end))) { try body([pairs]) }
  }

  /// Computed pixels of a strip.
  private func rows(of strip: Strip) -> Value {
    guard plan.mode == .spanning else { return builder.integer(window.width) }
    return builder.add(
      builder.multiply(builder.add(strip.lineCount, .immediate(-1)), by: plan.pitch), .immediate(window.width))
  }

  private func emitTiles(_ tiles: [Value], _ strip: Strip, _ unit: Unit, _ group: ColumnBlocks.Group) throws {
    let rows = plan.tileRows
    // Rows of the strip: those that belong to each tile, and where its computed rows begin. In place the last tile
    // begins early where it would end outside the image.
    let own = tiles.map { builder.multiply($0, by: rows) }
    let first =
      plan.mode == .inPlace && window.width % rows != 0
      ? own.map { builder.minimum($0, .immediate(window.width - rows)) } : own
    guard let product = kernel.factors.tileProduct else {
      throw ContractionError.unsupported("\(kernel.factors) on tiles")
    }
    var block = TileBlock(builder, product, rowTiles: tiles.count, columnTiles: group.vectors)
    let a = first.map { builder.add(strip.a, .value(builder.multiply($0, by: rowBytes))) }
    accumulateWindow(&block, at: TileBlock.Place(a: a, b: group.b))
    block.store(to: builder.scratch)
    let mask = ColumnMask(builder, count: group.tailColumns)
    for (number, (own, first)) in zip(own, first).enumerated() {
      let sums = builder.add(
        builder.subtract(builder.scratch, .value(builder.multiply(first, by: block.sumRowByteCount))),
        .immediate(number * block.sumTileByteCount))
      let end = builder.add(own, .immediate(rows))
      try emitEpilogue(
        (own, end), sums: sums, sumRowBytes: block.sumRowByteCount, strip, unit, group, mask)
    }
  }

  /// - Parameters:
  ///   - rows: of the strip.
  ///   - sums: of the strip's first row, were it there.
  func emitEpilogue(
    _ rows: (Value, Value), sums: Value, sumRowBytes: Int, _ strip: Strip, _ unit: Unit, _ group: ColumnBlocks.Group,
    _ mask: ColumnMask?
  ) throws {
    let channel = builder.add(unit.channel, .value(builder.integer(group.column)))
    let linesBefore = builder.add(linesBefore(unit), .value(strip.firstLine))
    /// Rows of the strip that are pixels of one line; `line` is counted in the strip.
    func emit(line: Value?, from start: Value, to end: Value) throws {
      var pixel = builder.add(builder.multiply(linesBefore, by: window.width), .value(start))
      if let line { pixel = builder.subtract(pixel, .value(builder.multiply(line, by: plan.pitch - window.width))) }
      try epilogue.storeRows(
        builder.add(sums, .value(builder.multiply(start, by: sumRowBytes))), rowByteCount: sumRowBytes,
        rowCount: .value(builder.subtract(end, .value(start))), vectors: group.vectors, lastMask: mask,
        at: epilogue.pointers(row: pixel, column: channel, resultRowStride: kernel.outputPixelStride))
    }
    guard plan.mode == .spanning else {
      return try emit(line: nil, from: rows.0, to: builder.minimum(rows.1, .immediate(window.width)))
    }
    let firstLine = builder.divide(rows.0, by: plan.pitch).quotient
    let lastRow = builder.minimum(rows.1, .value(self.rows(of: strip)))
    let endLine = builder.divide(builder.add(lastRow, .immediate(plan.pitch - 1)), by: plan.pitch).quotient
    try builder.loop(from: .value(firstLine), to: .value(endLine)) { line, _ in
      let lineStart = builder.multiply(line, by: plan.pitch)
      try emit(
        line: line, from: builder.maximum(rows.0, .value(lineStart)),
        to: builder.minimum(lastRow, .value(builder.add(lineStart, .immediate(window.width)))))
      return []
    }
  }

  // MARK: The window

  private func accumulateWindow(_ block: inout TileBlock, at place: TileBlock.Place) {
    let run = TileBlock.Run(
      stepCount: .immediate(plan.steps.count), aStepBytes: plan.steps.byteCount,
      bStepBytes: plan.steps.quads * TileConfiguration.rowByteCount, aRowStride: builder.integer(rowBytes),
      bRowStride: builder.integer(TileConfiguration.rowByteCount), vectorStride: vectorStride)
    let runBytes = plan.steps.count * plan.steps.byteCount
    let tapBytes = window.dilations[2] * readPixelBytes
    let lineBytes = window.dilations[1] * readLineBytes
    // Planes of a copy are those that the window sees.
    let planeBytes = (plan.mode == .inPlace ? window.dilations[0] : 1) * readPlaneBytes
    _ = repeated(window.window[0], &block, place) { block, place in
      repeated(window.window[1], &block, place) { block, place in
        if plan.joinsWidth { return block.accumulate(run, at: place).advancing(builder, a: lineBytes - runBytes) }
        let behind = repeated(window.window[2], &block, place) { block, place in
          block.accumulate(run, at: place).advancing(builder, a: tapBytes - runBytes)
        }
        return behind.advancing(builder, a: lineBytes - window.window[2] * tapBytes)
      }.advancing(builder, a: planeBytes - window.window[1] * lineBytes)
    }
  }

  /// A loop that carries a block and its addresses.
  func repeated(
    _ count: Int, _ block: inout TileBlock, _ place: TileBlock.Place,
    _ body: (inout TileBlock, TileBlock.Place) -> TileBlock.Place
  ) -> TileBlock.Place {
    if count == 1 { return body(&block, place) }
    let tiles = block.accumulators.count
    var inner = block
    let ends = builder.loop(to: .immediate(count), carrying: block.accumulators + place.a + [place.b]) { _, carried in
      inner.accumulators = Array(carried.prefix(tiles))
      let next = body(&inner, TileBlock.Place(Array(carried.dropFirst(tiles))))
      return inner.accumulators + next.a + [next.b]
    }
    block.accumulators = Array(ends.prefix(tiles))
    return TileBlock.Place(Array(ends.dropFirst(tiles)))
  }

  // MARK: The copy

  /// Lines with zeros around them, channels of one group side by side.
  private func emitCopy(_ unit: Unit) {
    forEachCopiedLine(
      unit, clear: { clear($0, pixels: $1) }, copy: { copy($0, to: $1, pixels: $2) }, behind: {})
  }

  /// - Parameters:
  ///   - clear: makes so many pixels of the copy zeros.
  ///   - copy: copies so many pixels of a line.
  ///   - behind: runs after every line of the image.
  func forEachCopiedLine(
    _ unit: Unit, clear: (Value, Int) -> Void, copy: (_ source: Value, _ target: Value, Int) -> Void,
    behind: () -> Void
  ) {
    guard window.input[0] > 1 || window.clips(0) || window.window[0] > 1 else {
      return forEachCopiedLine(unit, unit.x, lines, clear: clear, copy: copy, behind: behind)
    }
    builder.loop(to: .immediate(window.window[0])) { position, _ in
      let plane = builder.add(firstPlane(unit), .value(builder.multiply(position, by: window.dilations[0])))
      let target = builder.add(lines, .value(builder.multiply(position, by: readPlaneBytes)))
      let isInside = builder.minimum(
        plane, .value(builder.subtract(builder.integer(window.input[0] - 1), .value(plane))))
      builder.if(.compare(isInside, .greaterOrEqual, .immediate(0))) {
        forEachCopiedLine(
          unit, builder.add(unit.x, .value(builder.multiply(plane, by: planeBytes))), target, clear: clear, copy: copy,
          behind: behind)
        return []
      } else: {
        builder.loop(to: .value(copiedLines(unit)), carrying: [target]) { _, carried in
          clear(carried[0], plan.pitch)
          return [builder.add(carried[0], .immediate(readLineBytes))]
        }
        return []
      }
      return []
    }
  }

  /// Lines that a unit sees: all but those that only absent output lines would see.
  private func copiedLines(_ unit: Unit) -> Value {
    builder.add(
      builder.multiply(builder.add(unit.lineCount, .immediate(-1)), by: window.strides[1]),
      .immediate(plan.inputLines(1)))
  }

  /// The lines of one plane.
  private func forEachCopiedLine(
    _ unit: Unit, _ x: Value, _ lines: Value, clear: (Value, Int) -> Void,
    copy: (_ source: Value, _ target: Value, Int) -> Void, behind: () -> Void
  ) {
    let origin = builder.add(
      builder.multiply(unit.firstLine, by: window.strides[1]), .immediate(-window.padding[1]))
    let count = copiedLines(unit)
    let left = max(0, window.padding[2])
    let source = max(0, -window.padding[2])
    let middle = max(0, min(window.input[2] - source, plan.pitch - left))
    builder.loop(to: .value(count)) { number, _ in
      let target = builder.add(lines, .value(builder.multiply(number, by: readLineBytes)))
      let line = builder.add(origin, .value(number))
      let isInside = builder.minimum(
        line, .value(builder.subtract(builder.integer(window.input[1] - 1), .value(line))))
      builder.if(.compare(isInside, .greaterOrEqual, .immediate(0))) {
        clear(target, left)
        let from = builder.add(
          builder.add(x, .value(builder.multiply(line, by: self.lineBytes))), .immediate(source * pixelBytes))
        copy(from, builder.add(target, .immediate(left * readPixelBytes)), middle)
        clear(
          builder.add(target, .immediate((left + middle) * readPixelBytes)), plan.pitch - left - middle)
        behind()
        return []
      } else: {
        clear(target, plan.pitch)
        return []
      }
      return []
    }
  }

  private func clear(_ target: Value, pixels: Int) {
    let zero = builder.zero()
    forEachVector(pixels * readPixelBytes) { offset, mask in
      let address = Address(target, index: offset)
      if let mask { builder.store(zero, to: address, mask: mask) } else { builder.store(zero, to: address) }
    }
  }

  private func copy(_ source: Value, to target: Value, pixels: Int) {
    func run(_ source: Value, _ target: Value, _ byteCount: Int) {
      forEachVector(byteCount) { offset, mask in
        let (from, to) = (Address(source, index: offset), Address(target, index: offset))
        if let mask {
          builder.store(builder.load(from, mask: mask), to: to, mask: mask)
        } else {
          builder.store(builder.load(from), to: to)
        }
      }
    }
    if readPixelBytes == pixelBytes { return run(source, target, pixels * pixelBytes) }
    builder.loop(to: .immediate(pixels), carrying: [source, target]) { _, carried in
      run(carried[0], carried[1], readPixelBytes)
      return [builder.add(carried[0], .immediate(pixelBytes)), builder.add(carried[1], .immediate(readPixelBytes))]
    }
  }

  /// Whole vectors, and a mask for what is left of a multiple of 4 bytes.
  private func forEachVector(_ byteCount: Int, _ body: (_ offset: Value, _ mask: Value?) -> Void) {
    let whole = byteCount / 64 * 64
    if whole > 0 {
      builder.loop(to: .immediate(whole), step: 64) { offset, _ in
        body(offset, nil)
        return []
      }
    }
    if whole < byteCount { body(builder.integer(whole), builder.laneMask(count: (byteCount - whole) / 4)) }
  }
}

extension TileBlock.Place {
  /// As a loop carries it: the addresses of A, then that of B.
  init(_ carried: [Value]) { self.init(a: Array(carried.dropLast()), b: carried[carried.count - 1]) }

  func advancing(_ builder: VectorBuilder, a bytes: Int) -> Self {
    TileBlock.Place(a: a.map { builder.add($0, .immediate(bytes)) }, b: b)
  }
}
