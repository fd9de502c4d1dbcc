import Tensors

extension GraphBuilder {
  /// A convolution whose window samples the image at learnt offsets, with linear interpolation and zeros outside
  /// (Dai et al., arXiv 1703.06211; with the mask, Zhu et al., arXiv 1811.11168).
  ///
  /// x [N, spatial…, C], filter [kernel…, C/groups, M], offsets [N, offsetGroups · |kernel| · n, spatial'…],
  /// mask [N, offsetGroups · |kernel|, spatial'…] → [N, spatial'…, M]. The padding must be explicit.
  public func deformableConvolution(
    _ x: ValueID, filter: ValueID, offsets: ValueID, mask: ValueID?, offsetGroups: Int, _ convolution: Convolution
  ) throws -> ValueID {
    let name = "DeformConv"
    guard case .explicit(let low, _) = convolution.padding else {
      throw GraphError(operation: name, source: source, found: "automatic padding", expected: "explicit padding")
    }
    let rank = try self.rank(of: filter, having: 2) - 2
    guard try self.rank(of: x) == rank + 2, try self.rank(of: offsets) == rank + 2, low.count == rank else {
      throw GraphError(
        operation: name, source: source, found: "an image, offsets or pads for another number of axes",
        expected: "\(rank) spatial axes, as the filter has")
    }
    let kernel = try (0..<rank).map { try constantExtent(of: filter, $0, operation: name) }
    let filterChannels = try constantExtent(of: filter, rank, operation: name)
    let results = try constantExtent(of: filter, rank + 1, operation: name)
    let channels = filterChannels &* convolution.groups
    guard offsetGroups > 0, channels % offsetGroups == 0, results % convolution.groups == 0 else {
      throw GraphError(
        operation: name, source: source, found: "\(channels) channels in \(offsetGroups) offset groups",
        expected: "groups of equal size")
    }
    var attributes = convolution.attributes
    attributes["offset_group"] = .integer(offsetGroups)
    attributes["mask"] = .init(mask != nil)
    let operands = [x, filter, offsets] + [mask].compactMap(\.self)
    return try composite(Composite(name, attributes), operands) { b, p in
      let type = try b.elementType(of: p[0])
      let samples = try (0..<offsetGroups).map { group in
        let size = channels / offsetGroups
        let image = try b.slice(p[0], axis: rank + 1, from: group * size, to: (group + 1) * size)
        let grid = try b.samplingGrid(
          offsets: p[2], group: group, groups: offsetGroups, image: p[0], kernel: kernel, low: low, convolution)
        // [N, spatial' · |kernel|, 1…, C] in one sweep, then apart.
        let sampled = try b.one(
          .gridSample(GridSample(mode: .linear, padding: .zeros, alignsCorners: false)),
          [b.convert(image, to: type.accumulator), grid])
        let taps = try b.reshape(
          sampled, to: [.of(p[0], 0), -1, .constant(kernel.reduce(1, &*)), .constant(size)])
        guard p.count > 3 else { return taps }
        return try b.multiply(taps, b.tapWeights(p[3], group: group, groups: offsetGroups, type: type.accumulator))
      }
      // [N, spatial', |kernel|, groups, C/groups] × [|kernel|, C/groups, groups, M/groups]
      let all = try b.concatenate(samples, axis: 3)
      let taps = try b.reshape(
        all, to: [.of(p[0], 0), -1, .of(all, 2), .constant(convolution.groups), .constant(filterChannels)])
      let weights = try b.reshape(
        b.convert(p[1], to: type.accumulator),
        [-1, filterChannels, convolution.groups, results / convolution.groups])
      let product = try b.dot(
        taps, weights,
        DotDimensions(lhsBatch: [3], rhsBatch: [2], lhsContracting: [2, 4], rhsContracting: [0, 1]),
        result: type.accumulator)
      // [groups, N, spatial', M/groups] → [N, spatial'…, M]
      let y = try b.reshape(
        b.transpose(product, [1, 2, 0, 3]),
        to: [.of(p[0], 0)] + (0..<rank).map { .of(p[2], $0 + 2) } + [.constant(results)])
      return [try b.convert(y, to: type)]
    }[0]
  }

  /// Where the taps of one offset group lie, as `gridSample` wants it: [N, spatial' · |kernel|, 1…, n], fastest axis
  /// first, the image from -1 to 1.
  private func samplingGrid(
    offsets: ValueID, group: Int, groups: Int, image: ValueID, kernel: [Int], low: [Int], _ convolution: Convolution
  ) throws -> ValueID {
    let rank = kernel.count
    let spatial = (0..<rank).map { Extent.of(offsets, $0 + 2) }
    let grouped = try reshape(
      offsets,
      to: [.of(offsets, 0), .constant(groups)] + kernel.map(Extent.constant) + [.constant(rank)] + spatial)
    // [N, kernel…, n, spatial'…]
    let own = try removeDimensions(slice(grouped, axis: 1, from: group, to: group + 1), axes: [1])
    let precision = ElementType.float32
    var coordinates: [ValueID] = []
    for axis in 0..<rank {
      let offset = try removeDimensions(slice(own, axis: 1 + rank, from: axis, to: axis + 1), axes: [1 + rank])
      let shape = try self.shape(offset)
      let tap = try multiply(
        one(.iota(precision, axis: 1 + axis), [shape]), scalar(Double(convolution.dilations[axis]), precision))
      let origin = try multiply(
        one(.iota(precision, axis: 1 + rank + axis), [shape]), scalar(Double(convolution.strides[axis]), precision))
      let position = try add(
        convert(offset, to: precision), subtract(add(tap, origin), scalar(Double(low[axis]), precision)))
      // Pixel p stands at (2p + 1) / extent - 1.
      let extent = try convert(self.extent(of: image, 1 + axis), to: precision)
      let doubled = try add(multiply(position, scalar(2, precision)), scalar(1, precision))
      coordinates.append(try subtract(divide(doubled, extent), scalar(1, precision)))
    }
    let stacked = try concatenate(
      coordinates.reversed().map { try expandDimensions($0, axes: [2 * rank + 1]) }, axis: 2 * rank + 1)
    let sites = try transpose(
      stacked, [0] + Array(1 + rank..<1 + 2 * rank) + Array(1..<1 + rank) + [2 * rank + 1])
    return try reshape(
      sites, to: [.of(offsets, 0), -1] + Array(repeating: 1, count: rank - 1) + [.constant(rank)])
  }

  /// One group's mask as [N, spatial', |kernel|, 1].
  private func tapWeights(_ mask: ValueID, group: Int, groups: Int, type: ElementType) throws -> ValueID {
    let size = try divide(extent(of: mask, 1), indices([groups]))
    let grouped = try reshape(mask, to: [.of(mask, 0), .constant(groups), .elements(size), -1])
    let own = try removeDimensions(slice(grouped, axis: 1, from: group, to: group + 1), axes: [1])
    return try expandDimensions(transpose(convert(own, to: type), [0, 2, 1]), axes: [3])
  }

  /// Adds the columns of x [N, C · |window|, blocks] where they came from in an image: → [N, C, image…]. The padding
  /// must be explicit.
  public func columnsToImage(_ x: ValueID, image: [Int], _ window: Window) throws -> ValueID {
    guard case .explicit(let low, let high) = window.padding else {
      throw GraphError(operation: "Col2Im", source: source, found: "automatic padding", expected: "explicit padding")
    }
    let rank = image.count
    let padded = (0..<rank).map { image[$0] + low[$0] + high[$0] }
    let rooms = (0..<rank).map { padded[$0] - (window.dilations[$0] * (window.size[$0] - 1) + 1) }
    let blocks = (0..<rank).map { rooms[$0] / window.strides[$0] + 1 }
    let sizes = [Shape(checking: padded), Shape(checking: window.size + blocks)]
    guard rooms.allSatisfy({ $0 >= 0 }), sizes.allSatisfy({ ($0?.elementCount ?? .max) <= 1 << 30 }) else {
      throw GraphError(
        operation: "Col2Im", source: source, found: "blocks \(window.size) in an image of \(padded)",
        expected: "blocks that fit, and no more than 2^30 positions")
    }
    // Where each tap of each block lands in the flat padded image.
    var positions: [Int64] = [0]
    func extend(_ count: Int, step: Int, stride: Int) {
      positions = positions.flatMap { base in (0..<count).map { base + Int64($0 * step * stride) } }
    }
    let strides = Shape(padded).strides
    for axis in 0..<rank { extend(window.size[axis], step: window.dilations[axis], stride: strides[axis]) }
    for axis in 0..<rank { extend(blocks[axis], step: window.strides[axis], stride: strides[axis]) }
    let taps = window.size.reduce(1, *)
    let count = blocks.reduce(1, *)
    let channels = try divide(extent(of: x, 1), indices([taps]))
    let columns = try reshape(
      x, to: [.of(x, 0), .elements(channels), .constant(taps), .constant(count)])
    let updates = try reshape(
      transpose(columns, [2, 3, 0, 1]), to: [.constant(taps * count), .of(x, 0), .elements(channels)])
    let empty = try full(
      0, elementType(of: x), shape: shape([.constant(padded.reduce(1, *)), .of(x, 0), .elements(channels)]))
    let summed = try one(
      .scatterND(.add), [empty, constant(Tensor([positions.count, 1], positions)), updates])
    var result = try reshape(
      transpose(summed, [1, 2, 0]), to: [.of(x, 0), .elements(channels)] + padded.map(Extent.constant))
    for axis in 0..<rank where low[axis] + high[axis] != 0 {
      result = try slice(result, axis: axis + 2, from: low[axis], to: low[axis] + image[axis])
    }
    return result
  }
}
