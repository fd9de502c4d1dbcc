import KernelIR

/// Convolutions of float32 on tiles, as products of bfloat16 parts.
///
///     for unit in begin..<end
///       split the lines that the unit sees         parts of a pixel's channels, with zeros around the lines
///       for group of two channel vectors
///         for chunk of the window's height         all of it, unless the parts of B would be too many
///           split B
///           for strip, pair of row tiles           as with bytes
///         epilogue
///       where numbers have no parts: the unit once more, in vectors
extension TileConvolutionEmission {
  // MARK: Scratch: sums of all tiles, what was found, parts of the lines, parts of B

  private var stripCount: Int { plan.mode == .spanning ? 1 : plan.linesPerUnit }
  /// Of a tile of rows and two vectors of columns.
  private var tileSumBytes: Int { TileConfiguration.byteCountOfTile * 2 }
  private var sumByteCount: Int { stripCount * plan.tileCount * tileSumBytes }
  /// 8 bytes for the image, 8 for B.
  private var specialsOffset: Int { sumByteCount }
  /// Sums of a chunk, before they are added to those of the chunks before it.
  private var bufferOffset: Int { specialsOffset + 64 }
  var splitLinesOffset: Int { bufferOffset + (isChunked ? TileBlock.sumByteCount : 0) }
  /// From one part of the lines to the next.
  private var partBytes: Int { plan.copiedPixelCount * plan.channelByteCount }
  private func partsOffset(_ split: SplitFloats) -> Int { splitLinesOffset + split.parts * partBytes }
  private var chunkSteps: Int { plan.chunkHeight * window.window[2] * plan.steps.count }
  var splitScratchByteCount: Int {
    guard let split = plan.split else { return 0 }
    return partsOffset(split) + chunkSteps * SplitColumns.stepByteCount(split)
  }

  private var isChunked: Bool { plan.chunkHeight < window.window[0] * window.window[1] }
  private func special(_ position: Int) -> Address {
    Address(builder.scratch, displacement: specialsOffset + 8 * position)
  }

  // MARK: Units

  func emitUnit(_ unit: Unit, _ split: SplitFloats) throws {
    builder.store(integer: builder.integer(0), to: special(0))
    splitLines(unit, split)
    try blocks.forEachGroup(
      builder, of: 2, block: unit.block, b: unit.filter, vectorStride: vectorStride
    ) { group in
      builder.store(integer: builder.integer(0), to: special(1))
      let found: Value
      if isChunked {
        builder.clear(builder.scratch, byteCount: sumByteCount)
        try builder.loop(to: .immediate(window.window[0] * window.window[1])) { position, _ in
          splitFilter(group, split, from: position)
          try forEachStrip(unit) { strip in
            try forEachPair(strip, unit) { multiply($0, strip, split, group, from: position) }
          }
          return []
        }
        found = builder.update(.or, builder.loadInteger(special(0)), .memory(special(1)))
        try builder.if(.compare(found, .equal, .immediate(0))) {
          try forEachStrip(unit) { strip in
            try forEachPair(strip, unit) { try finish($0, strip, unit, group) }
          }
        }
      } else {
        splitFilter(group, split, from: nil)
        found = builder.update(.or, builder.loadInteger(special(0)), .memory(special(1)))
        try builder.if(.compare(found, .equal, .immediate(0))) {
          try forEachStrip(unit) { strip in
            try forEachPair(strip, unit) { tiles in
              multiply(tiles, strip, split, group, from: nil)
              try finish(tiles, strip, unit, group)
            }
          }
        }
      }
      try builder.if(.compare(found, .notEqual, .immediate(0))) { try emitInVectors(unit, group) }
    }
  }

  // MARK: Splitting

  private func splitLines(_ unit: Unit, _ split: SplitFloats) {
    let specials = SpecialNumbers(builder: builder)
    forEachCopiedLine(
      unit,
      clear: { target, pixels in
        if pixels == 0 { return }
        for part in 0..<split.parts {
          builder.clear(
            builder.add(target, .immediate(part * partBytes)), byteCount: pixels * plan.channelByteCount)
        }
      },
      copy: { source, target, pixels in
        let ends = builder.loop(
          to: .immediate(pixels), carrying: [source, target, specials.none]
        ) { _, carried in
          let largest = splitPixel(split, carried[0], carried[1], carried[2])
          return [
            builder.add(carried[0], .immediate(pixelBytes)),
            builder.add(carried[1], .immediate(plan.channelByteCount)), largest,
          ]
        }
        specials.note(ends[2], at: special(0))
      }, behind: {})
  }

  /// The channels of a pixel, 32 at a time.
  private func splitPixel(_ split: SplitFloats, _ source: Value, _ target: Value, _ largest: Value) -> Value {
    func step(_ source: Value, _ target: Value, _ elements: Int, _ largest: Value) -> Value {
      let parts = split.split(
        builder, low: builder.loadFloats(Address(source), count: elements),
        high: builder.loadFloats(
          Address(source, displacement: 64), count: elements - SplitFloats.pairDistance))
      for (part, value) in parts.enumerated() {
        builder.store(value, to: Address(target, displacement: part * partBytes))
      }
      return SpecialNumbers(builder: builder).adding(parts[0], to: largest)
    }
    let (whole, rest) = plan.channels.quotientAndRemainder(dividingBy: SplitFloats.stepElements)
    var carried = [source, target, largest]
    if whole > 0 {
      carried = builder.loop(to: .immediate(whole), carrying: carried) { _, carried in
        [
          builder.add(carried[0], .immediate(SplitFloats.stepElements * 4)),
          builder.add(carried[1], .immediate(TileConfiguration.rowByteCount)),
          step(carried[0], carried[1], SplitFloats.stepElements, carried[2]),
        ]
      }
    }
    return rest > 0 ? step(carried[0], carried[1], rest, carried[2]) : carried[2]
  }

  /// The filter of a chunk, from a position along the window's depth and height; nil for all of it.
  private func splitFilter(_ group: ColumnBlocks.Group, _ split: SplitFloats, from position: Value?) {
    let specials = SpecialNumbers(builder: builder)
    let columns = SplitColumns(
      builder: builder, split: split, vectors: group.vectors, vectorStride: vectorStride,
      depthStride: TileConfiguration.rowByteCount, mask: nil)
    let tapBytes = plan.channels * TileConfiguration.rowByteCount
    var source = group.b
    if let position {
      source = builder.add(source, .value(builder.multiply(position, by: window.window[2] * tapBytes)))
    }
    let target = builder.add(builder.scratch, .immediate(partsOffset(split)))
    let (whole, rest) = plan.channels.quotientAndRemainder(dividingBy: SplitFloats.stepElements)
    let stepBytes = SplitColumns.stepByteCount(split)
    let ends = builder.loop(
      to: .immediate(plan.chunkHeight * window.window[2]), carrying: [source, target, specials.none]
    ) { _, carried in
      var carried = carried
      func step(_ carried: [Value], _ elements: Int) -> [Value] {
        [
          builder.add(carried[0], .immediate(elements * TileConfiguration.rowByteCount)),
          builder.add(carried[1], .immediate(stepBytes)),
          columns.step(carried[0], carried[1], elements: elements, largest: carried[2]),
        ]
      }
      if whole > 0 {
        carried = builder.loop(to: .immediate(whole), carrying: carried) { step($1, SplitFloats.stepElements) }
      }
      return rest > 0 ? step(carried, rest) : carried
    }
    specials.note(ends[2], at: special(1))
  }

  // MARK: Products

  /// Where the sums of a tile lie.
  private func sums(_ tile: Value, _ strip: Strip) -> Value {
    let number =
      stripCount == 1
      ? tile : builder.add(builder.multiply(strip.number, by: plan.tileCount), .value(tile))
    return builder.add(builder.scratch, .value(builder.multiply(number, by: tileSumBytes)))
  }

  private func multiply(
    _ tiles: [Value], _ strip: Strip, _ split: SplitFloats, _ group: ColumnBlocks.Group, from position: Value?
  ) {
    let sums = tiles.map { self.sums($0, strip) }
    let sumStride = group.vectors * TileConfiguration.rowByteCount
    var block = TileBlock(builder, .tdpbf16ps, rowTiles: tiles.count, columnTiles: group.vectors)
    let run = TileBlock.SplitRun(
      aTileStride: plan.tileRows * rowBytes, aPartStride: partBytes, aRowStride: builder.integer(rowBytes))
    let lineBytes = window.dilations[1] * readLineBytes
    let tapBytes = window.dilations[2] * readPixelBytes
    var a = builder.add(strip.a, .value(builder.multiply(tiles[0], by: plan.tileRows * rowBytes)))
    if let position {
      let (plane, line) = builder.divide(position, by: window.window[1])
      a = builder.add(a, .value(builder.multiply(line, by: lineBytes)))
      a = builder.add(a, .value(builder.multiply(plane, by: readPlaneBytes)))
    }
    let (planes, height) = position == nil ? (window.window[0], window.window[1]) : (1, 1)
    let b = builder.add(builder.scratch, .immediate(partsOffset(split)))
    for products in split.passes {
      _ = repeated(planes, &block, TileBlock.Place(a: [a], b: b)) { block, place in
        repeated(height, &block, place) { block, place in
          repeated(window.window[2], &block, place) { block, place in
            repeated(plan.steps.count, &block, place) { block, place in
              block.multiplyParts(products, run, a: place.a[0], b: place.b)
              return TileBlock.Place(
                a: [builder.add(place.a[0], .immediate(TileConfiguration.rowByteCount))],
                b: builder.add(place.b, .immediate(SplitColumns.stepByteCount(split))))
            }.advancing(builder, a: tapBytes - plan.channelByteCount)
          }.advancing(builder, a: lineBytes - window.window[2] * tapBytes)
        }.advancing(builder, a: readPlaneBytes - height * lineBytes)
      }
    }
    if position == nil {
      block.store(to: sums, rowStride: builder.integer(sumStride))
    } else {
      block.add(
        to: sums, rowStride: sumStride, rowCount: .immediate(plan.tileRows),
        buffer: builder.add(builder.scratch, .immediate(bufferOffset)))
    }
  }

  private func finish(_ tiles: [Value], _ strip: Strip, _ unit: Unit, _ group: ColumnBlocks.Group) throws {
    let mask = ColumnMask(builder, count: group.tailColumns)
    let sumRowBytes = group.vectors * TileConfiguration.rowByteCount
    for tile in tiles {
      let first = builder.multiply(tile, by: plan.tileRows)
      let ofStrip = builder.subtract(
        sums(tile, strip), .value(builder.multiply(first, by: sumRowBytes)))
      try emitEpilogue(
        (first, builder.add(first, .immediate(plan.tileRows))), sums: ofStrip, sumRowBytes: sumRowBytes, strip, unit,
        group, mask)
    }
  }
}
