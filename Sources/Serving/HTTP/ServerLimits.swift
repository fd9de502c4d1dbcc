/// Everything that a client could ask too much of. Times are in milliseconds.
public struct ServerLimits: Sendable {
  public var bodyBytes = 100 << 20
  public var headBytes = 32 << 10
  public var connections = 1024
  /// For a whole head; and for a body, on top of one second for each 500 bytes of it that came.
  public var readMilliseconds = 30_000
  /// Between two requests of a connection.
  public var idleMilliseconds = 75_000
  /// From the complete request to its scores.
  public var scoringMilliseconds = 60_000
  /// Requests that wait for a scoring thread.
  public var queuedRequests = 256
  /// For requests in flight when the server is told to stop.
  public var drainMilliseconds = 30_000

  public init() {}

  /// The slowest client that is served: 500 bytes a second, as Apache's `mod_reqtimeout` has it.
  static let minimumBytesPerMillisecond = 0.5

  /// The ranges that the command line accepts.
  public static let bodyBytesRange = 1...(1 << 40)
  public static let headBytesRange = 256...(1 << 20)
  public static let connectionsRange = 1...(1 << 20)
  public static let millisecondsRange = 1...86_400_000
  public static let queuedRequestsRange = 0...(1 << 20)

  static func bodyMessage(_ limit: Int) -> String { "The request body is larger than the limit of \(limit) bytes." }
}
