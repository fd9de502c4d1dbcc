import ArgumentParser
import Engine
import FoundationEssentials
import Tensors

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what a model takes, gives and consists of."
  )

  @Argument(help: "An .onnx file, or a folder with model.onnx.")
  var model: String

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Only look for problems, without running anything: prints all of them, and fails if there are any.")
  var check = false

  @OptionGroup(title: "Precision") var precision: PrecisionOption

  func run() throws {
    if check { return try runCheck() }
    let model = try Model.load(model, precision.precision)
    print(json ? try Self.json(Report(model)) : Self.text(model))
  }

  private func runCheck() throws {
    let problems = Model.problems(path: try Model.file(model))
    if json {
      print(try Self.json(Findings(path: model, problems: problems)))
    } else {
      for problem in problems { print(problem) }
      if problems.isEmpty { print("\(model): no problems found") }
    }
    guard problems.isEmpty else {
      throw CommandFailure(.model, problems.count == 1 ? "1 problem found" : "\(problems.count) problems found")
    }
  }

  private struct Findings: Encodable {
    var path: String
    var problems: [String]
  }

  // MARK: - For people

  private static func text(_ model: Model) -> String {
    let summary = model.summary
    var lines = ["model       \(model.path)"]
    let groups = [("input", model.inputs), ("optional", model.optionalInputs), ("output", model.outputs)]
    for (title, ports) in groups {
      lines += ports.map { title.padded(to: 12) + "\($0.name): \($0.description)" }
    }
    lines.append("precision   \(precision(model))")
    lines.append("parameters  \(summary.parameterCount) (\(bytes(summary.parameterByteCount)))")
    if let memory = summary.memory {
      lines.append(
        "memory      peak \(bytes(memory.arenaByteCount)), lower bound \(bytes(memory.lowerBoundByteCount)), "
          + "ratio \(rounded(memory.ratio)), for \(memory.bufferCount) results with free extents of 1")
    }
    let count = summary.operators.reduce(0) { $0 + $1.count }
    lines.append("operators   \(count)")
    lines += summary.operators.map { "  " + "\($0.count)".padded(to: 10) + $0.name }
    return lines.joined(separator: "\n")
  }

  /// What runs, and what was asked for where that is something else.
  private static func precision(_ model: Model) -> String {
    let running = model.runningPrecision.rawValue
    return model.precision == model.runningPrecision
      ? running : "\(running) (this CPU has nothing for \(model.precision.rawValue))"
  }

  private static func rounded(_ ratio: Double) -> String { "\((ratio * 1000).rounded() / 1000)" }

  private static func bytes(_ count: Int) -> String {
    switch count {
    case ..<(10 << 10): "\(count) bytes"
    case ..<(10 << 20): "\(count >> 10) KiB"
    default: "\(count >> 20) MiB"
    }
  }

  // MARK: - For scripts

  private struct Report: Encodable {
    struct Port: Encodable {
      var name: String
      var type: String
      /// Nil for another rank from run to run.
      var shape: [Extent]?

      init(_ port: Engine.Port) {
        name = port.name
        type = port.type.elementType?.name ?? "\(port.type)"
        shape = port.dimensions?.map { Extent(text: $0) }
      }
    }

    /// A number, or for a free extent the name that the model gives it, or "?".
    struct Extent: Encodable {
      var text: String

      func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let number = Int(text) { try container.encode(number) } else { try container.encode(text) }
      }
    }

    struct Operator: Encodable {
      var name: String
      var count: Int
    }

    struct Memory: Encodable {
      var arenaBytes: Int
      var lowerBoundBytes: Int
      var ratio: Double
      var buffers: Int
    }

    var path: String
    var inputs: [Port]
    /// Inputs that the file has values for.
    var optionalInputs: [Port]
    var outputs: [Port]
    var operators: [Operator]
    var parameters: Int
    var parameterBytes: Int
    var memory: Memory?
    /// What runs.
    var precision: String

    init(_ model: Model) {
      let summary = model.summary
      path = model.path
      precision = model.runningPrecision.rawValue
      inputs = model.inputs.map(Port.init)
      optionalInputs = model.optionalInputs.map(Port.init)
      outputs = model.outputs.map(Port.init)
      operators = summary.operators.map { Operator(name: $0.name, count: $0.count) }
      parameters = summary.parameterCount
      parameterBytes = summary.parameterByteCount
      memory = summary.memory.map {
        Memory(
          arenaBytes: $0.arenaByteCount, lowerBoundBytes: $0.lowerBoundByteCount, ratio: $0.ratio,
          buffers: $0.bufferCount)
      }
    }
  }

  private static func json(_ report: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(report), as: UTF8.self)
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(width - count, 1)) }
}
