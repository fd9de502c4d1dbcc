import GraphIR

/// A tree ensemble as one kernel.
struct TreeAnchor {
  private let number: Int
  private let step: Step

  /// Nil for other nodes, and for trees that there is no form of kernel for.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard target.kernels.contains(.trees), case .treeEnsemble(let ensemble) = node.operation,
      let x = index.shape(node.operands[0])?.dimensions, x.count == 2, x[0] > 0
    else { return nil }
    let constants = node.operands.dropFirst().compactMap { index.constant($0) }
    guard constants.count == 6 else { return nil }
    let trees = TreeConstants(constants)
    guard let kernel = TreeKernel(ensemble, trees, features: x[1]) else { return nil }
    let blockRows = kernel.blockRows(of: x[0])
    self.number = number
    step = Step(
      work: .kernel(
        .trees(kernel),
        Step.Call(
          parameters: [(x[0] + blockRows - 1) / blockRows, x[0], blockRows],
          estimatedNanoseconds: TreeKernel.nanoseconds(trees, rows: x[0]))),
      operands: [.value(node.operands[0]), .packedTrees(NodeID(number), kernel)], results: node.results,
      source: node.source ?? "trees")
  }

  var anchor: Anchor { Anchor(members: [number], steps: [step]) }
}

extension TreeKernel {
  /// A block is what one thread does at a time. Each reads all trees once, so that they are as large as gives every
  /// thread some.
  fileprivate func blockRows(of rows: Int) -> Int {
    let part = (rows / 8 + Self.lanes - 1) / Self.lanes * Self.lanes
    return min(maximumBlockRows, max(4 * Self.lanes, part))
  }
}

extension Graph {
  /// The constants of a `treeEnsemble` node; nil for other nodes.
  public func treeConstants(_ id: NodeID) -> TreeConstants? {
    let constants = self[id].operands.dropFirst().compactMap { self[$0].constant }
    return constants.count == 6 ? TreeConstants(constants) : nil
  }
}
