import ArgumentParser
import Engine
import FoundationEssentials
import GraphIR
import Serving
import Tensors

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures how long a model takes to load and to run.",
    discussion: "Without --inputs the inputs are random numbers, the same in every run."
  )

  @Argument(help: "An .onnx file, or a folder with model.onnx.")
  var model: String

  @Option(
    help: ArgumentHelp("Values for inputs, an array for each name, as numpy.savez writes them.", valueName: "file.npz"))
  var inputs: String?

  @Option(help: "Threads that one run may use.")
  var threads = 1

  @OptionGroup(title: "Results") var results: ResultOptions
  @OptionGroup(title: "Precision") var precision: PrecisionOption

  @Option(help: "The first free extent of every random input; the others are 1.")
  var batch = 1

  @Option(help: "How long to measure.")
  var seconds = 3.0

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Measure what lines of standard input ask for: \"run N\" or \"write FILE.npz\".")
  var interactive = false

  @Flag(help: "Print the time of each kernel, slowest first, with its share of what the machine could do.")
  var profile = false

  func run() throws {
    let threads = try ServeCommand.check(threads, 1...1024, "--threads")
    let batch = try ServeCommand.check(batch, 1...(1 << 20), "--batch")
    guard seconds > 0, seconds <= 86400 else {
      throw CommandFailure(.usage, "--seconds must be above 0 and at most 86400, not \(seconds)")
    }
    guard [json, interactive, profile].count(where: \.self) <= 1 else {
      throw CommandFailure(.usage, "--json, --interactive and --profile exclude each other")
    }
    let start = ContinuousClock.now
    let model = try Model.load(model, precision.precision, isBatchInvariant: results.batchInvariant)
    let session = Session(model, threadCount: threads)
    let loadTime = ContinuousClock.now - start
    let values =
      if let inputs {
        try InputValues(model: model).read(arguments: [], archive: inputs)
      } else {
        try RandomInputs(batch: batch).values(for: model)
      }
    if profile {
      print(try ProfileTable(session.profile(values, runs: 20)).text)
    } else if interactive {
      try InteractiveBench(session: session, values: values, loadTime: loadTime).run()
    } else {
      print(try measure(session, values, loadTime).text(asJSON: json))
    }
  }

  private func measure(_ session: Session, _ values: [RuntimeValue], _ loadTime: Duration) throws -> Report {
    let start = ContinuousClock.now
    _ = try session.results(values)
    let first = ContinuousClock.now - start
    var times: [Duration] = []
    let limit = Duration.seconds(seconds)
    let measureStart = ContinuousClock.now
    var elapsed = Duration.zero
    repeat {
      let before = ContinuousClock.now
      _ = try session.results(values)
      let after = ContinuousClock.now
      times.append(after - before)
      elapsed = after - measureStart
    } while elapsed < limit
    times.sort()
    func percentile(_ percent: Int) -> Double { times[(times.count - 1) * percent / 100].milliseconds }
    return Report(
      loadMilliseconds: loadTime.milliseconds, firstInferenceMilliseconds: first.milliseconds,
      medianMilliseconds: percentile(50), p90Milliseconds: percentile(90), p99Milliseconds: percentile(99),
      inferencesPerSecond: Double(times.count) / (elapsed.milliseconds / 1000), peakMemoryBytes: Self.peakMemoryBytes(),
      newBatchMilliseconds: try newBatchMilliseconds(session))
  }

  /// What the first run of a batch size costs more than the second, median of three sizes; nil for given inputs and
  /// models without a free extent.
  private func newBatchMilliseconds(_ session: Session) throws -> Double? {
    let shapes = session.model.inputs.compactMap(\.type.tensor?.shape)
    guard inputs == nil, shapes.contains(where: { $0.contains { $0.constant == nil } }) else { return nil }
    let clock = ContinuousClock()
    // The largest first: making the memory larger is not what is asked.
    return try [3, 2, 1].map { more in
      let values = try RandomInputs(batch: batch + more).values(for: session.model)
      let first = try clock.measure { _ = try session.results(values) }
      let second = try clock.measure { _ = try session.results(values) }
      return (first - second).milliseconds
    }.sorted()[1]
  }

  private struct Report: Encodable {
    var loadMilliseconds: Double
    var firstInferenceMilliseconds: Double
    var medianMilliseconds: Double
    var p90Milliseconds: Double
    var p99Milliseconds: Double
    var inferencesPerSecond: Double
    /// The most memory that the process had at a time.
    var peakMemoryBytes: Int
    var newBatchMilliseconds: Double?

    func text(asJSON: Bool) throws -> String {
      if asJSON {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
      }
      func round(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }
      return """
        load             \(round(loadMilliseconds)) ms
        first inference  \(round(firstInferenceMilliseconds)) ms
        median           \(round(medianMilliseconds)) ms
        p90              \(round(p90Milliseconds)) ms
        p99              \(round(p99Milliseconds)) ms
        throughput       \(round(inferencesPerSecond)) inferences/s
        peak memory      \(peakMemoryBytes >> 20) MiB
        """ + (newBatchMilliseconds.map { "\nnew batch size   \(round($0)) ms" } ?? "")
    }
  }

  /// `VmHWM` of proc(5), in KiB there.
  private static func peakMemoryBytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let number = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first
    return number.flatMap { Int($0) }.map { $0 * 1024 } ?? 0
  }
}

extension Duration {
  fileprivate var milliseconds: Double {
    Double(components.seconds) * 1000 + Double(components.attoseconds) * 1e-15
  }
}

/// Inputs for a model that nobody gave any for: numbers in 0 ..< 1, integers and strings of 0, which index anything.
private struct RandomInputs {
  let batch: Int
  private var random = SplitMix64(seed: 1)

  init(batch: Int) { self.batch = batch }

  func values(for model: Model) throws -> [RuntimeValue] {
    var copy = self
    return try model.inputs.map { try copy.value($0) }
  }

  private mutating func value(_ port: Port) throws -> RuntimeValue {
    if case .optional = port.type { return .optional(nil) }
    guard let type = port.type.tensor else {
      throw CommandFailure(.usage, "input '\(port.name)' is \(port.description): give values with --inputs")
    }
    var isFirst = true
    let extents = type.shape.map { extent in
      if let constant = extent.constant { return constant }
      defer { isFirst = false }
      return isFirst ? batch : 1
    }
    guard let shape = Shape(checking: extents), shape.elementCount < 1 << 34 else {
      throw CommandFailure(.usage, "input '\(port.name)' of shape \(extents) is too large")
    }
    do {
      return .tensor(try tensor(type.elementType, shape))
    } catch {
      throw CommandFailure(.internalError, "input '\(port.name)': \(error)")
    }
  }

  private mutating func tensor(_ type: ElementType, _ shape: Shape) throws -> Tensor {
    guard type.isFloat else { return try Tensor(type, shape) }
    let numbers = try Tensor(.float32, shape, zeroed: false)
    numbers.withMutableElements(of: Float.self) { elements in
      for index in elements.indices { elements[index] = Float.random(in: 0..<1, using: &random) }
    }
    return type == .float32 ? numbers : try numbers.converted(to: type)
  }
}
