import Tensors

/// What a rule says of one result.
public struct InferredResult {
  public var type: ValueType
  /// See `Value.elements`.
  public var elements: [Dimension]?

  public init(_ type: ValueType, elements: [Dimension]? = nil) {
    self.type = type
    self.elements = elements
  }
}

/// Result types and symbolic values of every primitive.
public enum TypeRules {
  static func infer(
    _ operation: Operation, operands: [Value], regions: [Graph], builder: GraphBuilder
  ) throws -> [InferredResult] {
    []
  }
}
