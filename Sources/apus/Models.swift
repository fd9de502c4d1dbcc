import Engine
import Foundation

/// Foundation has a `Port` too.
typealias Port = Engine.Port

extension Model {
  /// Loads a model for a command, with the exit codes that the help promises.
  static func load(_ path: String) throws(CommandFailure) -> Model {
    guard FileManager.default.fileExists(atPath: path) else {
      throw CommandFailure(.noInput, "no such file or folder: \(path)")
    }
    do {
      return try Model(path: path)
    } catch {
      throw CommandFailure(.model, "cannot load the model \(path): \(error)")
    }
  }
}
