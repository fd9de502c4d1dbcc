import GraphIR

extension Schedule {
  /// Every node evaluated by the interpreter, in the graph's order; reshapes are views.
  public init(interpreting graph: Graph) {
    let steps = graph.nodes.enumerated().map { index, node in
      let source = node.source ?? node.operation.name
      if case .reshape = node.operation, graph.type(of: node.results[0]).tensor?.constantShape != nil {
        return Step(work: .view, operands: [.value(node.operands[0])], results: node.results, source: source)
      }
      return Step(
        work: .node(NodeID(index)), operands: node.operands.map { .value($0) }, results: node.results, source: source)
    }
    self.init(graph: graph, steps: steps)
  }
}
