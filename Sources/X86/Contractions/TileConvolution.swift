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
struct TileConvolution {
  enum Mode: Hashable { case inPlace, lines, spanning }

  let window: ConvolutionShape
  let mode: Mode
  /// Bytes of a pixel's channels, of one group, as tiles read them.
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

  /// Nil where tiles cannot read what there is, or do not pay.
  /// - Parameter mustPay: tests want tiles for convolutions that are small, too.
  init?(_ kernel: ConvolutionKernel, _ instructionSet: InstructionSet, mustPay: Bool = true) {
    guard instructionSet >= .amx, kernel.factors == .bytes, kernel.groups > 0, kernel.outputChannels > 0,
      kernel.geometry.output.allSatisfy({ $0 > 0 }), (1...3).contains(kernel.geometry.input.count)
    else { return nil }
    let window = ConvolutionShape(kernel.geometry)
    let channels = kernel.inputChannels / kernel.groups
    guard window.input[0] == 1, window.output[0] == 1, window.window[0] == 1, window.padding[0] == 0,
      channels % 4 == 0, channels > 0
    else { return nil }
    self.window = window
    channelByteCount = channels
    let copies = window.clips(1) || window.clips(2)
    mode = !copies ? .inPlace : window.strides[1] == 1 && window.strides[2] == 1 ? .spanning : .lines
    let isContiguous = window.dilations[2] == 1 && (copies || kernel.inputPixelStride == channels)
    let joined = isContiguous ? TileSteps(runQuads: channels / 4 * window.window[2]) : nil
    joinsWidth = joined != nil
    guard let steps = joined ?? TileSteps(runQuads: channels / 4) else { return nil }
    self.steps = steps

    let columns = kernel.outputChannels / kernel.groups
    let totalSteps = window.window[1] * (joinsWidth ? 1 : window.window[2]) * steps.count
    let fitting = Self.blockByteCount / (totalSteps * steps.quads * 64) & ~1
    blocks = ColumnBlocks(columns: columns, lanes: 16, vectors: max(2, min(Self.blockVectors, fitting)))

    let pitch = Self.pitch(window)
    let rowsOfLine = mode == .spanning ? pitch : window.width
    let lineCycles = rowsOfLine * totalSteps * blocks.vectors
    let pieces = (window.lineCount * lineCycles + Self.cyclesPerUnit - 1) / Self.cyclesPerUnit
    if window.lineCount > 1 {
      let copyable = copies ? max(1, Self.linesByteCount / (pitch * channelByteCount)) : window.lineCount
      let units = max(min(window.lineCount, pieces), (window.lineCount + copyable - 1) / copyable)
      linesPerUnit = (window.lineCount + units - 1) / units
    } else {
      linesPerUnit = 1
    }
    let stripRows = mode == .spanning ? (linesPerUnit - 1) * pitch + window.width : window.width
    let tiles = (stripRows + TileConfiguration.rowCount - 1) / TileConfiguration.rowCount
    tileRows = (stripRows + tiles - 1) / tiles
    let tilesOfPiece = (tiles + pieces - 1) / max(1, pieces)
    tilesPerUnit = window.lineCount > 1 ? tiles : (tilesOfPiece + 1) / 2 * 2

    // In vectors, a pixel and a vector of channels take a cycle for 8 groups of 4 bytes. On tiles it is a cycle for 16,
    // for each row that is computed; loading B takes 8 cycles, and sums go through memory.
    let unitCount = (window.lineCount + linesPerUnit - 1) / linesPerUnit
    let computed = (window.lineCount > 1 && mode != .spanning ? window.lineCount : unitCount) * tiles * max(8, tileRows)
    let pixels = window.lineCount * window.width
    let onTiles = computed * totalSteps + 3 * pixels
    let inVectors = pixels * window.tapCount * channels / 4 / 2
    guard !mustPay || onTiles * 5 / 4 < inVectors && pixels * columns * channels > 1 << 14 else { return nil }
  }

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
  var lineBlocks: Int { (window.lineCount + linesPerUnit - 1) / linesPerUnit }
  var tileBlocks: Int { window.lineCount > 1 ? 1 : (tileCount + tilesPerUnit - 1) / tilesPerUnit }

  /// Lines of the input that so many lines of the output see.
  func inputLines(_ lines: Int) -> Int {
    (lines - 1) * window.strides[1] + (window.window[1] - 1) * window.dilations[1] + 1
  }

  /// Pixels of the copy, those included that tiles read behind it.
  var copiedPixelCount: Int {
    guard mode != .inPlace else { return 0 }
    let lastStrip = mode == .spanning ? 0 : (linesPerUnit - 1) * window.strides[1] * pitch
    let lastRow = (tileCount * tileRows - 1) * window.strides[2]
    let lastTap = (window.window[1] - 1) * window.dilations[1] * pitch + (window.window[2] - 1) * window.dilations[2]
    return max(inputLines(linesPerUnit) * pitch, lastStrip + lastRow + lastTap + 1)
  }
}
