import GraphIR
import Tensors

/// A named input or output of a model.
public struct Port: Sendable {
  public var name: String
  public var type: ValueType
  /// Extents as text for users: constants, the model's own names for free extents, "?" where it has none.
  public var dimensions: [String]?

  public init(name: String, type: ValueType, dimensions: [String]?) {
    self.name = name
    self.type = type
    self.dimensions = dimensions
  }

  /// "float32[N, 3, 224, 224]"
  public var description: String {
    guard let element = type.elementType else { return "\(type)" }
    return element.name + (dimensions.map { "[\($0.joined(separator: ", "))]" } ?? "[…]")
  }
}
