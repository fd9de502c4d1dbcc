import GraphIR
import Tensors

/// One ONNX node while it is lowered: its operands, attributes and version, and the builder to lower into.
struct LoweringContext {
  let scope: Scope
  let node: ONNXNode
  /// Version of the node's operator set that the file imports.
  let version: Int

  var builder: GraphBuilder { scope.builder }

  // MARK: Operands

  var operandCount: Int { node.inputs.count }

  func hasOperand(_ index: Int) -> Bool { index < node.inputs.count && !node.inputs[index].isEmpty }

  /// A required operand.
  func operand(_ index: Int) throws -> ValueID {
    guard hasOperand(index) else {
      throw invalid(found: "no operand \(index)", expected: "at least \(index + 1) operands")
    }
    return try scope.resolve(node.inputs[index])
  }

  /// An optional operand.
  func optionalOperand(_ index: Int) throws -> ValueID? {
    hasOperand(index) ? try scope.resolve(node.inputs[index]) : nil
  }

  /// All operands; none may be left out.
  func operands() throws -> [ValueID] { try node.inputs.indices.map(operand) }

  /// Whether the file uses output `index`.
  func usesOutput(_ index: Int) -> Bool { index < node.outputs.count && !node.outputs[index].isEmpty }

  /// The value of an operand that decides the form of the graph. Computed now if it can be; otherwise asks for the
  /// graph inputs that it depends on.
  func constant(_ index: Int) throws -> Tensor { try constant(of: operand(index)) }

  func constant(of value: ValueID) throws -> Tensor {
    var folder = ConstantFolder(builder.graph)
    if let tensor = try folder.fold(value) { return tensor }
    let roots = folder.roots(of: value)
    if !roots.values.isEmpty { throw ONNXError.requiresConstantInputs(roots.values) }
    if !roots.shapes.isEmpty { throw ONNXError.requiresInputTypes(roots.shapes) }
    throw invalid(found: "a value that only a run can tell", expected: "a constant operand")
  }

  /// `constant(_:)` as integers, flattened.
  func constantIntegers(_ index: Int) throws -> [Int] {
    let tensor = try constant(index)
    guard tensor.elementType.isInteger else {
      throw invalid(found: "operand \(index) of type \(tensor.elementType.name)", expected: "integers")
    }
    return try tensor.elements(of: Int64.self).map(Int.init)
  }

  func rank(_ value: ValueID) throws -> Int { try builder.rank(of: value) }
  func elementType(_ value: ValueID) throws -> ElementType { try builder.elementType(of: value) }

  /// An axis in `0..<rank`, from one that may count from the end.
  func axis(_ axis: Int, rank: Int) throws -> Int {
    let resolved = axis < 0 ? axis + rank : axis
    guard (0..<rank).contains(resolved) else {
      throw invalid(found: "axis \(axis)", expected: "an axis of a tensor of rank \(rank)")
    }
    return resolved
  }

  func axes(_ axes: [Int], rank: Int) throws -> [Int] {
    let resolved = try axes.map { try axis($0, rank: rank) }
    guard Set(resolved).count == resolved.count else { throw invalid(found: "axes \(axes)", expected: "distinct axes") }
    return resolved
  }

  // MARK: Attributes

  func attribute(_ name: String) -> ONNXAttribute? {
    guard let attribute = node.attributes.first(where: { $0.name == name }) else { return nil }
    return attribute.refAttrName.isEmpty ? attribute : scope.attributeBindings[attribute.refAttrName]
  }

  func has(_ name: String) -> Bool { attribute(name) != nil }

  func int(_ name: String, _ fallback: Int) throws -> Int { try int(name) ?? fallback }
  func int(_ name: String) throws -> Int? {
    try read(name, "an integer") { if case .int(let value) = $0 { Int(value) } else { nil } }
  }
  func flag(_ name: String, _ fallback: Bool = false) throws -> Bool { try int(name, fallback ? 1 : 0) != 0 }
  func ints(_ name: String) throws -> [Int]? {
    try read(name, "integers") { if case .ints(let value) = $0 { value.map(Int.init) } else { nil } }
  }
  func float(_ name: String, _ fallback: Float) throws -> Float { try float(name) ?? fallback }
  func float(_ name: String) throws -> Float? {
    try read(name, "a float") { if case .float(let value) = $0 { value } else { nil } }
  }
  func real(_ name: String, _ fallback: Double) throws -> Double { try float(name).map(Double.init) ?? fallback }
  func floats(_ name: String) throws -> [Float]? {
    try read(name, "floats") { if case .floats(let value) = $0 { value } else { nil } }
  }
  func string(_ name: String, _ fallback: String) throws -> String { try string(name) ?? fallback }
  func string(_ name: String) throws -> String? {
    try read(name, "a string") { if case .string(let value) = $0 { String(decoding: value, as: UTF8.self) } else { nil } }
  }
  func strings(_ name: String) throws -> [String]? {
    try read(name, "strings") {
      if case .strings(let values) = $0 { values.map { String(decoding: $0, as: UTF8.self) } } else { nil }
    }
  }
  func tensor(_ name: String) throws -> Tensor? {
    try read(name, "a tensor") { if case .tensor(let value) = $0 { try value.tensor() } else { nil } }
  }
  func graph(_ name: String) throws -> ONNXGraph? {
    try read(name, "a graph") { if case .graph(let value) = $0 { value } else { nil } }
  }
  func elementType(attribute name: String) throws -> ElementType? {
    guard let code = try int(name) else { return nil }
    guard let type = UInt8(exactly: code).flatMap(ElementType.init(rawValue:)) else {
      throw invalid(found: "\(name) = \(code)", expected: "an element type of ONNX")
    }
    return type
  }

  private func read<Value>(
    _ name: String, _ expected: String, _ convert: (ONNXAttribute.Value) throws -> Value?
  ) throws -> Value? {
    guard let attribute = attribute(name) else { return nil }
    guard let value = try convert(attribute.value) else {
      throw invalid(found: "attribute '\(name)' of another type", expected: expected)
    }
    return value
  }

  // MARK: Errors

  func invalid(found: String, expected: String) -> ONNXError {
    .invalidNode(
      file: scope.importer.model.file, node: node.name, operator: node.opType, found: found, expected: expected)
  }
}
