// The command line. Start here; each command is a file of its own.

import ArgumentParser
import CJemalloc
import Glibc
import Serving

struct Apus: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus",
    abstract: "Compiles saved models and serves them.",
    discussion: """
      Exit codes:
        0   done
        3   a model cannot be loaded
        64  the command line is wrong
        65  input data is malformed, or does not fit the model
        66  a file is missing or cannot be read
        69  the server cannot listen on its address
        70  an internal error
        73  an output file cannot be written
        78  the configuration, the key file or an environment variable is wrong

      Errors are one line on standard error: "error: …".
      """,
    version: Release.version,
    subcommands: [
      ServeCommand.self, RunCommand.self, InspectCommand.self, BenchCommand.self, QuantizeCommand.self,
      KeysCommand.self,
    ]
  )
}

@main enum Main {
  static func main() {
    // The first call into jemalloc ties it to the program, which makes it the allocator of everything.
    var epoch: UInt64 = 1
    mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size)
    do {
      var command = try Apus.parseAsRoot()
      try command.run()
    } catch let failure as CommandFailure {
      complain(failure.message)
      exit(failure.code.rawValue)
    } catch {
      // Help and versions are errors of the parser too; they go to standard output.
      if Apus.exitCode(for: error) == .success { Apus.exit(withError: error) }
      complain(Apus.message(for: error))
      exit(FailureCode.usage.rawValue)
    }
  }

  private static func complain(_ message: String) {
    let line = message.split(separator: "\n").joined(separator: " ")
    StandardStream.error.write("error: \(line)\n")
  }
}
