import ArgumentParser
import Engine
import FoundationEssentials
import Glibc
import Logging
import Serving

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serves models over HTTP.",
    discussion: """
      PATH is an .onnx file, a folder with model.onnx, a folder of versions (3/model.onnx, the highest number is \
      served) or a folder of models. POST /score asks the first model, POST /models/NAME/score any of them; GET \
      /swagger.json describes how, GET / tells whether the server is ready.

      SIGTERM and SIGINT stop the server once requests in flight are answered; a second one stops it at once.

      Environment, where no option says otherwise: AZUREML_MODEL_DIR (PATH), SERVER_PORT, AML_CORS_ORIGINS, \
      SERVICE_NAME, SERVICE_VERSION, SCORING_TIMEOUT_MS, SERVER_VERSION_LOG_RESPONSE_ENABLED, APUS_PRIMARY_KEY, \
      APUS_SECONDARY_KEY.
      """
  )

  @Argument(help: ArgumentHelp("Models to serve.", valueName: "path"))
  var paths: [String] = []

  @Option(name: .customLong("default"), help: "The model that /score asks (default: the first).")
  var defaultModel: String?

  @Option(help: "The address to listen on.")
  var host = "127.0.0.1"

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

  @Flag(help: "Log every request but those for GET /.")
  var accessLog = false

  func run() throws {
    let environment = ProcessInfo.processInfo.environment
    let configuration = try configuration(environment)
    var signals = Self.stopSignals
    // Before any thread starts: every one of them inherits that these signals wait for whoever asks.
    pthread_sigmask(SIG_BLOCK, &signals, nil)

    LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
    let logger = Logger(label: "apus")
    let models = try loadModels(environment, logger)
    let server = try start(configuration, models, logger)
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

  private func loadModels(_ environment: [String: String], _ logger: Logger) throws -> [ServedModel] {
    let paths = paths.isEmpty ? environment["AZUREML_MODEL_DIR"].map { [$0] } ?? [] : paths
    guard !paths.isEmpty else { throw CommandFailure(.usage, "no model: give a PATH, or set AZUREML_MODEL_DIR") }
    let locations: [ModelLocation]
    do throws(ModelLocation.Problem) {
      locations = try ModelLocation.find(in: paths)
    } catch {
      if case .sameName = error { throw CommandFailure(.usage, error.description) }
      throw CommandFailure(.noInput, error.description)
    }
    return try locations.enumerated().map { index, location in
      let model = try Model.load(
        location.path, precision.precision, isBatchInvariant: results.batchInvariant)
      let inputs = model.inputs.map(\.description).joined(separator: ", ")
      let outputs = model.outputs.map(\.description).joined(separator: ", ")
      logger.info(
        """
        model \(location.name), version \(location.version): (\(inputs)) -> (\(outputs)), \
        \(model.runningPrecision.rawValue), \(location.path)
        """)
      return ServedModel(name: location.name, version: location.version, index: index, model: model)
    }
  }

  private func start(_ configuration: Server.Configuration, _ models: [ServedModel], _ logger: Logger) throws -> Server
  {
    var defaultIndex = 0
    if let defaultModel {
      guard let index = models.firstIndex(where: { $0.name == defaultModel }) else {
        let names = models.map(\.name).joined(separator: ", ")
        throw CommandFailure(.usage, "no model named '\(defaultModel)' to be the default; there is \(names)")
      }
      defaultIndex = index
    }
    do {
      return try Server(configuration, models: models, defaultIndex: defaultIndex, logger: logger)
    } catch {
      throw CommandFailure(.unavailable, "\(error)")
    }
  }

  // MARK: - Configuration

  private func configuration(_ environment: [String: String]) throws -> Server.Configuration {
    var configuration = Server.Configuration()
    configuration.host = host
    configuration.port =
      try port.map { try Self.check($0, 0...65535, "--port") }
      ?? Self.number(environment, "SERVER_PORT", 0...65535) ?? configuration.port
    if let threads { configuration.scoringThreadCount = try Self.check(threads, 1...1024, "--threads") }
    if let eventLoops { configuration.eventLoopCount = try Self.check(eventLoops, 1...1024, "--event-loops") }
    configuration.limits = try limits.limits(environment)
    configuration.keys = try access.keys(environment)
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
