import GraphIR
import Interpreter
import Passes
import Tensors
import Testing

@Suite struct FoldConstantsTests {
  @Test func nodesOfConstantsAreComputed() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: float32[N, 2]) {
        %1 = constant float32[2] [1, 2]
        %2 = constant float32[2] [10, 20]
        %3 = binary(%1, %2) {add}
        %4 = binary(%0, %3) {add}
        return %4
      }
      ----
      graph after(%0: float32[N, 2]) {
        %1 = constant float32[2] [11, 22]
        %2 = binary(%0, %1) {add}
        return %2
      }
      """)
  }

  @Test func elementsOfShapesAreConstantsWhereTheExtentsAre() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: float32[N, 4]) {
        %1 = shape(%0)
        %2 = constant int64[] [1]
        %3 = gather(%1, %2) {axis: 0, batchDimensions: 0}
        return %3, %1
      }
      ----
      graph after(%0: float32[N, 4]) {
        %1 = shape(%0)
        %2 = constant int64[] [4]
        return %2, %1
      }
      """)
  }

  @Test func aKnownConditionTakesItsBranch() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: float32[N]) {
        %1 = constant bool[] [false]
        %2 = if(%1, %0) with
          graph then(%0: float32[N]) {
            %1 = unary(%0) {negate}
            return %1
          }
          graph else(%0: float32[N]) {
            %1 = unary(%0) {absolute}
            return %1
          }
        return %2
      }
      ----
      graph after(%0: float32[N]) {
        %1 = unary(%0) {absolute}
        return %1
      }
      """)
  }

  @Test func constantsAreKnownInsideOfBranches() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: bool[]) {
        %1 = constant float32[2] [1, 2]
        %2 = if(%0, %1) with
          graph then(%0: float32[2]) {
            %1 = unary(%0) {negate}
            return %1
          }
          graph else(%0: float32[2]) {
            return %0
          }
        return %2
      }
      ----
      graph after(%0: bool[]) {
        %1 = if(%0) with
          graph then() {
            %0 = constant float32[2] [-1, -2]
            return %0
          }
          graph else() {
            %0 = constant float32[2] [1, 2]
            return %0
          }
        return %1
      }
      """)
  }

  @Test func randomNumbersAndLargeResultsStay() throws {
    let text = """
      graph before() {
        %0 = constant int64[2] [1000, 1000]
        %1 = random(%0) {uniform {low: 0, high: 1}, float32, seed: 1}
        %2 = constant float32[] [1]
        %3 = broadcast(%2, %0)
        return %1, %3
      }
      """
    try expect(.foldConstants, text)
  }

  @Test func largeWeightsAreRearrangedWhenTheyAreRead() throws {
    let b = GraphBuilder(name: "weights")
    let elements = (0..<256 * 128).map { Float($0 % 1000) - 500 }
    let transposed = try b.transpose(b.constant(Tensor([256, 128], elements)), [1, 0])
    let scaled = try b.multiply(transposed, b.constant(Tensor([256], (0..<256).map { Float($0 % 3) })))
    b.setOutputs([try b.reshape(scaled, b.indices([64, 512]))])
    let expected = try Interpreter.run(b.graph, inputs: [], context: EvaluationContext())[0].tensor
    let graph = try Pass.foldConstants.run(b.graph)
    #expect(graph.nodes.isEmpty)
    let folded = try #require(graph[graph.outputs[0]].constant)
    #expect(!folded.storage.isInMemory && folded.shape == [64, 512])
    let read = try Tensor.reading([folded]) { $0[0].elements(of: Float.self) }
    #expect(read == expected?.elements(of: Float.self))
    #expect(!folded.storage.isInMemory)
    #expect(folded.elements(of: Float.self) == read)
  }

  @Test func weightsThatAreOneNumberStayOneNumber() throws {
    let b = GraphBuilder(name: "weights")
    let x = b.input("x", .tensor(TensorType(.float32, constant: [1, 300])))
    let weights = try b.transpose(
      b.one(.broadcast, [b.scalar(0.25, .float32), b.indices([200, 300])]), [1, 0])
    b.setOutputs([
      try b.dot(x, weights, DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)
    ])
    let graph = try Pipeline.canonical.run(b.graph)
    let kept = graph.values.compactMap(\.constant).filter { $0.elementCount == 60_000 }
    #expect(kept.count == 1 && kept[0].repeatedElement?.elements(of: Float.self) == [0.25])
    #expect(!kept[0].storage.isInMemory)
  }
}
