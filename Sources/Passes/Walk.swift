import GraphIR
import Tensors

extension GraphBuilder {
  /// Walks over a closed graph in execution order; `arguments` stand for its inputs. `visit` gets each node with its
  /// index and a function from old values to new ones, and gives the values that stand for the node's results: fewer
  /// when nobody asks for them. Gives the values of the graph's outputs.
  func walk(
    _ graph: Graph, arguments: [ValueID], constant: ((Tensor, String?) -> ValueID)? = nil,
    visit: (_ index: Int, _ node: Node, _ value: (ValueID) -> ValueID) throws -> [ValueID]
  ) rethrows -> [ValueID] {
    precondition(arguments.count == graph.inputs.count, "\(arguments.count) arguments for \(graph.inputs.count) inputs")
    var mapped = [ValueID?](repeating: nil, count: graph.values.count)
    for (input, argument) in zip(graph.inputs, arguments) { mapped[Int(input.index)] = argument }

    func value(_ id: ValueID) -> ValueID {
      if let known = mapped[Int(id.index)] { return known }
      guard let tensor = graph[id].constant else { preconditionFailure("\(id) is used before it is computed") }
      let copy = constant?(tensor, graph[id].name) ?? self.constant(tensor, name: graph[id].name)
      mapped[Int(id.index)] = copy
      return copy
    }

    let outerSource = source
    defer { source = outerSource }
    for (index, node) in graph.nodes.enumerated() {
      source = node.source ?? outerSource
      for (old, new) in zip(node.results, try visit(index, node, value)) {
        mapped[Int(old.index)] = new
        if let name = graph[old].name, self.graph[new].name == nil { setName(name, of: new) }
      }
    }
    return graph.outputs.map(value)
  }

  /// An input like one of another graph.
  func parameter(like value: Value) -> ValueID { input(value.name, value.type, elements: value.elements) }
}
