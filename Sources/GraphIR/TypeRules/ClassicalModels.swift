import Tensors

extension TypeRules {
  static func treeEnsemble(_ ensemble: TreeEnsemble, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(7)
    let x = try node.tensor(0, rank: 2, "[N, F]")
    let type = try node.elementType(0, { $0 == .float32 || $0 == .float64 }, "float32 or float64")
    try node.require(3, is: type)
    try node.require(6, is: type)
    let operands = try (1...6).map { index in
      guard let tensor = node.operands[index].constant else {
        throw node.error(found: "operand \(index) that is computed", expected: "a constant")
      }
      return tensor
    }
    try node.require(
      ensemble.targetCount > 0 && ensemble.targetCount < maximumExtent, found: "\(ensemble.targetCount) targets",
      expected: "at least one")
    do {
      try ensemble.check(operands, featureCount: x.shape[1].constant)
    } catch let problem as TreeEnsemble.Problem {
      throw node.error(found: problem.found, expected: problem.expected)
    }
    return node.result(type, [x.shape[0], .constant(ensemble.targetCount)])
  }

  static func lookUp(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let type = try node.elementType(
      0, { $0 == .string || $0 == .bool || ($0.isNumeric && $0.bitWidth >= 8) }, "strings or numbers of whole bytes")
    try node.require(1, is: type)
    _ = try node.tensor(1, rank: 1, "[K]")
    return [InferredResult(node.operands[0].type.with(.int64))]
  }

  static func countNGrams(_ count: NGramCount, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(4)
    let x = try node.tensor(0)
    try node.require(x.rank == 1 || x.rank == 2, found: node.text(x.shape), expected: "[C] or [N, C]")
    let type = try node.elementType(0, { $0 == .int64 || $0 == .string }, "int64 or string")
    try node.require(1, is: type)
    for index in 1...3 { _ = try node.tensor(index, rank: 1, "a vector") }
    try node.require(2, is: .int64)
    try node.require(3, is: .int64)
    try node.require(
      count.minimumLength > 0 && count.minimumLength <= count.maximumLength && count.maximumSkip >= 0
        && (0..<maximumExtent).contains(count.width), found: "\(count)",
      expected: "lengths from 1 on in order, no negative skip")
    return node.result(.float32, x.shape.dropLast() + [.constant(count.width)])
  }

  static func zipMap(_ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(2)
    let x = try node.tensor(0, rank: 2, "[N, C]")
    let key = try node.elementType(1, { $0 == .int64 || $0 == .string }, "int64 or string")
    let keys = try node.tensor(1, rank: 1, "[C]")
    _ = try node.same(x.shape[1], keys.shape[0], "numbers of columns and keys")
    return [InferredResult(.sequence(.map(key: key, value: .tensor(TensorType(x.elementType, [])))))]
  }

  static func mapValues(_ node: Candidate) throws -> [InferredResult] {
    try node.require(
      node.operands.count == 1 || node.operands.count == 3, found: "\(node.operands.count) operands", expected: "1 or 3"
    )
    guard case .map(let key, let value) = node.operands[0].type, let type = value.elementType else {
      throw node.error(found: node.text(node.operands[0].type), expected: "a map to numbers or strings")
    }
    if node.operands.count == 1 { return node.result(type, [node.fresh()]) }
    try node.require(1, is: key)
    try node.require(2, is: type)
    try node.requireScalar(2)
    return node.result(type, try node.tensor(1, rank: 1, "[K]").shape)
  }
}

extension TreeEnsemble {
  /// What keeps constant operands from being trees.
  struct Problem: Error {
    var found: String
    var expected: String
  }

  /// Checks everything that a traversal relies on: that it ends, and stays inside its operands.
  func check(_ operands: [Tensor], featureCount: Int?) throws {
    func require(_ condition: Bool, _ found: @autoclosure () -> String, _ expected: @autoclosure () -> String) throws {
      if !condition { throw Problem(found: found(), expected: expected()) }
    }
    let (roots, branches, thresholds) = (operands[0], operands[1], operands[2])
    let (leafEnds, targets, weights) = (operands[3], operands[4], operands[5])
    for (tensor, rank) in [(roots, 1), (branches, 2), (thresholds, 1), (leafEnds, 1), (targets, 1), (weights, 1)] {
      try require(tensor.shape.rank == rank, "trees of shape \(tensor.shape)", "rank \(rank)")
    }
    for tensor in [roots, branches, leafEnds, targets] {
      try require(tensor.elementType == .int64, "trees of type \(tensor.elementType.name)", "int64")
    }
    let (branchCount, leafCount) = (branches.shape[0], leafEnds.shape[0])
    try require(
      branches.shape[1] == 4 && thresholds.shape[0] == branchCount && weights.shape == targets.shape,
      "\(branches.shape) branches, \(thresholds.shape) thresholds, \(targets.shape) targets, \(weights.shape) weights",
      "branches of four numbers, a threshold for each, a weight for each target")
    func isChild(_ child: Int64, after parent: Int) -> Bool {
      child < 0 ? child >= -Int64(leafCount) : child > parent && child < branchCount
    }
    try roots.withElements(of: Int64.self) { roots in
      try require(roots.allSatisfy { isChild($0, after: -1) }, "a root that does not exist", "branches or leaves")
    }
    try branches.withElements(of: Int64.self) { branches in
      for branch in 0..<branchCount {
        let feature = branches[4 * branch]
        try require(
          feature >= 0 && feature < featureCount.map(Int64.init) ?? .max, "feature \(feature) in branch \(branch)",
          "one of \(featureCount.map(String.init) ?? "the") features")
        let comparison = branches[4 * branch + 1]
        try require(
          comparison >= 0 && comparison < 8 && comparison & 3 < 3, "comparison \(comparison)", "0 to 2, or plus 4")
        try require(
          isChild(branches[4 * branch + 2], after: branch) && isChild(branches[4 * branch + 3], after: branch),
          "branch \(branch) with children \(branches[4 * branch + 2]) and \(branches[4 * branch + 3])",
          "branches of larger numbers, or leaves")
      }
    }
    try leafEnds.withElements(of: Int64.self) { ends in
      var start: Int64 = 0
      for end in ends {
        try require(end >= start && end <= targets.shape[0], "a leaf that ends at \(end)", "ends in order")
        start = end
      }
    }
    try targets.withElements(of: Int64.self) { targets in
      try require(
        targets.allSatisfy { $0 >= 0 && $0 < targetCount }, "a target outside", "targets below \(targetCount)")
    }
  }
}
