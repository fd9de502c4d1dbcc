import GraphIR
import Interpreter
import Tensors

/// A tree ensemble of random form, and rows that meet its thresholds exactly, next to them, and with NaN.
package struct RandomTrees: CustomStringConvertible {
  package enum Leaves: CaseIterable, Sendable {
    /// One weight for one target.
    case single
    /// One of few classes, as in a forest that is grown to the end.
    case oneHot
    case all
    /// Any number of entries, also none, or several for a target.
    case any
  }
  package struct Form: Sendable, CustomStringConvertible {
    package var leaves = Leaves.single
    package var isDouble = false
    package var aggregation = TreeEnsemble.Aggregation.sum
    package var features = 5
    package var targets = 1
    package var trees = 10
    package var depth = 6
    /// Kinds of comparisons, `missingIsTrue` among them.
    package var kinds = [0, 1, 2, 4, 5, 6]
    package init() {}
    package var description: String {
      "\(leaves) \(aggregation) \(isDouble ? "f64" : "f32") \(features)→\(targets) \(trees) trees, depth \(depth), \(kinds)"
    }
  }

  package let form: Form
  /// Operands 1 to 6.
  package let constants: [Tensor]
  private var random: SeededGenerator
  private let grid: [Double]

  package var description: String { "\(form)" }
  package var operation: GraphIR.Operation {
    .treeEnsemble(TreeEnsemble(aggregation: form.aggregation, targetCount: form.targets))
  }

  package init(_ form: Form, seed: Int) {
    self.form = form
    var random = SeededGenerator(seed)
    let special: [Double] = [0, -0.0, .infinity, -.infinity, .nan, Double(Float.leastNonzeroMagnitude)]
    let grid = (0..<12).map { _ in Double(Float.random(in: -2...2, using: &random)) } + special
    var (roots, branches, thresholds): ([Int64], [Int64], [Double]) = ([], [], [])
    var (ends, targets, weights): ([Int64], [Int64], [Double]) = ([], [], [])

    func leaf() -> Int64 {
      func entry(_ target: Int, _ weight: Double) {
        targets.append(Int64(target))
        weights.append(weight)
      }
      let anyWeight = Double(Float.random(in: -1...1, using: &random))
      switch form.leaves {
      case .single: entry(0, anyWeight)
      case .oneHot:
        let hot = Int.random(in: 0..<form.targets, using: &random)
        for target in 0..<form.targets { entry(target, target == hot ? 0.125 : 0) }
      case .all: for target in 0..<form.targets { entry(target, anyWeight * Double(target + 1)) }
      case .any:
        for _ in 0..<Int.random(in: 0...4, using: &random) {
          entry(Int.random(in: 0..<form.targets, using: &random), Double(Float.random(in: -1...1, using: &random)))
        }
      }
      ends.append(Int64(targets.count))
      return -Int64(ends.count)
    }
    func node(_ depth: Int) -> Int64 {
      if depth == 0 || Int.random(in: 0..<6, using: &random) == 0 { return leaf() }
      let branch = thresholds.count
      branches += [
        Int64.random(in: 0..<Int64(form.features), using: &random), Int64(form.kinds.randomElement(using: &random)!), 0,
        0,
      ]
      thresholds.append(grid.randomElement(using: &random)!)
      branches[4 * branch + 2] = node(depth - 1)
      branches[4 * branch + 3] = node(depth - 1)
      return Int64(branch)
    }
    for _ in 0..<form.trees { roots.append(node(form.depth)) }
    func reals(_ values: [Double]) -> Tensor {
      form.isDouble ? Tensor([values.count], values) : Tensor([values.count], values.map(Float.init))
    }
    constants = [
      Tensor([roots.count], roots), Tensor([thresholds.count, 4], branches), reals(thresholds),
      Tensor([ends.count], ends), Tensor([targets.count], targets), reals(weights),
    ]
    self.random = random
    self.grid = grid
  }

  package mutating func rows(_ count: Int) -> Tensor {
    let values = (0..<count * form.features).map { _ in
      let near = grid.randomElement(using: &random)!
      return switch Int.random(in: 0..<6, using: &random) {
      case 0: Double(Float.random(in: -3...3, using: &random))
      case 1: form.isDouble ? near.nextUp : Double(Float(near).nextUp)
      case 2: form.isDouble ? near.nextDown : Double(Float(near).nextDown)
      default: near
      }
    }
    return form.isDouble
      ? Tensor([count, form.features], values) : Tensor([count, form.features], values.map(Float.init))
  }

  /// What the interpreter gives.
  package func expected(_ x: Tensor) throws -> Tensor {
    let builder = GraphBuilder(name: "trees")
    let input = builder.input("x", .tensor(TensorType(x.elementType, constant: x.shape.dimensions)))
    builder.setOutputs(try builder.add(operation, [input] + constants.map { builder.constant($0) }))
    return try Interpreter.run(builder.graph, inputs: [.tensor(x)])[0].tensor!
  }

  /// One of everything that the form of a kernel hangs on.
  package static func forms() -> [Form] {
    var forms: [Form] = []
    func add(_ change: (inout Form) -> Void) {
      var form = Form()
      change(&form)
      forms.append(form)
    }
    for isDouble in [false, true] {
      for aggregation in TreeEnsemble.Aggregation.allCases {
        add { ($0.isDouble, $0.aggregation) = (isDouble, aggregation) }
      }
      for targets in [2, 3, 16, 17, 40] {
        for leaves in [Leaves.oneHot, .all, .any] {
          add { ($0.isDouble, $0.targets, $0.leaves) = (isDouble, targets, leaves) }
        }
      }
      add { ($0.isDouble, $0.leaves, $0.targets, $0.aggregation) = (isDouble, .all, 5, .average) }
      add { ($0.isDouble, $0.leaves) = (isDouble, .any) }
      for features in [1, 7, 8, 15, 16, 17, 33, 200] { add { ($0.isDouble, $0.features) = (isDouble, features) } }
    }
    for kind in [0, 1, 2, 4, 5, 6] { add { ($0.kinds, $0.depth) = ([kind], 9) } }
    for trees in [0, 1, 7, 8, 9, 40] { add { ($0.trees, $0.kinds) = (trees, [0]) } }
    add { ($0.depth, $0.trees) = (0, 3) }
    return forms
  }
}
