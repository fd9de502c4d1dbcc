import ONNXFrontend

extension Model {
  /// All that is wrong with the file at `path`, without running it: unknown operators, attributes and types that do not
  /// fit, values that nothing makes, missing files, cycles. Empty for a model that loads.
  public static func problems(path: String) -> [String] {
    do {
      let problems = try Importer(ONNXModel(path: path)).problems()
      guard problems.isEmpty else { return problems.map(\.description) }
      // What only the passes or the choice of the machine could find.
      _ = try Model(path: path)
      return []
    } catch {
      return ["\(error)"]
    }
  }

  /// What is unusual about the file and may matter, for the log.
  public var warnings: [String] { onnx.warnings }
}
