import Tensors

/// The right-hand side of a product as a file of weights in few bits has it: constant integers, the codes, each of
/// which stands for (code − zero point) · scale, with a scale and a zero point for each block of codes along the
/// contracted axis. What passes leave as it is for kernels that decode while they multiply.
public struct CodedWeights {
  /// [K, N] or [N, K]: (u)int4 or (u)int8.
  public let codes: ValueID
  /// float32: of the codes' shape with blocks along the contracted axis, [N], or one for all.
  public let scales: ValueID
  /// Of the scales' shape and the codes' type.
  public let zeroPoints: ValueID?
  /// K
  public let depth: Int
  /// N
  public let columns: Int
  /// Codes of one column that share a scale; K where all do.
  public let blockSize: Int
  /// Elements from one number along K to the next, and along N.
  public let codeStrides: (depth: Int, column: Int)
  /// The same for the scales and zero points of blocks.
  public let blockStrides: (depth: Int, column: Int)
  public let type: ElementType

  /// Codes of 32 bits.
  public var codesPerWord: Int { 32 / type.bitWidth }
  public var blockCount: Int { (depth + blockSize - 1) / blockSize }

  /// Reads a `dequantize` node that is the right operand of a `dot` with these dimensions. Nil for products that no
  /// kernel decodes weights for.
  public init?(_ node: Node, _ dot: DotDimensions, leftRank: Int, in graph: Graph) {
    guard case .dequantize(let axis, .float32) = node.operation, dot.rhsBatch.isEmpty, dot.lhsBatch.isEmpty,
      dot.rhsContracting.count == 1, dot.lhsContracting == [leftRank - 1]
    else { return nil }
    let tensors = node.operands.compactMap { graph[$0].constant }
    guard tensors.count == node.operands.count, tensors[0].shape.rank == 2, tensors[0].elementCount > 0,
      [.int4, .uint4, .int8, .uint8].contains(tensors[0].elementType), tensors[1].elementType == .float32,
      tensors.count < 3 || tensors[2].elementCount == tensors[1].elementCount
    else { return nil }
    let shape = tensors[0].shape.dimensions
    let depthAxis = dot.rhsContracting[0]
    type = tensors[0].elementType
    (depth, columns) = (shape[depthAxis], shape[1 - depthAxis])
    func strides(rowLength: Int) -> (depth: Int, column: Int) { depthAxis == 0 ? (rowLength, 1) : (1, rowLength) }
    codeStrides = strides(rowLength: shape[1])
    if axis.blockSize > 0 {
      guard axis.axis == depthAxis, tensors[1].shape.rank == 2 else { return nil }
      blockSize = min(axis.blockSize, depth)
      blockStrides = strides(rowLength: tensors[1].shape[1])
    } else {
      blockSize = depth
      if tensors[1].elementCount == 1 {
        blockStrides = (0, 0)
      } else {
        guard axis.axis == 1 - depthAxis else { return nil }
        blockStrides = (0, 1)
      }
    }
    (codes, scales, zeroPoints) = (node.operands[0], node.operands[1], node.operands.dropFirst(2).first)
    // Blocks start with a word of codes, and are found by a shift.
    let words = blockSize / codesPerWord
    guard blockSize == depth || blockSize % codesPerWord == 0 && words & (words - 1) == 0 else { return nil }
  }
}
