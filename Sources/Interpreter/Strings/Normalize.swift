import GraphIR
import Tensors

extension Strings {
  /// ONNX StringNormalizer on [C] or [1, C]: stop words go, then letters change case. A result without words has one
  /// empty string. Case follows Unicode's rules for no language in particular.
  static func normalize(_ x: Tensor, _ normalization: StringNormalization, _ node: Node) throws -> Tensor {
    guard x.shape.rank == 1 || (x.shape.rank == 2 && x.shape[0] == 1) else {
      throw EvaluationError(node, "shape \(x.shape)", expected: "[C] or [1, C]")
    }
    // Arrays of scalars, since strings would compare equal that differ in their code points.
    func key(_ word: String) -> [Unicode.Scalar] {
      Array((normalization.isCaseSensitive ? word : word.lowercased()).unicodeScalars)
    }
    let stopwords = Set(normalization.stopwords.map(key))
    var words = stopwords.isEmpty ? x.strings : x.strings.filter { !stopwords.contains(key($0)) }
    switch normalization.caseChange {
    case .none: break
    case .lower: words = words.map { $0.lowercased() }
    case .upper: words = words.map { $0.uppercased() }
    }
    if words.isEmpty { words = [""] }
    return Tensor(x.shape.rank == 1 ? [words.count] : [1, words.count], strings: words)
  }
}
