import GraphIR
import KernelIR
import ONNXFrontend
import Passes
import Synchronization
import Tensors
import X86

/// A loaded model. Safe to use from any thread.
///
/// The file is lowered once. A model whose form depends on the values (axes, say) or undeclared ranks of inputs is
/// lowered once for each distinct set of them: a `Variant`.
public final class Model: Sendable {
  public let path: String
  /// What a request must give, in the file's order.
  public let inputs: [Port]
  public let outputs: [Port]
  /// Inputs that the file gives a value for, which a run may replace: `Session.run(_:overriding:)`.
  public let optionalInputs: [Port]

  /// What was asked for.
  public let precision: Precision
  /// What the model runs at: a precision that this CPU has no instructions for is float32.
  public var runningPrecision: Precision { machine?.runningPrecision ?? .float32 }
  /// The instructions that its kernels are generated for, as APUS_CPU names them: "avx512", or "interpreter" for none.
  public var instructionSet: String { machine.map { "\($0.instructionSet)" } ?? "interpreter" }

  let onnx: ONNXModel
  /// Generates and keeps code and packed weights; nil where plans are interpreted.
  let machine: Machine?
  /// The lowering of a model whose form depends on no input; nil for the others.
  private let soleVariant: Variant?
  private let state: Mutex<State>
  /// Optional inputs that this model takes like the others.
  private let overridden: Set<String>
  /// The same file with some of the optional inputs as inputs, by their names.
  private let siblings = Mutex<[Set<String>: Model]>([:])

  /// One lowering of the file.
  final class Variant: Sendable {
    let graph: Graph
    init(graph: Graph) { self.graph = graph }
  }

  private struct State {
    /// Inputs whose values, and inputs whose types, lowering was found to need.
    var constantInputs: Set<Int> = []
    var typedInputs: Set<Int> = []
    var variants: [VariantKey: Variant] = [:]
  }

  fileprivate struct VariantKey: Hashable {
    var constants: [[UInt8]]
    var types: [ValueType]
  }

  /// A model does not keep more lowerings than this; a client that sends ever new axes pays for each.
  private static let maximumVariantCount = 64

  /// Each set of optional inputs costs a lowering, too.
  private static let maximumSiblingCount = 8

  /// Loads an `.onnx` file. Throws `ONNXError`, and `EngineError.machine` when APUS_CPU asks for what the CPU lacks.
  /// - Parameters:
  ///   - precision: of what the model has in float32.
  ///   - isBatchInvariant: whether a row must have the same bits alone and in any batch. Leaves out AMX's tiles for
  ///     products of float32, and so `Precision.fast`.
  public convenience init(path: String, precision: Precision = .float32, isBatchInvariant: Bool = false) throws {
    try self.init(ONNXModel(path: path), precision: precision, isBatchInvariant: isBatchInvariant)
  }

  /// The same for a model that is parsed already.
  public convenience init(
    _ onnx: ONNXModel, precision: Precision = .float32, isBatchInvariant: Bool = false
  ) throws {
    let machine = try Machine.current(precision, isBatchInvariant: isBatchInvariant)
    try self.init(onnx, precision, machine, overridden: [])
  }

  /// The same for code of this level, whatever this process would choose.
  package convenience init(path: String, precision: Precision = .float32, _ instructionSet: InstructionSet) throws {
    let machine = Machine(instructionSet, precision: precision)
    try self.init(ONNXModel(path: path), precision, machine, overridden: [])
  }

  private init(_ onnx: ONNXModel, _ precision: Precision, _ machine: Machine?, overridden: Set<String>) throws {
    self.precision = precision
    self.machine = machine
    self.onnx = onnx
    self.overridden = overridden
    path = onnx.source.file.path
    let initialized = onnx.graph.initializerNames
    inputs = onnx.graph.inputs.filter { !initialized.contains($0.name) || overridden.contains($0.name) }.map(Port.init)
    // Files of the first versions list every weight as an input.
    optionalInputs = onnx.irVersion < 4 ? [] : onnx.graph.inputs.filter { initialized.contains($0.name) }.map(Port.init)
    // Lowering now finds what is wrong with the file at load, and gives outputs types that the file leaves out. A
    // model that needs values or ranks first is lowered at its first run.
    var state = State()
    let variant = try Self.lower(onnx, machine, inputs: inputs, overridden: overridden, values: nil, &state)
    soleVariant = variant
    outputs = onnx.graph.outputs.enumerated().map { index, output in
      let declared = Port(output)
      guard let graph = variant?.graph else { return declared }
      return Port(name: output.name, type: graph.type(of: graph.outputs[index]), declared: declared, graph: graph)
    }
    self.state = Mutex(state)
  }

  /// This model with these optional inputs among its inputs, in the file's order. Others keep the file's values.
  /// Throws `EngineError.unknownInput` for names that are none.
  func taking(_ names: Set<String>) throws -> Model {
    if let name = names.sorted().first(where: { name in !optionalInputs.contains { $0.name == name } }) {
      throw EngineError.unknownInput(name, known: (inputs + optionalInputs).map(\.name))
    }
    return try siblings.withLock { siblings in
      if let known = siblings[names] { return known }
      if siblings.count >= Self.maximumSiblingCount { siblings.removeAll() }
      let model = try Model(onnx, precision, machine, overridden: names)
      siblings[names] = model
      return model
    }
  }

  /// The lowering for these input values.
  func variant(for values: [RuntimeValue]) throws -> Variant {
    if let soleVariant { return soleVariant }
    // What follows reads the values, so that they are looked at before.
    try check(values)
    return try state.withLock { state in
      let key = VariantKey(state.constantInputs, state.typedInputs, values)
      if let known = state.variants[key] { return known }
      guard let variant = try Self.lower(onnx, machine, inputs: inputs, overridden: overridden, values: values, &state)
      else {
        throw EngineError.evaluation("the model's form depends on values that only a run can tell")
      }
      if state.variants.count >= Self.maximumVariantCount { state.variants.removeAll() }
      state.variants[VariantKey(state.constantInputs, state.typedInputs, values)] = variant
      return variant
    }
  }

  /// Lowers with what `values` tell of the inputs that need it, asking for more until it succeeds; nil when there
  /// are no values to tell.
  private static func lower(
    _ onnx: ONNXModel, _ machine: Machine?, inputs: [Port], overridden: Set<String>, values: [RuntimeValue]?,
    _ state: inout State
  ) throws -> Variant? {
    let positions = Dictionary(inputs.enumerated().map { ($1.name, $0) }) { first, _ in first }
    while true {
      var options = ImportOptions()
      options.overriddenInitializers = overridden
      if let values {
        for index in state.constantInputs { options.inputConstants[inputs[index].name] = values[index].tensor }
        for index in state.typedInputs { options.inputTypes[inputs[index].name] = values[index].type }
      }
      do {
        var graph = try Importer(onnx, options: options).importGraph()
        graph.name = GraphDump.modelName(path: onnx.source.file.path)
        var pipeline = Pipeline.canonical
        if machine?.runningPrecision == .bfloat16 { pipeline.completion.append(.evenChannels) }
        return Variant(graph: try GraphDump.tracing(pipeline, [graph.name]).run(graph))
      } catch let error as GraphError {
        // What a pass finds wrong with constants is wrong with the file.
        throw ONNXError.invalidModel(file: onnx.source.file.path, problem: error.description)
      } catch ONNXError.requiresConstantInputs(let names) {
        let needed = Set(names.compactMap { positions[$0] })
        // Asking again for what was given would go on for ever.
        guard !needed.isEmpty, !needed.isSubset(of: state.constantInputs) || values == nil else {
          throw ONNXError.requiresConstantInputs(names)
        }
        state.constantInputs.formUnion(needed)
      } catch ONNXError.requiresInputTypes(let names) {
        let needed = Set(names.compactMap { positions[$0] })
        guard !needed.isEmpty, !needed.isSubset(of: state.typedInputs) || values == nil else {
          throw ONNXError.requiresInputTypes(names)
        }
        state.typedInputs.formUnion(needed)
      }
      if values == nil { return nil }
    }
  }
}

extension Model.VariantKey {
  fileprivate init(_ constantInputs: Set<Int>, _ typedInputs: Set<Int>, _ values: [RuntimeValue]) {
    constants = constantInputs.sorted().map { index in
      guard let tensor = values[index].tensor else { return [] }
      // Each string ends with a byte that UTF-8 never has.
      if tensor.elementType == .string { return tensor.strings.flatMap { Array($0.utf8) + [0xFF] } }
      return [tensor.elementType.rawValue]
        + [UInt8](UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
        + tensor.shape.dimensions.flatMap { withUnsafeBytes(of: $0) { [UInt8]($0) } }
    }
    types = typedInputs.sorted().map { values[$0].type }
  }
}

extension RuntimeValue {
  /// The type, with constant extents; that of an empty sequence or optional is a guess that fits anything.
  var type: ValueType {
    switch self {
    case .tensor(let tensor): .tensor(TensorType(tensor.elementType, constant: tensor.shape.dimensions))
    case .sequence(let elements): .sequence(elements.first?.type ?? .unrankedTensor(.float32))
    case .optional(let element): .optional(element?.type ?? .unrankedTensor(.float32))
    case .map(let keys, let values): .map(key: keys.elementType, value: values.first?.type ?? .unrankedTensor(.float32))
    }
  }
}
