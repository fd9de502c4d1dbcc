import GraphIR
import Passes
import Synchronization
import Tensors
import Testing

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
