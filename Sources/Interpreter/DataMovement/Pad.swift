import GraphIR
import Tensors

extension DataMovement {
  static func pad(
    _ x: Tensor, value: Tensor, low: [Int], high: [Int], _ mode: PaddingMode, _ node: Node,
    _ context: EvaluationContext
  ) throws -> Tensor {
    let rank = x.shape.rank
    guard low.count == rank, high.count == rank else {
      throw EvaluationError(node, "\(low.count) and \(high.count) amounts", expected: "\(rank) of each")
    }
    var extents: [Int] = []
    for axis in 0..<rank {
      // Amounts beyond this fit no memory, and sums of smaller ones do not overflow.
      let limit = 1 << 48
      let amounts = min(low[axis], high[axis])...max(low[axis], high[axis])
      let extent = (-limit...limit).contains(amounts) ? x.shape[axis] + low[axis] + high[axis] : -1
      guard extent >= 0 else {
        throw EvaluationError(
          node, "extent \(x.shape[axis]) with \(low[axis]) before and \(high[axis]) after",
          expected: "an extent from 0 on that fits memory")
      }
      guard mode == .constant || x.shape[axis] > 0 || extent == 0 else {
        throw EvaluationError(node, "no elements along axis \(axis)", expected: "elements to pad with")
      }
      extents.append(extent)
    }
    let shape = try context.checkedShape(extents, of: x.elementType, for: node)
    return mode == .constant
      ? try padConstant(x, value, low, shape, node, context)
      : try padMapped(x, low, mode, shape, context)
  }

  /// Fills the result, then copies what is left of the operand into it.
  private static func padConstant(
    _ x: Tensor, _ value: Tensor, _ low: [Int], _ shape: Shape, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard value.elementType == x.elementType, value.elementCount == 1 else {
      throw EvaluationError(
        node, "value \(value.elementType.name)\(value.shape)", expected: "one \(x.elementType.name)")
    }
    let axes = Array(shape.dimensions.indices)
    let filled = try StridedCopy(shape.dimensions, source: axes.map { _ in 0 }, destination: shape.strides)
      .evaluate([value], shape: shape, context: context)
    // Along each axis operand positions from `first` on, `extent` of them, survive.
    let first = axes.map { max(0, -low[$0]) }
    let extents = axes.map { max(0, min(x.shape[$0], shape[$0] - low[$0]) - first[$0]) }
    guard !extents.contains(0), shape.elementCount > 0 else { return filled }
    let (source, target) = (x.shape.strides, shape.strides)
    let interior = StridedCopy(
      extents, source: source, from: axes.reduce(0) { $0 + first[$1] * source[$1] },
      destination: target, to: axes.reduce(0) { $0 + max(0, low[$1]) * target[$1] })
    return try interior.evaluate([x], shape: shape, context: context, into: filled)
  }

  private static func padMapped(
    _ x: Tensor, _ low: [Int], _ mode: PaddingMode, _ shape: Shape, _ context: EvaluationContext
  ) throws -> Tensor {
    let strides = x.shape.strides
    // The whole axes at the end move as one block.
    var mappedRank = shape.rank
    while mappedRank > 0, low[mappedRank - 1] == 0, shape[mappedRank - 1] == x.shape[mappedRank - 1] {
      mappedRank -= 1
    }
    let block = x.shape.product(mappedRank..<shape.rank)
    guard shape.elementCount > 0 else { return try context.makeTensor(x.elementType, shape) }
    let maps = (0..<mappedRank).map { axis in
      (0..<shape[axis]).map { strides[axis] * mode.source(of: $0 - low[axis], extent: x.shape[axis]) }
    }
    return try MappedCopy(maps: maps, block: block).evaluate([x], shape: shape, context: context)
  }

  /// Copies blocks from where a table for each axis says.
  private struct MappedCopy: Movement {
    /// Offset in the source for each position along each axis of the result.
    let maps: [[Int]]
    /// Neighbours that move together.
    let block: Int

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      var target = destination
      copy(axis: 0, from: sources[0], to: &target)
    }

    private func copy<Element>(
      axis: Int, from source: UnsafePointer<Element>, to target: inout UnsafeMutablePointer<Element>
    ) {
      if axis == maps.count {
        target.update(from: source, count: block)
        target += block
      } else if axis == maps.count - 1 && block == 1 {
        for offset in maps[axis] {
          target[0] = source[offset]
          target += 1
        }
      } else {
        for offset in maps[axis] { copy(axis: axis + 1, from: source + offset, to: &target) }
      }
    }
  }
}

extension PaddingMode {
  /// The position inside an axis that stands for `position`, which may lie far outside.
  package func source(of position: Int, extent: Int) -> Int {
    if position >= 0 && position < extent { return position }
    switch self {
    case .edge, .constant:
      return position < 0 ? 0 : extent - 1
    case .wrap:
      return Int.floorModulo(position, extent)
    case .reflect:
      // There and back without repeating the ends.
      if extent == 1 { return 0 }
      let phase = Int.floorModulo(position, 2 * (extent - 1))
      return phase < extent ? phase : 2 * (extent - 1) - phase
    }
  }
}

extension Int {
  /// The remainder with the sign of the divisor.
  fileprivate static func floorModulo(_ a: Int, _ b: Int) -> Int {
    let rest = a % b
    return rest < 0 ? rest + b : rest
  }
}
