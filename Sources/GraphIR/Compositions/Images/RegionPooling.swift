import Tensors

extension GraphBuilder {
  /// The maximum over each bin of each region (Fast R-CNN, arXiv 1504.08083): x [N, C, H, W], regions [R, 5] of
  /// (image, x1, y1, x2, y2) → [R, C, height, width]. An empty bin gives 0.
  ///
  /// A bin is a rectangle, so that the maximum is taken over masked columns first and masked rows after.
  public func maximumRegionPool(
    _ x: ValueID, regions: ValueID, height: Int, width: Int, spatialScale: Double
  ) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = [
      "pooled_shape": .integers([height, width]), "spatial_scale": .real(spatialScale),
    ]
    return try composite(Composite("MaxRoiPool", attributes), [x, regions]) { b, p in
      let type = try b.elementType(of: p[0])
      let wide = try b.convert(p[1], to: type.accumulator)
      let image = try b.convert(b.reshape(b.slice(wide, axis: 1, from: 0, to: 1), [-1]), to: .int64)
      let images = try b.gather(p[0], image, axis: 0)
      let columns = try b.bins(wide, coordinate: 1, count: width, scale: spatialScale, extent: b.extent(of: p[0], 3))
      let rows = try b.bins(wide, coordinate: 2, count: height, scale: spatialScale, extent: b.extent(of: p[0], 2))
      let lowest = try b.scalar(-.infinity, type)
      // [R, 1, 1, width, W] over [R, C, H, 1, W], then [R, 1, height, 1, H] over [R, C, 1, width, H].
      let columnMask = try b.expandDimensions(columns, axes: [1, 2])
      let byColumn = try b.reduce(
        .maximum, b.select(columnMask, b.expandDimensions(images, axes: [3]), lowest), axes: [4])
      let rowMask = try b.expandDimensions(rows, axes: [1, 3])
      let transposed = try b.expandDimensions(b.transpose(byColumn, [0, 1, 3, 2]), axes: [2])
      let pooled = try b.reduce(.maximum, b.select(rowMask, transposed, lowest), axes: [4])
      return [try b.select(b.unary(.isNegativeInfinite, pooled), b.scalar(0, type), pooled)]
    }[0]
  }

  /// bool[R, count, extent]: which positions along one axis each bin of each region covers.
  private func bins(
    _ regions: ValueID, coordinate: Int, count: Int, scale: Double, extent: ValueID
  ) throws -> ValueID {
    let half = try scalar(0.5, like: regions)
    func rounded(_ column: Int) throws -> ValueID {
      let scaled = try multiply(slice(regions, axis: 1, from: column, to: column + 1), scalar(scale, like: regions))
      return try unary(.floor, add(scaled, half))
    }
    let one = try scalar(1, like: regions)
    let start = try rounded(coordinate)
    let size = try maximum(add(subtract(rounded(coordinate + 2), start), one), one)
    let bin = try divide(size, scalar(Double(count), like: regions))
    let type = try elementType(of: regions)
    let number = try self.one(.iota(type, axis: 0), [indices([count])])
    let low = try add(unary(.floor, multiply(number, bin)), start)
    let high = try add(unary(.ceil, multiply(add(number, one), bin)), start)
    let position = try self.one(.iota(type, axis: 0), [extent])
    return try binary(
      .and, compare(.greaterOrEqual, position, expandDimensions(low, axes: [2])),
      compare(.less, position, expandDimensions(high, axes: [2])))
  }
}
