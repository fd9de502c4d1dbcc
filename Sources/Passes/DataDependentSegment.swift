import GraphIR

extension Pass {
  /// Puts everything behind shapes that only the data tell (how many boxes are left, how long the speech becomes) into
  /// one composite. When it runs, the shapes of its operands are known: the engine binds it then, as it binds a graph to
  /// the shapes of a request. What is without products and loops stays as it is: the interpreter is as good for it.
  public static let segmentDataDependentShapes = Pass("segment-data-dependent-shapes") { graph in
    let tail = DataDependentSegment(graph)
    return tail.isWorthPlanning ? try tail.cut(graph) : graph
  }
}

extension Composite {
  /// Part of a graph whose operands have shapes that are known only when it runs.
  public static let dataDependentSegment = Composite("DataDependentSegment")
}

/// The nodes that see a shape which is not known, and all that depends on them.
private struct DataDependentSegment {
  /// For each node, whether it belongs to the segment.
  private let contains: [Bool]
  let isWorthPlanning: Bool

  init(_ graph: Graph) {
    var isUnknown = graph.values.map { value in
      value.type.tensor.map { $0.constantShape == nil } ?? false
    }
    var contains = [Bool](repeating: false, count: graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() where node.operands.contains(where: { isUnknown[Int($0.index)] }) {
      contains[index] = true
      for result in node.results { isUnknown[Int(result.index)] = true }
    }
    self.contains = contains
    isWorthPlanning =
      contains.contains(false) && zip(graph.nodes, contains).contains { $1 && $0.multipliesMatrices }
  }

  func cut(_ graph: Graph) throws -> Graph {
    var isInside = [Bool](repeating: false, count: graph.values.count)
    var crossing: [ValueID] = []
    var isCrossing = isInside
    for (node, contained) in zip(graph.nodes, contains) where contained {
      for operand in node.operands where graph[operand].constant == nil && !isInside[Int(operand.index)] {
        if !isCrossing[Int(operand.index)] { crossing.append(operand) }
        isCrossing[Int(operand.index)] = true
      }
      for result in node.results { isInside[Int(result.index)] = true }
    }
    let results = graph.outputs.filter { isInside[Int($0.index)] }

    let builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
    var outer = Copy(graph, builder)
    for input in graph.inputs { outer.mapped[Int(input.index)] = builder.parameter(like: graph[input]) }
    for (node, contained) in zip(graph.nodes, contains) where !contained { try outer.add(node) }

    let region = builder.region(named: "segment")
    var inner = Copy(graph, region)
    for value in crossing { inner.mapped[Int(value.index)] = region.parameter(like: graph[value]) }
    for (node, contained) in zip(graph.nodes, contains) where contained { try inner.add(node) }
    region.setOutputs(results.map { inner.value($0) })

    let operands = crossing.map { outer.value($0) }
    builder.source = zip(graph.nodes, contains).first { $1 }?.0.source
    let added = try builder.add(.composite(.dataDependentSegment), operands, regions: [region.graph])
    for (result, value) in zip(results, added) { outer.mapped[Int(result.index)] = value }
    builder.setOutputs(graph.outputs.map { outer.value($0) })
    return builder.graph
  }

  /// Nodes of one graph on their way into another.
  private struct Copy {
    let graph: Graph
    let builder: GraphBuilder
    var mapped: [ValueID?]

    init(_ graph: Graph, _ builder: GraphBuilder) {
      (self.graph, self.builder) = (graph, builder)
      mapped = Array(repeating: nil, count: graph.values.count)
    }

    mutating func value(_ id: ValueID) -> ValueID {
      if let known = mapped[Int(id.index)] { return known }
      guard let tensor = graph[id].constant else { preconditionFailure("\(id) is used before it is computed") }
      let copy = builder.constant(tensor, name: graph[id].name)
      mapped[Int(id.index)] = copy
      return copy
    }

    mutating func add(_ node: Node) throws {
      builder.source = node.source
      let operands = node.operands.map { value($0) }
      let results = try builder.add(
        node.operation, operands, regions: node.regions,
        known: builder.results(of: node, in: graph, operands: operands))
      for (old, new) in zip(node.results, results) {
        mapped[Int(old.index)] = new
        builder.setName(graph[old].name, of: new)
      }
    }
  }
}

extension Node {
  /// Whether this is work for a generated kernel, here or in a region.
  fileprivate var multipliesMatrices: Bool {
    switch operation {
    case .dot, .convolution, .transposedConvolution: true
    default: regions.contains { $0.nodes.contains(where: \.multipliesMatrices) }
    }
  }
}
