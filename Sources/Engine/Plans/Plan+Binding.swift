import GraphIR
import Tensors

extension Plan {
  /// The graph with the extents that these inputs give its symbols. Throws `EngineError.invalidInput` when they
  /// contradict each other or what the graph says, `EngineError.evaluation` when a node cannot run with them.
  package static func bind(_ graph: Graph, _ inputs: [RuntimeValue]) throws -> Graph {
    do {
      let extents = try SymbolBinding(graph).match(inputShapes: inputs.map { $0.tensor?.shape })
      return extents.isEmpty ? graph : try graph.bound(to: extents)
    } catch let error as BindingError {
      throw invalidInput(error, graph, inputs)
    } catch let error as GraphError {
      throw EngineError.evaluation(error.description)
    }
  }

  /// "expected float32[N, 10] with N = 3 as in 'a', found float32[4, 10]"
  private static func invalidInput(_ error: BindingError, _ graph: Graph, _ inputs: [RuntimeValue]) -> EngineError {
    let names = graph.inputs.enumerated().map { graph[$1].name ?? String($0) }
    guard let position = names.firstIndex(of: error.input), inputs.indices.contains(position),
      let type = graph.type(of: graph.inputs[position]).tensor, let tensor = inputs[position].tensor
    else { return .invalidInput(error.input, found: error.found, expected: error.expected) }

    var clauses: [String] = []
    if tensor.shape.rank == type.rank {
      let known = firstExtents(graph, inputs, names)
      for (axis, dimension) in type.shape.enumerated() where dimension.constant == nil {
        let value = dimension.substituting { known[$0].map { .constant($0.extent) } }
        guard let value = value.constant, value != tensor.shape[axis] else { continue }
        let source = dimension.symbol.flatMap { known[$0] }.map { " as in '\($0.input)'" } ?? ""
        clauses.append("\(text(dimension, graph)) = \(value)\(source)")
      }
    }
    let extents = type.shape.map { text($0, graph) }.joined(separator: ", ")
    return .invalidInput(
      error.input, found: "\(tensor.elementType.name)\(tensor.shape)",
      expected: "\(type.elementType.name)[\(extents)]"
        + (clauses.isEmpty ? "" : " with \(clauses.joined(separator: ", "))"))
  }

  /// For each symbol the extent that decides it and the input that has it: the first in order.
  private static func firstExtents(
    _ graph: Graph, _ inputs: [RuntimeValue], _ names: [String]
  ) -> [Symbol: (extent: Int, input: String)] {
    var known: [Symbol: (extent: Int, input: String)] = [:]
    for (position, id) in graph.inputs.enumerated() where position < inputs.count {
      guard let type = graph.type(of: id).tensor, let shape = inputs[position].tensor?.shape, shape.rank == type.rank
      else { continue }
      for (axis, dimension) in type.shape.enumerated() {
        if let symbol = dimension.symbol, known[symbol] == nil { known[symbol] = (shape[axis], names[position]) }
      }
    }
    return known
  }

  /// Extents that the model gives no name are "?".
  private static func text(_ dimension: Dimension, _ graph: Graph) -> String {
    let text = dimension.text { symbol in
      graph.symbols.indices.contains(Int(symbol.index)) ? graph.symbols[Int(symbol.index)].name : "?"
    }
    return text.hasPrefix("?") ? "?" : text
  }
}
