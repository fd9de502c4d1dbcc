import GraphIR
import Tensors
import Testing

@Suite struct BindingTests {
  private func symbol(_ name: String, _ graph: Graph) throws -> Symbol {
    Symbol(Int32(try #require(graph.symbols.firstIndex { $0.name == name })))
  }

  private func types(_ graph: Graph) -> [String] {
    graph.outputs.map { graph.type(of: $0).text(symbols: graph.symbols) }
  }

  @Test func bindingMakesTypesConstant() throws {
    let graph = try Graph(
      parsing: """
        graph main(%x: float32[N, S, 64] "x") {
          %shape = shape(%x)
          %i = constant int64[2] [0, 1]
          %rows = gather(%shape, %i) {axis: 0, batchDimensions: 0}
          %heads = constant int64[2] [8, 8]
          %wanted = concatenate(%rows, %heads) {axis: 0}
          %y = reshape(%x, %wanted) {zeroCopies: false} : float32[N, S, 8, 8] "y" @ "Reshape 'y'"
          return %y
        }
        """)
    let bound = try graph.bound(to: [symbol("N", graph): 2, symbol("S", graph): 5])
    #expect(types(bound) == ["float32[2, 5, 8, 8]"])
    #expect(bound.constantValue(of: bound.nodes[2].results[0])?.elements(of: Int64.self) == [2, 5, 8, 8])
    #expect(bound.nodes[3].source == "Reshape 'y'")
    #expect(bound[bound.outputs[0]].name == "y")
    #expect(GraphVerifier.problems(in: bound).isEmpty)
    let half = try graph.bound(to: [symbol("N", graph): 2])
    #expect(types(half) == ["float32[2, S, 8, 8]"])
    #expect(types(try half.bound(to: [symbol("S", graph): 7])) == ["float32[2, 7, 8, 8]"])
  }

  @Test func bindingReachesRegions() throws {
    let graph = try Graph(
      parsing: """
        graph main(%m: int64[], %c: bool[], %x: float32[N, 2], %s: int64[2] = [N, 2]) {
          %n = nonZero(%x)
          %y, %z = loop(%m, %c, %x, %s) {carried: 1} with
            graph body(%i: int64[], %c: bool[], %x: float32[N, 2], %s: int64[2]) {
              %y = unary(%x) {negate}
              %z = reshape(%x, %s) {zeroCopies: false} : float32[?1, ?2]
              return %c, %y, %z
            }
          %w = composite(%x, %s) {{name: Cut, attributes: {}}} with
            graph Cut(%x: float32[N, 2], %s: int64[2]) {
              %w = iota(%s) {float32, axis: 0}
              return %w
            }
          return %y, %z, %w
        }
        """)
    let bound = try graph.bound(to: [symbol("N", graph): 6])
    // What a region does not know of a shape operand, binding tells it.
    let body = bound.nodes[1].regions[0]
    #expect(body.type(of: body.inputs[2]).description == "float32[6, 2]")
    #expect(types(bound)[0] == "float32[6, 2]")
    #expect(types(bound)[2] == "float32[6, 2]")
    #expect(GraphVerifier.problems(in: bound).isEmpty)
  }

  @Test func bindingThatCannotRunIsAnError() throws {
    let graph = try Graph(
      parsing: """
        graph main(%0: float32[N], %1: float32[4]) {
          %2 = binary(%0, %1) {add} @ "Add 'a'"
          return %2
        }
        """)
    let error = #expect(throws: GraphError.self) { try graph.bound(to: [symbol("N", graph): 3]) }
    #expect(error?.source == "Add 'a'")
    #expect(error?.found == "[3] and [4]")
  }

  // MARK: Matching

  private let twoInputs = """
    graph main(%0: float32[N, S, 3] "ids", %1: float32[S, 2*N+1] "mask", %2: sequence<float32[_]> "list") { return %0 }
    """

  @Test func matchingBindsSymbols() throws {
    let graph = try Graph(parsing: twoInputs)
    let binding = SymbolBinding(graph)
    let extents = try binding.match(inputShapes: [[4, 7, 3], [7, 9], nil])
    #expect(extents == [try symbol("N", graph): 4, try symbol("S", graph): 7])
  }

  static let mismatches: [([Shape?], String)] = [
    ([[4, 7, 3], [7, 9]], "input '*': expected 3, found 2 inputs"),
    ([[4, 7, 2], [7, 9], nil], "input 'ids', axis 2: expected 3, found 2"),
    ([[4, 7, 3], [8, 9], nil], "input 'mask', axis 0: expected 7, as 'S' is elsewhere, found 8"),
    ([[4, 7, 3], [7, 8], nil], "input 'mask', axis 1: expected 9, which is 2*N+1, found 8"),
    ([[4, 7], [7, 9], nil], "input 'ids': expected a tensor of rank 3: [N, S, 3], found shape [4, 7]"),
    ([nil, [7, 9], nil], "input 'ids': expected a tensor of rank 3: [N, S, 3], found no tensor"),
  ]

  @Test(arguments: mismatches) func mismatchesAreNamed(_ shapes: [Shape?], _ message: String) throws {
    let binding = SymbolBinding(try Graph(parsing: twoInputs))
    do {
      _ = try binding.match(inputShapes: shapes)
      Issue.record("was accepted")
    } catch {
      #expect("\(error)" == message)
    }
  }
}
