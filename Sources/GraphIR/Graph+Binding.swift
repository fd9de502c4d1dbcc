import Tensors

extension Graph {
  /// The same graph with some extents known: every node is added again, so that all types and symbolic values become
  /// as constant as they can.
  ///
  /// Values, nodes and symbols keep their ids; symbols without an extent stay symbols. Throws `GraphError` when a node
  /// cannot run with these extents.
  public func bound(to extents: [Symbol: Int]) throws -> Graph {
    let builder = GraphBuilder(name: name, symbols: symbols)
    var binder = Binder(known: extents.mapValues(Dimension.constant))
    let parameters = inputs.map { (binder.bound(self[$0].type), self[$0].elements.map(binder.bound)) }
    try binder.rebuild(self, in: builder, parameters)
    return builder.graph
  }
}

/// Adds the nodes of a graph again with what is known by now.
private struct Binder {
  /// Extents of the symbols of the old graph: those given, and those that the rules could tell on the way.
  var known: [Symbol: Dimension]

  func bound(_ dimension: Dimension) -> Dimension { dimension.substituting { known[$0] } }
  func bound(_ dimensions: [Dimension]) -> [Dimension] { dimensions.map { bound($0) } }
  func bound(_ type: ValueType) -> ValueType { type.mapDimensions { dimension, _ in bound(dimension) } }

  typealias Parameter = (type: ValueType, elements: [Dimension]?)

  mutating func rebuild(_ graph: Graph, in builder: GraphBuilder, _ parameters: [Parameter]) throws {
    for definition in graph.definitions {
      switch definition {
      case .input(let id):
        let (type, elements) = parameters[builder.graph.inputs.count]
        builder.input(graph[id].name, type, elements: elements)
      case .constant(let id):
        // Only the builder makes values of this origin, always with their tensor.
        guard let tensor = graph[id].constant else { continue }
        _ = builder.constant(tensor, name: graph[id].name)
      case .node(let id): try rebuild(graph[id], of: graph, in: builder)
      }
    }
    builder.setOutputs(graph.outputs)
  }

  private mutating func rebuild(_ node: Node, of graph: Graph, in builder: GraphBuilder) throws {
    builder.source = node.source
    var regions: [Graph] = []
    for region in node.regions {
      let inner = builder.region(named: region.name)
      try rebuild(region, in: inner, parameters(of: region, node, of: graph, in: builder))
      regions.append(inner.graph)
    }
    let results = try builder.add(node.operation, node.operands, regions: regions)
    for (old, new) in zip(node.results, results) {
      builder.setName(graph[old].name, of: new)
      guard let before = graph[old].type.tensor, let after = builder.type(of: new).tensor, before.rank == after.rank
      else { continue }
      for (before, after) in zip(before.shape, after.shape) {
        if let symbol = before.symbol, before != after, known[symbol] == nil { known[symbol] = after }
      }
    }
  }

  /// What goes into a region is known as well as the operand, unless a loop changes it.
  private mutating func parameters(
    of region: Graph, _ node: Node, of graph: Graph, in builder: GraphBuilder
  ) -> [Parameter] {
    var changing = 0..<0
    var skipped = 0
    switch node.operation {
    case .if: skipped = 1
    case .loop(let carried): changing = 0..<(carried + 2)
    default: break
    }
    return region.inputs.enumerated().map { index, id in
      let old = region[id]
      let operand = node.operands[index + skipped]
      if !changing.contains(index), old.type == graph[operand].type {
        return (builder.type(of: operand), builder.elements(of: operand))
      }
      if !changing.contains(index) { learn(old.type, from: builder.type(of: operand)) }
      return (bound(old.type), old.elements.map { bound($0) })
    }
  }

  /// A region that names the extents of a capture by symbols of its own learns what they are.
  private mutating func learn(_ type: ValueType, from operand: ValueType) {
    guard let symbols = type.tensor?.shape, let extents = operand.tensor?.shape, symbols.count == extents.count
    else { return }
    for (dimension, extent) in zip(symbols, extents) {
      if let symbol = dimension.symbol, extent.constant != nil, known[symbol] == nil { known[symbol] = extent }
    }
  }
}
