import Engine
import FoundationEssentials
import Serving
import Settings

/// The file of `apus serve --config`: the command's options under their own names, and the models.
///
///     port: 8080
///     scoring-timeout: 5
///     default: digits
///     models:
///       - models/digits                   # what PATH may be on the command line
///       - path: models/iris
///         name: flowers                   # instead of what the path is named
///         version: 2                      # of a folder of versions: the one to serve; else what it is called
///         precision: bfloat16             # instead of the file's own precision
///         batch-invariant: true
///
/// `models` may also be a mapping, from names to paths or to the same keys but `name`. Paths are relative to the file.
struct ServeFile {
  /// Models to load, from the command line or the file.
  struct Entry {
    var path: String
    var name: String?
    var version: String?
    var precision: Precision?
    var isBatchInvariant: Bool?
    /// Where the file names it, for messages; nil on the command line.
    var node: SettingsNode?
  }

  struct Models {
    var entries: [Entry] = []
    /// The name of the one that /score asks.
    var defaultNode: SettingsNode?
  }

  private let path: String

  init(path: String) { self.path = path }

  func read() throws(SettingsProblem) -> SettingsSection { try SettingsSection(SettingsFile.read(path: path)) }

  /// A path of the file, seen from where the program runs.
  func resolve(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    return URL(fileURLWithPath: self.path).deletingLastPathComponent().appendingPathComponent(path).standardizedFileURL
      .path
  }

  /// What the file says about models. A model's own settings go before those for all.
  func models(_ section: inout SettingsSection) throws(SettingsProblem) -> Models {
    let defaultNode = section.take("default")
    _ = try defaultNode?.text()
    let precision: Precision? = try section.take("precision")?.choice()
    let isBatchInvariant = try section.take("batch-invariant")?.boolean()
    let entries = try entries(section.take("models")).map { entry in
      var entry = entry
      entry.precision = entry.precision ?? precision
      entry.isBatchInvariant = entry.isBatchInvariant ?? isBatchInvariant
      return entry
    }
    return Models(entries: entries, defaultNode: defaultNode)
  }

  private func entries(_ node: SettingsNode?) throws(SettingsProblem) -> [Entry] {
    guard let node else { return [] }
    var entries: [Entry] = []
    if node.isMapping {
      for (name, value) in try node.entries() {
        guard !name.isEmpty else { throw value.problem("a model's name must not be empty") }
        entries.append(try entry(value, name: name))
      }
    } else {
      guard node.isSequence else { throw node.mismatch("a list of models, or names with models") }
      for element in try node.elements() { entries.append(try entry(element, name: nil)) }
    }
    return entries
  }

  private func entry(_ node: SettingsNode, name: String?) throws(SettingsProblem) -> Entry {
    guard node.isMapping else {
      guard !node.isSequence else { throw node.mismatch("a path, or keys with values") }
      return Entry(path: resolve(try node.text()), name: name, node: node)
    }
    var section = try SettingsSection(node)
    let pathNode = section.take("path")
    let ownName = name == nil ? section.take("name") : nil
    var entry = Entry(path: "", name: try ownName?.text() ?? name, node: pathNode ?? node)
    entry.version = try section.take("version")?.text()
    entry.precision = try section.take("precision")?.choice()
    entry.isBatchInvariant = try section.take("batch-invariant")?.boolean()
    try section.finish()
    guard let pathNode else { throw node.problem("the key 'path' is missing") }
    entry.path = resolve(try pathNode.text())
    return entry
  }
}

extension CommandFailure {
  init(_ problem: SettingsProblem) {
    let code: FailureCode =
      switch problem.kind {
      case .unreadable, .missingFile: .noInput
      case .malformed: .configuration
      }
    self.init(code, problem.description)
  }
}
