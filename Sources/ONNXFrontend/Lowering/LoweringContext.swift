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
    if let known = builder.constantValue(of: value) { return known }
    var folder = ConstantFolder(builder.graph)
    if let tensor = try folder.fold(value) { return tensor }
    let roots = folder.roots(of: value)
    if !roots.values.isEmpty { throw ONNXError.requiresConstantInputs(roots.values) }
    // Shapes within the graph may follow from the values of inputs too: once the shapes of these are known and do not
    // help, only their values can.
    let known = scope.importer.options.inputTypes
    if roots.shapes.contains(where: { known[$0] == nil }) { throw ONNXError.requiresInputTypes(roots.shapes) }
    if !roots.shapes.isEmpty { throw ONNXError.requiresConstantInputs(roots.shapes) }
    throw invalid(found: "a value that only a run can tell", expected: "a constant operand")
  }

  /// `constant(_:)` as integers, flattened.
  func constantIntegers(_ index: Int) throws -> [Int] { try constantIntegers(of: operand(index)) }

  func constantIntegers(of value: ValueID) throws -> [Int] { try integers(constant(of: value)) }

  /// Like `constantIntegers`, but nil when only a run can tell.
  func knownIntegers(_ value: ValueID) throws -> [Int]? {
    if let known = builder.constantValue(of: value) { return try integers(known) }
    var folder = ConstantFolder(builder.graph)
    return try folder.fold(value).map(integers)
  }

  private func integers(_ tensor: Tensor) throws -> [Int] {
    guard tensor.elementType.isInteger else {
      throw invalid(found: "a parameter of type \(tensor.elementType.name)", expected: "integers")
    }
    return try tensor.converted(to: .int64).elements(of: Int64.self).map(Int.init)
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

  // MARK: Attributes. Absent: nil or the fallback; of another type than asked for: an error.

  func has(_ name: String) -> Bool { node.attribute(name) != nil }
  func int(_ name: String, _ fallback: Int) throws -> Int { try node.int(name) ?? fallback }
  func int(_ name: String) throws -> Int? { try node.int(name) }
  func flag(_ name: String, _ fallback: Bool = false) throws -> Bool { try node.bool(name, default: fallback) }
  func ints(_ name: String) throws -> [Int]? { try node.ints(name) }
  func float(_ name: String, _ fallback: Float) throws -> Float { try node.float(name) ?? fallback }
  func float(_ name: String) throws -> Float? { try node.float(name) }
  func floats(_ name: String) throws -> [Float]? { try node.floats(name) }
  func real(_ name: String, _ fallback: Double) throws -> Double { try node.float(name).map(Double.init) ?? fallback }
  func string(_ name: String, _ fallback: String) throws -> String { try node.string(name) ?? fallback }
  func string(_ name: String) throws -> String? { try node.string(name) }
  func strings(_ name: String) throws -> [String]? { try node.strings(name) }
  func tensor(_ name: String) throws -> Tensor? { try node.tensor(name)?.tensor() }
  func sparseTensor(_ name: String) throws -> Tensor? { try node.sparseTensor(name)?.tensor() }
  func graph(_ name: String) throws -> ONNXGraph? { try node.graph(name) }

  func elementType(attribute name: String) throws -> ElementType? {
    guard let code = try int(name) else { return nil }
    guard let type = UInt8(exactly: code).flatMap(ElementType.init(rawValue:)) else {
      throw invalid(found: "\(name) = \(code)", expected: "an element type of ONNX")
    }
    return type
  }

  // MARK: Errors

  func invalid(found: String, expected: String) -> ONNXError { node.error(found: found, expected: expected) }
}
