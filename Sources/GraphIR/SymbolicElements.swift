import Tensors

/// Small integer tensors whose elements are tracked as extents: shapes, starts, pads and the arithmetic on them.
enum SymbolicElements {
  /// Larger tensors are data, not shapes.
  static let maximumCount = 64

  static func of(_ tensor: Tensor) -> [Dimension]? {
    guard tensor.elementCount <= maximumCount else { return nil }
    switch tensor.elementType {
    case .int64: return tensor.withElements(of: Int64.self) { $0.map { .constant(Int($0)) } }
    case .int32: return tensor.withElements(of: Int32.self) { $0.map { .constant(Int($0)) } }
    default: return nil
    }
  }
}
