import GraphIR
import Tensors

extension TreeKernel {
  /// The packed trees that the kernel reads, in memory that is 64-byte aligned.
  public func pack(_ trees: TreeConstants) throws(TensorError) -> Tensor {
    var packer = TreePacker(self, trees)
    return try packer.pack()
  }
}

/// Writes trees in the layout that `TreeKernel` describes.
private struct TreePacker {
  private let kernel: TreeKernel
  private let trees: TreeConstants
  private let roots: [Int64]
  private let branches: [Int64]
  private let thresholds: [Double]
  /// Branches below each branch and itself: larger subtrees are passed more often.
  private let sizes: [Int32]
  /// What stands in place of the threshold of each leaf: a weight, or a position.
  private var leafValues: [Double] = []
  private var emptyLeafValue = 0.0

  /// The first node of the pair of children of each condition.
  private var children: [Int32]
  private var nodeBytes: [UInt8] = []
  private var pairCount = 0

  /// One comparison: a branch, and which of those that stand for it.
  private struct Condition {
    var branch: Int
    var part: Int
    var number: Int { 3 * branch + part }
  }

  private enum Reference {
    case condition(Condition)
    case leaf(Int)
    case emptyLeaf
  }

  private struct Test {
    /// `threshold < value of the column`, or one of them NaN: the second child.
    var threshold: Double
    var column: Int
    var first: Reference
    var second: Reference
  }

  init(_ kernel: TreeKernel, _ trees: TreeConstants) {
    self.kernel = kernel
    self.trees = trees
    roots = trees.tensors[0].elements()
    branches = trees.tensors[1].elements()
    thresholds = trees.reals(2)
    children = Array(repeating: -1, count: 3 * thresholds.count)
    var sizes = [Int32](repeating: 1, count: thresholds.count)
    for branch in sizes.indices.reversed() {
      for child in branches[4 * branch + 2...4 * branch + 3] where child >= 0 {
        sizes[branch] = sizes[branch].addingReportingOverflow(sizes[Int(child)]).partialValue
      }
    }
    self.sizes = sizes
  }

  mutating func pack() throws(TensorError) -> Tensor {
    let (leaves, entries) = packLeaves()
    var numbers: [Int32] = []
    for root in roots { numbers.append(place(reference(root))) }
    while numbers.count % TreeKernel.lanes != 0 { numbers.append(place(.emptyLeaf)) }

    let parts = [nodeBytes, numbers.withUnsafeBytes { Array($0) }, leaves, entries]
    var header = [Int64](repeating: 0, count: TreeKernel.headerByteCount / 8)
    var byteCount = TreeKernel.headerByteCount
    for (position, part) in parts.enumerated() {
      header[position] = Int64(byteCount)
      byteCount += (part.count + 63) / 64 * 64
    }
    header[TreeKernel.Header.treeCount.rawValue] = Int64(roots.count)
    header[TreeKernel.Header.rootCount.rawValue] = Int64(numbers.count)
    let divisor = Double(max(1, roots.count))
    header[TreeKernel.Header.divisor.rawValue] = Int64(
      bitPattern: kernel.isDouble ? divisor.bitPattern : UInt64(Float(divisor).bitPattern))

    let result = try Tensor(.uint8, [byteCount])
    header.withUnsafeBytes { result.base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    for (position, part) in parts.enumerated() where !part.isEmpty {
      part.withUnsafeBytes {
        (result.base + Int(header[position])).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
      }
    }
    return result
  }

  // MARK: Conditions

  private func reference(_ child: Int64) -> Reference {
    guard child >= 0 else { return .leaf(Int(-1 - child)) }
    let isMissing = branches[4 * Int(child) + 1] & Int64(TreeEnsemble.missingIsTrue) != 0
    // The test for NaN comes first, where there is one.
    return .condition(Condition(branch: Int(child), part: isEqual(Int(child)) && !isMissing ? 1 : 0))
  }

  private func isEqual(_ branch: Int) -> Bool {
    branches[4 * branch + 1] & 3 == TreeEnsemble.Comparison.equal.rawValue
  }

  private func test(_ condition: Condition) -> Test {
    let branch = condition.branch
    let (feature, kind, threshold) = (Int(branches[4 * branch]), Int(branches[4 * branch + 1]), thresholds[branch])
    let (whenTrue, whenFalse) = (reference(branches[4 * branch + 2]), reference(branches[4 * branch + 3]))
    let (column, before) = (kernel.column(feature, negated: false), numberBefore(threshold))
    if isEqual(branch) {
      let next = Reference.condition(Condition(branch: branch, part: condition.part + 1))
      return switch condition.part {
      case 0: Test(threshold: .infinity, column: column, first: next, second: whenTrue)
      case 1: Test(threshold: threshold, column: column, first: next, second: whenFalse)
      default: Test(threshold: before, column: column, first: whenFalse, second: whenTrue)
      }
    }
    let isLess = kind & 3 == TreeEnsemble.Comparison.less.rawValue
    guard kind & TreeEnsemble.missingIsTrue != 0 else {
      return Test(threshold: isLess ? before : threshold, column: column, first: whenTrue, second: whenFalse)
    }
    // x ≤ t is -t ≤ -x, x < t is -t < -x.
    let negated: Double =
      if threshold.isNaN || isLess && threshold == -.infinity {
        .infinity
      } else if isLess {
        -threshold
      } else {
        numberBefore(-threshold)
      }
    return Test(
      threshold: negated, column: kernel.column(feature, negated: true), first: whenFalse, second: whenTrue)
  }

  /// The largest number below, of the thresholds' type; NaN, which is larger than nothing, below -∞.
  private func numberBefore(_ value: Double) -> Double {
    if value == -.infinity { return .nan }
    return kernel.isWide ? value.nextDown : Double(Float(value).nextDown)
  }

  // MARK: Nodes

  /// Places a tree; returns the number of its root. Pairs fill cache lines with what is below them, the largest part
  /// first; what finds no room starts lines of its own.
  private mutating func place(_ root: Reference) -> Int32 {
    let rootNumber = newPair()
    var waiting: [Condition] = []
    if case .condition(let condition) = root { waiting.append(condition) }
    let pairsOfLine = 64 / (16 * kernel.thresholdByteCount / 4)
    var placed: [Condition] = []
    while let first = waiting.popLast() {
      var near = [first]
      var room = pairsOfLine - pairCount % pairsOfLine
      while room > 0, let largest = near.indices.max(by: { size(near[$0]) < size(near[$1]) }) {
        let condition = near.remove(at: largest)
        guard children[condition.number] < 0 else { continue }
        children[condition.number] = newPair()
        placed.append(condition)
        room -= 1
        let test = test(condition)
        if case .condition(let child) = test.first { near.append(child) }
        if case .condition(let child) = test.second { near.append(child) }
      }
      waiting += near.sorted { size($0) < size($1) }
    }
    // The numbers of all children are known now.
    for condition in placed {
      let test = test(condition)
      write(test.first, at: children[condition.number])
      write(test.second, at: children[condition.number] + 1)
    }
    write(root, at: rootNumber)
    write(root, at: rootNumber + 1)
    return rootNumber
  }

  private func size(_ condition: Condition) -> Int32 { sizes[condition.branch] }

  private mutating func newPair() -> Int32 {
    defer { pairCount += 1 }
    nodeBytes.append(contentsOf: repeatElement(0, count: 8 * kernel.pairStride))
    return Int32(pairCount * kernel.pairStride)
  }

  private mutating func write(_ node: Reference, at number: Int32) {
    var (threshold, column, child, isLeaf) = (emptyLeafValue, 0, number, true)
    switch node {
    case .condition(let condition):
      let test = test(condition)
      (threshold, column, child, isLeaf) = (test.threshold, test.column, children[condition.number], false)
    case .leaf(let leaf): threshold = leafValues[leaf]
    case .emptyLeaf: break
    }
    let (isWide, offset, columnBits) = (kernel.isWide, kernel.linkOffset, kernel.columnBits)
    let bits =
      if !isLeaf {
        kernel.key(of: threshold, isThreshold: true)
      } else if kernel.leaves != .weight {
        UInt64(threshold)
      } else {
        isWide ? threshold.bitPattern : UInt64(Float(threshold).bitPattern)
      }
    nodeBytes.withUnsafeMutableBytes { bytes in
      let start = 8 * Int(number)
      if isWide {
        bytes.storeBytes(of: bits, toByteOffset: start, as: UInt64.self)
        bytes.storeBytes(of: UInt32(column), toByteOffset: start + offset, as: UInt32.self)
        bytes.storeBytes(of: UInt32(child), toByteOffset: start + offset + 4, as: UInt32.self)
      } else {
        bytes.storeBytes(of: UInt32(bits), toByteOffset: start, as: UInt32.self)
        bytes.storeBytes(
          of: UInt32(child) << UInt32(columnBits) | UInt32(column), toByteOffset: start + offset, as: UInt32.self)
      }
    }
  }

  // MARK: Leaves

  private mutating func packLeaves() -> (leaves: [UInt8], entries: [UInt8]) {
    let weights = trees.reals(5)
    let (ends, targets): ([Int64], [Int64]) = (trees.tensors[3].elements(), trees.tensors[4].elements())
    func entries(of leaf: Int) -> Range<Int> { Int(leaf == 0 ? 0 : ends[leaf - 1])..<Int(ends[leaf]) }
    switch kernel.leaves {
    case .weight:
      leafValues = weights
      emptyLeafValue = kernel.identity
      return ([], [])
    case .dense:
      var rows: [UInt8] = [UInt8](repeating: 0, count: kernel.scoreByteCount)
      var known: [[UInt8]: Int] = [rows: 0]
      for leaf in ends.indices {
        var row = [UInt8](repeating: 0, count: kernel.scoreByteCount)
        for entry in entries(of: leaf) where weights[entry] != 0 {
          row.replaceSubrange(
            Int(targets[entry]) * kernel.elementByteCount..<(Int(targets[entry]) + 1) * kernel.elementByteCount,
            with: element(weights[entry]))
        }
        let offset = known[row] ?? rows.count
        if offset == rows.count {
          known[row] = offset
          rows += row
        }
        leafValues.append(Double(offset))
      }
      return (rows, [])
    case .sparse:
      var (positions, entryBytes): ([Int32], [UInt8]) = ([0, 0], [])
      let size = kernel.elementByteCount
      for leaf in ends.indices {
        leafValues.append(Double(positions.count - 1))
        for entry in entries(of: leaf) where weights[entry] != 0 {
          let offset = UInt64(Int(targets[entry]) * size)
          entryBytes += withUnsafeBytes(of: offset.littleEndian) { Array($0.prefix(size)) } + element(weights[entry])
        }
        positions.append(Int32(entryBytes.count / (2 * size)))
      }
      return (positions.withUnsafeBytes { Array($0) }, entryBytes)
    }
  }

  private func element(_ value: Double) -> [UInt8] {
    kernel.isDouble
      ? withUnsafeBytes(of: value.bitPattern) { Array($0) }
      : withUnsafeBytes(of: Float(value).bitPattern) { Array($0) }
  }
}
