/// A node that the type rules or the verifier refuse.
public struct GraphError: Error, Equatable, CustomStringConvertible {
  /// The primitive, and where it came from in the file.
  public var operation: String
  public var source: String?
  public var found: String
  public var expected: String

  public init(operation: String, source: String? = nil, found: String, expected: String) {
    self.operation = operation
    self.source = source
    self.found = found
    self.expected = expected
  }

  public var description: String {
    let place = source.map { "\($0) (\(operation))" } ?? operation
    return "\(place): expected \(expected), found \(found)"
  }
}
