import GraphIR

extension Pass {
  /// Drops nodes whose results nobody uses, and captures that no region uses. The graph's inputs stay.
  public static let eliminateDeadCode = Pass("eliminate-dead-code") { graph in
    let liveness = Liveness(graph)
    if liveness.isComplete, !graph.hasUnusedConstants { return graph }
    let builder = GraphBuilder(name: graph.name, symbols: graph.symbols)
    try liveness.copy(graph, into: builder, keepingInput: { _ in true })
    return builder.graph
  }
}

/// Which nodes of a graph are needed for its outputs, and what is needed in their regions.
private struct Liveness {
  private var isLive: [Bool]
  /// The regions of each node that is needed.
  private var regions: [[Liveness]]
  /// For each node, whether each operand is needed.
  private var keepsOperand: [[Bool]]
  /// Whether each input is used.
  private var usesInput: [Bool]

  init(_ graph: Graph) {
    var isUsed = [Bool](repeating: false, count: graph.values.count)
    isLive = Array(repeating: false, count: graph.nodes.count)
    regions = Array(repeating: [], count: graph.nodes.count)
    keepsOperand = graph.nodes.map { Array(repeating: true, count: $0.operands.count) }
    for output in graph.outputs { isUsed[Int(output.index)] = true }
    for (index, node) in graph.nodes.enumerated().reversed() {
      guard node.results.contains(where: { isUsed[Int($0.index)] }) else { continue }
      isLive[index] = true
      regions[index] = node.regions.map(Liveness.init)
      let skipped = node.operation.operandsBeforeRegionInputs
      for position in node.operands.indices.dropFirst(node.operation.operandsThatStay) {
        keepsOperand[index][position] = regions[index].contains { $0.usesInput[position - skipped] }
      }
      for (operand, keeps) in zip(node.operands, keepsOperand[index]) where keeps { isUsed[Int(operand.index)] = true }
    }
    usesInput = graph.inputs.map { isUsed[Int($0.index)] }
  }

  /// Everything is needed, in the regions too.
  var isComplete: Bool {
    isLive.allSatisfy(\.self) && keepsOperand.allSatisfy { $0.allSatisfy(\.self) }
      && regions.allSatisfy { $0.allSatisfy(\.isComplete) }
  }

  func copy(_ graph: Graph, into builder: GraphBuilder, keepingInput keeps: (Int) -> Bool) throws {
    let arguments = graph.inputs.enumerated().map { position, id in
      // What replaces an input that nobody uses is never looked at.
      keeps(position) ? builder.parameter(like: graph[id]) : ValueID(-1)
    }
    let outputs = try builder.walk(graph, arguments: arguments) { index, node, value in
      if !isLive[index] { return [] }
      let kept = keepsOperand[index]
      let skipped = node.operation.operandsBeforeRegionInputs
      let regions = try zip(node.regions, self.regions[index]).map { region, liveness in
        let inner = builder.region(named: region.name)
        try liveness.copy(region, into: inner) { kept[$0 + skipped] }
        return inner.graph
      }
      let operands = zip(node.operands, kept).filter(\.1).map { value($0.0) }
      return try builder.add(
        node.operation, operands, regions: regions, known: builder.results(of: node, in: graph, operands: operands))
    }
    builder.setOutputs(outputs)
  }
}

extension Graph {
  fileprivate var hasUnusedConstants: Bool {
    zip(values, useCounts).contains { $0.origin == .constant && $1 == 0 }
      || nodes.contains { $0.regions.contains(where: \.hasUnusedConstants) }
  }
}

extension Operation {
  /// Region input i is operand i plus this.
  fileprivate var operandsBeforeRegionInputs: Int {
    if case .if = self { 1 } else { 0 }
  }

  /// All operands from this one on are captures.
  fileprivate var operandsThatStay: Int {
    switch self {
    case .if: 1
    case .loop(let carried): carried + 2
    default: .max
    }
  }
}
