import GraphIR
import Tensors

/// Pooling over the spatial axes of images [N, C, spatial…], or over regions of them.
enum PoolingOperators {
  static let table: [String: Lowering] = [
    "MaxPool": maxPool,
    "AveragePool": { c in
      try pool(c, .average(countsPadding: c.flag("count_include_pad")))
    },
    "LpPool": { c in try pool(c, .norm(p: normPower(c))) },
    "GlobalMaxPool": { c in try global(c) { b, x, axes in try b.reduce(.maximum, x, axes: axes) } },
    "GlobalAveragePool": { c in try global(c) { b, x, axes in try b.reduce(.mean, x, axes: axes) } },
    "GlobalLpPool": globalLpPool,
    "MaxUnpool": maxUnpool,
    "MaxRoiPool": maxRoiPool,
    "RoiAlign": roiAlign,
  ]

  private static func pool(_ c: LoweringContext, _ reduction: WindowReduction) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let window = try c.window(rank: c.spatialRank(x))
    return [try b.channelsFirst(b.one(.reduceWindow(reduction, window), [b.channelsLast(x)]))]
  }

  private static func maxPool(_ c: LoweringContext) throws -> [ValueID] {
    guard c.usesOutput(1) else { return try pool(c, .maximum) }
    let b = c.builder
    let x = try c.operand(0)
    let window = try c.window(rank: c.spatialRank(x))
    let columnMajor = try c.flag("storage_order")
    return try b.add(.maxPoolWithIndices(window, columnMajor: columnMajor), [b.channelsLast(x)])
      .map(b.channelsFirst)
  }

  /// A float in version 1, an integer from version 2 on.
  private static func normPower(_ c: LoweringContext) throws -> Int {
    let power = try c.version < 2 ? Int(exactly: c.float("p", 2)) : c.int("p", 2)
    guard let power, power > 0 else { throw c.invalid(found: "another p", expected: "a positive integer p") }
    return power
  }

  /// [N, C, spatial…] → [N, C, 1…]
  private static func global(
    _ c: LoweringContext, _ reduce: (GraphBuilder, ValueID, [Int]) throws -> ValueID
  ) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.spatialRank(x)
    let y = try reduce(b, b.channelsLast(x), Array(1...rank))
    return [try b.expandDimensions(y, axes: Array(2..<rank + 2))]
  }

  private static func globalLpPool(_ c: LoweringContext) throws -> [ValueID] {
    let power = try normPower(c)
    return try global(c) { b, x, axes in
      let type = try b.elementType(of: x)
      let wide = try b.unary(.absolute, b.convert(x, to: type.accumulator))
      switch power {
      case 1: return try b.convert(b.reduce(.sum, wide, axes: axes), to: type)
      case 2: return try b.convert(b.unary(.squareRoot, b.reduce(.sum, b.multiply(wide, wide), axes: axes)), to: type)
      default:
        let sum = try b.reduce(.sum, b.binary(.power, wide, b.scalar(Double(power), like: wide)), axes: axes)
        return try b.convert(b.binary(.power, sum, b.scalar(1 / Double(power), like: wide)), to: type)
      }
    }
  }

  /// Puts every maximum back where it came from; positions count in the image that the window's attributes imply,
  /// which a larger `output_shape` then extends.
  private static func maxUnpool(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let window = try c.window(rank: c.spatialRank(x))
    guard case .explicit(let low, let high) = window.padding else {
      throw c.invalid(found: "auto_pad", expected: "explicit pads")
    }
    var extents: [Extent] = [.of(x, 0), .of(x, 1)]
    for axis in window.size.indices {
      let steps = try b.subtract(b.extent(of: x, axis + 2), b.indices([1]))
      let rest = window.size[axis] - low[axis] - high[axis]
      extents.append(
        .elements(try b.add(b.multiply(steps, b.indices([window.strides[axis]])), b.indices([rest]))))
    }
    let shape = try b.shape(extents)
    let count = try b.reduce(.product, shape, axes: [0], keepDimensions: true)
    let empty = try b.full(0, c.elementType(x), shape: count)
    let scattered = try b.one(
      .scatterElements(axis: 0, .replace),
      [empty, b.reshape(c.operand(1), [-1]), b.reshape(x, [-1])])
    let y = try b.reshape(scattered, shape)
    guard let outputShape = try c.optionalOperand(2) else { return [y] }
    let zeros = b.indices(Array(repeating: 0, count: extents.count))
    let zero = try b.scalar(0, like: x)
    return [try b.one(.pad(.constant), [y, zero, zeros, b.subtract(outputShape, shape)])]
  }

  private static func maxRoiPool(_ c: LoweringContext) throws -> [ValueID] {
    guard let pooled = try c.ints("pooled_shape"), pooled.count == 2, pooled.allSatisfy({ (1...4096).contains($0) })
    else {
      throw c.invalid(found: "no pooled_shape", expected: "pooled_shape of height and width")
    }
    return [
      try c.builder.maximumRegionPool(
        c.operand(0), regions: c.operand(1), height: pooled[0], width: pooled[1],
        spatialScale: Double(c.float("spatial_scale", 1)))
    ]
  }

  private static func roiAlign(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let coordinates = try c.string(
      "coordinate_transformation_mode", c.version < 16 ? "output_half_pixel" : "half_pixel")
    guard ["half_pixel", "output_half_pixel"].contains(coordinates) else {
      throw c.invalid(found: "mode '\(coordinates)'", expected: "half_pixel or output_half_pixel")
    }
    let mode = try c.string("mode", "avg")
    guard ["avg", "max"].contains(mode) else { throw c.invalid(found: "mode '\(mode)'", expected: "avg or max") }
    let align = RoiAlign(
      outputHeight: try c.int("output_height", 1), outputWidth: try c.int("output_width", 1),
      samplingRatio: try c.int("sampling_ratio", 0), spatialScale: try c.float("spatial_scale", 1),
      maximum: mode == "max", halfPixel: coordinates == "half_pixel")
    guard align.outputHeight > 0, align.outputWidth > 0, align.samplingRatio >= 0 else {
      throw c.invalid(found: "output \(align.outputHeight) x \(align.outputWidth)", expected: "positive extents")
    }
    let batches = try b.convert(c.operand(2), to: .int64)
    return [try b.channelsFirst(b.one(.roiAlign(align), [b.channelsLast(c.operand(0)), c.operand(1), batches]))]
  }
}
