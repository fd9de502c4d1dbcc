import ArgumentParser
import Serving
import Settings

// Each group of options also takes from a settings file what the command line left out, under the same names.

/// Who may score.
struct AccessOptions: ParsableArguments {
  @Option(help: "The file of the keys (default: $XDG_STATE_HOME/apus/keys.json or ~/.local/state/apus/keys.json).")
  var keyFile: String?

  @Option(help: ArgumentHelp("A key that clients may send.", discussion: "Other users see it in the process list."))
  var primaryKey: String?

  @Option(help: "Another one, so that clients can change keys one by one.")
  var secondaryKey: String?

  @Flag(help: "Serve everybody, without keys.")
  var noAuth = false

  @Flag(
    help: ArgumentHelp(
      "Let everybody read GET /metrics, where other requests need a key.",
      discussion: "Without it, Prometheus sends a key too: 'authorization: {credentials_file: …}' in its own settings.")
  )
  var publicMetrics = false

  @Option(help: ArgumentHelp("Web pages that may read answers: origins separated by commas, or *.", valueName: "list"))
  var corsOrigins: String?

  mutating func fill(_ section: inout SettingsSection, _ file: ServeFile) throws(SettingsProblem) {
    // Whoever says on the command line how access is to be has said everything about it.
    let isSaid = noAuth || primaryKey != nil || secondaryKey != nil || keyFile != nil
    let (path, isOpen) = (try section.take("key-file")?.text(), try section.take("no-auth")?.boolean())
    if !isSaid {
      keyFile = path.map(file.resolve)
      noAuth = isOpen ?? false
    }
    for name in ["primary-key", "secondary-key"] {
      try section.refuse(
        name, "keys do not belong in this file: give 'key-file', or the environment's APUS_PRIMARY_KEY")
    }
    try section.fill(&publicMetrics, "public-metrics")
    try fillOrigins(section.take("cors-origins"))
  }

  /// Text with commas, as the option has it, or a list.
  private mutating func fillOrigins(_ node: SettingsNode?) throws(SettingsProblem) {
    guard let node else { return }
    var origins: [String] = []
    for element in node.isSequence ? try node.elements() : [node] { origins.append(try element.text()) }
    let list = origins.joined(separator: ",")
    guard CrossOrigin(list: list) != nil else { throw node.mismatch("origins like https://a.example, or *") }
    corsOrigins = corsOrigins ?? list
  }

  func keys(_ environment: [String: String]) throws -> AccessKeys? {
    if noAuth {
      guard primaryKey == nil, secondaryKey == nil else {
        throw CommandFailure(.usage, "--no-auth and keys exclude each other")
      }
      return nil
    }
    var (primary, secondary) = (primaryKey, secondaryKey)
    // The environment's keys are for where no option says otherwise.
    if keyFile == nil || primary != nil || secondary != nil {
      primary = primary ?? environment["APUS_PRIMARY_KEY"].nonEmpty
      secondary = secondary ?? environment["APUS_SECONDARY_KEY"].nonEmpty
    }
    guard let first = primary ?? secondary else { return try KeyFile.keys(at: keyFile, environment: environment) }
    guard let keys = AccessKeys(primary: first, secondary: secondary ?? first) else {
      throw CommandFailure(
        .usage, "a key must have 1 to \(AccessKeys.largestByteCount) printable characters without spaces")
    }
    return keys
  }

  func crossOrigin(_ environment: [String: String]) throws -> CrossOrigin? {
    guard let list = corsOrigins ?? environment["AML_CORS_ORIGINS"].nonEmpty else { return nil }
    guard let crossOrigin = CrossOrigin(list: list) else {
      throw CommandFailure(.usage, "'\(list)' is no list of origins: expected https://a.example,https://b.example or *")
    }
    return crossOrigin
  }
}

/// How much is taken from clients.
struct LimitOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Largest request body (default: 104857600).", valueName: "bytes"))
  var maxBodyBytes: Int?

  @Option(help: ArgumentHelp("Largest request line with its header fields (default: 32768).", valueName: "bytes"))
  var maxHeaderBytes: Int?

  @Option(help: ArgumentHelp("Most connections at a time (default: 1024).", valueName: "count"))
  var maxConnections: Int?

  @Option(help: ArgumentHelp("Most requests that wait for a scoring thread (default: 256).", valueName: "count"))
  var queueLimit: Int?

  @Option(
    help: ArgumentHelp(
      "For a request's header section, and for its body on top of 2 ms a byte (default: 30).", valueName: "seconds"))
  var readTimeout: Double?

  @Option(help: ArgumentHelp("For the next request on a connection (default: 75).", valueName: "seconds"))
  var idleTimeout: Double?

  @Option(help: ArgumentHelp("For a model to answer (default: 60).", valueName: "seconds"))
  var scoringTimeout: Double?

  @Option(help: ArgumentHelp("For requests in flight when the server stops (default: 30).", valueName: "seconds"))
  var drainTimeout: Double?

  static let secondsRange = 0.001...86400

  mutating func fill(_ section: inout SettingsSection) throws(SettingsProblem) {
    try section.fill(&maxBodyBytes, "max-body-bytes", ServerLimits.bodyBytesRange)
    try section.fill(&maxHeaderBytes, "max-header-bytes", ServerLimits.headBytesRange)
    try section.fill(&maxConnections, "max-connections", ServerLimits.connectionsRange)
    try section.fill(&queueLimit, "queue-limit", ServerLimits.queuedRequestsRange)
    try section.fill(&readTimeout, "read-timeout", seconds: Self.secondsRange)
    try section.fill(&idleTimeout, "idle-timeout", seconds: Self.secondsRange)
    try section.fill(&scoringTimeout, "scoring-timeout", seconds: Self.secondsRange)
    try section.fill(&drainTimeout, "drain-timeout", seconds: Self.secondsRange)
  }

  func limits(_ environment: [String: String]) throws -> ServerLimits {
    var limits = ServerLimits()
    try Self.set(&limits.bodyBytes, maxBodyBytes, ServerLimits.bodyBytesRange, "--max-body-bytes")
    try Self.set(&limits.headBytes, maxHeaderBytes, ServerLimits.headBytesRange, "--max-header-bytes")
    try Self.set(&limits.connections, maxConnections, ServerLimits.connectionsRange, "--max-connections")
    try Self.set(&limits.queuedRequests, queueLimit, ServerLimits.queuedRequestsRange, "--queue-limit")
    try Self.set(&limits.readMilliseconds, seconds: readTimeout, "--read-timeout")
    try Self.set(&limits.idleMilliseconds, seconds: idleTimeout, "--idle-timeout")
    try Self.set(&limits.drainMilliseconds, seconds: drainTimeout, "--drain-timeout")
    if let milliseconds = try ServeCommand.number(environment, "SCORING_TIMEOUT_MS", ServerLimits.millisecondsRange) {
      limits.scoringMilliseconds = milliseconds
    }
    try Self.set(&limits.scoringMilliseconds, seconds: scoringTimeout, "--scoring-timeout")
    return limits
  }

  private static func set(_ limit: inout Int, _ value: Int?, _ range: ClosedRange<Int>, _ name: String) throws {
    if let value { limit = try ServeCommand.check(value, range, name) }
  }

  private static func set(_ limit: inout Int, seconds: Double?, _ name: String) throws {
    guard let seconds else { return }
    guard secondsRange.contains(seconds) else {
      throw CommandFailure(.usage, "\(name) must be 0.001 to 86400 seconds, not \(seconds)")
    }
    limit = Int(seconds * 1000)
  }
}

extension String? {
  /// An environment variable that is set to nothing counts as not set.
  var nonEmpty: String? { flatMap { $0.isEmpty ? nil : $0 } }
}

extension SettingsSection {
  /// Takes what the command line left out. What it did not is checked nevertheless.
  mutating func fill(_ value: inout Int?, _ name: String, _ range: ClosedRange<Int>) throws(SettingsProblem) {
    let number = try take(name)?.integer(in: range)
    value = value ?? number
  }

  mutating func fill(
    _ value: inout Double?, _ name: String, seconds range: ClosedRange<Double>
  ) throws(SettingsProblem) {
    let number = try take(name)?.number(in: range, unit: "seconds")
    value = value ?? number
  }

  /// A flag says yes or nothing.
  mutating func fill(_ flag: inout Bool, _ name: String) throws(SettingsProblem) {
    let isSet = try take(name)?.boolean()
    flag = flag || isSet == true
  }
}
