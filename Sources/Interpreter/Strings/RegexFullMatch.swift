import GraphIR
import Tensors
import _StringProcessing

extension Strings {
  /// Whether each whole string matches `pattern`. Its syntax is RE2's: `\w`, `\d`, `\s` and `\b` speak of ASCII, and a
  /// dot is one Unicode scalar other than a line feed.
  static func fullMatch(
    _ x: Tensor, pattern: String, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let regex = try regex(pattern, node)
    let result = try context.makeTensor(.bool, x.shape)
    let strings = x.strings
    try result.withMutableElements(of: Bool.self) { matches in
      for index in matches.indices { matches[index] = try regex.wholeMatch(in: strings[index]) != nil }
    }
    return result
  }

  /// An expression in RE2's syntax, with its meaning.
  static func regex(_ pattern: String, _ node: Node) throws -> Regex<AnyRegexOutput> {
    do {
      return try Regex(pattern)
        .matchingSemantics(.unicodeScalar)
        .asciiOnlyWordCharacters()
        .asciiOnlyDigits()
        .asciiOnlyWhitespace()
        .asciiOnlyCharacterClasses()
        .wordBoundaryKind(.simple)
    } catch {
      throw EvaluationError(node, "pattern '\(pattern)': \(error)", expected: "a regular expression in RE2's syntax")
    }
  }
}
