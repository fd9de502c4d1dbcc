import KernelIR
import Tensors

/// The loop nest of a convolution of small groups: lanes are channels, of several groups if they have more than one.
///
///     for unit in begin..<end                    some lines of output pixels × a block of channels of one image
///       for line, tile of its pixels
///         for channel vector
///           for window positions along depth and height that lie inside the image
///             for input channel of a group       spread over the lanes of the group
///               window width unrolled            each input pixel is loaded once for all outputs that see it
///           epilogue
struct DepthwiseEmission {
  let kernel: DepthwiseKernel
  let builder: VectorBuilder
  let name: String
  private let spread: GroupSpread
  let window: ConvolutionShape
  let classes: [ConvolutionShape.TileClass]
  let epilogue: EpilogueEmission
  let products: Products
  private let elements: Lanes
  let linesPerUnit: Int
  let vectorsPerUnit: Int

  private static let cyclesPerUnit = 20_000
  /// Neighbouring channels that a unit goes through before the next pixels: 1 KB with AVX-512.
  private static let vectorsPerUnit = 16

  init(_ kernel: DepthwiseKernel, _ instructionSet: InstructionSet) throws {
    let geometry = kernel.geometry
    let rank = geometry.input.count
    guard (1...3).contains(rank),
      [geometry.output, geometry.window, geometry.strides, geometry.dilations, geometry.padding].allSatisfy({
        $0.count == rank
      }), (geometry.window + geometry.strides).allSatisfy({ $0 > 0 }), kernel.channels > 0, kernel.groupInputs > 0,
      kernel.groupOutputs > 0,
      kernel.factors == .float32 || kernel.factors == .bytes && kernel.groupInputs == 1 && kernel.groupOutputs == 1
    else { throw ContractionError.unsupported("a depthwise convolution over \(rank) axes") }
    self.kernel = kernel
    let text = geometry.window.map(String.init).joined(separator: "x")
    let groups = kernel.groupOutputs > 1 ? "_g\(kernel.groupInputs)_\(kernel.groupOutputs)" : ""
    name = "depthwise_\(kernel.factors.text)_\(instructionSet)_\(text)_c\(kernel.channels)\(groups)"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    spread = try GroupSpread(builder, inputs: kernel.groupInputs, outputs: kernel.groupOutputs)
    window = ConvolutionShape(geometry)
    // Accumulators, the window's width, and one input pixel in 32 or 16 registers.
    let registers = builder.hasAVX512 ? 32 : 16
    let largest = window.window[2] > 11 ? 8 : min(builder.hasAVX512 ? 14 : 8, registers - 2 - window.window[2])
    classes = window.tileClasses(largest: max(2, largest))
    products = Products(kernel.factors, instructionSet)
    elements = Lanes(builder: builder, count: builder.lanes, hasWideMasks: false)
    epilogue = try EpilogueEmission(builder, kernel.epilogue, factors: kernel.factors)
    let vectors = (kernel.channels + builder.lanes - 1) / builder.lanes
    vectorsPerUnit = min(vectors, Self.vectorsPerUnit)
    let lineCycles = max(1, window.width * window.tapCount * kernel.groupInputs * vectorsPerUnit / 2)
    linesPerUnit = max(1, min(window.lineCount, Self.cyclesPerUnit / lineCycles))
    let furthest = max(
      window.input[2] * kernel.inputPixelStride, kernel.outputPixelStride * 14,
      kernel.groupInputs * kernel.channels * window.window[2],
      (kernel.epilogue.operands.map(\.rowStride).max() ?? 0) * 14)
    guard furthest < 1 << 28 else { throw ContractionError.unsupported("pixels too far apart") }
  }

  private var lanes: Int { builder.lanes }
  private var tailChannels: Int { kernel.channels % lanes }
  private var vectorCount: Int { (kernel.channels + lanes - 1) / lanes }
  private var lineBlocks: Int { (window.lineCount + linesPerUnit - 1) / linesPerUnit }
  private var channelBlocks: Int { (vectorCount + vectorsPerUnit - 1) / vectorsPerUnit }

  private var elementByteCount: Int { products.elementByteCount }
  private var pixelBytes: Int { kernel.inputPixelStride * elementByteCount }
  private var lineBytes: Int { window.input[2] * pixelBytes }
  private var planeBytes: Int { window.input[1] * lineBytes }
  /// From one position of the window to the next.
  private var filterBytes: Int { kernel.groupInputs * kernel.channels * elementByteCount }
  private var taps: WindowTaps { WindowTaps(builder: builder, window: window) }

  func compile() throws -> CompiledKernel {
    let isEmpty = window.output.contains(0)
    if !isEmpty {
      try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
        try emitUnit(index)
        return []
      }
    }
    let units = WorkUnits(
      constant: isEmpty ? 0 : lineBlocks * channelBlocks, factors: [WorkUnits.Factor(parameter: 0)])
    let largest = classes.map(\.pixels).max() ?? 0
    return CompiledKernel(
      name: name, code: try builder.build(), units: units,
      scratchByteCount: epilogue.isLong ? largest * builder.vectorByteCount : 0)
  }

  /// What the tiles of one line share.
  private struct Line {
    var depth: WindowTaps.Range
    var height: WindowTaps.Range
    /// Output pixels of all images before the line.
    var pixel: Value
    /// The input at window position 0 along depth and height, the first pixel, channel 0.
    var x: Value
    var firstChannel: Value
    /// Behind the unit's last whole vector of channels.
    var endChannel: Value
    var block: Value
  }

  private func emitUnit(_ index: Value) throws {
    let (outer, block) = builder.divide(index, by: channelBlocks)
    let (image, lineBlock) = builder.divide(outer, by: lineBlocks)
    let first = builder.multiply(lineBlock, by: linesPerUnit)
    let end = builder.minimum(builder.add(first, .immediate(linesPerUnit)), .immediate(window.lineCount))
    let firstChannel = builder.multiply(block, by: vectorsPerUnit * lanes)
    let endChannel = builder.minimum(
      builder.add(firstChannel, .immediate(vectorsPerUnit * lanes)), .immediate(kernel.channels - tailChannels))
    try builder.loop(from: .value(first), to: .value(end)) { line, _ in
      let (depth, height) = builder.divide(line, by: window.output[1])
      let lines = builder.add(builder.multiply(image, by: window.lineCount), .value(line))
      let ranges = (
        taps.range(0, output: depth, bytes: planeBytes), taps.range(1, output: height, bytes: lineBytes)
      )
      var x = builder.add(builder.argument(0), .value(builder.multiply(image, by: window.input[0] * planeBytes)))
      x = builder.add(builder.add(x, .value(ranges.0.origin)), .value(ranges.1.origin))
      let shared = Line(
        depth: ranges.0, height: ranges.1, pixel: builder.multiply(lines, by: window.width), x: x,
        firstChannel: firstChannel, endChannel: endChannel, block: block)
      for tiles in classes {
        try builder.loop(to: .immediate(tiles.count)) { tile, _ in
          let pixel = builder.add(builder.multiply(tile, by: tiles.pixels), .immediate(tiles.start))
          try emitTile(tiles, shared, pixel: pixel)
          return []
        }
      }
      return []
    }
  }

  private func emitTile(_ tiles: ConvolutionShape.TileClass, _ line: Line, pixel: Value) throws {
    let offset = builder.add(
      builder.multiply(pixel, by: window.strides[2] * pixelBytes), .immediate(-window.padding[2] * pixelBytes))
    let x = builder.add(line.x, .value(offset))
    let width = tiles.seen.isEmpty ? taps.range(2, output: pixel, bytes: pixelBytes) : nil
    let row = builder.add(line.pixel, .value(pixel))
    try builder.loop(from: .value(line.firstChannel), to: .value(line.endChannel), step: lanes) { channel, _ in
      try emitVector(tiles, line, x: x, width: width, row: row, channel: channel, mask: nil)
      return []
    }
    guard tailChannels > 0 else { return }
    try builder.if(.compare(line.block, .equal, .immediate(channelBlocks - 1))) {
      try emitVector(
        tiles, line, x: x, width: width, row: row, channel: builder.integer(kernel.channels - tailChannels),
        mask: ColumnMask(builder, count: tailChannels))
    }
  }

  /// One vector of channels of one tile.
  private func emitVector(
    _ tiles: ConvolutionShape.TileClass, _ line: Line, x: Value, width: WindowTaps.Range?, row: Value, channel: Value,
    mask: ColumnMask?
  ) throws {
    let zero = RegisterTile(builder, kernel.factors, rows: tiles.pixels, vectors: 1)
    let inputChannel = builder.multiply(
      builder.divide(channel, by: kernel.groupOutputs).quotient, by: kernel.groupInputs)
    let input = builder.address(Address(x, index: inputChannel, scale: elementByteCount))
    let inputMask = spread.mask(channels: mask == nil ? lanes : tailChannels)
    let filter = builder.address(Address(builder.argument(1), index: channel, scale: elementByteCount))
    let widthBytes = window.window[2] * filterBytes
    var tile = zero
    tile.accumulators = taps.forEach(
      0, line.depth, carrying: zero.accumulators, input, filter, aBytes: planeBytes,
      bBytes: window.window[1] * widthBytes
    ) { accumulators, input, filter in
      taps.forEach(
        1, line.height, carrying: accumulators, input, filter, aBytes: lineBytes, bBytes: widthBytes
      ) { accumulators, input, filter in
        if let width {
          return taps.forEach(
            2, width, carrying: accumulators, input, filter, aBytes: pixelBytes, bBytes: filterBytes
          ) { [multiplyAdd(Address($1), inputMask, Address($2), mask, adding: $0[0])] }
        }
        if tiles.isInterior, window.window[2] > 11 {
          return alongWidth(tiles, accumulators, input, filter, mask, inputMask)
        }
        return unrolledWidth(tiles, accumulators, input, filter, mask, inputMask)
      }
    }
    let pointers = epilogue.pointers(row: row, column: channel, resultRowStride: kernel.outputPixelStride)
    guard epilogue.isLong else { return try epilogue.store(tile, at: pointers, lastMask: mask) }
    tile.store(to: Address(builder.scratch), rowByteCount: builder.vectorByteCount)
    let columns = ColumnBlocks(columns: mask == nil ? lanes : tailChannels, lanes: lanes, vectors: 1)
    try epilogue.storeRows(
      builder.scratch, rowByteCount: builder.vectorByteCount, rowCount: .immediate(tiles.pixels), blocks: columns,
      block: builder.integer(0), at: pointers)
  }

  /// Of the filter.
  private func load(_ address: Address, _ mask: ColumnMask?) -> Value {
    elements.load(kernel.factors == .float32 ? .float32 : .int8, address, elements.active(mask))
  }

  private func loadInput(_ address: Address, _ channel: Int, _ mask: ColumnMask?, _ inputMask: Value?) -> Value {
    kernel.factors == .float32
      ? spread.load(address, channel: channel, mask: inputMask)
      : elements.load(.uint8, address, elements.active(mask))
  }

  /// All input channels of one window position.
  private func multiplyAdd(
    _ input: Address, _ inputMask: Value?, _ filter: Address, _ mask: ColumnMask?, adding sum: Value
  ) -> Value {
    (0..<kernel.groupInputs).reduce(sum) { sum, channel in
      let weight = load(filter.advanced(by: channel * kernel.channels * elementByteCount), mask)
      return products.multiplyAddLanes(
        builder, loadInput(input, channel, mask, inputMask), weight, adding: sum)
    }
  }

  /// Every input pixel is loaded once, or once for each channel of a group. For each output pixel, positions come in ascending order.
  private func unrolledWidth(
    _ tiles: ConvolutionShape.TileClass, _ accumulators: [Value], _ input: Value, _ filter: Value,
    _ mask: ColumnMask?,
    _ inputMask: Value?
  ) -> [Value] {
    var accumulators = accumulators
    var uses: [Int: [(pixel: Int, tap: Int)]] = [:]
    for (tap, seen) in tiles.seen.enumerated() {
      for pixel in 0..<tiles.pixels where seen[pixel] {
        uses[pixel * window.strides[2] + tap * window.dilations[2], default: []].append((pixel, tap))
      }
    }
    for channel in 0..<kernel.groupInputs {
      let weights = (0..<window.window[2]).map { tap in
        let offset = tap * filterBytes + channel * kernel.channels * elementByteCount
        return tiles.seen[tap].contains(true) ? load(Address(filter, displacement: offset), mask) : nil
      }
      for (position, pairs) in uses.sorted(by: { $0.key < $1.key }) {
        let x = loadInput(Address(input, displacement: position * pixelBytes), channel, mask, inputMask)
        for (pixel, tap) in pairs {
          guard let weight = weights[tap] else { continue }
          accumulators[pixel] = products.multiplyAddLanes(builder, x, weight, adding: accumulators[pixel])
        }
      }
    }
    return accumulators
  }

  /// Windows too wide to unroll.
  private func alongWidth(
    _ tiles: ConvolutionShape.TileClass, _ accumulators: [Value], _ input: Value, _ filter: Value,
    _ mask: ColumnMask?,
    _ inputMask: Value?
  ) -> [Value] {
    let ends = builder.loop(
      to: .immediate(window.window[2]), carrying: accumulators + [input, filter]
    ) { _, carried in
      let (input, filter) = (carried[tiles.pixels], carried[tiles.pixels + 1])
      let next = (0..<tiles.pixels).map { pixel in
        multiplyAdd(
          Address(input, displacement: pixel * window.strides[2] * pixelBytes), inputMask, Address(filter), mask,
          adding: carried[pixel])
      }
      return next + [
        builder.add(input, .immediate(window.dilations[2] * pixelBytes)), builder.add(filter, .immediate(filterBytes)),
      ]
    }
    return Array(ends.prefix(tiles.pixels))
  }
}
