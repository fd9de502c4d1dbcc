import Engine
import Serving

extension Model {
  /// Loads the model of a file, a folder, or the newest version in a folder of versions, as `serve` finds it; with
  /// the exit codes that the help promises.
  static func load(
    _ path: String, _ precision: Precision = .float32, isBatchInvariant: Bool = false
  ) throws(CommandFailure) -> Model {
    let location = try file(path)
    do {
      let model = try Model(path: location, precision: precision, isBatchInvariant: isBatchInvariant)
      for warning in model.warnings {
        StandardStream.error.write("warning: \(location): \(warning)\n")
      }
      return model
    } catch {
      throw CommandFailure(.model, "cannot load the model \(path): \(error)")
    }
  }

  /// The path of the model's file.
  static func file(_ path: String) throws(CommandFailure) -> String {
    let found: [ModelLocation]
    do { found = try ModelLocation.find(in: [path]) } catch { throw CommandFailure(.noInput, error.description) }
    guard let location = found.first, found.count == 1 else {
      let names = found.map { "'\($0.name)'" }.joined(separator: ", ")
      throw CommandFailure(.noInput, "\(path) holds the models \(names): give the folder of one")
    }
    return location.path
  }
}
