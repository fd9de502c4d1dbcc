import GraphIR

/// A contraction with the nodes that its kernel does besides.
struct Anchor {
  var members: Set<Int>
  var steps: [Step]
}

extension Anchor {
  /// All contractions of a graph that the target has kernels for. No node is in two.
  static func all(_ index: GraphIndex, _ target: ScheduleTarget, tables: TableStore) -> [Anchor] {
    var anchors: [Anchor] = []
    var taken: Set<Int> = []
    // What kernels read past the nodes in between, others must leave in memory.
    var pinned: Set<ValueID> = []
    func add(_ anchor: Anchor?) {
      guard let anchor else { return }
      anchors.append(anchor)
      taken.formUnion(anchor.members)
      pinned.formUnion(anchor.steps.flatMap { $0.operands.compactMap(\.id) })
    }
    // Attention has two products, which are no kernels of their own then.
    for number in index.graph.nodes.indices {
      if case .dot = index.node(number).operation {
        add(AttentionAnchor(number, index, target)?.anchor(taken: taken))
      }
    }
    for number in index.graph.nodes.indices where !taken.contains(number) {
      switch index.node(number).operation {
      case .convolution: add(ConvolutionAnchor(number, index, target)?.anchor(taken: taken, pinned: pinned))
      case .transposedConvolution:
        add(TransposedConvolutionAnchor(number, index, target)?.anchor(taken: taken, pinned: pinned, tables: tables))
      case .treeEnsemble: add(TreeAnchor(number, index, target)?.anchor)
      case .composite: add(RecurrenceAnchor(number, index, target)?.anchor)
      case .dot: add(DotAnchor(number, index, target)?.anchor(taken: taken, pinned: pinned))
      default: break
      }
    }
    return anchors
  }
}
