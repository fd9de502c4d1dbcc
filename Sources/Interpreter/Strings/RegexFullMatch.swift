import GraphIR
import Tensors

extension Strings {
  /// Whether each whole string matches `pattern`.
  static func fullMatch(
    _ x: Tensor, pattern: String, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let expression = try regularExpression(pattern, node)
    let result = try context.makeTensor(.bool, x.shape)
    let strings = x.strings
    try result.withMutableElements(of: Bool.self) { matches in
      for index in matches.indices {
        matches[index] = try expression.matchesWhole(strings[index], check: context.checkDeadline)
      }
    }
    return result
  }

  /// An expression in RE2's syntax.
  static func regularExpression(_ pattern: String, _ node: Node) throws -> RegularExpression {
    do {
      return try RegularExpression(pattern)
    } catch {
      throw EvaluationError(node, "pattern '\(pattern)': \(error)", expected: "a regular expression in RE2's syntax")
    }
  }
}
