import ArgumentParser
import FoundationEssentials
import Serving

struct KeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Prints the keys that clients send as 'Authorization: Bearer KEY'.",
    discussion: "The keys are made when a server first starts, or now if none has."
  )

  @Option(help: "The file of the keys (default: $XDG_STATE_HOME/apus/keys.json or ~/.local/state/apus/keys.json).")
  var keyFile: String?

  func run() throws {
    let keys = try KeyFile.keys(at: keyFile, environment: ProcessInfo.processInfo.environment)
    print("primary: \(keys.primary)")
    print("secondary: \(keys.secondary)")
  }
}

extension KeyFile {
  static func keys(at path: String?, environment: [String: String]) throws(CommandFailure) -> AccessKeys {
    do throws(Problem) {
      return try (path.map { KeyFile(path: $0) } ?? .standard(environment: environment)).readOrCreate { warning in
        StandardStream.error.write("warning: \(warning)\n")
      }
    } catch {
      throw CommandFailure(.configuration, error.description)
    }
  }
}
