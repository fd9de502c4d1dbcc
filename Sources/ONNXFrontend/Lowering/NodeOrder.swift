/// Nodes so that each comes after those whose results it uses. ONNX asks files to keep that order; not all do.
struct NodeOrder {
  let sorted: [ONNXNode]
  /// Nodes that wait for each other, and those that wait for them.
  let cyclic: [ONNXNode]

  init(_ nodes: [ONNXNode]) {
    var makers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty && makers[output] == nil { makers[output] = index }
    }
    let needs = nodes.map { node in Set(node.usedNames.compactMap { makers[$0] }) }
    if zip(nodes.indices, needs).allSatisfy({ index, needed in needed.allSatisfy { $0 < index } }) {
      (sorted, cyclic) = (nodes, [])
      return
    }
    var waiting = needs.map(\.count)
    var followers = [[Int]](repeating: [], count: nodes.count)
    for (index, needed) in needs.enumerated() { for maker in needed { followers[maker].append(index) } }
    // Nodes that are ready are taken in the file's order.
    var ready = nodes.indices.filter { waiting[$0] == 0 }
    var order: [Int] = []
    var position = 0
    while position < ready.count {
      let index = ready[position]
      position += 1
      order.append(index)
      for follower in followers[index] {
        waiting[follower] -= 1
        if waiting[follower] == 0 { ready.append(follower) }
      }
    }
    sorted = order.map { nodes[$0] }
    cyclic = nodes.indices.filter { waiting[$0] > 0 }.map { nodes[$0] }
  }
}

extension ONNXNode {
  /// Names of values that the node, or a graph within it, takes from around it.
  fileprivate var usedNames: Set<String> {
    var names = Set(inputs.lazy.filter { !$0.isEmpty })
    for attribute in attributes {
      switch attribute.value {
      case .graph(let graph): names.formUnion(graph.freeNames)
      case .graphs(let graphs): for graph in graphs { names.formUnion(graph.freeNames) }
      default: break
      }
    }
    return names
  }
}

extension ONNXGraph {
  /// Names that the graph uses and does not define.
  fileprivate var freeNames: Set<String> {
    var names = Set(outputs.map(\.name))
    for node in nodes { names.formUnion(node.usedNames) }
    names.subtract(inputs.map(\.name))
    names.subtract(initializers.map(\.name))
    names.subtract(sparseInitializers.map(\.name))
    for node in nodes { names.subtract(node.outputs) }
    return names
  }
}
