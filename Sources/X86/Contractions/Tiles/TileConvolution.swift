import KernelIR

/// How a convolution is cut for AMX's tiles: what a row of a tile is, and how many rows there are.
///
/// The rows of a tile are output pixels whose inputs lie at equal distances. Three ways to have many of them:
///
///     in place      an image that no window leaves: rows are the pixels of a line, or of all lines where a window is a
///                   single pixel
///     by lines      lines are copied with zeros around them; a row for each pixel of a line
///     spanning      the same with strides of 1: lines that lie behind each other are one strip, whose pixels between
///                   two lines are computed in vain; 7 × 7 pixels are 61 rows, not 7 times 7
///
/// Numbers of float32 are always copied, to be split into parts. Where a window has a depth, lines are those of one plane
/// of the output, and the copy has those of as many planes as the window.
struct TileConvolution {
  enum Mode: Hashable { case inPlace, lines, spanning }

  let window: ConvolutionShape
  let mode: Mode
  /// How float32 numbers are multiplied; nil for what tiles multiply as it is.
  let split: SplitFloats?
  /// Channels of a group.
  let channels: Int
  /// Bytes of a pixel's channels, of one group, as tiles read them: of each part of split ones, which come in steps of 32
  /// with zeros behind them.
  let channelByteCount: Int
  /// Whether the positions of a window along its width are one run.
  let joinsWidth: Bool
  let steps: TileSteps
  /// Rows of a tile.
  let tileRows: Int
  /// Output lines of a unit; 1 where there is one line, which is cut into tiles.
  let linesPerUnit: Int
  let tilesPerUnit: Int
  let blocks: ColumnBlocks
  /// Positions along the depth and height of the window for which the parts of B are made at a time.
  let chunkHeight: Int

  /// Nil where tiles cannot read what there is, or do not pay.
  /// - Parameter mustPay: tests want tiles for convolutions that are small, too.
  init?(
    _ kernel: ConvolutionKernel, _ instructionSet: InstructionSet, floats: FloatProducts = .float32,
    mustPay: Bool = true
  ) {
    guard instructionSet >= .amx, kernel.groups > 0, kernel.outputChannels > 0,
      kernel.geometry.output.allSatisfy({ $0 > 0 }), (1...3).contains(kernel.geometry.input.count)
    else { return nil }
    let isSplit = kernel.factors == .float32
    let window = ConvolutionShape(kernel.geometry, joinsAxes: !isSplit)
    let channels = kernel.inputChannels / kernel.groups
    guard channels > 0 else { return nil }
    if isSplit {
      self.init(splitting: kernel, window, SplitFloats(floats), mustPay: mustPay)
    } else {
      self.init(whole: kernel, window, mustPay: mustPay)
    }
  }

  private init?(whole kernel: ConvolutionKernel, _ window: ConvolutionShape, mustPay: Bool) {
    let channels = kernel.inputChannels / kernel.groups
    let byteCount = channels * kernel.factors.elementType.bitWidth / 8
    guard kernel.factors.tileProduct != nil, byteCount % 4 == 0 else { return nil }
    self.window = window
    self.channels = channels
    split = nil
    chunkHeight = window.window[0] * window.window[1]
    channelByteCount = byteCount
    let copies = (0..<3).contains { window.clips($0) }
    mode = !copies ? .inPlace : window.strides[1] == 1 && window.strides[2] == 1 ? .spanning : .lines
    let isContiguous = window.dilations[2] == 1 && (copies || kernel.inputPixelStride == channels)
    let joined = isContiguous ? TileSteps(runQuads: byteCount / 4 * window.window[2]) : nil
    joinsWidth = joined != nil
    guard let steps = joined ?? TileSteps(runQuads: byteCount / 4) else { return nil }
    self.steps = steps

    let columns = kernel.outputChannels / kernel.groups
    let totalSteps = window.window[0] * window.window[1] * (joinsWidth ? 1 : window.window[2]) * steps.count
    let fitting = Self.blockByteCount / (totalSteps * steps.quads * 64) & ~1
    blocks = ColumnBlocks(columns: columns, lanes: 16, vectors: max(2, min(Self.blockVectors, fitting)))

    let pitch = Self.pitch(window)
    let rowsOfLine = mode == .spanning ? pitch : window.width
    let lineCycles = rowsOfLine * totalSteps * blocks.vectors
    let pieces = (window.planeLineCount * lineCycles + Self.cyclesPerUnit - 1) / Self.cyclesPerUnit
    if window.planeLineCount > 1 {
      let copyable =
        copies
        ? max(1, Self.linesByteCount / (pitch * channelByteCount * window.window[0])) : window.planeLineCount
      let units = max(min(window.planeLineCount, pieces), (window.planeLineCount + copyable - 1) / copyable)
      linesPerUnit = (window.planeLineCount + units - 1) / units
    } else {
      linesPerUnit = 1
    }
    let stripRows = mode == .spanning ? (linesPerUnit - 1) * pitch + window.width : window.width
    let tiles = (stripRows + TileConfiguration.rowCount - 1) / TileConfiguration.rowCount
    tileRows = (stripRows + tiles - 1) / tiles
    let tilesOfPiece = (tiles + pieces - 1) / max(1, pieces)
    tilesPerUnit = window.planeLineCount > 1 ? tiles : (tilesOfPiece + 1) / 2 * 2

    // In vectors, a pixel and a vector of channels take a cycle for two groups of 4 bytes. What is copied is for all
    // channels of a block.
    let unitCount = (window.planeLineCount + linesPerUnit - 1) / linesPerUnit
    let strips = window.planeLineCount > 1 && mode != .spanning ? window.planeLineCount : unitCount
    let pixels = window.planeLineCount * window.width
    let vectors = (columns + 15) / 16
    let copied =
      copies ? unitCount * window.window[0] * inputLines(linesPerUnit) * (pitch * channelByteCount / 64 + 1) : 0
    let onTiles =
      strips * TileCost.steps(totalSteps, tiles: tiles, rows: tileRows, vectors: vectors)
      + TileCost.sums(rows: pixels, vectors: vectors) + copied * 2 * blocks.count + TileCost.configuration
    let inVectors = pixels * vectors * window.tapCount * byteCount / 4 / 2
    guard !mustPay || onTiles * 6 / 5 < inVectors else { return nil }
  }

  private init?(
    splitting kernel: ConvolutionKernel, _ window: ConvolutionShape, _ split: SplitFloats, mustPay: Bool
  ) {
    let channels = kernel.inputChannels / kernel.groups
    self.window = window
    self.channels = channels
    self.split = split
    joinsWidth = false
    let channelSteps = (channels + SplitFloats.stepElements - 1) / SplitFloats.stepElements
    steps = .whole(channelSteps)
    channelByteCount = steps.count * steps.byteCount
    mode = window.strides[1] == 1 && window.strides[2] == 1 ? .spanning : .lines
    let stepsOfLine = window.window[2] * channelSteps
    let positions = window.window[0] * window.window[1]
    chunkHeight = positions * stepsOfLine <= Self.chunkSteps ? positions : 1
    guard chunkHeight * stepsOfLine <= 2 * Self.chunkSteps else { return nil }

    // Enough rows that making parts of B is little beside the products, and a unit of some 100 µs.
    let pitch = Self.pitch(window)
    let rowsOfLine = mode == .spanning ? pitch : window.width
    let lineByteCount = pitch * channelByteCount * split.parts * window.strides[1] * window.window[0]
    let most = max(
      1, min(Self.rowsPerUnit / rowsOfLine, Self.splitLinesByteCount / lineByteCount, window.planeLineCount))
    guard lineByteCount * window.window[1] <= Self.splitLinesByteCount else { return nil }
    let unitCount = (window.planeLineCount + most - 1) / most
    linesPerUnit = (window.planeLineCount + unitCount - 1) / unitCount
    let stripRows = mode == .spanning ? (linesPerUnit - 1) * pitch + window.width : window.width
    let tiles = (stripRows + TileConfiguration.rowCount - 1) / TileConfiguration.rowCount
    tileRows = (stripRows + tiles - 1) / tiles
    tilesPerUnit = (tiles + 1) / 2 * 2
    let columns = kernel.outputChannels / kernel.groups
    let totalSteps = positions * stepsOfLine
    let strips = mode == .spanning ? 1 : linesPerUnit
    let vectorCycles = strips * tiles * max(8, tileRows) * totalSteps * split.productCount
    blocks = ColumnBlocks(
      columns: columns, lanes: 16,
      vectors: max(2, min(Self.blockVectors, Self.cyclesPerSplitUnit / vectorCycles) & ~1))

    let pixels = window.planeLineCount * window.width
    let vectors = (columns + 15) / 16
    let ofProducts =
      unitCount * strips
      * TileCost.steps(totalSteps, tiles: tiles, rows: tileRows, vectors: vectors, products: split.productCount)
    let ofB = unitCount * vectors * totalSteps * TileConfiguration.rowCount * split.operationCount / 2
    let copied = unitCount * window.window[0] * inputLines(linesPerUnit) * pitch * channelSteps
    let ofA = copied * blocks.count * split.operationCount / 2
    let onTiles = ofProducts + ofA + ofB + TileCost.sums(rows: pixels, vectors: vectors) + TileCost.configuration
    let inVectors = pixels * vectors * window.tapCount * channels / 2
    guard !mustPay || onTiles * 6 / 5 < inVectors else { return nil }
  }

  /// Steps of which the parts of B, 6 KB each for two vectors of columns, stay in the second-level cache.
  private static let chunkSteps = 64
  private static let splitLinesByteCount = 640 << 10
  private static let rowsPerUnit = 256
  private static let cyclesPerSplitUnit = 300_000

  /// B of a block is read again for every unit.
  private static let blockByteCount = 1 << 20
  private static let blockVectors = 32
  /// 30 µs or so: an image of few lines is not cut.
  private static let cyclesPerUnit = 100_000
  /// Lines that are copied stay in the second-level cache, beside B.
  private static let linesByteCount = 256 << 10

  /// Pixels from one line of the copy to the next: those that the windows of a line see.
  private static func pitch(_ window: ConvolutionShape) -> Int {
    (window.width - 1) * window.strides[2] + (window.window[2] - 1) * window.dilations[2] + 1
  }
  var pitch: Int { Self.pitch(window) }

  /// Rows of the strip that so many lines are.
  func stripRows(lines: Int) -> Int { mode == .spanning ? (lines - 1) * pitch + window.width : window.width }

  var tileCount: Int { (stripRows(lines: linesPerUnit) + tileRows - 1) / tileRows }
  var lineBlocks: Int { (window.planeLineCount + linesPerUnit - 1) / linesPerUnit }
  var tileBlocks: Int { cutsLine ? (tileCount + tilesPerUnit - 1) / tilesPerUnit : 1 }
  /// Whether units are tiles of the only line.
  var cutsLine: Bool { window.planeLineCount == 1 && split == nil }

  /// Lines of the input that so many lines of the output see.
  func inputLines(_ lines: Int) -> Int {
    (lines - 1) * window.strides[1] + (window.window[1] - 1) * window.dilations[1] + 1
  }

  /// Pixels of the copy of one plane.
  var planePixelCount: Int { inputLines(linesPerUnit) * pitch }

  /// Pixels of the copy, those included that tiles read behind it.
  var copiedPixelCount: Int {
    guard mode != .inPlace else { return 0 }
    let lastStrip = mode == .spanning ? 0 : (linesPerUnit - 1) * window.strides[1] * pitch
    let lastRow = (tileCount * tileRows - 1) * window.strides[2]
    let lastTap = (window.window[1] - 1) * window.dilations[1] * pitch + (window.window[2] - 1) * window.dilations[2]
    return (window.window[0] - 1) * planePixelCount
      + max(planePixelCount, lastStrip + lastRow + lastTap + 1)
  }
}
