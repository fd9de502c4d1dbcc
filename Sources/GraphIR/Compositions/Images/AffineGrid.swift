import Tensors

extension GraphBuilder {
  /// Where the pixels of a result lie in the image that they sample, under one affine map for each image (Spatial
  /// Transformer Networks, arXiv 1506.02025): theta [N, n, n + 1], size int64[n + 2] of the result [N, C, spatial…] →
  /// [N, spatial…, n], fastest axis first, the image from -1 to 1.
  public func affineGrid(_ theta: ValueID, size: ValueID, alignsCorners: Bool) throws -> ValueID {
    try composite(Composite("AffineGrid", ["align_corners": .init(alignsCorners)]), [theta, size]) { b, p in
      let rank = try b.constantExtent(of: p[0], 1, operation: "AffineGrid")
      let type = try b.elementType(of: p[0])
      let wide = type.accumulator
      let spatial = try b.reshape(b.slice(b.convert(p[1], to: .int64), axis: 0, from: 2), [rank])
      let one = try b.scalar(1, wide)
      var coordinates = try (0..<rank).reversed().map { axis in
        let extent = try b.convert(b.slice(spatial, axis: 0, from: axis, to: axis + 1), to: wide)
        let index = try b.one(.iota(wide, axis: axis), [spatial])
        let doubled = try b.add(index, index)
        // Corners align: pixel i at 2i / (extent - 1) - 1. Otherwise its centre: (2i + 1) / extent - 1.
        let place =
          alignsCorners
          ? try b.divide(doubled, b.maximum(b.subtract(extent, one), one)) : try b.divide(b.add(doubled, one), extent)
        return try b.expandDimensions(b.subtract(place, one), axes: [rank])
      }
      coordinates.append(try b.broadcast(one, to: b.shape([.elements(spatial), 1])))
      let homogeneous = try b.reshape(b.concatenate(coordinates, axis: rank), [-1, rank + 1])
      let dimensions = DotDimensions(lhsContracting: [2], rhsContracting: [1])
      let mapped = try b.dot(b.convert(p[0], to: wide), homogeneous, dimensions, result: wide)
      let grid = try b.reshape(
        b.transpose(mapped, [0, 2, 1]), to: [.of(p[0], 0), .elements(spatial), .constant(rank)])
      return [try b.convert(grid, to: type)]
    }[0]
  }
}
