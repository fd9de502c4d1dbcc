import Tensors
import Testing

@testable import GraphIR

/// Constants that are no trees are refused when the graph is built: a traversal checks nothing any more.
@Suite struct TreeEnsembleTests {
  func build(branch: [Int64], roots: [Int64] = [0], ends: [Int64] = [1, 2], targets: [Int64] = [0, 0]) throws {
    let builder = GraphBuilder(name: "main")
    let x = builder.input("x", .tensor(TensorType(.float32, constant: [5, 3])))
    let constants = [
      Tensor([roots.count], roots), Tensor([branch.count / 4, 4], branch),
      Tensor([branch.count / 4], [Float](repeating: 0, count: branch.count / 4)), Tensor([ends.count], ends),
      Tensor([targets.count], targets), Tensor([targets.count], [Float](repeating: 1, count: targets.count)),
    ]
    _ = try builder.add(
      .treeEnsemble(.init(aggregation: .sum, targetCount: 1)), [x] + constants.map { builder.constant($0) })
  }

  @Test func acceptsTrees() throws {
    try build(branch: [2, 0, -1, -2])
    try build(branch: [2, 5, 1, -2, 0, 6, -1, -1])
    try build(branch: [0, 0, -1, -2], roots: [-1, -2, 0])
  }

  @Test(
    arguments: [
      ([3, 0, -1, -2], "feature 3"), ([-1, 0, -1, -2], "feature -1"), ([0, 3, -1, -2], "comparison 3"),
      ([0, 8, -1, -2], "comparison 8"), ([0, 0, 0, -2], "children"), ([0, 0, 1, -2], "children"),
      ([0, 0, -1, -3], "children"), ([0, 0, 1, -1, 0, 0, 0, -1], "children"),
    ] as [([Int64], String)])
  func refusesBranches(_ branch: [Int64], _ text: String) {
    #expect { try build(branch: branch) } throws: { "\($0)".contains(text) }
  }

  @Test func refusesRootsAndLeavesOutside() {
    #expect { try build(branch: [0, 0, -1, -2], roots: [1]) } throws: { "\($0)".contains("root") }
    #expect { try build(branch: [0, 0, -1, -2], ends: [2, 1]) } throws: { "\($0)".contains("leaf that ends") }
    #expect { try build(branch: [0, 0, -1, -2], ends: [1, 3]) } throws: { "\($0)".contains("leaf that ends") }
    #expect { try build(branch: [0, 0, -1, -2], targets: [0, 1]) } throws: { "\($0)".contains("target") }
  }
}
