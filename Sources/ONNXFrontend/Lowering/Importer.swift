import GraphIR
import Tensors

/// What the importer is told beyond the file.
public struct ImportOptions: Sendable {
  /// Types of graph inputs that replace the declared ones: for files that leave ranks out.
  public var inputTypes: [String: ValueType] = [:]
  /// Values of graph inputs that the graph's form depends on (axes, and the like): lowering treats them as constants.
  public var inputConstants: [String: Tensor] = [:]
  /// Inputs of the graph that an initializer gives a value for, and that are inputs all the same.
  public var overriddenInitializers: Set<String> = []

  public init() {}
}

/// Lowers an ONNX model to primitives.
///
/// A name is resolved in a `Scope`; every node is looked up in `OperatorTable` and lowered by its family's function;
/// model-local functions are inlined.
public struct Importer {
  let options: ImportOptions
  let model: ONNXModel
  /// Model-local functions by domain, name and overload.
  private let functions: [[String]: ONNXFunction]

  public init(_ model: ONNXModel, options: ImportOptions = ImportOptions()) {
    self.model = model
    self.options = options
    functions = Dictionary(model.functions.map { ([$0.domain, $0.name, $0.overload], $0) }) { first, _ in first }
  }

  var file: String { model.source.file.path }

  func function(for node: ONNXNode) -> ONNXFunction? {
    functions.isEmpty ? nil : functions[[node.domain, node.opType, node.overload]]
  }

  /// Functions may call functions; a file that nests them deeper than this is refused.
  static let maximumInliningDepth = 64

  /// The graph, or `ONNXError`: `.requiresConstantInputs` and `.requiresInputTypes` ask to be called again with
  /// these options, anything else is final.
  public func importGraph() throws -> Graph { try importGraph(ImportProgress(findsAll: false)) }

  /// All that is wrong with the model: wrong nodes are left out, with what depends on them, and the others looked at.
  /// Empty for a model that can be lowered, or that could be with what `requiresConstantInputs` and
  /// `requiresInputTypes` ask for.
  public func problems() -> [ONNXError] {
    let progress = ImportProgress(findsAll: true)
    do { _ = try importGraph(progress) } catch { progress.note(error, file: file) }
    return progress.problems
  }

  private func importGraph(_ progress: ImportProgress) throws -> Graph {
    let builder = GraphBuilder(name: model.graph.name.isEmpty ? "main" : model.graph.name)
    let scope = Scope(builder: builder, importer: self, opsets: model.opsetImports, progress: progress)
    for input in freeInputs {
      try scope.defining([input.name]) {
        let type = try options.inputTypes[input.name] ?? valueType(of: input, builder)
        let value = builder.input(input.name, type)
        scope.define(
          input.name, options.inputConstants[input.name].map { builder.constant($0, name: input.name) } ?? value)
      }
    }
    try scope.lower(model.graph, overridden: options.overriddenInitializers)
    var outputs: [ValueID] = []
    for output in model.graph.outputs {
      try scope.defining([]) {
        let value = try scope.resolve(output.name)
        builder.setName(output.name, of: value)
        outputs.append(value)
      }
    }
    builder.setOutputs(outputs)
    return builder.graph
  }

  /// Inputs of the graph that the caller gives.
  private var freeInputs: [ONNXValueInfo] {
    let constants = model.graph.initializerNames.subtracting(options.overriddenInitializers)
    return model.graph.inputs.filter { !constants.contains($0.name) }
  }

  /// Whether there are names, and all are inputs of the graph that the options give no value for.
  func areInputs(_ names: [String]) -> Bool {
    !names.isEmpty
      && names.allSatisfy { name in
        options.inputConstants[name] == nil && model.graph.inputs.contains { $0.name == name }
      }
  }

  /// Inputs of the graph that the options give no type for and whose declared type leaves an extent open.
  var inputsOfUnknownShape: [String] {
    freeInputs.filter { input in
      guard options.inputTypes[input.name] == nil else { return false }
      guard case .tensor(_, let dimensions?) = input.type else { return true }
      return dimensions.contains { if case .value = $0 { false } else { true } }
    }.map(\.name)
  }

  /// The declared type; extents that the file names become symbols, the others fresh ones.
  func valueType(of input: ONNXValueInfo, _ builder: GraphBuilder) throws -> ValueType {
    guard let type = input.type, let converted = valueType(type, name: input.name, builder) else {
      throw ONNXError.requiresInputTypes([input.name])
    }
    return converted
  }

  func valueType(_ type: ONNXType, name: String, _ builder: GraphBuilder) -> ValueType? {
    switch type {
    case .tensor(let element?, nil):
      return .unrankedTensor(element)
    case .tensor(let element?, let dimensions?):
      return .tensor(
        TensorType(
          element,
          dimensions.map { dimension in
            switch dimension {
            case .value(let extent): .constant(extent)
            case .parameter(let name): Dimension(builder.symbol(named: name))
            case .unknown: Dimension(builder.freshSymbol())
            }
          }))
    case .sequence(let element): return valueType(element, name: name, builder).map(ValueType.sequence)
    case .optional(let element): return valueType(element, name: name, builder).map(ValueType.optional)
    case .map(let key?, let value):
      return valueType(value, name: name, builder).map { .map(key: key, value: $0) }
    default: return nil
    }
  }
}
