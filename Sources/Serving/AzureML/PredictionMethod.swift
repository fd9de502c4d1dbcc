import Engine
import GraphIR
import Tensors

/// What of a model a request asks for: `"method"` in the body of `/score`, the names are scikit-learn's.
enum PredictionMethod: String, CaseIterable, Sendable {
  /// Labels, or the only output.
  case predict
  /// Rows of probabilities, classes in the order of the model.
  case probabilities = "predict_proba"

  /// The position of the output that a method means. A classifier has labels and, besides, one row of numbers, or one
  /// map from labels to numbers, for each.
  func output(of outputs: [Port]) throws(HTTPError) -> Int {
    let labels = outputs.indices.filter { outputs[$0].holdsLabels }
    let scores = outputs.indices.filter { outputs[$0].holdsScores }
    switch self {
    case .predict:
      if outputs.count == 1 { return 0 }
      if labels.count == 1 { return labels[0] }
    case .probabilities:
      let named = scores.filter { outputs[$0].name.lowercased().contains("prob") }
      if let first = named.first { return first }
      if !labels.isEmpty, scores.count == 1 { return scores[0] }
    }
    let names = outputs.map { "'\($0.name)'" }.joined(separator: ", ")
    throw HTTPError(
      .badRequest,
      "The model cannot '\(rawValue)': no one output is \(self == .predict ? "labels" : "probabilities") among \(names)."
    )
  }

  /// What the output is written as: rows instead of maps for `predict_proba`.
  func answer(_ value: RuntimeValue) -> RuntimeValue {
    guard self == .probabilities, case .sequence(let rows) = value else { return value }
    return .sequence(
      rows.map { row in
        if case .map(_, let values) = row { .sequence(values) } else { row }
      })
  }

  /// The output as `answer(_:)` writes it.
  func answer(_ port: Port) -> Port {
    guard self == .probabilities, case .sequence(.map(_, let value)) = port.type else { return port }
    var port = port
    port.type = .sequence(.sequence(value))
    return port
  }

  /// The value of the key `method`: a name, or null for all outputs.
  static func read(_ reader: inout JSONReader) throws -> PredictionMethod? {
    let expected = Self.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
    switch try reader.peek() {
    case .null:
      try reader.skipValue()
      return nil
    case .string:
      let name = try reader.readString()
      guard let method = PredictionMethod(rawValue: name) else {
        throw HTTPError(.badRequest, "Unknown method '\(name.prefix(64))': expected \(expected).")
      }
      return method
    default: throw HTTPError(.badRequest, "'method' is no string: expected \(expected).")
    }
  }
}

extension Port {
  /// One label a row.
  fileprivate var holdsLabels: Bool {
    guard let type = type.tensor, type.rank <= 2 else { return false }
    return type.elementType.kind != .float && type.elementType.kind != .complex
  }

  /// A row of numbers for each row of the input, or a map from labels to numbers.
  fileprivate var holdsScores: Bool {
    switch type {
    case .tensor(let type): type.rank == 2 && type.elementType.kind == .float
    case .sequence(.map(_, let value)): value.elementType?.kind == .float
    default: false
    }
  }
}
