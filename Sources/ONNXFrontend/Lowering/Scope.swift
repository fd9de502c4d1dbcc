import GraphIR
import Interpreter
import Tensors

/// Names in sight while one graph, function body or region is lowered.
///
/// A region's scope has its own builder: a name found outside becomes a capture (or, when it is constant, a constant
/// of the region). A function's scope shares the builder of its caller and sees nothing of it but the arguments.
final class Scope {
  let builder: GraphBuilder
  let importer: Importer
  /// Version of each operator set, by domain; "" is ai.onnx.
  let opsets: [String: Int]
  /// Attributes that a function's call binds, by the names its body refers to.
  var attributeBindings: [String: ONNXAttribute] = [:]
  private let outer: Scope?
  private let progress: ImportProgress
  /// Functions whose bodies this scope lies in, outermost first.
  private let calls: [[String]]
  private var values: [String: ValueID] = [:]
  /// Names without a value because of a problem that was noted.
  private var unknown: Set<String> = []
  /// What a region takes from outside: ids of the outer scope, in the order of the region's last inputs.
  private(set) var captures: [ValueID] = []

  init(builder: GraphBuilder, importer: Importer, opsets: [String: Int], progress: ImportProgress) {
    self.builder = builder
    self.importer = importer
    self.opsets = opsets
    self.progress = progress
    outer = nil
    calls = []
  }

  private init(builder: GraphBuilder, outer: Scope?, from scope: Scope, opsets: [String: Int], calls: [[String]]) {
    self.builder = builder
    self.importer = scope.importer
    self.opsets = opsets
    progress = scope.progress
    self.outer = outer
    self.calls = calls
  }

  func region(named name: String) -> Scope {
    let scope = Scope(
      builder: builder.region(named: name), outer: self, from: self, opsets: opsets, calls: calls)
    scope.attributeBindings = attributeBindings
    return scope
  }

  /// A scope for a branch that is always taken: same builder, names of its own.
  func inlined() -> Scope {
    let scope = Scope(builder: builder, outer: self, from: self, opsets: opsets, calls: calls)
    scope.attributeBindings = attributeBindings
    return scope
  }

  // MARK: Names

  func define(_ name: String, _ value: ValueID) { values[name] = value }

  /// The value of a name, captured from outside if need be.
  func resolve(_ name: String) throws -> ValueID {
    if let value = values[name] { return value }
    if unknown.contains(name) { throw UnknownValue() }
    guard let outer else {
      throw ONNXError.invalidModel(
        file: importer.file, problem: "value '\(name)' is used but no node, input or initializer gives it")
    }
    let value = try capture(outer.resolve(name), name: name)
    define(name, value)
    return value
  }

  /// A value of the outer scope, usable here: a constant again, else a capture. Asking twice gives the same value.
  func capture(_ outside: ValueID, name: String? = nil) throws -> ValueID {
    guard let outer, outer.builder !== builder else { return outside }
    if let constant = outer.builder.constantValue(of: outside) { return builder.constant(constant, name: name) }
    return parameter(for: outside, name: name)
  }

  /// The region input that stands for a captured value, made on first use.
  func parameter(_ outside: ValueID) -> ValueID { parameter(for: outside, name: nil) }

  private func parameter(for outside: ValueID, name: String?) -> ValueID {
    if let index = captures.firstIndex(of: outside) {
      return builder.graph.inputs[builder.graph.inputs.count - captures.count + index]
    }
    guard let outer else { preconditionFailure("only regions capture") }
    let captured = outer.builder.graph[outside]
    captures.append(outside)
    return builder.input(name ?? captured.name, captured.type, elements: captured.elements)
  }

  // MARK: Lowering

  /// Lowers all initializers and nodes of a graph whose inputs are defined. Initializers that are defined already,
  /// because the caller gives other values for them, are passed over.
  func lower(_ graph: ONNXGraph, overridden: Set<String> = []) throws {
    for initializer in graph.initializers where !overridden.contains(initializer.name) {
      try defining([initializer.name]) {
        define(initializer.name, builder.constant(try initializer.tensor(), name: initializer.name))
      }
    }
    for initializer in graph.sparseInitializers where !overridden.contains(initializer.name) {
      try defining([initializer.name]) {
        define(initializer.name, builder.constant(try initializer.tensor(), name: initializer.name))
      }
    }
    try lower(graph.nodes)
  }

  private func lower(_ nodes: [ONNXNode]) throws {
    let order = NodeOrder(nodes)
    try defining(order.cyclic.flatMap(\.outputs)) {
      guard !order.cyclic.isEmpty else { return }
      let labels = order.cyclic.prefix(8).map { "'\($0.label)'" }.joined(separator: ", ")
      throw ONNXError.invalidModel(
        file: importer.file, problem: "nodes that use each other's results, or wait for such nodes: \(labels)")
    }
    for node in order.sorted { try defining(node.outputs) { try lower(node) } }
  }

  /// Runs what defines `names`. Where all problems are to be found, its error is noted and the names are unknown.
  func defining(_ names: [String], _ body: () throws -> Void) throws {
    guard progress.findsAll else { return try body() }
    for name in names where !name.isEmpty && (values[name] != nil || unknown.contains(name)) {
      progress.note(
        ONNXError.invalidModel(file: importer.file, problem: "value '\(name)' is defined twice"), file: importer.file)
    }
    do {
      try body()
    } catch {
      progress.note(error, file: importer.file)
      unknown.formUnion(names.lazy.filter { !$0.isEmpty && self.values[$0] == nil })
    }
  }

  func lower(_ unbound: ONNXNode) throws {
    try progress.countNode(file: importer.file)
    let node = binding(unbound)
    let results: [ValueID]
    if let function = importer.function(for: node) {
      results = try inline(function, node)
    } else {
      guard let lowering = OperatorTable.lowering(domain: node.domain, name: node.opType) else {
        throw ONNXError.unsupportedOperator(
          file: importer.file, node: node.label, operator: node.opType, domain: node.domain,
          version: opsets[node.domain] ?? 0)
      }
      // A file that forgets to import a domain it uses gets the newest version.
      let context = LoweringContext(scope: self, node: node, version: opsets[node.domain] ?? .max)
      builder.source = node.name.isEmpty ? node.opType : "\(node.opType) '\(node.name)'"
      do {
        results = try lowering(context)
      } catch let error as GraphError {
        throw context.invalid(found: error.found, expected: "\(error.expected) (\(error.operation))")
      } catch let error as EvaluationError {
        throw context.invalid(found: error.found, expected: error.expected)
      } catch let error as TensorError {
        throw ONNXError(error, file: importer.file)
      }
    }
    guard results.count >= node.outputs.lastIndex(where: { !$0.isEmpty }).map({ $0 + 1 }) ?? 0 else {
      throw node.error(found: "\(node.outputs.count) outputs", expected: "at most \(results.count)")
    }
    for (name, value) in zip(node.outputs, results) where !name.isEmpty {
      define(name, value)
      if builder.graph[value].name == nil { builder.setName(name, of: value) }
    }
  }

  /// The node with attributes that refer to the calling function's replaced by those; absent ones vanish.
  private func binding(_ node: ONNXNode) -> ONNXNode {
    guard node.attributes.contains(where: { !$0.refAttrName.isEmpty }) else { return node }
    var node = node
    node.attributes = node.attributes.compactMap { attribute in
      guard !attribute.refAttrName.isEmpty else { return attribute }
      var bound = attributeBindings[attribute.refAttrName]
      bound?.name = attribute.name
      return bound
    }
    return node
  }

  private func inline(_ function: ONNXFunction, _ node: ONNXNode) throws -> [ValueID] {
    let key = [function.domain, function.name, function.overload]
    // Found at once: two calls in each body would double the work at every level down to the limit.
    guard !calls.contains(key), calls.count < Importer.maximumInliningDepth else {
      throw ONNXError.invalidModel(
        file: importer.file, problem: "function '\(function.name)' calls itself or nests too deeply")
    }
    let body = Scope(
      builder: builder, outer: nil, from: self, opsets: opsets.merging(function.opsetImports) { $1 },
      calls: calls + [key])
    for attribute in function.attributeDefaults + node.attributes {
      body.attributeBindings[attribute.name] = attribute
    }
    for (parameter, argument) in zip(function.inputs, node.inputs) where !argument.isEmpty {
      body.define(parameter, try resolve(argument))
    }
    try body.lower(function.nodes)
    return try function.outputs.map(body.resolve)
  }
}
