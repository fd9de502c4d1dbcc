/// What can go wrong with tensors and their files.
public enum TensorError: Error, Equatable, CustomStringConvertible {
  case outOfMemory(bytes: Int)
  /// An operation does not exist for a type: what was asked, and of which type.
  case unsupportedType(ElementType, operation: String)
  /// Malformed `.npy`, `.npz` or JSON: where (file, member or byte) and what is wrong with it.
  case malformed(source: String, problem: String)

  public var description: String {
    switch self {
    case .outOfMemory(let bytes): "out of memory: \(bytes) bytes asked for"
    case .unsupportedType(let type, let operation): "\(operation) is not defined for \(type.name)"
    case .malformed(let source, let problem): "\(source): \(problem)"
    }
  }
}
