import GraphIR
import Tensors

/// Operators on strings.
enum StringOperators {
  static let table: [String: Lowering] = [
    "StringConcat": { c in [try c.builder.one(.stringConcatenate, [c.operand(0), c.operand(1)])] },
    "StringSplit": { c in
      let delimiter = try c.string("delimiter", "")
      return try c.builder.add(
        .stringSplit(delimiter: delimiter.isEmpty ? nil : delimiter, maximumSplits: c.int("maxsplit")),
        [c.operand(0)])
    },
    "RegexFullMatch": { c in
      [try c.builder.one(.regexFullMatch(pattern: c.string("pattern", "")), [c.operand(0)])]
    },
    "StringNormalizer": { c in
      let name = try c.string("case_change_action", "NONE")
      guard let change = StringNormalization.CaseChange(rawValue: name.lowercased()) else {
        throw c.invalid(found: "case_change_action '\(name)'", expected: "NONE, LOWER or UPPER")
      }
      let normalization = StringNormalization(
        caseChange: change, isCaseSensitive: try c.flag("is_case_sensitive"),
        stopwords: try c.strings("stopwords") ?? [])
      return [try c.builder.one(.stringNormalize(normalization), [c.operand(0)])]
    },
  ]
}
