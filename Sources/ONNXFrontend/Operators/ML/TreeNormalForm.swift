import GraphIR
import Tensors

/// Trees of a file on their way to the operands of `Operation.treeEnsemble`.
///
/// Only three comparisons are left: the opposite ones swap their children, and a set of values becomes a chain of
/// comparisons with each of them.
struct TreeNormalForm {
  enum Mode: Int {
    case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual, member

    init?(name: String) {
      let names = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"].map { "BRANCH_" + $0 }
      guard let index = names.firstIndex(of: name) else { return nil }
      self.init(rawValue: index)
    }
  }

  enum Child {
    /// Numbers of the file.
    case branch(Int)
    /// What `addLeaf` gave.
    case leaf(Int)
  }

  struct Branch {
    var feature: Int
    var mode: Mode
    var threshold: Double
    var whenTrue: Child
    var whenFalse: Child
    /// NaN goes the way of true, whatever the comparison says.
    var missingIsTrue: Bool
    var members: [Double] = []
  }

  private let context: LoweringContext
  private var roots: [Int64] = []
  private var branches: [Int64] = []
  private var thresholds: [Double] = []
  private var leafEnds: [Int64] = []
  private var targets: [Int64] = []
  private var weights: [Double] = []
  private var isUsed: [Bool]

  init(_ context: LoweringContext, branchCount: Int) {
    self.context = context
    isUsed = Array(repeating: false, count: branchCount)
  }

  mutating func addLeaf(_ entries: [(target: Int, weight: Double)]) -> Int {
    for entry in entries {
      targets.append(Int64(entry.target))
      weights.append(entry.weight)
    }
    leafEnds.append(Int64(targets.count))
    return leafEnds.count - 1
  }

  /// Numbers branches in preorder. One that is reached twice would be two trees that share a part, or a circle.
  mutating func addTree(_ root: Child, branch: (Int) throws -> Branch) throws {
    let rootIndex = roots.count
    roots.append(0)
    // Where the number of a child goes: positions in `branches`, none for the root.
    var pending: [(child: Child, places: [Int])] = [(root, [])]
    func put(_ number: Int64, _ places: [Int]) {
      if places.isEmpty { roots[rootIndex] = number }
      for place in places { branches[place] = number }
    }
    while let (child, places) = pending.popLast() {
      switch child {
      case .leaf(let leaf): put(Int64(-1 - leaf), places)
      case .branch(let index):
        guard !isUsed[index] else {
          throw context.invalid(found: "node \(index) below two others", expected: "trees")
        }
        isUsed[index] = true
        put(Int64(thresholds.count), places)
        let found = try branch(index)
        let (whenTrue, whenFalse) = append(found)
        pending.append((found.whenFalse, whenFalse))
        pending.append((found.whenTrue, whenTrue))
      }
    }
  }

  /// Appends what stands for a branch; gives the places of the numbers of its children.
  private mutating func append(_ branch: Branch) -> (whenTrue: [Int], whenFalse: [Int]) {
    func single(
      _ comparison: TreeEnsemble.Comparison, missingIsTrue: Bool, swaps: Bool
    ) -> (whenTrue: [Int], whenFalse: [Int]) {
      let (first, second) = row(branch.feature, comparison, missingIsTrue: missingIsTrue, branch.threshold)
      return swaps ? ([second], [first]) : ([first], [second])
    }
    switch branch.mode {
    case .lessOrEqual: return single(.lessOrEqual, missingIsTrue: branch.missingIsTrue, swaps: false)
    case .less: return single(.less, missingIsTrue: branch.missingIsTrue, swaps: false)
    case .equal: return single(.equal, missingIsTrue: branch.missingIsTrue, swaps: false)
    // With children swapped a NaN, for which every comparison is false, has to be sent to the other one.
    case .greaterOrEqual: return single(.less, missingIsTrue: !branch.missingIsTrue, swaps: true)
    case .greater: return single(.lessOrEqual, missingIsTrue: !branch.missingIsTrue, swaps: true)
    case .notEqual: return single(.equal, missingIsTrue: false, swaps: true)
    case .member:
      var (whenTrue, whenFalse): ([Int], [Int]) = ([], [])
      // An empty set has no member; NaN is equal to nothing.
      for (position, member) in (branch.members.isEmpty ? [.nan] : branch.members).enumerated() {
        for place in whenFalse { branches[place] = Int64(thresholds.count) }
        let (first, second) = row(
          branch.feature, .equal, missingIsTrue: branch.missingIsTrue && position == 0, member)
        whenTrue.append(first)
        whenFalse = [second]
      }
      return (whenTrue, whenFalse)
    }
  }

  private mutating func row(
    _ feature: Int, _ comparison: TreeEnsemble.Comparison, missingIsTrue: Bool, _ threshold: Double
  ) -> (Int, Int) {
    let kind = comparison.rawValue + (missingIsTrue ? TreeEnsemble.missingIsTrue : 0)
    branches += [Int64(feature), Int64(kind), 0, 0]
    thresholds.append(threshold)
    return (branches.count - 2, branches.count - 1)
  }

  /// The scores [N, targets] of features [N, F], of their type.
  func add(_ ensemble: TreeEnsemble, _ x: ValueID, _ c: LoweringContext) throws -> ValueID {
    let (leafEnds, targets, weights) = addends(ensemble)
    let b = c.builder
    let type = try c.elementType(x)
    func reals(_ values: [Double]) throws -> ValueID {
      b.constant(try Tensor([values.count], values).converted(to: type))
    }
    func integers(_ values: [Int64], _ shape: Shape) -> ValueID { b.constant(Tensor(shape, values)) }
    let operands = [
      x, integers(roots, [roots.count]), integers(branches, [thresholds.count, 4]), try reals(thresholds),
      integers(leafEnds, [leafEnds.count]), integers(targets, [targets.count]), try reals(weights),
    ]
    return try b.one(.treeEnsemble(ensemble), operands)
  }

  /// Leaf ends, targets and weights without zeros, which change no sum: a file has one for each class that a pure leaf
  /// is not. Trees of one target keep one weight a leaf.
  private func addends(_ ensemble: TreeEnsemble) -> ([Int64], [Int64], [Double]) {
    let isSum = ensemble.aggregation == .sum || ensemble.aggregation == .average
    guard isSum, ensemble.targetCount > 1, weights.contains(0) else { return (leafEnds, targets, weights) }
    var (ends, keptTargets, keptWeights): ([Int64], [Int64], [Double]) = ([], [], [])
    ends.reserveCapacity(leafEnds.count)
    var entry = 0
    for end in leafEnds {
      while entry < Int(end) {
        if weights[entry] != 0 {
          keptTargets.append(targets[entry])
          keptWeights.append(weights[entry])
        }
        entry += 1
      }
      ends.append(Int64(keptTargets.count))
    }
    return (ends, keptTargets, keptWeights)
  }
}
