import GraphIR
import Tensors

extension Interpreter {
  /// Outputs of a whole graph (or a region, whose captures are its last inputs). Values are released after their
  /// last use.
  public static func run(
    _ graph: Graph, inputs: [RuntimeValue], context: EvaluationContext = EvaluationContext()
  ) throws -> [RuntimeValue] {
    try run(graph, uses: graph.useCounts, inputs: inputs, context: context)
  }

  /// The same for callers that run a graph many times: `uses` are its use counts.
  static func run(
    _ graph: Graph, uses: [Int], inputs: [RuntimeValue], context: EvaluationContext
  ) throws -> [RuntimeValue] {
    precondition(inputs.count == graph.inputs.count, "\(inputs.count) inputs for \(graph.inputs.count)")
    var values = [RuntimeValue?](repeating: nil, count: graph.values.count)
    var uses = uses
    for (id, input) in zip(graph.inputs, inputs) { values[Int(id.index)] = input }

    func value(_ id: ValueID) -> RuntimeValue {
      if let value = values[Int(id.index)] { return value }
      guard let constant = graph[id].constant else {
        preconditionFailure("\(id) is used before it is computed: the verifier refuses such a graph")
      }
      return .tensor(constant)
    }

    for node in graph.nodes {
      let results = try evaluate(node, node.operands.map(value), context)
      for (id, result) in zip(node.results, results) where uses[Int(id.index)] > 0 {
        values[Int(id.index)] = result
      }
      for operand in node.operands {
        uses[Int(operand.index)] -= 1
        if uses[Int(operand.index)] == 0 { values[Int(operand.index)] = nil }
      }
    }
    return graph.outputs.map(value)
  }
}
