import ModelFiles
import Tensors

/// Why an ONNX model cannot be read or imported: what was found, where, and what was expected instead.
public enum ONNXError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file cannot be opened or mapped.
  case unreadable(ModelFileError)
  /// The bytes are not what ONNX's protobuf schema says; `offset` counts bytes from the start of the file.
  case malformed(file: String, offset: Int, problem: String)
  /// The bytes are fine and the model is not.
  case invalidModel(file: String, problem: String)
  /// No lowering for this operator in this version of its domain.
  case unsupportedOperator(file: String, node: String, operator: String, domain: String, version: Int)
  /// An input, output or attribute of a node is not what its operator takes.
  case invalidNode(file: String, node: String, operator: String, found: String, expected: String)
  /// Weights that lie in a file beside the model.
  case externalData(file: String, tensor: String, problem: String)
  case outOfMemory(file: String, bytes: Int)
  /// The graph cannot be lowered until the values of these inputs are given.
  case requiresConstantInputs([String])
  /// The graph cannot be lowered until the element types and ranks of these inputs are given.
  case requiresInputTypes([String])

  /// Nothing that a caller could tell about the inputs helps.
  var isFinal: Bool {
    switch self {
    case .requiresConstantInputs, .requiresInputTypes: false
    default: true
    }
  }

  public var description: String {
    switch self {
    case .unreadable(let error): error.description
    case .malformed(let file, let offset, let problem): "\(file): malformed at byte \(offset): \(problem)"
    case .invalidModel(let file, let problem): "\(file): \(problem)"
    case .unsupportedOperator(let file, let node, let name, let domain, let version):
      "\(file): node '\(node)': operator \(name) of domain \(Self.displayName(ofDomain: domain)) "
        + "version \(version) is not supported; if it belongs to a published operator set, please report it with this line"
    case .invalidNode(let file, let node, let name, let found, let expected):
      "\(file): node '\(node)' (\(name)): found \(found), expected \(expected)"
    case .externalData(let file, let tensor, let problem): "\(file): external data of tensor '\(tensor)': \(problem)"
    case .outOfMemory(let file, let bytes): "\(file): out of memory: \(bytes) bytes asked for"
    case .requiresConstantInputs(let names):
      "the model's structure depends on the values of its inputs \(Self.list(names)): give them as constants"
    case .requiresInputTypes(let names):
      "the model does not say the types and ranks of its inputs \(Self.list(names)): give them when loading"
    }
  }

  private static func displayName(ofDomain domain: String) -> String { domain.isEmpty ? "ai.onnx" : domain }

  private static func list(_ names: [String]) -> String { names.map { "'\($0)'" }.joined(separator: ", ") }

  init(_ error: WireError) {
    self = .malformed(file: error.file, offset: error.offset, problem: "\(error.field): \(error.problem)")
  }

  init(_ error: TensorError, file: String) {
    switch error {
    case .outOfMemory(let bytes): self = .outOfMemory(file: file, bytes: bytes)
    default: self = .invalidModel(file: file, problem: error.description)
    }
  }
}
