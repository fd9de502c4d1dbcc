import GraphIR
import Tensors

/// Resampling and rearranging of images.
enum ImageOperators {
  static let table: [String: Lowering] = [
    "Resize": resize,
    "Upsample": upsample,
    "GridSample": gridSample,
    "AffineGrid": { c in
      let theta = try c.operand(0)
      guard try c.rank(theta) == 3 else {
        throw c.invalid(found: "rank \(try c.rank(theta))", expected: "[N, n, n + 1]")
      }
      try c.extent(theta, 1)
      return [try c.builder.affineGrid(theta, size: c.operand(1), alignsCorners: c.flag("align_corners"))]
    },
    "DepthToSpace": depthToSpace,
    "SpaceToDepth": spaceToDepth,
    "CenterCropPad": centerCropPad,
  ]

  // MARK: Resize

  private static func resize(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    if c.version < 11 { return [try firstResize(c, x)] }
    let axes = try c.ints("axes").map { try c.axes($0, rank: rank) } ?? Array(0..<rank)
    var options = GraphIR.Resize(
      axes: axes, parametersAreSizes: try !isMissing(3, c), mode: try mode(c), coordinates: try coordinates(c),
      rounding: try rounding(c), cubicCoefficient: try c.float("cubic_coeff_a", -0.75),
      excludesOutside: try c.flag("exclude_outside"), extrapolationValue: try c.float("extrapolation_value", 0),
      antialias: try c.flag("antialias"))
    switch try c.string("keep_aspect_ratio_policy", "stretch") {
    case "stretch": break
    case "not_larger": options.aspectRatio = .notLarger
    case "not_smaller": options.aspectRatio = .notSmaller
    case let other:
      throw c.invalid(found: "keep_aspect_ratio_policy '\(other)'", expected: "stretch, not_larger or not_smaller")
    }
    var roi: ValueID?
    if options.coordinates == .cropAndResize { roi = try c.builder.convert(c.operand(1), to: .float32) }
    return [try resized(c, x, parameters: c.operand(options.parametersAreSizes ? 3 : 2), roi: roi, options)]
  }

  /// Version 10: as Upsample, but the nearest pixel of an axis that shrinks is the one after.
  private static func firstResize(_ c: LoweringContext, _ x: ValueID) throws -> ValueID {
    let axes = Array(0..<(try c.rank(x)))
    var options = try origin(c, axes: axes)
    guard options.mode == .nearest else {
      return try resized(c, x, parameters: c.operand(1), roi: nil, options)
    }
    let scales = try c.constant(1).converted(to: .float32).elements(of: Float.self)
    guard scales.count == axes.count else {
      throw c.invalid(found: "\(scales.count) scales", expected: "one for each of \(axes.count) axes")
    }
    var y = x
    for (rounding, isMeant) in [(GraphIR.Resize.Rounding.ceil, { $0 < 1 }), (.floor, { $0 > 1 })]
      as [(_, (Float) -> Bool)]
    {
      options.axes = axes.filter { isMeant(scales[$0]) }
      options.rounding = rounding
      if options.axes.isEmpty { continue }
      let own = options.axes.map { scales[$0] }
      y = try resized(c, y, parameters: c.builder.constant(Tensor([own.count], own)), roi: nil, options)
    }
    return y
  }

  private static func upsample(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    let scales: ValueID
    if c.version >= 9 {
      scales = try c.operand(1)
    } else if c.version >= 7 {
      guard let values = try c.floats("scales") else {
        throw c.invalid(found: "no attribute 'scales'", expected: "a scale for each axis")
      }
      scales = c.builder.constant(Tensor([values.count], values))
    } else {
      guard let height = try c.float("height_scale"), let width = try c.float("width_scale"), rank == 4 else {
        throw c.invalid(found: "no scales", expected: "height_scale and width_scale of an image")
      }
      scales = c.builder.constant(Tensor([4], [1, 1, height, width]))
    }
    return [try resized(c, x, parameters: scales, roi: nil, origin(c, axes: Array(0..<rank)))]
  }

  /// What Upsample and the first Resize did: pixels are corners, and the nearest is the one before.
  private static func origin(_ c: LoweringContext, axes: [Int]) throws -> GraphIR.Resize {
    GraphIR.Resize(
      axes: axes, parametersAreSizes: false, mode: try mode(c), coordinates: .asymmetric, rounding: .floor)
  }

  /// Absent, or an empty tensor, which version 11 had to write for it.
  private static func isMissing(_ index: Int, _ c: LoweringContext) throws -> Bool {
    guard let value = try c.optionalOperand(index) else { return true }
    return c.builder.type(of: value).tensor?.shape == [.constant(0)]
  }

  /// When only spatial axes change, which is nearly always, the channels go last as everywhere else.
  private static func resized(
    _ c: LoweringContext, _ x: ValueID, parameters: ValueID, roi: ValueID?, _ options: GraphIR.Resize
  ) throws -> ValueID {
    let b = c.builder
    let rank = try c.rank(x)
    var (options, parameters) = (options, parameters)
    if !options.parametersAreSizes { parameters = try b.convert(parameters, to: .float32) }
    if options.axes == Array(0..<rank), rank > 2, roi == nil, try keepsBatchAndChannels(c, x, parameters, options) {
      parameters = try b.slice(parameters, axis: 0, from: 2)
      options.axes = Array(2..<rank)
    }
    let isImage = rank > 2 && options.axes.allSatisfy { $0 >= 2 }
    if isImage { options.axes = options.axes.map { $0 - 1 } }
    let y = try b.one(
      .resize(options), [isImage ? b.channelsLast(x) : x, parameters] + [roi].compactMap(\.self))
    return isImage ? try b.channelsFirst(y) : y
  }

  private static func keepsBatchAndChannels(
    _ c: LoweringContext, _ x: ValueID, _ parameters: ValueID, _ options: GraphIR.Resize
  ) throws -> Bool {
    if options.parametersAreSizes {
      guard options.aspectRatio == .stretch, let sizes = c.builder.elements(of: parameters), sizes.count > 2,
        let shape = c.builder.type(of: x).tensor?.shape
      else { return false }
      return sizes[0] == shape[0] && sizes[1] == shape[1]
    }
    guard let scales = try? c.constant(of: parameters), scales.elementType == .float32, scales.elementCount > 2 else {
      return false
    }
    return scales.elements(of: Float.self).prefix(2).allSatisfy { $0 == 1 }
  }

  private static func mode(_ c: LoweringContext) throws -> GraphIR.Resize.Mode {
    switch try c.string("mode", "nearest") {
    case "nearest": .nearest
    case "linear", "bilinear": .linear
    case "cubic": .cubic
    case let other: throw c.invalid(found: "mode '\(other)'", expected: "nearest, linear or cubic")
    }
  }

  private static func coordinates(_ c: LoweringContext) throws -> GraphIR.Resize.Coordinates {
    switch try c.string("coordinate_transformation_mode", "half_pixel") {
    case "half_pixel": .halfPixel
    case "half_pixel_symmetric": .halfPixelSymmetric
    case "pytorch_half_pixel": .pytorchHalfPixel
    case "align_corners": .alignCorners
    case "asymmetric": .asymmetric
    case "tf_crop_and_resize": .cropAndResize
    case "tf_half_pixel_for_nn": .tfHalfPixelForNearest
    case let other:
      throw c.invalid(found: "coordinate_transformation_mode '\(other)'", expected: "a mode of the specification")
    }
  }

  private static func rounding(_ c: LoweringContext) throws -> GraphIR.Resize.Rounding {
    switch try c.string("nearest_mode", "round_prefer_floor") {
    case "round_prefer_floor", "": .roundPreferFloor
    case "round_prefer_ceil": .roundPreferCeil
    case "floor": .floor
    case "ceil": .ceil
    case let other: throw c.invalid(found: "nearest_mode '\(other)'", expected: "a mode of the specification")
    }
  }

  // MARK: Grids

  private static func gridSample(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let mode: GraphIR.GridSample.Mode
    // Version 16 names the modes as for images.
    switch try c.string("mode", "linear") {
    case "linear", "bilinear": mode = .linear
    case "nearest": mode = .nearest
    case "cubic", "bicubic": mode = .cubic
    case let other: throw c.invalid(found: "mode '\(other)'", expected: "linear, nearest or cubic")
    }
    let name = try c.string("padding_mode", "zeros")
    guard let padding = GraphIR.GridSample.Padding(rawValue: name) else {
      throw c.invalid(found: "padding_mode '\(name)'", expected: "zeros, border or reflection")
    }
    let sample = GraphIR.GridSample(mode: mode, padding: padding, alignsCorners: try c.flag("align_corners"))
    let x = try c.operand(0)
    return [try b.channelsFirst(b.one(.gridSample(sample), [b.channelsLast(x), c.operand(1)]))]
  }

  // MARK: Rearranging

  private static func blockSize(_ c: LoweringContext) throws -> Int {
    guard let size = try c.int("blocksize"), (1...4096).contains(size) else {
      throw c.invalid(found: "no attribute 'blocksize'", expected: "a block size from 1 to 4096")
    }
    return size
  }

  /// Whether the place in the block is the slower part of a channel's number (DCR), not the faster one (CRD).
  private static func blockIsSlower(_ c: LoweringContext) throws -> Bool {
    switch try c.string("mode", "DCR") {
    case "DCR": true
    case "CRD": false
    case let other: throw c.invalid(found: "mode '\(other)'", expected: "DCR or CRD")
    }
  }

  private static func image(_ c: LoweringContext) throws -> ValueID {
    let x = try c.operand(0)
    guard try c.rank(x) == 4 else { throw c.invalid(found: "rank \(try c.rank(x))", expected: "[N, C, H, W]") }
    return try c.builder.channelsLast(x)
  }

  private static func depthToSpace(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try image(c)
    let size = try blockSize(c)
    let block = Extent.constant(size)
    let position: [Extent] = [.of(x, 0), .of(x, 1), .of(x, 2)]
    let depth = Extent.elements(try b.divide(b.extent(of: x, 3), b.indices([size * size])))
    let split: ValueID
    // → [N, H, block, W, block, C / block²]
    if try blockIsSlower(c) {
      split = try b.transpose(b.reshape(x, to: position + [block, block, depth]), [0, 1, 3, 2, 4, 5])
    } else {
      split = try b.transpose(b.reshape(x, to: position + [depth, block, block]), [0, 1, 4, 2, 5, 3])
    }
    func enlarged(_ axis: Int) throws -> Extent {
      .elements(try b.multiply(b.extent(of: x, axis), b.indices([size])))
    }
    return [try b.channelsFirst(b.reshape(split, to: [.of(x, 0), enlarged(1), enlarged(2), depth]))]
  }

  private static func spaceToDepth(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try image(c)
    let size = try blockSize(c)
    func reduced(_ axis: Int) throws -> Extent {
      .elements(try b.divide(b.extent(of: x, axis), b.indices([size])))
    }
    let (height, width) = (try reduced(1), try reduced(2))
    let split = try b.reshape(x, to: [.of(x, 0), height, .constant(size), width, .constant(size), .of(x, 3)])
    let order = try blockIsSlower(c) ? [0, 1, 3, 2, 4, 5] : [0, 1, 3, 5, 2, 4]
    let depth = Extent.elements(try b.multiply(b.extent(of: x, 3), b.indices([size * size])))
    return [try b.channelsFirst(b.reshape(b.transpose(split, order), to: [.of(x, 0), height, width, depth]))]
  }

  /// Crops or pads with zeros on both sides; of an odd number the greater half goes to the end.
  private static func centerCropPad(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.rank(x)
    let shape = try b.convert(c.operand(1), to: .int64)
    let axes = try c.ints("axes").map { try c.axes($0, rank: rank) } ?? Array(0..<rank)
    let missing = try b.shape(
      (0..<rank).map { axis in
        guard let index = axes.firstIndex(of: axis) else { return 0 }
        return .elements(
          try b.subtract(b.slice(shape, axis: 0, from: index, to: index + 1), b.extent(of: x, axis)))
      })
    // Division truncates: 3 pads 1 and 2, -3 crops 1 and 2.
    let low = try b.divide(missing, b.indices([2]))
    return [try b.one(.pad(.constant), [x, b.scalar(0, like: x), low, b.subtract(missing, low)])]
  }
}
