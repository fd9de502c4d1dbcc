import GraphIR
import Tensors
import Testing

/// The parts of a good graph, one of which each test breaks.
private struct Parts {
  var values: [Value]
  var nodes: [Node]
  var inputs: [ValueID]
  var outputs: [ValueID]
  var symbols: [SymbolInfo]

  init() throws {
    let graph = try Graph(
      parsing: """
        graph main(%0: float32[N, 4] "x", %1: bool[]) {
          %2 = constant int64[2] [0, -1]
          %3 = reshape(%0, %2) {zeroCopies: true}
          %4, %5 = sort(%3) {axis: 1, descending: false}
          %6 = if(%1, %4) with
            graph then(%0: float32[N, 4]) { return %0 }
            graph else(%0: float32[N, 4]) { %1 = unary(%0) {negate} return %1 }
          %7 = shape(%6)
          return %6, %7
        }
        """)
    (values, nodes, inputs, outputs, symbols) = (
      graph.values, graph.nodes, graph.inputs, graph.outputs, graph.symbols
    )
  }

  var graph: Graph {
    Graph(name: "main", values: values, nodes: nodes, inputs: inputs, outputs: outputs, symbols: symbols)
  }
}

@Suite struct VerifierTests {
  private func expectProblem(_ message: String, _ spoil: (inout Parts) throws -> Void) throws {
    var parts = try Parts()
    #expect(GraphVerifier.problems(in: parts.graph).isEmpty)
    try spoil(&parts)
    let problems = GraphVerifier.problems(in: parts.graph).map(\.description)
    #expect(problems.contains { $0.contains(message) }, "\(problems)")
    #expect(throws: GraphError.self) { try GraphVerifier.verify(parts.graph) }
  }

  @Test func operandsComeBeforeUses() throws {
    try expectProblem("node 0 (reshape): operands [%4] are used before they exist") {
      $0.nodes[0].operands[0] = ValueID(4)
    }
    try expectProblem("operands [%99]") { $0.nodes[0].operands[0] = ValueID(99) }
    try expectProblem("operands [%-1]") { $0.nodes[0].operands[0] = ValueID(-1) }
  }

  @Test func resultsPointBack() throws {
    try expectProblem("result %5 does not point back") { $0.values[5].origin = .result(NodeID(1), 0) }
    try expectProblem("result %70 does not point back") { $0.nodes[1].results[1] = ValueID(70) }
    try expectProblem("%5: is no result of node 9") { $0.values[5].origin = .result(NodeID(9), 0) }
    try expectProblem("%5: is not input 4") { $0.values[5].origin = .input(4) }
  }

  @Test func typesAreWhatTheRulesSay() throws {
    try expectProblem("%3 = reshape(%0, %2) {zeroCopies: true} : float32[N, 5]: %3 should be float32[N, 4]") {
      $0.values[3].type = .tensor(
        TensorType($0.values[3].type.elementType ?? .string, [Dimension(Symbol(0)), .constant(5)]))
    }
    try expectProblem("should be float32[N, 4]") { $0.values[3].type = .unrankedTensor(.float32) }
    try expectProblem("expected 1, found 2 operands") { $0.nodes[0].operation = .transpose(permutation: [0]) }

    try expectProblem("4 results expected") { $0.nodes[1].operation = .unique(axis: nil, sorted: true) }
  }

  @Test func constantsAreWhatTheirTypeSays() throws {
    try expectProblem("%2: is a constant of another type") { $0.values[2].constant = Tensor([1], [Int64(0)]) }
    try expectProblem("%2: is a constant of another type") { $0.values[2].constant = nil }
    try expectProblem("%2: 1 known elements") { $0.values[2].elements = [.constant(3)] }
  }

  @Test func inputsAndOutputsAreValues() throws {
    try expectProblem("outputs: %50 is not a value") { $0.outputs[0] = ValueID(50) }
    try expectProblem("input 1: %0 is not a value with that origin") { $0.inputs[1] = ValueID(0) }
  }

  @Test func symbolsAreKnownAndUnique() throws {
    try expectProblem("symbols: 'N' twice") { $0.symbols.append(SymbolInfo(name: "N")) }
    try expectProblem("has symbols that the graph does not list") { $0.symbols = [] }
  }

  @Test func regionsAreCheckedToo() throws {
    try expectProblem("expected 2, found 1 regions") { $0.nodes[2].regions.removeLast() }
    try expectProblem("main/else: node 0 (unary): operands [%7]") {
      let region = $0.nodes[2].regions[1]
      var nodes = region.nodes
      nodes[0].operands[0] = ValueID(7)
      $0.nodes[2].regions[1] = Graph(
        name: region.name, values: region.values, nodes: nodes, inputs: region.inputs, outputs: region.outputs,
        symbols: [])
    }
    try expectProblem("main/then: symbols: a region lists symbols") {
      let region = $0.nodes[2].regions[0]
      $0.nodes[2].regions[0] = Graph(
        name: region.name, values: region.values, nodes: region.nodes, inputs: region.inputs,
        outputs: region.outputs, symbols: [SymbolInfo(name: "M")])
    }
    try expectProblem("a value of that region") {
      let region = $0.nodes[2].regions[0]
      $0.nodes[2].regions[0] = Graph(
        name: region.name, values: region.values, nodes: region.nodes, inputs: region.inputs,
        outputs: [ValueID(12)], symbols: [])
    }
  }
}
