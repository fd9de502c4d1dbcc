import Tensors

extension GraphBuilder {
  /// Adds everything that a closed graph (a composite's decomposition, a taken branch, a whole graph) computes;
  /// `arguments` stand for its inputs. Gives the values of its outputs.
  public func inline(_ graph: Graph, arguments: [ValueID]) throws -> [ValueID] {
    try inline(graph, arguments: arguments) { builder, node, operands in
      try builder.copy(node, operands: operands)
    }
  }

  /// The same with every node passed to `transform`, which gives the values that stand for the node's results: by
  /// adding the node, something else, or nothing. The step that graph rewrites are made of.
  public func inline(
    _ graph: Graph, arguments: [ValueID],
    transform: (_ builder: GraphBuilder, _ node: Node, _ operands: [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    precondition(arguments.count == graph.inputs.count, "\(arguments.count) arguments for \(graph.inputs.count) inputs")
    var mapped = [ValueID?](repeating: nil, count: graph.values.count)
    for (input, argument) in zip(graph.inputs, arguments) { mapped[Int(input.index)] = argument }

    func value(_ id: ValueID) -> ValueID {
      if let known = mapped[Int(id.index)] { return known }
      guard let constant = graph[id].constant else { preconditionFailure("\(id) is used before it is computed") }
      let copy = self.constant(constant, name: graph[id].name)
      mapped[Int(id.index)] = copy
      return copy
    }

    let outerSource = source
    defer { source = outerSource }
    for node in graph.nodes {
      source = node.source ?? outerSource
      let results = try transform(self, node, node.operands.map(value))
      for (old, new) in zip(node.results, results) {
        mapped[Int(old.index)] = new
        if let name = graph[old].name, self.graph[new].name == nil { setName(name, of: new) }
      }
    }
    return graph.outputs.map(value)
  }

  /// Adds a node as it is, for other operands.
  public func copy(_ node: Node, operands: [ValueID]) throws -> [ValueID] {
    try add(node.operation, operands, regions: node.regions)
  }
}
