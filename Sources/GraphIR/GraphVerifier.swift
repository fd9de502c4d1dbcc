import Tensors

/// What must hold between passes. A graph from a builder holds it; a pass that breaks it is wrong.
public enum GraphVerifier {
  /// One thing that does not hold, and where.
  public struct Problem: Hashable, Sendable, CustomStringConvertible {
    /// The graph or region, outermost first: `main/then`.
    public var graph: String
    /// The node's line of the text form, or what else is wrong.
    public var place: String
    public var message: String

    public var description: String { "\(graph): \(place): \(message)" }
  }

  /// All that does not hold; nothing for a good graph.
  public static func problems(in graph: Graph) -> [Problem] {
    var check = Check(graph.symbols)
    check.checkSymbols(graph)
    check.check(graph, path: graph.name)
    return check.problems
  }

  /// Throws the first of `problems(in:)`, with the number of the others.
  public static func verify(_ graph: Graph) throws {
    let problems = problems(in: graph)
    guard let first = problems.first else { return }
    throw GraphError(
      operation: "verifier", source: first.graph,
      found: "\(first.message) at \(first.place)" + (problems.count > 1 ? " and \(problems.count - 1) more" : ""),
      expected: "a graph that is well formed")
  }
}

private struct Check {
  var problems: [GraphVerifier.Problem] = []
  /// Gives the fresh symbols of types that are inferred again.
  let scratch: GraphBuilder
  let symbols: [SymbolInfo]
  let printer: GraphPrinter

  init(_ symbols: [SymbolInfo]) {
    self.symbols = symbols
    scratch = GraphBuilder(name: "verifier", symbols: symbols)
    printer = GraphPrinter(symbols: symbols, maximumConstantCount: 8)
  }

  mutating func report(_ path: String, _ place: String, _ message: String) {
    problems.append(GraphVerifier.Problem(graph: path, place: place, message: message))
  }

  mutating func checkSymbols(_ graph: Graph) {
    var seen = Set<String>()
    for symbol in graph.symbols where !seen.insert(symbol.name).inserted {
      report(graph.name, "symbols", "'\(symbol.name)' twice")
    }
  }

  mutating func check(_ graph: Graph, path: String) {
    func isValue(_ id: ValueID) -> Bool { graph.values.indices.contains(Int(id.index)) }
    let before = problems.count

    for (position, id) in graph.inputs.enumerated() where !isValue(id) || graph[id].origin != .input(position) {
      report(path, "input \(position)", "\(id) is not a value with that origin")
    }
    checkOrigins(graph, path)
    // What follows reads values through these ids.
    if problems.count > before { return }

    var isDefined = graph.values.map { value in
      if case .result = value.origin { false } else { true }
    }
    for (index, node) in graph.nodes.enumerated() {
      let undefined = node.operands.filter { !isValue($0) || !isDefined[Int($0.index)] }
      if undefined.isEmpty {
        checkTypes(node, graph, path)
      } else {
        report(path, "node \(index) (\(node.operation.name))", "operands \(undefined) are used before they exist")
      }
      for result in node.results { isDefined[Int(result.index)] = true }
      for region in node.regions {
        if !region.symbols.isEmpty { report("\(path)/\(region.name)", "symbols", "a region lists symbols") }
        check(region, path: "\(path)/\(region.name)")
      }
    }
    for id in graph.outputs where !isValue(id) { report(path, "outputs", "\(id) is not a value") }
  }

  /// Every value points to what made it, and that points back.
  private mutating func checkOrigins(_ graph: Graph, _ path: String) {
    for (nodeIndex, node) in graph.nodes.enumerated() {
      for (position, id) in node.results.enumerated() {
        let origin = graph.values.indices.contains(Int(id.index)) ? graph[id].origin : nil
        if origin != .result(NodeID(nodeIndex), position) {
          report(path, "node \(nodeIndex) (\(node.operation.name))", "result \(id) does not point back")
        }
      }
    }
    for (index, value) in graph.values.enumerated() {
      let id = ValueID(index)
      switch value.origin {
      case .input(let position):
        if !graph.inputs.indices.contains(position) || graph.inputs[position] != id {
          report(path, "\(id)", "is not input \(position)")
        }
      case .constant:
        if value.constant.map({ .tensor(TensorType($0.elementType, constant: $0.shape.dimensions)) }) != value.type {
          report(path, "\(id)", "is a constant of another type, \(value.type.text(symbols: symbols))")
        }
      case .result(let node, let position):
        if !graph.nodes.indices.contains(Int(node.index)) || !graph[node].results.indices.contains(position)
          || graph[node].results[position] != id
        {
          report(path, "\(id)", "is no result of node \(node.index)")
        }
      }
      checkExtents(value, id, path)
    }
  }

  private mutating func checkExtents(_ value: Value, _ id: ValueID, _ path: String) {
    let unknown = value.type.symbols.filter { $0 != .varying && !symbols.indices.contains(Int($0.index)) }
    if !unknown.isEmpty {
      report(path, "\(id)", "\(value.type.text(symbols: symbols)) has symbols that the graph does not list")
    }
    if let elements = value.elements, value.type.tensor?.constantShape?.elementCount != elements.count {
      report(path, "\(id)", "\(elements.count) known elements for \(value.type.text(symbols: symbols))")
    }
  }

  private mutating func checkTypes(_ node: Node, _ graph: Graph, _ path: String) {
    let operands = node.operands.map { graph[$0] }
    do {
      let inferred = try TypeRules.infer(
        node.operation, operands: operands, regions: node.regions, builder: scratch)
      if inferred.count != node.results.count {
        return report(path, printer.line(node, of: graph), "\(inferred.count) results expected")
      }
      for (result, id) in zip(inferred, node.results) where !graph[id].type.matches(result.type) {
        report(
          path, printer.line(node, of: graph), "\(id) should be \(result.type.text(symbols: scratch.symbols))")
      }
    } catch {
      report(path, printer.line(node, of: graph), "\(error)")
    }
  }
}

extension ValueType {
  /// Equal up to the names of symbols: same kinds, element types, ranks and constant extents.
  func matches(_ other: ValueType) -> Bool {
    switch (self, other) {
    case (.tensor(let a), .tensor(let b)):
      a.elementType == b.elementType && a.rank == b.rank
        && zip(a.shape, b.shape).allSatisfy { $0.constant == $1.constant }
    case (.unrankedTensor(let a), .unrankedTensor(let b)): a == b
    case (.sequence(let a), .sequence(let b)), (.optional(let a), .optional(let b)): a.matches(b)
    case (.map(let keyA, let a), .map(let keyB, let b)): keyA == keyB && a.matches(b)
    default: false
    }
  }
}
