import FoundationEssentials

/// Where the models of a path are: a file, a folder with `model.onnx`, a folder of versions, or a folder of models.
///
///     digits.onnx                    digits, version 1
///     digits/model.onnx              digits, version 1
///     digits/3/model.onnx            digits, version 3; the highest number wins
///     models/digits/3/model.onnx     every model of models/, in the order of their names
public struct ModelLocation: Sendable, Equatable {
  public enum Problem: Error, CustomStringConvertible {
    case missing(path: String)
    case noModel(path: String)
    case noVersion(String, path: String, known: [String])
    /// One name or version is given to what holds several models.
    case severalModels(path: String, names: [String])
    case sameName(String, first: String, second: String)

    public var description: String {
      switch self {
      case .missing(let path): "no such file or folder: \(path)"
      case .noModel(let path):
        "no model in \(path): expected an .onnx file, \(fileName), VERSION/\(fileName) or NAME/VERSION/\(fileName)"
      case .noVersion(let version, let path, let known):
        "no version \(version) in \(path): there is \(known.joined(separator: ", "))"
      case .severalModels(let path, let names):
        "\(path) holds the models \(names.joined(separator: ", ")): a name or version is for the folder of one"
      case .sameName(let name, let first, let second): "two models are named '\(name)': \(first) and \(second)"
      }
    }
  }

  public let name: String
  public let version: String
  /// The `.onnx` file.
  public let path: String

  private static let fileName = "model.onnx"

  /// The models of all paths, in their order. Names differ.
  public static func find(in paths: [String]) throws(Problem) -> [ModelLocation] {
    var found: [ModelLocation] = []
    for path in paths {
      for location in try models(of: path) {
        try location.checkName(among: found)
        found.append(location)
      }
    }
    return found
  }

  /// Throws when one of `others` has the name of this.
  public func checkName(among others: [ModelLocation]) throws(Problem) {
    guard let other = others.first(where: { $0.name == name }) else { return }
    throw .sameName(name, first: other.path, second: path)
  }

  /// The models of one path.
  /// - Parameters:
  ///   - name: what its only model is to be called; nil takes the name from the path.
  ///   - version: which version of a folder of versions it is, or what the version of other paths is called; nil takes
  ///     the highest.
  public static func find(in path: String, name: String?, version: String?) throws(Problem) -> [ModelLocation] {
    let found = try models(of: path, version: version)
    if name == nil, version == nil { return found }
    guard let location = found.first, found.count == 1 else {
      throw .severalModels(path: path, names: found.map(\.name))
    }
    return [
      ModelLocation(name: name ?? location.name, version: version ?? location.version, path: location.path)
    ]
  }

  private static func models(of path: String, version: String? = nil) throws(Problem) -> [ModelLocation] {
    let url = URL(fileURLWithPath: path).standardizedFileURL
    guard FileManager.default.fileExists(atPath: url.path) else { throw .missing(path: path) }
    if !isFolder(url) {
      return [ModelLocation(name: url.deletingPathExtension().lastPathComponent, version: "1", path: url.path)]
    }
    if let version, file(in: url) == nil, !versions(of: url).isEmpty { return [try location(of: version, in: url)] }
    if let location = model(in: url) { return [location] }
    let found = children(of: url).compactMap { model(in: $0) }
    guard !found.isEmpty else { throw .noModel(path: path) }
    return found
  }

  /// The model of a folder that holds its file, or its versions.
  private static func model(in folder: URL) -> ModelLocation? {
    if let path = file(in: folder) {
      // The folder of one version, given by itself.
      if let version = Int(folder.lastPathComponent) {
        let name = folder.deletingLastPathComponent().lastPathComponent
        return ModelLocation(name: name, version: String(version), path: path)
      }
      return ModelLocation(name: folder.lastPathComponent, version: "1", path: path)
    }
    guard let (number, path) = versions(of: folder).max(by: { $0.number < $1.number }) else { return nil }
    return ModelLocation(name: folder.lastPathComponent, version: String(number), path: path)
  }

  private static func versions(of folder: URL) -> [(number: Int, path: String)] {
    children(of: folder).compactMap { child in
      Int(child.lastPathComponent).flatMap { number in file(in: child).map { (number, $0) } }
    }
  }

  private static func location(of version: String, in folder: URL) throws(Problem) -> ModelLocation {
    let versions = versions(of: folder)
    guard let (_, path) = versions.first(where: { $0.number == Int(version) }) else {
      let known = versions.map(\.number).sorted().map(String.init)
      throw .noVersion(version, path: folder.path, known: known)
    }
    return ModelLocation(name: folder.lastPathComponent, version: version, path: path)
  }

  private static func file(in folder: URL) -> String? {
    let file = folder.appendingPathComponent(fileName)
    return FileManager.default.fileExists(atPath: file.path) && !isFolder(file) ? file.path : nil
  }

  private static func isFolder(_ url: URL) -> Bool {
    var isFolder = false
    return FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) && isFolder
  }

  private static func children(of folder: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted().map { folder.appendingPathComponent($0) }
  }
}
