import GraphIR
import Tensors
import Testing

@Suite struct TextTests {
  @Test func everyOperationHasASample() {
    #expect(Set(operationSamples.map(\.caseIndex)) == Set(0..<Operation.caseCount))
  }

  @Test(arguments: operationSamples) func operationsRoundTrip(_ operation: Operation) throws {
    #expect(try Operation(parsing: operation.text) == operation)
  }

  @Test func textIsReadable() throws {
    let text = """
      graph main(%0: float32[N, 3, "batch size"] "input", %1: bool[] "flag") {
        %2 = constant int64[2] [0, -1]
        %3 = constant bfloat16[2] 0x803f0040
        %4 = constant string[2] ["a \\"b\\"", ""] "names"
        %5 = reshape(%0, %2) {zeroCopies: true} : float32[N, 3*"batch size"] "flat" @ "Reshape 'r'"
        %6, %7 = sort(%5) {axis: 1, descending: false} : float32[N, 3*"batch size"], int64[N, 3*"batch size"] "order"
        %8 = if(%1, %6) : float32[?2, 3*"batch size"] with
          graph then(%0: float32[N, 3*"batch size"]) {
            return %0
          }
          graph else(%0: float32[N, 3*"batch size"]) {
            %1 = concatenate(%0, %0) {axis: 0} : float32[2*N, 3*"batch size"]
            return %1
          }
        %9 = shape(%6) : int64[2] = [N, 3*"batch size"]
        return %8, %9
      }

      """
    let graph = try Graph(parsing: text)
    #expect(graph.text == text)
    #expect(GraphVerifier.problems(in: graph).isEmpty)
  }

  @Test(arguments: ElementType.allCases) func constantsRoundTrip(_ type: ElementType) throws {
    let tensor: Tensor
    if type == .string {
      tensor = Tensor([3], strings: ["", "é\u{0}", "\"\\"])
    } else {
      tensor = try Tensor(type, [2, 3])
      // Bools hold 0 and 1 only; NaNs lose their payload, so exponents stay small.
      for byte in 0..<tensor.byteCount {
        tensor.base.storeBytes(
          of: type == .bool ? UInt8(byte & 1) : UInt8(truncatingIfNeeded: byte * 5), toByteOffset: byte, as: UInt8.self)
      }
    }
    let builder = GraphBuilder(name: "main")
    builder.setOutputs([builder.constant(tensor, name: "c")])
    let text = builder.graph.text
    let parsed = try Graph(parsing: text)
    #expect(parsed.text == text)
    let found = try #require(parsed.constantValue(of: parsed.outputs[0]))
    #expect(found.elementType == type)
    #expect(found.strings == tensor.strings)
    for byte in 0..<tensor.byteCount {
      #expect(
        found.base.load(fromByteOffset: byte, as: UInt8.self) == tensor.base.load(fromByteOffset: byte, as: UInt8.self))
    }
  }

  @Test func specialNumbersRoundTrip() throws {
    let builder = GraphBuilder(name: "main")
    let floats: [Float] = [.nan, .infinity, -.infinity, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1]
    builder.setOutputs([
      builder.constant(Tensor([floats.count], floats)), builder.constant(Tensor([2], [Int64.min, .max])),
    ])
    let text = builder.graph.text
    #expect(try Graph(parsing: text).text == text)
    #expect(text.contains("[nan, inf, -inf, -0.0, "))
  }

  @Test func largeConstantsAreLeftOut() throws {
    let builder = GraphBuilder(name: "main")
    builder.setOutputs([builder.constant(Tensor([100], [Float](repeating: 1, count: 100)))])
    #expect(builder.graph.text.contains("constant float32[100] <"))
    #expect(throws: GraphTextError.self) { try Graph(parsing: builder.graph.text) }
    let whole = builder.graph.text(maximumConstantCount: .max)
    #expect(try Graph(parsing: whole).text(maximumConstantCount: .max) == whole)
  }

  /// Symbols that a text names and symbols that the rules make up never meet.
  @Test func madeUpSymbolsStayApart() throws {
    let graph = try Graph(
      parsing: """
        graph main(%0: float32[?0], %1: float32[?1]) {
          %2 = nonZero(%0)
          %3 = nonZero(%1) : int64[1, ?2]
          return %2, %3
        }
        """)
    let types = graph.outputs.map { graph.type(of: $0).text(symbols: graph.symbols) }
    #expect(types[1] == "int64[1, ?2]")
    #expect(!["int64[1, ?0]", "int64[1, ?1]", "int64[1, ?2]"].contains(types[0]))
  }

  static let errors: [(String, Int, Int, String)] = [
    ("", 1, 1, "expected 'graph', found the end"),
    ("graph", 1, 6, "the graph's name"),
    ("graph m() {\n  return %1\n}", 2, 10, "%1 is not defined"),
    ("graph m(%0: float99[]) { return }", 1, 13, "no type 'float99'"),
    ("graph m(%0: float32[N) { return }", 1, 22, "expected ','"),
    ("graph m(%0: float32[N], %0: int8[]) { return }", 1, 25, "%0 is defined already"),
    ("graph m() {\n  %0 = frobnicate()\n  return\n}", 2, 8, "no operation 'frobnicate'"),
    ("graph m(%0: int8[]) {\n  %1 = unary(%0)\n  return\n}", 2, 8, "no operation 'unary' with such attributes"),
    ("graph m(%0: int8[]) {\n  %1 = unary(%0) {shrink}\n  return\n}", 2, 8, "shrink"),
    ("graph m(%0: string[]) {\n  %1 = unary(%0) {negate}\n  return\n}", 2, 8, "numbers"),
    ("graph m(%0: int8[]) {\n  %1 = unary(%0) {negate} : int8[1]\n  return\n}", 2, 8, "inferred int8[]"),
    ("graph m(%0: int8[]) {\n  %1, %2 = unary(%0) {negate}\n  return\n}", 2, 12, "has 1 results, not 2"),
    ("graph m() {\n  %0 = constant int8[2] [1, 300]\n  return\n}", 2, 17, "2 elements of int8"),
    ("graph m() {\n  %0 = constant int8[2] [1]\n  return\n}", 2, 17, "2 elements of int8"),
    ("graph m() {\n  %0 = constant float16[1] 0x0\n  return\n}", 2, 31, "hexadecimal"),
    ("graph m() { return } x", 1, 22, "nothing after the graph"),
    ("graph m(%0: float32[_]) { return }", 1, 22, "'_' stands only inside"),
    ("graph m(%0: float32[-1]) { return }", 1, 13, "an extent of -1"),
    ("graph m(%0: float32[mod(N)]) { return }", 1, 26, "expected ','"),
    ("graph \"m", 1, 7, "does not end"),
    ("graph m() {\n  %0 = constant int8[] [\"a\\q\"]", 2, 29, "unknown escape"),
  ]

  @Test(arguments: errors) func errorsSayWhere(_ text: String, _ line: Int, _ column: Int, _ message: String) {
    do {
      _ = try Graph(parsing: text)
      Issue.record("was accepted")
    } catch {
      #expect(error.line == line && error.column == column && error.message.contains(message), "\(error)")
    }
  }

  @Test(arguments: ["sequence<", "{", "[", "min("]) func deepNestingIsRefused(_ opening: String) {
    let deep = String(repeating: opening, count: 100_000)
    for text in ["graph m(%0: \(deep)", "graph m() { %0 = shape() {\(deep)", "graph m(%0: float32[\(deep)"] {
      #expect(throws: GraphTextError.self) { try Graph(parsing: text) }
    }
    let regions = String(repeating: "if() with graph a() { ", count: 10_000)
    #expect(throws: GraphTextError.self) { try Graph(parsing: "graph m() { " + regions) }
  }
}

@Suite struct GoldenTextTests {
  static let text = """
    graph before(%0: float32[N, 4]) {
      %1 = unary(%0) {negate}
      %2 = nonZero(%1)
      return %2
    }
    ----
    graph after(%0: float32[N, 4]) {
      %2 = nonZero(%0) : int64[2, ?77]
      return %2
    }
    """

  @Test func comparesUpToNamesOfMadeUpSymbols() throws {
    let golden = try GoldenText(Self.text)
    let rewritten = try Graph(
      parsing: "graph x(%a: float32[N, 4]) { %b = nonZero(%a) : int64[2, ?5] return %b }")
    #expect(golden.difference(from: rewritten) == nil)
  }

  @Test func marksTheFirstDifference() throws {
    let golden = try GoldenText(Self.text)
    let difference = try #require(golden.difference(from: golden.input))
    #expect(difference.contains("> "))
    #expect(difference.contains("unary"))
  }
}
