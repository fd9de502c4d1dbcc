import GraphIR
import Tensors

extension Strings {
  /// The tokens of each string along a new last axis. Without any token in any string that axis is empty.
  static func tokenize(
    _ x: Tensor, _ tokenization: Tokenization, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let expression = try tokenization.expression.map { try regularExpression($0, node) }
    let splitsScalars = tokenization.separators == [""]
    let separators = try splitsScalars ? [] : tokenization.separators.map { try regularExpression($0, node) }
    let rows = try x.strings.map { text -> [String] in
      let scalars = Array(text.unicodeScalars)
      var tokens: [ArraySlice<Unicode.Scalar>]
      if let expression {
        tokens = try expression.matches(in: scalars, check: context.checkDeadline).map { scalars[$0] }
      } else if splitsScalars {
        tokens = scalars.indices.map { scalars[$0...$0] }
      } else {
        tokens = [scalars[...]]
        for separator in separators { tokens = try tokens.flatMap { try split($0, at: separator, context) } }
      }
      tokens.removeAll { $0.isEmpty || $0.count < tokenization.minimumLength }
      return tokens.map { String(String.UnicodeScalarView($0)) }
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

  private static func split(
    _ text: ArraySlice<Unicode.Scalar>, at separator: RegularExpression, _ context: EvaluationContext
  ) throws -> [ArraySlice<Unicode.Scalar>] {
    let scalars = Array(text)
    var pieces: [ArraySlice<Unicode.Scalar>] = []
    var start = 0
    for match in try separator.matches(in: scalars, check: context.checkDeadline) {
      pieces.append(scalars[start..<match.lowerBound])
      start = match.upperBound
    }
    return pieces + [scalars[start...]]
  }
}
