import ArgumentParser
import Engine
import FoundationEssentials
import Glibc
import Logging
import Serving
import Settings

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves models over HTTP.",
    discussion: """
      PATH is an .onnx file, a folder with model.onnx, a folder of versions (3/model.onnx, the highest number is \
      served) or a folder of models. POST /score asks the first model, POST /models/NAME/score any of them; GET \
      /swagger.json describes how, GET / tells whether the server is ready, GET /metrics counts for Prometheus.

      --config names a YAML or JSON file of these options, by their names without dashes in front, and of models, \
      each with a precision of its own:

        port: 8080
        models:
          - models/digits
          - {path: models/iris, name: flowers, precision: bfloat16}

      Paths in it are relative to the file. The command line goes before the file, the file before the environment; \
      PATHs replace the file's models and their default, --precision goes for all models.

      SIGTERM and SIGINT stop the server once requests in flight are answered; a second one stops it at once.

      Environment, where no option says otherwise: AZUREML_MODEL_DIR (PATH), SERVER_PORT, AML_CORS_ORIGINS, \
      SERVICE_NAME, SERVICE_VERSION, SCORING_TIMEOUT_MS, SERVER_VERSION_LOG_RESPONSE_ENABLED, APUS_PRIMARY_KEY, \
      APUS_SECONDARY_KEY.
      """
  )

  @Argument(help: ArgumentHelp("Models to serve.", valueName: "path"))
  var paths: [String] = []

  @Option(help: ArgumentHelp("A file of settings.", valueName: "file.yaml"))
  var config: String?

  @Option(name: .customLong("default"), help: "The model that /score asks (default: the first).")
  var defaultModel: String?

  @Option(help: "The address to listen on (default: 127.0.0.1).")
  var host: String?

  @Option(help: "The port to listen on; 0 lets the system choose (default: 5001).")
  var port: Int?

  @OptionGroup(title: "Access") var access: AccessOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup(title: "Results") var results: ResultOptions
  @OptionGroup(title: "Precision") var precision: PrecisionOption

  @Option(help: "Threads that score slow models (default: one a core).")
  var threads: Int?

  @Option(help: "Threads that read requests and score fast models (default: one a core).")
  var eventLoops: Int?

  @Flag(help: "Log every request but those for GET / and /metrics.")
  var accessLog = false

  mutating func run() throws {
    let environment = ProcessInfo.processInfo.environment
    let models = try models(environment)
    let configuration = try configuration(environment)
    var signals = Self.stopSignals
    // Before any thread starts: every one of them inherits that these signals wait for whoever asks.
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    let logger = Logger(label: "apus")
    let served = try loadModels(models.entries, logger)
    let server = try start(configuration, served, try defaultIndex(served, models.defaultNode), logger)
    logger.info("listening on http://\(configuration.host):\(server.port)")
    Self.waitForStopSignal()
    logger.info("draining")
    var thread = pthread_t()
    let function: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
      ServeCommand.waitForStopSignal()
      _exit(130)
    }
    pthread_create(&thread, nil, function, nil)
    if !server.drain() { logger.warning("requests were cut off after the drain timeout") }
  }

  private static var stopSignals: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    return signals
  }

  private static func waitForStopSignal() {
    var signals = stopSignals
    var signal: Int32 = 0
    while sigwait(&signals, &signal) != 0 {}
  }

  // MARK: - Models

  /// The models to serve, once everything that the command line leaves out is taken from the settings file.
  private mutating func models(_ environment: [String: String]) throws(CommandFailure) -> ServeFile.Models {
    var models = ServeFile.Models()
    do throws(SettingsProblem) {
      if let config { models = try take(ServeFile(path: config)) }
    } catch {
      throw CommandFailure(error)
    }
    if !paths.isEmpty { models = ServeFile.Models(entries: paths.map { ServeFile.Entry(path: $0) }) }
    if models.entries.isEmpty, let path = environment["AZUREML_MODEL_DIR"].nonEmpty {
      models.entries = [ServeFile.Entry(path: path)]
    }
    guard !models.entries.isEmpty else {
      throw CommandFailure(.usage, "no model: give a PATH, a --config file with models, or set AZUREML_MODEL_DIR")
    }
    return models
  }

  private mutating func take(_ file: ServeFile) throws(SettingsProblem) -> ServeFile.Models {
    var section = try file.read()
    let host = try section.take("host")?.text()
    self.host = self.host ?? host
    try section.fill(&port, "port", Self.portRange)
    try section.fill(&threads, "threads", Self.threadsRange)
    try section.fill(&eventLoops, "event-loops", Self.threadsRange)
    try section.fill(&accessLog, "access-log")
    try access.fill(&section, file)
    try limits.fill(&section)
    let models = try file.models(&section)
    try section.finish()
    return models
  }

  private func loadModels(_ entries: [ServeFile.Entry], _ logger: Logger) throws -> [ServedModel] {
    var found: [(location: ModelLocation, entry: ServeFile.Entry)] = []
    for entry in entries {
      do throws(ModelLocation.Problem) {
        for location in try ModelLocation.find(in: entry.path, name: entry.name, version: entry.version) {
          try location.checkName(among: found.map(\.location))
          found.append((location, entry))
        }
      } catch {
        throw Self.failure(error, entry)
      }
    }
    return try found.enumerated().map { index, found in
      try load(found.location, found.entry, index: index, logger)
    }
  }

  private static func failure(_ problem: ModelLocation.Problem, _ entry: ServeFile.Entry) -> CommandFailure {
    let isMistake =
      switch problem {
      case .sameName, .severalModels: true
      case .missing, .noModel, .noVersion: false
      }
    guard let node = entry.node else { return CommandFailure(isMistake ? .usage : .noInput, problem.description) }
    return CommandFailure(node.problem(problem.description, isMistake ? .malformed : .missingFile))
  }

  private func load(
    _ location: ModelLocation, _ entry: ServeFile.Entry, index: Int, _ logger: Logger
  ) throws -> ServedModel {
    let model = try Model.load(
      location.path, precision.chosen ?? entry.precision ?? .float32,
      isBatchInvariant: results.batchInvariant || entry.isBatchInvariant == true)
    let inputs = model.inputs.map(\.description).joined(separator: ", ")
    let outputs = model.outputs.map(\.description).joined(separator: ", ")
    logger.info(
      """
      model \(location.name), version \(location.version): (\(inputs)) -> (\(outputs)), \
      \(model.runningPrecision.rawValue), \(location.path)
      """)
    return ServedModel(name: location.name, version: location.version, index: index, model: model)
  }

  /// The model that the command line or else the settings file names, or the first.
  private func defaultIndex(_ models: [ServedModel], _ node: SettingsNode?) throws(CommandFailure) -> Int {
    func index(_ name: String, _ failure: (String) -> CommandFailure) throws(CommandFailure) -> Int {
      if let index = models.firstIndex(where: { $0.name == name }) { return index }
      let names = models.map(\.name).joined(separator: ", ")
      throw failure("no model named '\(name)' to be the default; there is \(names)")
    }
    if let defaultModel { return try index(defaultModel) { CommandFailure(.usage, $0) } }
    guard let node, let name = try? node.text() else { return 0 }
    return try index(name) { CommandFailure(node.problem($0)) }
  }

  private func start(
    _ configuration: Server.Configuration, _ models: [ServedModel], _ defaultIndex: Int, _ logger: Logger
  ) throws -> Server {
    do {
      return try Server(configuration, models: models, defaultIndex: defaultIndex, logger: logger)
    } catch {
      throw CommandFailure(.unavailable, "\(error)")
    }
  }

  // MARK: - Configuration

  private static let portRange = 0...65535
  private static let threadsRange = 1...1024

  private func configuration(_ environment: [String: String]) throws -> Server.Configuration {
    var configuration = Server.Configuration()
    configuration.host = host ?? configuration.host
    configuration.port =
      try port.map { try Self.check($0, Self.portRange, "--port") }
      ?? Self.number(environment, "SERVER_PORT", Self.portRange) ?? configuration.port
    if let threads { configuration.scoringThreadCount = try Self.check(threads, Self.threadsRange, "--threads") }
    if let eventLoops { configuration.eventLoopCount = try Self.check(eventLoops, Self.threadsRange, "--event-loops") }
    configuration.limits = try limits.limits(environment)
    configuration.keys = try access.keys(environment)
    configuration.hasPublicMetrics = access.publicMetrics
    configuration.crossOrigin = try access.crossOrigin(environment)
    if let name = environment["SERVICE_NAME"], !name.isEmpty { configuration.description.name = name }
    if let version = environment["SERVICE_VERSION"], !version.isEmpty { configuration.description.version = version }
    if environment["SERVER_VERSION_LOG_RESPONSE_ENABLED"]?.lowercased() == "false" {
      configuration.description.serverVersion = nil
    }
    configuration.logsAccess = accessLog
    return configuration
  }

  static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws(CommandFailure) -> Int {
    guard range.contains(value) else {
      throw CommandFailure(.usage, "\(name) must be \(range.lowerBound) to \(range.upperBound), not \(value)")
    }
    return value
  }

  static func number(
    _ environment: [String: String], _ name: String, _ range: ClosedRange<Int>
  ) throws(CommandFailure) -> Int? {
    guard let text = environment[name], !text.isEmpty else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw CommandFailure(
        .configuration, "\(name) must be \(range.lowerBound) to \(range.upperBound), not '\(text)'")
    }
    return number
  }
}
