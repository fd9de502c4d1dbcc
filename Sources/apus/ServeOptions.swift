import ArgumentParser
import Serving

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

  @Option(help: ArgumentHelp("Web pages that may read answers: origins separated by commas, or *.", valueName: "list"))
  var corsOrigins: String?

  func keys(_ environment: [String: String]) throws -> AccessKeys? {
    if noAuth {
      guard primaryKey == nil, secondaryKey == nil else {
        throw CommandFailure(.usage, "--no-auth and keys exclude each other")
      }
      return nil
    }
    let primary = primaryKey ?? environment["APUS_PRIMARY_KEY"].nonEmpty
    let secondary = secondaryKey ?? environment["APUS_SECONDARY_KEY"].nonEmpty
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
    guard seconds >= 0.001, seconds <= 86400 else {
      throw CommandFailure(.usage, "\(name) must be 0.001 to 86400 seconds, not \(seconds)")
    }
    limit = Int(seconds * 1000)
  }
}

extension String? {
  /// An environment variable that is set to nothing counts as not set.
  var nonEmpty: String? { flatMap { $0.isEmpty ? nil : $0 } }
}
