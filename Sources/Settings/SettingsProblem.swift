/// Where something stands in a file, counted from 1.
public struct Place: Sendable, Equatable {
  public let line: Int
  /// In characters.
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

/// What is wrong with a file of settings: "apus.yaml: line 3, column 14: models[0].precision: expected …".
public struct SettingsProblem: Error, CustomStringConvertible, Sendable {
  public enum Kind: Sendable {
    /// There is no such file, or it cannot be read.
    case unreadable
    /// Its content is wrong.
    case malformed
    /// A file that it names is missing.
    case missingFile
  }

  public let kind: Kind
  public let path: String
  public let place: Place?
  /// "models[0].precision"; empty for the file as a whole.
  public let key: String
  public let message: String

  public init(_ kind: Kind, _ path: String, place: Place? = nil, key: String = "", _ message: String) {
    (self.kind, self.path, self.place, self.key, self.message) = (kind, path, place, key, message)
  }

  public var description: String {
    let place = place.map { "line \($0.line), column \($0.column): " } ?? ""
    let message = key.isEmpty ? message : "\(key): \(message)"
    return kind == .unreadable ? "cannot read \(path): \(message)" : "\(path): \(place)\(message)"
  }
}
