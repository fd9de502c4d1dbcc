/// What a caller did wrong, or what the machine lacks. Errors of the model itself are `ONNXError`.
public enum EngineError: Error, CustomStringConvertible {
  /// An input of that name does not exist; the names that do.
  case unknownInput(String, known: [String])
  case missingInput(String)
  /// Wrong element type, rank or extent of an input: both sides as text.
  case invalidInput(String, found: String, expected: String)
  /// The run took longer than the caller allowed.
  case timeout
  /// APUS_CPU names an instruction set that does not exist or that this CPU lacks.
  case machine(String)
  /// A node failed for these inputs.
  case evaluation(String)

  public var description: String {
    switch self {
    case .unknownInput(let name, let known):
      "no input '\(name)': the model has \(known.map { "'\($0)'" }.joined(separator: ", "))"
    case .missingInput(let name): "a value for input '\(name)' is not provided"
    case .invalidInput(let name, let found, let expected): "input '\(name)': expected \(expected), found \(found)"
    case .timeout: "the run took longer than its time limit"
    case .machine(let problem): problem
    case .evaluation(let problem): problem
    }
  }
}
