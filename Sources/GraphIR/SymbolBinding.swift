import Tensors

/// An operand of a request that does not fit the graph's inputs.
public struct BindingError: Error, Equatable, CustomStringConvertible {
  /// The input's name, or its position when it has none.
  public var input: String
  /// nil when the rank or the kind of the value is wrong.
  public var axis: Int?
  /// The symbol that another axis has bound already.
  public var symbol: String?
  public var found: String
  public var expected: String

  public var description: String {
    let place = axis.map { "input '\(input)', axis \($0)" } ?? "input '\(input)'"
    return "\(place): expected \(expected), found \(found)"
  }
}

/// Finds the extents of a graph's symbols from the shapes of its inputs. Made once for a graph, used for each request.
public struct SymbolBinding: Sendable {
  private struct Input: Sendable {
    var name: String
    /// nil for a value whose rank is open.
    var shape: [Dimension]?
  }

  private let inputs: [Input]
  private let symbols: [SymbolInfo]

  public init(_ graph: Graph) {
    inputs = graph.inputs.enumerated().map { index, id in
      Input(name: graph[id].name ?? String(index), shape: graph[id].type.tensor?.shape)
    }
    symbols = graph.symbols
  }

  /// The symbols that the inputs name. `inputShapes` is in the order of the graph's inputs, nil for what is not a
  /// tensor. A dimension that is one symbol binds it; every other must come out as it says.
  public func match(inputShapes: [Shape?]) throws(BindingError) -> [Symbol: Int] {
    if inputShapes.count != inputs.count {
      throw BindingError(input: "*", found: "\(inputShapes.count) inputs", expected: "\(inputs.count)")
    }
    var extents: [Symbol: Int] = [:]
    for (input, found) in zip(inputs, inputShapes) {
      guard let expected = input.shape else { continue }
      guard let found, found.rank == expected.count else {
        let text = expected.map { $0.text(symbols: symbols) }.joined(separator: ", ")
        throw BindingError(
          input: input.name, found: found.map { "shape \($0)" } ?? "no tensor",
          expected: "a tensor of rank \(expected.count): [\(text)]")
      }
      for axis in expected.indices { try match(expected[axis], found[axis], input, axis, &extents) }
    }
    // Expressions only once every symbol has its extent.
    for (input, found) in zip(inputs, inputShapes) {
      for (axis, dimension) in (input.shape ?? []).enumerated() where dimension.constant == nil {
        let value = dimension.substituting { symbol in extents[symbol].map(Dimension.constant) }
        if let value = value.constant, let found, value != found[axis] {
          throw BindingError(
            input: input.name, axis: axis, found: "\(found[axis])",
            expected: "\(value), which is \(dimension.text(symbols: symbols))")
        }
      }
    }
    return extents
  }

  private func match(
    _ dimension: Dimension, _ found: Int, _ input: Input, _ axis: Int, _ extents: inout [Symbol: Int]
  ) throws(BindingError) {
    if let constant = dimension.constant, constant != found {
      throw BindingError(input: input.name, axis: axis, found: "\(found)", expected: "\(constant)")
    }
    guard let symbol = dimension.symbol else { return }
    guard let earlier = extents[symbol] else {
      extents[symbol] = found
      return
    }
    if earlier != found {
      let name = symbol.text(symbols: symbols)
      throw BindingError(
        input: input.name, axis: axis, symbol: name, found: "\(found)",
        expected: "\(earlier), as '\(name)' is elsewhere")
    }
  }
}
