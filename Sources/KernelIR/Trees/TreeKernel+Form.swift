import GraphIR
import Tensors

extension TreeKernel {
  /// The kernel for the constant operands of a `treeEnsemble` node over x [N, `features`]. Nil for trees that ask for
  /// other features, and for the rare ones that no form of leaves has.
  public init?(_ ensemble: TreeEnsemble, _ trees: TreeConstants, features: Int) {
    let shape = trees.branches
    guard features > 0, features < 1 << 16, shape.maximumFeature < features, ensemble.targetCount < 1 << 16 else {
      return nil
    }
    let leaves = trees.leaves(targetCount: ensemble.targetCount)
    self.init(
      features: features, targets: ensemble.targetCount, aggregation: ensemble.aggregation,
      isDouble: trees.isDouble, isWide: trees.isDouble, hasNegatives: shape.hasMissing, leaves: .sparse)
    let nodeCount = 2 * (shape.pairCount + trees.treeCount + Self.lanes)
    if nodeCount >= Self.nodeLimit(columns: columns, isWide: isWide) { isWide = true }
    guard pairStride * (nodeCount / 2) < Self.nodeLimit(columns: columns, isWide: isWide) else { return nil }
    let combinesAny = aggregation == .sum || aggregation == .average
    if leaves.areSingle, targets == 1, isWide == isDouble {
      self.leaves = .weight
    } else if !combinesAny {
      return nil
    } else {
      self.leaves = .dense
      let isCompact = scoreByteCount == 64 || leaves.weightCount >= trees.leafCount * targets / 8
      let isAddressable = (trees.leafCount + 1) * scoreByteCount < 1 << 30
      if !leaves.areDistinct || !isCompact || !isAddressable { self.leaves = .sparse }
    }
    guard leaves.weightCount < 1 << 30, trees.leafCount < 1 << 30 else { return nil }
  }

  /// Nanoseconds of the walks of some rows on one core, roughly.
  public static func nanoseconds(_ trees: TreeConstants, rows: Int) -> Double {
    let size = max(2, trees.branchCount / max(1, trees.treeCount))
    let depth = Int.bitWidth - size.leadingZeroBitCount
    return Double(rows) * Double(trees.treeCount) * Double(depth) * 0.6
  }
}

/// The constant operands of a `treeEnsemble` node, which its type rule has checked.
public struct TreeConstants: Sendable {
  let tensors: [Tensor]

  /// Operands 1 to 6.
  public init(_ tensors: [Tensor]) {
    precondition(tensors.count == 6, "\(tensors.count) constants of trees")
    self.tensors = tensors
  }

  /// Whether the constants are the same memory.
  public func isSame(as other: TreeConstants) -> Bool {
    zip(tensors, other.tensors).allSatisfy { $0.storage === $1.storage && $0.base == $1.base }
  }

  var isDouble: Bool { tensors[2].elementType == .float64 }
  var treeCount: Int { tensors[0].elementCount }
  var branchCount: Int { tensors[2].elementCount }
  var leafCount: Int { tensors[3].elementCount }

  /// Thresholds or weights.
  func reals(_ position: Int) -> [Double] {
    isDouble ? tensors[position].elements() : tensors[position].elements(of: Float.self).map(Double.init)
  }

  struct Branches {
    var maximumFeature = -1
    var hasMissing = false
    /// Pairs of nodes that stand for all branches.
    var pairCount = 0
  }

  var branches: Branches {
    tensors[1].withElements(of: Int64.self) { rows in
      var result = Branches()
      for branch in 0..<branchCount {
        let kind = Int(rows[4 * branch + 1])
        let isMissing = kind & TreeEnsemble.missingIsTrue != 0
        result.maximumFeature = max(result.maximumFeature, Int(rows[4 * branch]))
        result.hasMissing = result.hasMissing || isMissing
        result.pairCount += kind & 3 == TreeEnsemble.Comparison.equal.rawValue ? (isMissing ? 3 : 2) : 1
      }
      return result
    }
  }

  struct LeafForm {
    /// Each leaf has one entry.
    var areSingle: Bool
    /// No leaf has two entries for a target; entries that are 0 do not count.
    var areDistinct = true
    /// But zeros.
    var weightCount = 0
  }

  func leaves(targetCount: Int) -> LeafForm {
    let weights = reals(5)
    return tensors[3].withElements(of: Int64.self) { ends in
      tensors[4].withElements(of: Int64.self) { targets in
        var form = LeafForm(areSingle: weights.count == ends.count)
        // The leaf that has spoken of a target last.
        var lastLeaf = [Int](repeating: -1, count: targetCount)
        var entry = 0
        for leaf in ends.indices {
          form.areSingle = form.areSingle && ends[leaf] == Int64(leaf + 1)
          while entry < Int(ends[leaf]) {
            let target = Int(targets[entry])
            if weights[entry] != 0 {
              form.weightCount += 1
              form.areDistinct = form.areDistinct && lastLeaf[target] != leaf
              lastLeaf[target] = leaf
            }
            entry += 1
          }
        }
        return form
      }
    }
  }
}
