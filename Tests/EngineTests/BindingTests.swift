import Engine
import GraphIR
import Tensors
import Testing

@Suite struct BindingTests {
  private static let text = """
    graph sum(%0: float32[N, 10] "a", %1: float32[N, 10] "b", %2: float32[2*N] "c") {
      %3 = binary(%0, %1) {add}
      %4 = shape(%3)
      return %3, %4
    }
    """

  private func bind(_ shapes: Shape...) throws -> Graph {
    let inputs = try shapes.map { RuntimeValue.tensor(try Tensor(.float32, $0)) }
    return try Plan.bind(Graph(parsing: Self.text), inputs)
  }

  @Test func extentsOfTheInputsBecomeThoseOfAllValues() throws {
    let graph = try bind([3, 10], [3, 10], [6])
    #expect(graph.type(of: graph.outputs[0]) == .tensor(TensorType(.float32, constant: [3, 10])))
    #expect(graph.constantValue(of: graph.outputs[1])?.elements(of: Int64.self) == [3, 10])
  }

  @Test func aContradictionNamesTheInputThatCameFirst() throws {
    try expect(
      "input 'b': expected float32[N, 10] with N = 3 as in 'a', found float32[4, 10]", [3, 10], [4, 10], [6])
    try expect("input 'c': expected float32[2*N] with 2*N = 6, found float32[7]", [3, 10], [3, 10], [7])
    try expect("input 'a': expected float32[N, 10], found float32[3, 11]", [3, 11], [3, 10], [6])
    try expect("input 'a': expected float32[N, 10], found float32[3]", [3], [3, 10], [6])
  }

  private func expect(_ message: String, _ shapes: Shape..., sourceLocation: SourceLocation = #_sourceLocation) throws {
    let inputs = try shapes.map { RuntimeValue.tensor(try Tensor(.float32, $0)) }
    let graph = try Graph(parsing: Self.text)
    let error = #expect(throws: EngineError.self, sourceLocation: sourceLocation) { try Plan.bind(graph, inputs) }
    #expect(error?.description == message, sourceLocation: sourceLocation)
  }

  @Test func modelNamesComeFromPaths() {
    #expect(GraphDump.modelName(path: "/models/digits/1/model.onnx") == "digits-1")
    #expect(GraphDump.modelName(path: "/models/resnet/model.onnx") == "resnet")
    #expect(GraphDump.modelName(path: "squeezenet.onnx") == "squeezenet")
    #expect(GraphDump.modelName(path: "model.onnx") == "model")
  }
}
