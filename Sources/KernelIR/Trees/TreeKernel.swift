import GraphIR
import Tensors

/// The scores of a tree ensemble: x [N, F] → [N, targets], of x's type. The scores of a row are those of its leaves in
/// the order of the trees, whatever the other rows are.
///
/// Buffers: x, packed trees, scores. Parameters: blocks of rows, rows N, rows of a block (at most `maximumBlockRows`).
///
/// Every comparison is made `threshold < x`, true for NaN too, so that a step of a walk is the same few instructions
/// whatever the node: the number of the next node is that of the child for false plus what the comparison gives. Both
/// are compared as unsigned integers (`key`), which takes half as long as comparing floats.
///
/// * `x ≤ t` has its true child where this is false, and `x < t` is `x ≤ t'` with the number t' before t.
/// * A NaN that goes the way of true compares -x instead, with the children swapped: rows carry their negatives.
/// * `x = t` is `x ≤ t`, then `x ≤ t'`.
/// * A leaf compares with the least key and leads to itself: walks of different lengths go on together until all have
///   ended.
///
/// Packed trees are a header of eight int64 (`Header`) and the parts that it points to, each 64-byte aligned:
///
/// * Nodes, in pairs of siblings, the children for false and true. Narrow: 8 bytes a node, its threshold's key, and in 32 bits
///   the number of its first child above `columnBits` of the column that it compares. Wide: a pair is two thresholds,
///   then twice column and first child, 32 bits each; node numbers count 8 bytes, so that those of a pair differ by 1.
///   Pairs that are likely to be passed one after the other share a cache line.
/// * The number of each tree's root, int32, then those of trees that give nothing, to a multiple of `lanes`.
/// * Leaves, in one of the forms of `Leaves`. What finds them stands in the place of a leaf's threshold.
public struct TreeKernel: Hashable, Sendable {
  public enum Leaves: Hashable, Sendable {
    /// One target: the weight itself.
    case weight
    /// The byte offset of a row of weights, one for each target, padded to 64 bytes. Equal rows are there once.
    case dense
    /// A position p in int32 ends: entries `ends[p]..<ends[p + 1]`, each a byte offset in the scores of a row and a
    /// weight, both of the size of an element.
    case sparse
  }

  /// Positions in the header. Offsets are in bytes from the header on.
  public enum Header: Int, Sendable {
    case nodes, roots, leaves, entries, treeCount, rootCount
    /// The number of trees as an element of x's type.
    case divisor
  }

  /// Columns of x.
  public var features: Int
  public var targets: Int
  public var aggregation: TreeEnsemble.Aggregation
  /// Else float32.
  public var isDouble: Bool
  /// Thresholds are float64; necessary for doubles, and for more nodes than narrow ones can count.
  public var isWide: Bool
  /// Rows carry their negatives.
  public var hasNegatives: Bool
  public var leaves: Leaves

  /// Walks that go on at a time, to hide that each waits for memory: rows of a tree, or trees of a row.
  public static let lanes = 8
  public static let headerByteCount = 64

  public init(
    features: Int, targets: Int, aggregation: TreeEnsemble.Aggregation, isDouble: Bool, isWide: Bool,
    hasNegatives: Bool, leaves: Leaves
  ) {
    self.features = features
    self.targets = targets
    self.aggregation = aggregation
    self.isDouble = isDouble
    self.isWide = isWide
    self.hasNegatives = hasNegatives
    self.leaves = leaves
  }
}

extension TreeKernel {
  public var elementByteCount: Int { isDouble ? 8 : 4 }
  public var thresholdByteCount: Int { isWide ? 8 : 4 }

  // MARK: Keys

  /// Unsigned integers in the order of the numbers, 0 and -0 the same. NaN, which `threshold < x` is true for, is above
  /// all as x and below all as a threshold.
  static func key(_ value: Float, isThreshold: Bool) -> UInt32 {
    if value.isNaN { return isThreshold ? 0 : .max }
    let bits = (value == 0 ? 0 : value).bitPattern
    return bits >> 31 == 0 ? bits | 1 << 31 : ~bits
  }

  static func key(_ value: Double, isThreshold: Bool) -> UInt64 {
    if value.isNaN { return isThreshold ? 0 : .max }
    let bits = (value == 0 ? 0 : value).bitPattern
    return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
  }

  /// Of the type that thresholds have.
  func key(of value: Double, isThreshold: Bool) -> UInt64 {
    isWide ? Self.key(value, isThreshold: isThreshold) : UInt64(Self.key(Float(value), isThreshold: isThreshold))
  }

  // MARK: Rows as nodes see them: the keys of nothing, x, and -x if there is need of it

  public var columns: Int { 1 + features * (hasNegatives ? 2 : 1) }
  public func column(_ feature: Int, negated: Bool) -> Int { 1 + feature + (negated ? features : 0) }
  /// Long rows are an odd number of cache lines apart: the same columns of many rows do not fall into the same sets.
  public var rowByteCount: Int {
    let byteCount = columns * thresholdByteCount
    return byteCount < 512 ? byteCount : (byteCount + 63) / 64 * 64 | 64
  }
  /// Rows of a block stay in the second-level cache while the trees pass.
  public var maximumBlockRows: Int {
    max(Self.lanes, min(512, (256 << 10) / rowByteCount) / Self.lanes * Self.lanes)
  }

  // MARK: Nodes

  public var columnBits: Int { isWide ? 32 : Int.bitWidth - (columns - 1).leadingZeroBitCount }
  /// Between the first nodes of neighbouring pairs.
  public var pairStride: Int { isWide ? 4 : 2 }
  /// From a threshold to what belongs to it.
  public var linkOffset: Int { isWide ? 16 : 4 }
  /// Node numbers below this can be written.
  public static func nodeLimit(columns: Int, isWide: Bool) -> Int {
    isWide ? 1 << 30 : 1 << (31 - (Int.bitWidth - (columns - 1).leadingZeroBitCount))
  }

  // MARK: Scores of a row on the way

  /// Bytes between the scores of two rows, and of two dense leaves.
  public var scoreByteCount: Int {
    targets == 1 && leaves == .weight ? elementByteCount : (targets * elementByteCount + 63) / 64 * 64
  }
  /// What scores start from.
  public var identity: Double {
    switch aggregation {
    case .sum, .average: 0
    case .minimum: .infinity
    case .maximum: -.infinity
    }
  }

  public var scratchByteCount: Int {
    (maximumBlockRows * rowByteCount + 63) / 64 * 64 + (maximumBlockRows * scoreByteCount + 63) / 64 * 64
  }
}
