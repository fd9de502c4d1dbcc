import Tensors

/// Makes a graph node by node, inferring types as it goes.
///
/// A builder of a region is made by `region(named:)`; it shares the symbols of its root.
public final class GraphBuilder {
  public private(set) var graph: Graph
  private let root: GraphBuilder?
  private var symbolsByName: [String: Symbol] = [:]
  /// Names that fresh symbols must not take, because a text will use them.
  var reservedNames: Set<String> = []
  /// Goes into every node added from now on: see `Node.source`.
  public var source: String?

  public init(name: String, symbols: [SymbolInfo] = []) {
    graph = Graph(name: name, values: [], nodes: [], inputs: [], outputs: [], symbols: symbols)
    root = nil
    for (index, symbol) in symbols.enumerated() where symbolsByName[symbol.name] == nil {
      symbolsByName[symbol.name] = Symbol(Int32(index))
    }
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
    if let symbol = owner.symbolsByName[name] { return symbol }
    return owner.makeSymbol(name)
  }

  /// A new symbol for an extent that only a run can tell.
  public func freshSymbol() -> Symbol {
    let owner = root ?? self
    var index = owner.graph.symbols.count
    // A model may use such names itself.
    while owner.symbolsByName["?\(index)"] != nil || owner.reservedNames.contains("?\(index)") { index += 1 }
    return owner.makeSymbol("?\(index)")
  }

  /// The symbols of the outermost graph.
  public var symbols: [SymbolInfo] { (root ?? self).graph.symbols }

  private func makeSymbol(_ name: String) -> Symbol {
    let symbol = Symbol(Int32(graph.symbols.count))
    graph.symbols.append(SymbolInfo(name: name))
    symbolsByName[name] = symbol
    return symbol
  }

  /// Made by `freshSymbol`, not named by a model.
  public func isFresh(_ symbol: Symbol) -> Bool {
    (root ?? self).graph.symbols[Int(symbol.index)].name.hasPrefix("?")
  }

  // MARK: Values

  public func type(of id: ValueID) -> ValueType { graph.type(of: id) }

  /// A parameter of the graph. `elements` says what is known of a small integer parameter: see `Value.elements`.
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

  /// A parameter of a region for a value of the graph around it, of which everything that is known stays known.
  @discardableResult
  public func capture(_ id: ValueID, of outer: GraphBuilder) -> ValueID {
    let value = outer.graph[id]
    return input(value.name, value.type, elements: value.elements)
  }

  /// The elements of a small integer or bool tensor as extents, row-major, where they are known.
  public func elements(of id: ValueID) -> [Dimension]? { graph[id].elements }

  /// The tensor that `id` is whatever the inputs are: a constant, or a small integer or bool tensor that the type
  /// rules could compute.
  public func constantValue(of id: ValueID) -> Tensor? { graph.constantValue(of: id) }

  public func setOutputs(_ outputs: [ValueID]) { graph.outputs = outputs }

  public func setName(_ name: String?, of id: ValueID) { graph.values[Int(id.index)].name = name }

  /// Adds a node; its results' types come from `TypeRules`, unless `known` gives them: see `results(of:in:operands:)`.
  public func add(
    _ operation: Operation, _ operands: [ValueID], regions: [Graph] = [], known: [InferredResult]? = nil
  ) throws -> [ValueID] {
    let inferred: [InferredResult]
    do {
      inferred =
        try known
        ?? TypeRules.infer(operation, operands: operands.map { graph[$0] }, regions: regions, builder: self)
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

  /// What is known of a node's results when it is added again, on `operands`: what the other graph, which shares its
  /// symbols with this one, says of them, where as much is known of the operands there as here; nil where the rules must
  /// look again. Saves the time of passes that change few nodes.
  public func results(of node: Node, in other: Graph, operands: [ValueID]) -> [InferredResult]? {
    guard node.regions.isEmpty, operands.count == node.operands.count else { return nil }
    for (new, old) in zip(operands, node.operands)
    where !graph.values[Int(new.index)].isKnown(as: other.values[Int(old.index)]) {
      return nil
    }
    return node.results.map {
      InferredResult(other.values[Int($0.index)].type, elements: other.values[Int($0.index)].elements)
    }
  }

  /// Another name for what a rule inferred: the parser's way to keep the symbols that a text names.
  func declare(_ type: ValueType, elements: [Dimension]?, of id: ValueID) {
    graph.values[Int(id.index)].type = type
    if let elements { graph.values[Int(id.index)].elements = elements }
  }

  private func append(_ value: Value) -> ValueID {
    graph.values.append(value)
    return ValueID(graph.values.count - 1)
  }
}

extension Value {
  /// Whether a rule that looks at either says the same.
  fileprivate func isKnown(as other: Value) -> Bool {
    guard type == other.type, elements == other.elements else { return false }
    switch (constant, other.constant) {
    case (nil, nil): return true
    case (let constant?, let otherConstant?):
      return constant.storage === otherConstant.storage && constant.byteOffset == otherConstant.byteOffset
    default: return false
    }
  }
}
