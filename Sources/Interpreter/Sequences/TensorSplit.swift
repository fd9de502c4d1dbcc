import GraphIR
import Tensors

extension Tensor {
  /// Copies of the pieces of the given extents along `axis`, which sum up to the tensor's extent there.
  func split(axis: Int, extents: [Int]) throws -> [Tensor] {
    if elementType.isPacked {
      return try widened().split(axis: axis, extents: extents).map { try $0.narrowed(to: elementType) }
    }
    let outer = shape.dimensions[..<axis].reduce(1, *)
    let extent = shape[axis]
    // Elements of one position along the axis.
    let inner = elementCount == 0 ? 0 : elementCount / outer / extent
    let strings = elementType == .string ? self.strings : []
    var start = 0
    return try extents.map { pieceExtent in
      defer { start += pieceExtent }
      var dimensions = shape.dimensions
      dimensions[axis] = pieceExtent
      let pieceShape = Shape(dimensions)
      if elementType == .string {
        var pieceStrings: [String] = []
        for position in 0..<(pieceShape.elementCount == 0 ? 0 : outer) {
          let first = (position * extent + start) * inner
          pieceStrings += strings[first..<(first + pieceExtent * inner)]
        }
        return Tensor(pieceShape, strings: pieceStrings)
      }
      let piece = try Tensor(elementType, pieceShape, zeroed: false)
      if piece.elementCount > 0 {
        let width = elementType.bitWidth / 8
        withExtendedLifetime((self, piece)) {
          for position in 0..<outer {
            let source = base + (position * extent + start) * inner * width
            let count = pieceExtent * inner * width
            (piece.base + position * count).copyMemory(from: source, byteCount: count)
          }
        }
      }
      return piece
    }
  }
}
