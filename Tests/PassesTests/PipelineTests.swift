import GraphIR
import Synchronization
import Tensors
import Testing

@testable import Passes

@Suite struct PipelineTests {
  private static let text = """
    graph net(%0: float32[N, 2]) {
      %1 = constant float32[2] [1, 1]
      %2 = binary(%0, %1) {multiply}
      %3 = constant float32[2] [1, 2]
      %4 = binary(%3, %3) {add}
      %5 = binary(%2, %4) {add}
      return %5
    }
    """

  @Test func skippedPassesDoNotRun() throws {
    let graph = try Graph(parsing: Self.text)
    let pass = Pass.together("both", [.foldConstants, .simplify])
    func nodeCount(_ skipped: Set<String>) throws -> Int {
      try Pipeline([pass, .eliminateDeadCode], skipped: skipped, verifies: true).run(graph).nodes.count
    }
    #expect(try nodeCount([]) == 1)
    #expect(try nodeCount(["simplify"]) == 2)
    #expect(try nodeCount(["fold-constants"]) == 2)
    #expect(try nodeCount(["both", "eliminate-dead-code"]) == 3)
  }

  @Test func everyStageIsDumpedUnderItsNumber() throws {
    let stages = Mutex<[String]>([])
    var pipeline = Pipeline(
      [.together("both", [.foldConstants, .simplify]), .eliminateDeadCode], maximumRoundCount: 4)
    pipeline.dump = { stage, _ in stages.withLock { $0.append(stage) } }
    _ = try pipeline.run(Graph(parsing: Self.text))
    // The second round changes nothing, which ends it.
    #expect(
      stages.withLock { $0 } == [
        "00-imported", "01-both", "02-eliminate-dead-code", "03-both", "04-eliminate-dead-code",
      ])
  }

  @Test func preparationRunsOnce() throws {
    let stages = Mutex<[String]>([])
    var pipeline = Pipeline(
      preparation: [.foldConstants, .eliminateCommonSubexpressions], [.simplify, .eliminateDeadCode],
      maximumRoundCount: 4, skipped: ["eliminate-common-subexpressions"])
    pipeline.dump = { stage, _ in stages.withLock { $0.append(stage) } }
    let result = try pipeline.run(Graph(parsing: Self.text))
    #expect(result.nodes.count == 1)
    #expect(
      stages.withLock { $0 } == [
        "00-imported", "01-fold-constants", "02-simplify", "03-eliminate-dead-code", "04-simplify",
        "05-eliminate-dead-code",
      ])
  }

  /// What is known of a node's results stays known when its operands are as known as before.
  @Test func walksThatChangeNothingMakeNoSymbols() throws {
    let graph = try Graph(
      parsing: """
        graph net(%0: float32[N, 2], %1: int64[1]) {
          %2 = nonZero(%0)
          %3 = transpose(%2) {permutation: [1, 0]}
          %4 = reshape(%0, %1) {zeroCopies: false}
          return %3, %4
        }
        """)
    let walked = try Pass.together("all", [.foldConstants, .simplify, .eliminateCommonSubexpressions]).run(graph)
    #expect(walked.symbols == graph.symbols)
    #expect(walked.outputs.map { walked.type(of: $0) } == graph.outputs.map { graph.type(of: $0) })
    #expect(try Pass.eliminateDeadCode.run(walked).symbols == graph.symbols)
  }

  @Test func resultsAreInferredAnewWhereMoreIsKnownOfOperands() throws {
    let graph = try Graph(
      parsing: """
        graph net(%0: float32[N, 2]) {
          %1 = unary(%0) {negate}
          return %1
        }
        """)
    let builder = GraphBuilder(name: "net", symbols: graph.symbols)
    let same = builder.parameter(like: graph[graph.inputs[0]])
    let fixed = builder.input("fixed", .tensor(TensorType(.float32, [.constant(3), .constant(2)])))
    let node = graph.nodes[0]
    #expect(builder.results(of: node, in: graph, operands: [same])?.map(\.type) == [graph.type(of: graph.outputs[0])])
    #expect(builder.results(of: node, in: graph, operands: [fixed]) == nil)
    #expect(builder.results(of: node, in: graph, operands: [same, same]) == nil)
  }

  @Test func theVerifierNamesThePassThatBrokeTheGraph() throws {
    let wrong = Pass("wrong") { graph in
      let builder = GraphBuilder(name: graph.name)
      builder.setOutputs([ValueID(99)])
      return builder.graph
    }
    #expect(throws: GraphError.self) { try Pipeline([wrong], verifies: true).run(Graph(parsing: Self.text)) }
  }

  /// Convolution, normalisation, residual addition, pooling and a dense layer as lowering writes them: one transpose is
  /// left, at the edge.
  @Test func aResidualNetworkKeepsTransposesAtItsEdgesOnly() throws {
    let graph = try Network.residual(blockCount: 4)
    var pipeline = Pipeline.canonical
    pipeline.verifies = true
    let result = try pipeline.run(graph)
    let transposes = result.nodes.count { if case .transpose = $0.operation { true } else { false } }
    let scales = result.nodes.count { $0.operation == .binary(.multiply) }
    #expect(transposes == 1)
    #expect(scales == 0)
    // 9 convolutions with bias and ReLU, 4 additions, a pooling, the flat dense layer with bias, 7 nodes of softmax.
    #expect(result.nodes.count == 9 * 3 + 4 + 1 + 3 + 7 + transposes)
  }
}
