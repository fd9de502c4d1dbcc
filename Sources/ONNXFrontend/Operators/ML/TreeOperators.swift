import GraphIR
import Tensors

/// Tree ensembles of ai.onnx.ml: the two of versions 1 and 3, with lists of (tree, node) pairs, and `TreeEnsemble` of
/// version 5, with indices.
enum TreeOperators {
  static let table: [String: Lowering] = [
    "TreeEnsembleClassifier": classifier,
    "TreeEnsembleRegressor": regressor,
    "TreeEnsemble": ensemble,
  ]

  // MARK: Versions 1 and 3

  /// A list of numbers as floats, or (version 3) as a tensor of float64.
  private static func numbers(_ c: LoweringContext, _ name: String) throws -> [Double]? {
    if let tensor = try c.tensor(name + "_as_tensor") {
      return try tensor.converted(to: .float64).elements(of: Double.self)
    }
    return try c.floats(name)?.map(Double.init)
  }

  /// The attributes that describe nodes and the entries of leaves, checked for their counts.
  private struct PairedNodes {
    let trees: TreeNormalForm
    /// Targets that entries name, and whether no weight is negative.
    let targets: Set<Int>
    let allPositive: Bool

    /// `entry` is "class" or "target".
    init(_ c: LoweringContext, entry: String) throws {
      func ints(_ name: String, count: Int? = nil) throws -> [Int] {
        let values = try c.ints(name) ?? []
        guard count == nil || values.count == count else {
          throw c.invalid(found: "\(values.count) \(name)", expected: "\(count ?? 0)")
        }
        return values
      }
      let tree = try ints("nodes_treeids")
      let count = tree.count
      let (id, feature) = (try ints("nodes_nodeids", count: count), try ints("nodes_featureids", count: count))
      let whenTrue = try ints("nodes_truenodeids", count: count)
      let whenFalse = try ints("nodes_falsenodeids", count: count)
      let missing = try ints("nodes_missing_value_tracks_true")
      let modes = try c.strings("nodes_modes") ?? []
      let values = try numbers(c, "nodes_values") ?? []
      guard count > 0, modes.count == count, values.count == count, missing.isEmpty || missing.count == count else {
        throw c.invalid(
          found: "\(count) nodes, \(modes.count) modes, \(values.count) values", expected: "as many of each")
      }
      var positions: [TreeNode: Int] = [:]
      for index in 0..<count {
        guard positions.updateValue(index, forKey: TreeNode(tree: tree[index], node: id[index])) == nil else {
          throw c.invalid(found: "node \(id[index]) of tree \(tree[index]) twice", expected: "each node once")
        }
      }
      func position(_ node: Int, of tree: Int) throws -> Int {
        guard let position = positions[TreeNode(tree: tree, node: node)] else {
          throw c.invalid(found: "node \(node) of tree \(tree), which does not exist", expected: "a node of the tree")
        }
        return position
      }
      let isLeaf = modes.map { $0 == "LEAF" }

      // Entries of leaves, in the order of the leaves.
      let entryTrees = try ints("\(entry)_treeids")
      let entryNodes = try ints("\(entry)_nodeids", count: entryTrees.count)
      let entryTargets = try ints("\(entry)_ids", count: entryTrees.count)
      let weights = try numbers(c, "\(entry)_weights") ?? []
      guard weights.count == entryTrees.count else {
        throw c.invalid(found: "\(weights.count) \(entry)_weights", expected: "\(entryTrees.count)")
      }
      var entriesOfNode = [[Int]](repeating: [], count: count)
      for index in entryTrees.indices {
        let node = try position(entryNodes[index], of: entryTrees[index])
        // What a branch is given means nothing.
        if isLeaf[node] { entriesOfNode[node].append(index) }
      }
      var trees = TreeNormalForm(c, branchCount: count)
      var leafOfNode = [Int](repeating: 0, count: count)
      for node in 0..<count where isLeaf[node] {
        leafOfNode[node] = trees.addLeaf(entriesOfNode[node].map { (entryTargets[$0], weights[$0]) })
      }

      var hasParent = [Bool](repeating: false, count: count)
      var children: [(Int, Int)] = []
      for node in 0..<count {
        if isLeaf[node] {
          children.append((0, 0))
          continue
        }
        let pair = (try position(whenTrue[node], of: tree[node]), try position(whenFalse[node], of: tree[node]))
        (hasParent[pair.0], hasParent[pair.1]) = (true, true)
        children.append(pair)
      }
      func child(_ node: Int) -> TreeNormalForm.Child { isLeaf[node] ? .leaf(leafOfNode[node]) : .branch(node) }
      let roots = (0..<count).filter { !hasParent[$0] }
      guard Set(roots.map { tree[$0] }) == Set(tree) else {
        throw c.invalid(found: "a tree without a root", expected: "a node that is no child in each tree")
      }
      for root in roots {
        try trees.addTree(child(root)) { node in
          guard let mode = TreeNormalForm.Mode(name: modes[node]) else {
            throw c.invalid(found: "mode '\(modes[node])'", expected: "BRANCH_LEQ and the like, or LEAF")
          }
          return .init(
            feature: feature[node], mode: mode, threshold: values[node], whenTrue: child(children[node].0),
            whenFalse: child(children[node].1), missingIsTrue: missing.isEmpty ? false : missing[node] != 0)
        }
      }
      self.trees = trees
      targets = Set(entryTargets)
      allPositive = weights.allSatisfy { $0 >= 0 }
    }
  }

  private struct TreeNode: Hashable {
    var tree: Int
    var node: Int
  }

  /// `base_values`, one for each column or one for all.
  private static func baseValues(_ c: LoweringContext, like scores: ValueID) throws -> (ValueID?, count: Int) {
    let values = try numbers(c, "base_values") ?? []
    if values.isEmpty { return (nil, 0) }
    let type = try c.elementType(scores)
    let tensor = try Tensor([values.count], values).converted(to: type)
    return (c.builder.constant(tensor), values.count)
  }

  private static func regressor(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let nodes = try PairedNodes(c, entry: "target")
    let targetCount = try c.int("n_targets", 1)
    let names: [String: TreeEnsemble.Aggregation] = [
      "SUM": .sum, "AVERAGE": .average, "MIN": .minimum, "MAX": .maximum,
    ]
    let name = try c.string("aggregate_function", "SUM")
    guard let aggregation = names[name] else {
      throw c.invalid(found: "aggregate_function '\(name)'", expected: "SUM, AVERAGE, MIN or MAX")
    }
    let x = try features(c, float64: c.has("nodes_values_as_tensor"))
    var scores = try nodes.trees.add(TreeEnsemble(aggregation: aggregation, targetCount: targetCount), x, c)
    let (base, count) = try baseValues(c, like: scores)
    if let base {
      guard count == 1 || count == targetCount else {
        throw c.invalid(found: "\(count) base_values", expected: "\(targetCount)")
      }
      scores = try b.add(scores, base)
    }
    return [try PostTransform(c).apply(b.convert(scores, to: .float32), b)]
  }

  /// With thresholds of float64 the features are, too.
  private static func features(_ c: LoweringContext, float64: Bool) throws -> ValueID {
    let x = try c.features(0, keepsDouble: true)
    return float64 ? try c.builder.convert(x, to: .float64) : x
  }

  private static func classifier(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let labels = try ClassLabels(c, integers: "classlabels_int64s")
    let transform = try PostTransform(c)
    let nodes = try PairedNodes(c, entry: "class")
    let x = try features(c, float64: c.has("nodes_values_as_tensor"))
    let sums = try nodes.trees.add(TreeEnsemble(aggregation: .sum, targetCount: labels.count), x, c)
    if labels.count == 2 { return try twoClasses(c, labels, transform, nodes, sums) }
    let (base, count) = try baseValues(c, like: sums)
    var scores = sums
    if let base, count == labels.count { scores = try b.add(sums, base) }
    return [try labels.best(scores, b), try transform.apply(b.convert(scores, to: .float32), b)]
  }

  /// What ONNX leaves open for two classes, as ONNX Runtime closes it. Converters rely on it: most give the weights of
  /// one class only, under the number 0 or 1.
  private static func twoClasses(
    _ c: LoweringContext, _ labels: ClassLabels, _ transform: PostTransform, _ nodes: PairedNodes, _ sums: ValueID
  ) throws -> [ValueID] {
    let b = c.builder
    let (hasFirst, hasSecond) = (nodes.targets.contains(0), nodes.targets.contains(1))
    var first = try b.slice(sums, axis: 1, from: 0, to: 1)
    var second = try b.slice(sums, axis: 1, from: 1, to: 2)
    let (base, baseCount) = try baseValues(c, like: sums)
    var isPair = hasSecond
    if let base, baseCount == 2 {
      let (base0, base1) = (try b.slice(base, axis: 0, from: 0, to: 1), try b.slice(base, axis: 0, from: 1, to: 2))
      if hasSecond {
        second = try b.add(first, base1)
        first = try b.unary(.negate, second)
      } else {
        second = try b.add(second, base1)
        first = try b.add(first, base0)
      }
      isPair = true
    } else if let base, baseCount == 1 {
      first = try b.add(first, base)
    }
    let winner = hasSecond ? second : first
    let score = try b.removeDimensions(winner, axes: [1])
    let half = nodes.targets.count == 1 && nodes.allPositive
    let isSecond = try b.compare(.greater, score, b.scalar(half ? 0.5 : 0, like: score))
    let label = try labels.chosen(secondWhen: isSecond, b)
    guard isPair else {
      return [label, try transform.pair(b.convert(winner, to: .float32), isSigned: !half, b)]
    }
    // A class that no leaf speaks of shows no score, base value or not.
    if !hasFirst { first = try b.multiply(first, b.scalar(0, like: first)) }
    return [label, try transform.apply(b.convert(b.concatenate([first, second], axis: 1), to: .float32), b)]
  }

  // MARK: Version 5

  private static func ensemble(_ c: LoweringContext) throws -> [ValueID] {
    func ints(_ name: String, count: Int? = nil) throws -> [Int] {
      let values = try c.ints(name) ?? []
      guard count == nil || values.count == count else {
        throw c.invalid(found: "\(values.count) \(name)", expected: "\(count ?? 0)")
      }
      return values
    }
    func reals(_ name: String) throws -> [Double] {
      try c.tensor(name)?.converted(to: .float64).elements(of: Double.self) ?? []
    }
    let feature = try ints("nodes_featureids")
    let count = feature.count
    let (whenTrue, whenFalse) = (
      try ints("nodes_truenodeids", count: count), try ints("nodes_falsenodeids", count: count)
    )
    let (trueIsLeaf, falseIsLeaf) = (
      try ints("nodes_trueleafs", count: count), try ints("nodes_falseleafs", count: count)
    )
    let missing = try ints("nodes_missing_value_tracks_true")
    let modes = try c.tensor("nodes_modes")?.converted(to: .int64).elements(of: Int64.self) ?? []
    let splits = try reals("nodes_splits")
    let (leafTargets, leafWeights) = (try ints("leaf_targetids"), try reals("leaf_weights"))
    guard count > 0, modes.count == count, splits.count == count, missing.isEmpty || missing.count == count,
      leafTargets.count == leafWeights.count
    else {
      throw c.invalid(
        found: "\(count) nodes, \(modes.count) modes, \(splits.count) splits, \(leafTargets.count) and "
          + "\(leafWeights.count) targets and weights of leaves", expected: "as many of each")
    }
    // The sets of MEMBER nodes in order, each ended by NaN.
    var sets = try reals("membership_values").split(whereSeparator: \.isNaN).map { Array($0) }[...]
    let members = modes.map { $0 == 6 ? sets.popFirst() ?? [] : [] }

    var trees = TreeNormalForm(c, branchCount: count)
    for leaf in leafTargets.indices { _ = trees.addLeaf([(leafTargets[leaf], leafWeights[leaf])]) }
    func child(_ index: Int, isLeaf: Int) throws -> TreeNormalForm.Child {
      guard (0..<(isLeaf != 0 ? leafTargets.count : count)).contains(index) else {
        throw c.invalid(found: "child \(index)", expected: "one of \(count) nodes or \(leafTargets.count) leaves")
      }
      return isLeaf != 0 ? .leaf(index) : .branch(index)
    }
    for root in try ints("tree_roots") {
      // A tree that is a leaf is written as a node whose children are both that leaf.
      try trees.addTree(child(root, isLeaf: 0)) { node in
        guard let mode = TreeNormalForm.Mode(rawValue: Int(modes[node])) else {
          throw c.invalid(found: "mode \(modes[node])", expected: "0 to 6")
        }
        return .init(
          feature: feature[node], mode: mode, threshold: splits[node],
          whenTrue: try child(whenTrue[node], isLeaf: trueIsLeaf[node]),
          whenFalse: try child(whenFalse[node], isLeaf: falseIsLeaf[node]),
          missingIsTrue: missing.isEmpty ? false : missing[node] != 0, members: members[node])
      }
    }
    let aggregations: [TreeEnsemble.Aggregation] = [.average, .sum, .minimum, .maximum]
    let (function, transform) = (try c.int("aggregate_function", 1), try c.int("post_transform", 0))
    guard aggregations.indices.contains(function), PostTransform.allCases.indices.contains(transform) else {
      throw c.invalid(found: "aggregate_function \(function), post_transform \(transform)", expected: "0 to 3, 0 to 4")
    }
    let type = try c.elementType(c.operand(0))
    let x = try c.features(0, keepsDouble: true)
    let scores = try trees.add(
      TreeEnsemble(aggregation: aggregations[function], targetCount: c.int("n_targets", 1)), x, c)
    return [try c.builder.convert(PostTransform.allCases[transform].apply(scores, c.builder), to: type)]
  }
}
