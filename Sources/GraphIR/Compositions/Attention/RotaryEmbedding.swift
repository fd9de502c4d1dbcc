import Tensors

extension GraphBuilder {
  /// Rotates pairs of features by position (RoFormer, arXiv 2104.09864): x [..., E], cosines and sines that broadcast
  /// to [..., size / 2]. The first `size` features turn, the others pass.
  ///
  /// A pair is (i, i + size / 2), or (2i, 2i + 1) when `interleaved`.
  public func rotaryEmbedding(
    _ x: ValueID, cosine: ValueID, sine: ValueID, size: Int, interleaved: Bool
  ) throws -> ValueID {
    let attributes: [String: Composite.Attribute] = [
      "rotary_embedding_dim": .integer(size), "interleaved": .init(interleaved),
    ]
    return try composite(Composite("RotaryEmbedding", attributes), [x, cosine, sine]) { b, p in
      let type = try b.elementType(of: p[0])
      let q = try p.map { try b.convert($0, to: type.accumulator) }
      let axis = try b.rank(of: q[0]) - 1
      let turned = try b.slice(q[0], axis: axis, from: 0, to: size)
      let (first, second): (ValueID, ValueID)
      if interleaved {
        first = try b.slice(turned, axis: axis, from: 0, step: 2)
        second = try b.slice(turned, axis: axis, from: 1, step: 2)
      } else {
        first = try b.slice(turned, axis: axis, from: 0, to: size / 2)
        second = try b.slice(turned, axis: axis, from: size / 2, to: size)
      }
      let real = try b.subtract(b.multiply(q[1], first), b.multiply(q[2], second))
      let imaginary = try b.add(b.multiply(q[2], first), b.multiply(q[1], second))
      let rotated: ValueID
      if interleaved {
        let pairs = try b.concatenate(
          [b.expandDimensions(real, axes: [axis + 1]), b.expandDimensions(imaginary, axes: [axis + 1])], axis: axis + 1)
        rotated = try b.reshape(pairs, b.shape(turned))
      } else {
        rotated = try b.concatenate([real, imaginary], axis: axis)
      }
      let rest = try b.slice(q[0], axis: axis, from: size)
      let isWhole = b.type(of: q[0]).tensor?.shape[axis] == .constant(size)
      return [try b.convert(isWhole ? rotated : b.concatenate([rotated, rest], axis: axis), to: type)]
    }[0]
  }
}
