import GraphIR
import Interpreter
import Passes
import Tensors
import Testing

/// Every pass and both pipelines on random graphs: the same numbers as before. The elements are small halves, whose sums
/// and products are exact in any order, so that every pass can be held to the bit.
@Suite struct SemanticsTests {
  private static let passes: [Pass] = [
    .inlineComposites(), .foldConstants, .simplify, .eliminateCommonSubexpressions, .eliminateDeadCode, .sinkTransposes,
    .foldScales,
    .together("all", [.foldConstants, .simplify, .sinkTransposes, .eliminateCommonSubexpressions]),
  ]

  private func outputs(_ graph: Graph, _ inputs: [Tensor]) throws -> [Tensor] {
    try Interpreter.run(graph, inputs: inputs.map(RuntimeValue.tensor)).compactMap(\.tensor)
  }

  /// Bit patterns: zeros have signs.
  private func bits(_ tensor: Tensor) -> [UInt32] { tensor.elements(of: Float.self).map(\.bitPattern) }

  private func expectEqual(_ found: [Tensor], _ expected: [Tensor], _ what: String) {
    for (position, (a, b)) in zip(found, expected).enumerated() {
      let isSame = a.shape == b.shape && bits(a) == bits(b)
      if !isSame { Issue.record("\(what), output \(position): found \(a.shape), expected \(b.shape)") }
    }
  }

  @Test(arguments: 0..<150) func passesKeepTheNumbers(_ seed: Int) throws {
    let random = try RandomGraph(seed: seed)
    let expected: [Tensor]
    // Slices of nothing and the like: not every random graph runs.
    do { expected = try outputs(random.graph, random.inputs) } catch is EvaluationError { return }
    for pass in Self.passes {
      let result = try pass.run(random.graph)
      try GraphVerifier.verify(result)
      expectEqual(try outputs(result, random.inputs), expected, "\(pass.name) with seed \(seed)")
    }
    var canonical = Pipeline.canonical
    canonical.verifies = true
    let result = try canonical.run(random.graph)
    expectEqual(try outputs(result, random.inputs), expected, "canonical with seed \(seed)")

    let extents = try SymbolBinding(result).match(inputShapes: random.inputs.map(\.shape))
    var bound = Pipeline.bound
    bound.verifies = true
    let boundResult = try bound.run(result.bound(to: extents))
    expectEqual(try outputs(boundResult, random.inputs), expected, "bound with seed \(seed)")
  }

  /// Seeds whose graph cannot run prove nothing; there must be few.
  @Test func mostRandomGraphsRun() throws {
    let count = try (0..<150).count { seed in
      let random = try RandomGraph(seed: seed)
      return (try? outputs(random.graph, random.inputs)) != nil
    }
    #expect(count > 120)
  }

  @Test func theResidualNetworkGivesTheSame() throws {
    var random = SeededGenerator(7)
    let graph = try Network.residual(blockCount: 2)
    let input = random.floats([2, 3, 8, 8])
    let before = try outputs(graph, [input])[0].elements(of: Float.self)
    let after = try outputs(Pipeline.canonical.run(graph), [input])[0].elements(of: Float.self)
    #expect(before.count == after.count)
    for (a, b) in zip(before, after) { #expect(abs(a - b) <= 1e-4 * max(1, abs(a))) }
  }
}
