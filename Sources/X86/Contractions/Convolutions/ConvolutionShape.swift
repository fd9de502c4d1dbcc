import KernelIR

/// A convolution brought to three spatial axes, and its output cut into tiles and units.
struct ConvolutionShape {
  /// Depth, height, width.
  var input: [Int]
  var output: [Int]
  var window: [Int]
  var strides: [Int]
  var dilations: [Int]
  var padding: [Int]

  /// Axes that the convolution lacks have extent 1 and come first, as do those behind which there is nothing: a window of
  /// 3×1 over an image of width 1 runs along lines. Windows of one element without strides and padding make one line of
  /// all pixels.
  /// - Parameter joinsAxes: false leaves axes as they are, for outputs that are not dense.
  init(_ geometry: ConvolutionGeometry, joinsAxes: Bool = true) {
    func lifted(_ values: [Int], _ neutral: Int) -> [Int] {
      Array(repeating: neutral, count: 3 - values.count) + values
    }
    input = lifted(geometry.input, 1)
    output = lifted(geometry.output, 1)
    window = lifted(geometry.window, 1)
    strides = lifted(geometry.strides, 1)
    dilations = lifted(geometry.dilations, 1)
    padding = lifted(geometry.padding, 0)
    guard joinsAxes else { return }
    while input[2] == 1, output[2] == 1, window[2] == 1, padding[2] == 0, output[0] * output[1] > 1 {
      (input, output, window) = ([1] + input.dropLast(), [1] + output.dropLast(), [1] + window.dropLast())
      (strides, dilations) = ([1] + strides.dropLast(), [1] + dilations.dropLast())
      padding = [0] + padding.dropLast()
    }
    if window == [1, 1, 1], strides == [1, 1, 1], padding == [0, 0, 0], input == output {
      input = [1, 1, input.reduce(1, *)]
      output = input
    }
  }

  var tapCount: Int { window.reduce(1, *) }
  /// Rows of output pixels: depth × height.
  var lineCount: Int { output[0] * output[1] }
  /// Of one depth.
  var planeLineCount: Int { output[1] }
  var width: Int { output[2] }

  /// Whether window position `tap` along `axis` can lie outside the image.
  func clips(_ axis: Int) -> Bool {
    padding[axis] > 0
      || (output[axis] - 1) * strides[axis] + (window[axis] - 1) * dilations[axis] - padding[axis] >= input[axis]
  }

  /// Whether output pixel `pixel` of a line sees `tap` along the width inside the image.
  func sees(_ pixel: Int, _ tap: Int) -> Bool {
    let position = pixel * strides[2] - padding[2] + tap * dilations[2]
    return position >= 0 && position < input[2]
  }

  // MARK: Tiles

  /// Neighbouring tiles of a line that are the same code.
  struct TileClass {
    /// The first tile's number in the line.
    var first: Int
    var count: Int
    /// The first pixel of the first tile.
    var start: Int
    var pixels: Int
    /// For each tap along the width, whether each pixel sees it. Empty for single pixels that find out when they run.
    var seen: [[Bool]]

    var isInterior: Bool { !seen.isEmpty && seen.allSatisfy { $0.allSatisfy { $0 } } }
  }

  /// Wider windows, and more pixels at a side of the image that each see another part of the window, would be too much
  /// code.
  private static let widestUnrolledWindow = 11
  private static let mostUnrolledPixels = 64

  /// The output pixels of a line that see the whole width of the window.
  private var interior: Range<Int> {
    let first = max(0, (padding[2] + strides[2] - 1) / strides[2])
    let room = input[2] - 1 - (window[2] - 1) * dilations[2] + padding[2]
    let end = room < 0 ? 0 : min(width, room / strides[2] + 1)
    return first < end ? first..<end : 0..<0
  }

  /// Cuts a line into tiles of at most `largest` pixels, as equal as possible.
  ///
  /// The effort grows with the sides of the image, not with its width.
  func tileClasses(largest: Int) -> [TileClass] {
    guard width > 0 else { return [] }
    let interior = interior
    let sides = max(interior.lowerBound, width - interior.upperBound)
    if sides == 0 || (window[2] <= Self.widestUnrolledWindow && sides <= Self.mostUnrolledPixels) {
      return cut(0..<width, largest: largest, firstTile: 0)
    }
    guard !interior.isEmpty else { return [TileClass(first: 0, count: width, start: 0, pixels: 1, seen: [])] }
    var classes: [TileClass] = []
    if interior.lowerBound > 0 {
      classes.append(TileClass(first: 0, count: interior.lowerBound, start: 0, pixels: 1, seen: []))
    }
    classes += cut(interior, largest: largest, firstTile: interior.lowerBound)
    if interior.upperBound < width {
      let tiles = classes.reduce(0) { $0 + $1.count }
      classes.append(
        TileClass(
          first: tiles, count: width - interior.upperBound, start: interior.upperBound, pixels: 1, seen: []))
    }
    return classes
  }

  private func cut(_ pixels: Range<Int>, largest: Int, firstTile: Int) -> [TileClass] {
    let interior = interior
    let least = (pixels.count + largest - 1) / largest
    // Equal tiles are worth a few more of them: they are one piece of code.
    let count = (least...least + min(1_000, least / 3)).first { pixels.count % $0 == 0 } ?? least
    let (size, larger) = (pixels.count / count, pixels.count % count)
    var classes: [TileClass] = []
    var start = pixels.lowerBound
    var tile = 0
    while tile < count {
      let pixels = size + (tile < larger ? 1 : 0)
      let ofThisSize = (tile < larger ? larger : count) - tile
      // Tiles in the interior are all the same.
      let seeingAll = start < interior.lowerBound ? 0 : (interior.upperBound - start) / pixels
      let step = max(1, min(ofThisSize, seeingAll))
      let seen = (0..<window[2]).map { tap in (start..<start + pixels).map { sees($0, tap) } }
      if let last = classes.last, last.pixels == pixels, last.seen == seen {
        classes[classes.count - 1].count += step
      } else {
        classes.append(TileClass(first: firstTile + tile, count: step, start: start, pixels: pixels, seen: seen))
      }
      start += pixels * step
      tile += step
    }
    return classes
  }
}
