import GraphIR

/// A rewrite: a graph in, an equivalent graph out.
public struct Pass: Sendable {
  public var name: String
  public var run: @Sendable (Graph) throws -> Graph

  public init(_ name: String, _ run: @escaping @Sendable (Graph) throws -> Graph) {
    self.name = name
    self.run = run
  }

  /// A pass that looks at one node at a time, in execution order, regions included. `transform` gets the node with
  /// its operands in the new graph and gives the values that stand for its results; nil keeps the node.
  public init(
    _ name: String,
    eachNode transform: @escaping @Sendable (GraphBuilder, Node, [ValueID]) throws -> [ValueID]?
  ) {
    self.init(name) { graph in try rewrite(graph, transform) }
  }
}

/// The graph rebuilt node by node.
func rewrite(
  _ graph: Graph, _ transform: (GraphBuilder, Node, [ValueID]) throws -> [ValueID]?
) throws -> Graph {
  let builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
  return try rewrite(graph, into: builder, transform)
}

private func rewrite(
  _ graph: Graph, into builder: GraphBuilder, _ transform: (GraphBuilder, Node, [ValueID]) throws -> [ValueID]?
) throws -> Graph {
  let inputs = graph.inputs.map { builder.input(graph[$0].name, graph[$0].type, elements: graph[$0].elements) }
  builder.setOutputs(try builder.inline(graph, arguments: inputs, rewritingWith: transform))
  return builder.graph
}

extension GraphBuilder {
  /// `inline` with every node, those of regions too, passed through `transform`; nil keeps a node.
  func inline(
    _ graph: Graph, arguments: [ValueID], rewritingWith transform: (GraphBuilder, Node, [ValueID]) throws -> [ValueID]?
  ) throws -> [ValueID] {
    try inline(graph, arguments: arguments, transform: { (builder: GraphBuilder, node: Node, operands: [ValueID]) -> [ValueID] in
      if let replaced = try transform(builder, node, operands) { return replaced }
      let regions = try node.regions.map { try rewrite($0, into: builder.region(named: $0.name), transform) }
      return try builder.add(node.operation, operands, regions: regions)
    })
  }
}
