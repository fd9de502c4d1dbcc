import Tensors

/// Makes a graph node by node, inferring types as it goes.
///
/// A builder of a region is made by `region(named:)`; it shares the symbols of its root.
public final class GraphBuilder {
  public private(set) var graph: Graph
  private let root: GraphBuilder?
  /// Goes into every node added from now on: see `Node.source`.
  public var source: String?

  public init(name: String, symbols: [SymbolInfo] = []) {
    graph = Graph(name: name, values: [], nodes: [], inputs: [], outputs: [], symbols: symbols)
    root = nil
  }

  private init(name: String, root: GraphBuilder) {
    graph = Graph(name: name, values: [], nodes: [], inputs: [], outputs: [], symbols: [])
    self.root = root
  }

  /// A builder for a branch, body or decomposition. Values of `self` cannot be used in it: pass them as captures.
  public func region(named name: String) -> GraphBuilder {
    let builder = GraphBuilder(name: name, root: root ?? self)
    builder.source = source
    return builder
  }

  // MARK: Symbols

  /// The symbol of that name, made on first use.
  public func symbol(named name: String) -> Symbol {
    let owner = root ?? self
    if let index = owner.graph.symbols.firstIndex(where: { $0.name == name }) { return Symbol(Int32(index)) }
    owner.graph.symbols.append(SymbolInfo(name: name))
    return Symbol(Int32(owner.graph.symbols.count - 1))
  }

  /// A new symbol for an extent that only a run can tell.
  public func freshSymbol() -> Symbol {
    let owner = root ?? self
    let index = owner.graph.symbols.count
    owner.graph.symbols.append(SymbolInfo(name: "?\(index)"))
    return Symbol(Int32(index))
  }

  /// Made by `freshSymbol`, not named by a model.
  public func isFresh(_ symbol: Symbol) -> Bool {
    (root ?? self).graph.symbols[Int(symbol.index)].name.hasPrefix("?")
  }

  // MARK: Values

  /// The tensor, for a constant and for a small integer tensor whose elements are all known.
  public func constantValue(of id: ValueID) -> Tensor? { graph[id].constant }

  public func type(of id: ValueID) -> ValueType { graph[id].type }

  /// `elements`: see `Value.elements`; for parameters of regions whose arguments are known.
  @discardableResult
  public func input(_ name: String?, _ type: ValueType, elements: [Dimension]? = nil) -> ValueID {
    let id = append(Value(type: type, origin: .input(graph.inputs.count), elements: elements, name: name))
    graph.inputs.append(id)
    return id
  }

  public func constant(_ tensor: Tensor, name: String? = nil) -> ValueID {
    append(
      Value(
        type: .tensor(TensorType(tensor.elementType, constant: tensor.shape.dimensions)), origin: .constant,
        constant: tensor, elements: SymbolicElements.of(tensor), name: name))
  }

  /// Puts the inputs in another order; `inputs` are the graph's own and perhaps some fewer.
  public func setInputs(_ inputs: [ValueID]) {
    graph.inputs = inputs
    for (position, id) in inputs.enumerated() { graph.values[Int(id.index)].origin = .input(position) }
  }

  public func setOutputs(_ outputs: [ValueID]) { graph.outputs = outputs }

  public func setName(_ name: String?, of id: ValueID) { graph.values[Int(id.index)].name = name }

  /// Adds a node; its results' types come from `TypeRules`.
  public func add(_ operation: Operation, _ operands: [ValueID], regions: [Graph] = []) throws -> [ValueID] {
    let inferred: [InferredResult]
    do {
      inferred = try TypeRules.infer(operation, operands: operands.map { graph[$0] }, regions: regions, builder: self)
    } catch var error as GraphError {
      error.source = error.source ?? source
      throw error
    }
    let node = NodeID(graph.nodes.count)
    let results = inferred.enumerated().map { index, result in
      append(Value(type: result.type, origin: .result(node, index), elements: result.elements))
    }
    graph.nodes.append(
      Node(operation: operation, operands: operands, results: results, regions: regions, source: source))
    return results
  }

  private func append(_ value: Value) -> ValueID {
    graph.values.append(value)
    return ValueID(graph.values.count - 1)
  }
}
