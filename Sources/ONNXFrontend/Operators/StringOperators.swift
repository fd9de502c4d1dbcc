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
    "TfIdfVectorizer": tfIdfVectorizer,
  ]

  /// Domain com.microsoft
  static let contributedTable: [String: Lowering] = [
    "Tokenizer": { c in
      let expression = try c.string("tokenexp").flatMap { $0.isEmpty ? nil : $0 }
      let separators = try c.strings("separators") ?? []
      guard expression != nil || !separators.isEmpty else {
        throw c.invalid(found: "neither tokenexp nor separators", expected: "one of them")
      }
      let tokenization = Tokenization(
        expression: expression, separators: separators, minimumLength: try c.int("mincharnum", 1),
        padding: try c.string("pad_value", ""), marksEnds: try c.flag("mark"))
      return [try c.builder.one(.tokenize(tokenization), [c.operand(0)])]
    }
  ]

  /// Frequencies of n-grams; `IDF` shows the weight of those that occur, `TFIDF` weight times frequency.
  private static func tfIdfVectorizer(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    var x = try c.operand(0)
    if try c.elementType(x).isInteger { x = try b.convert(x, to: .int64) }
    let pool: Tensor
    if let texts = try c.strings("pool_strings"), !texts.isEmpty {
      pool = Tensor([texts.count], strings: texts)
    } else {
      let numbers = try c.ints("pool_int64s") ?? []
      pool = Tensor([numbers.count], numbers.map(Int64.init))
    }
    // Where the n-grams of each length start in the pool.
    let starts = try c.ints("ngram_counts") ?? []
    let columns = try c.ints("ngram_indexes") ?? []
    var lengths: [Int] = []
    for (index, start) in starts.enumerated() {
      let end = index + 1 < starts.count ? starts[index + 1] : pool.elementCount
      guard start >= 0, end >= start, end <= pool.elementCount, (end - start) % (index + 1) == 0 else {
        throw c.invalid(found: "ngram_counts \(starts)", expected: "starts within the pool, of whole n-grams")
      }
      lengths += Array(repeating: index + 1, count: (end - start) / (index + 1))
    }
    guard lengths.count == columns.count, columns.allSatisfy({ (0..<1 << 31).contains($0) }) else {
      throw c.invalid(found: "\(columns.count) ngram_indexes", expected: "\(lengths.count), not negative")
    }
    let count = NGramCount(
      minimumLength: try c.int("min_gram_length", 1), maximumLength: try c.int("max_gram_length", 1),
      maximumSkip: try c.int("max_skip_count", 0), width: (columns.max() ?? -1) + 1)
    let frequencies = try b.one(.countNGrams(count), [x, b.constant(pool), b.indices(lengths), b.indices(columns)])

    let weights = try c.floats("weights") ?? []
    func weight() throws -> ValueID {
      guard weights.count >= count.width else {
        throw c.invalid(found: "\(weights.count) weights", expected: "\(count.width)")
      }
      return b.constant(Tensor([count.width], Array(weights[..<count.width])))
    }
    switch try c.string("mode", "TF") {
    case "TF": return [frequencies]
    case "IDF":
      let occurs = try b.compare(.greater, frequencies, b.scalar(0, .float32))
      let shown = try weights.isEmpty ? b.scalar(1, .float32) : weight()
      return [try b.select(occurs, shown, b.scalar(0, .float32))]
    case "TFIDF": return [weights.isEmpty ? frequencies : try b.multiply(frequencies, weight())]
    case let other: throw c.invalid(found: "mode '\(other)'", expected: "TF, IDF or TFIDF")
    }
  }
}
