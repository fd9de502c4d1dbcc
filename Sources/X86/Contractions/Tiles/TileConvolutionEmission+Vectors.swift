import KernelIR

/// What tiles would get wrong, pixel by pixel: numbers of float32 that have no parts, and filters that make the zeros
/// around lines count, because they are infinite or no numbers. Both are rare, so that little code matters more than
/// time.
extension TileConvolutionEmission {
  /// All pixels of a unit.
  func emitInVectors(_ unit: Unit, _ group: ColumnBlocks.Group) throws {
    let taps = WindowTaps(builder: builder, window: window)
    let tapBytes = panelRows * TileConfiguration.rowByteCount
    let channel = builder.add(unit.channel, .value(builder.integer(group.column)))
    let mask = ColumnMask(builder, count: group.tailColumns)
    let depth = taps.range(0, output: unit.plane, bytes: planeBytes)
    let x = builder.add(unit.x, .value(depth.origin))
    let lineBytesOfB = window.window[2] * tapBytes
    try builder.loop(to: .value(unit.lineCount)) { number, _ in
      let line = builder.add(unit.firstLine, .value(number))
      let height = taps.range(1, output: line, bytes: lineBytes)
      let firstPixel = builder.multiply(builder.add(linesBefore(unit), .value(line)), by: window.width)
      try builder.loop(to: .immediate(window.width)) { column, _ in
        let width = taps.range(2, output: column, bytes: pixelBytes)
        let a = builder.add(builder.add(x, .value(height.origin)), .value(width.origin))
        var tile = RegisterTile(builder, kernel.factors, rows: 1, vectors: group.vectors)
        let zero = tile
        tile.accumulators = taps.forEach(
          0, depth, carrying: tile.accumulators, a, group.b, aBytes: planeBytes,
          bBytes: window.window[1] * lineBytesOfB
        ) { sums, a, b in
          taps.forEach(1, height, carrying: sums, a, b, aBytes: lineBytes, bBytes: lineBytesOfB) { sums, a, b in
            taps.forEach(2, width, carrying: sums, a, b, aBytes: pixelBytes, bBytes: tapBytes) { sums, a, b in
              var inner = zero
              inner.accumulators = sums
              inner.accumulate(
                RegisterTile.Run(
                  rowOffsets: [0], depth: .immediate(panelRows), vectorStride: vectorStride,
                  depthStride: TileConfiguration.rowByteCount), a: a, b: b)
              return inner.accumulators
            }
          }
        }
        try epilogue.store(
          tile,
          at: epilogue.pointers(
            row: builder.add(firstPixel, .value(column)), column: channel, resultRowStride: kernel.outputPixelStride),
          lastMask: mask)
        return []
      }
      return []
    }
  }
}
