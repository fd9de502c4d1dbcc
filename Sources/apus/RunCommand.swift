import ArgumentParser
import Engine
import Serving
import Tensors

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs a model once.",
    discussion: "Prints the outputs as JSON, {\"name\": […]}, unless --outputs names a file for them."
  )

  @Argument(help: "An .onnx file, or a folder with model.onnx.")
  var model: String

  @Option(
    name: .customLong("input"),
    help: ArgumentHelp("A value for one input, from FILE.npy or FILE.json.", valueName: "name=file"))
  var input: [String] = []

  @Option(
    help: ArgumentHelp("Values for inputs, an array for each name, as numpy.savez writes them.", valueName: "file.npz"))
  var inputs: String?

  @Option(help: ArgumentHelp("Where to write the outputs, an array for each name.", valueName: "file.npz"))
  var outputs: String?

  @Option(help: "Threads that one run may use.")
  var threads = 1

  @OptionGroup(title: "Results") var results: ResultOptions
  @OptionGroup(title: "Precision") var precision: PrecisionOption

  func run() throws {
    let threads = try ServeCommand.check(threads, 1...1024, "--threads")
    let model = try Model.load(model, precision.precision, isBatchInvariant: results.batchInvariant)
    let (values, overriding) = try InputValues(model: model).readAll(arguments: input, archive: inputs)
    let results = try Session(model, threadCount: threads).results(values, overriding: overriding)
    if let outputs {
      try Self.write(results, model, to: outputs)
    } else {
      try Self.printJSON(results, model)
    }
  }

  static func write(_ results: [RuntimeValue], _ model: Model, to path: String) throws {
    let tensors = try zip(model.outputs, results).map { port, value in
      guard let tensor = value.tensor else {
        throw CommandFailure(.data, "output '\(port.name)' is no tensor: print it as JSON, without --outputs")
      }
      return (port.name, tensor)
    }
    do {
      try NPZ.write(tensors, path: path)
    } catch {
      throw CommandFailure(.cannotCreate, "cannot write \(path): \(error)")
    }
  }

  private static func printJSON(_ results: [RuntimeValue], _ model: Model) throws {
    var writer = JSONWriter(capacity: 1 << 16, isSpaced: true)
    do {
      try ValueWriter.writeObject(names: model.outputs.map(\.name), results, into: &writer)
    } catch {
      throw CommandFailure(.internalError, "an output cannot be written as JSON: \(error)")
    }
    writer.append(raw: "\n")
    writer.withBytes { StandardStream.output.write(UnsafeRawBufferPointer($0)) }
  }
}

extension Session {
  /// `run`, with the exit codes that the help promises.
  func results(
    _ inputs: [RuntimeValue], overriding values: [String: RuntimeValue] = [:]
  ) throws(CommandFailure) -> [RuntimeValue] {
    do {
      return try run(inputs, overriding: values)
    } catch let error as EngineError {
      switch error {
      case .unknownInput, .missingInput, .invalidInput: throw CommandFailure(.data, error.description)
      default: throw CommandFailure(.internalError, error.description)
      }
    } catch {
      throw CommandFailure(.internalError, "\(error)")
    }
  }
}
