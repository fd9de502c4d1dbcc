import GraphIR
import Tensors
import _StringProcessing

extension Strings {
  /// The tokens of each string along a new last axis. Without any token in any string that axis is empty.
  static func tokenize(
    _ x: Tensor, _ tokenization: Tokenization, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let expression = try tokenization.expression.map { try regex($0, node) }
    let splitsScalars = tokenization.separators == [""]
    let separators = try splitsScalars ? [] : tokenization.separators.map { try regex($0, node) }
    let rows = x.strings.map { text -> [String] in
      var tokens: [Substring]
      if let expression {
        tokens = text.matches(of: expression).map { text[$0.range] }
      } else if splitsScalars {
        tokens = text.unicodeScalars.indices.map { text[$0..<text.unicodeScalars.index(after: $0)] }
      } else {
        tokens = [text[...]]
        for separator in separators { tokens = tokens.flatMap { split($0, at: separator) } }
      }
      tokens.removeAll { $0.isEmpty || $0.unicodeScalars.count < tokenization.minimumLength }
      return tokens.map(String.init)
    }
    let isEmpty = x.strings.allSatisfy(\.isEmpty)
    let marks = tokenization.marksEnds && !isEmpty
    let width = (rows.lazy.map(\.count).max() ?? 0) + (marks ? 2 : 0)
    let shape = try context.checkedShape(x.shape.dimensions + [width], of: .string, for: node)
    var padded: [String] = []
    padded.reserveCapacity(shape.elementCount)
    for row in rows {
      let tokens = marks ? ["\u{2}"] + row + ["\u{3}"] : row
      padded += tokens
      padded += repeatElement(tokenization.padding, count: width - tokens.count)
    }
    return Tensor(shape, strings: padded)
  }

  private static func split(_ text: Substring, at separator: Regex<AnyRegexOutput>) -> [Substring] {
    var pieces: [Substring] = []
    var start = text.startIndex
    for match in text.matches(of: separator) where !match.range.isEmpty {
      pieces.append(text[start..<match.range.lowerBound])
      start = match.range.upperBound
    }
    return pieces + [text[start...]]
  }
}
