import NIOCore

/// What a way of speaking to models brings: its routes, its headers and how it words an error.
struct WireProtocol: Sendable {
  var routes: [Route]
  /// Refuses a request before its body is read.
  var admit: @Sendable (Request) throws(HTTPError) -> Void
  /// Adds header lines to a reply; without a request when none could be read.
  var writeHeaders: @Sendable (Request?, Reply, EventLoopState, inout ByteBuffer) -> Void
  /// Turns an error into a reply.
  var writeError: @Sendable (HTTPError, inout Reply) -> Void
}

/// What is done for a method and a path.
final class Route: Sendable {
  enum Action: Sendable {
    /// Answered on the event loop: for what takes microseconds.
    case reply(@Sendable (Request, inout Reply) throws(HTTPError) -> Void)
    /// Runs a model, on whichever thread the scheduler chooses.
    case score(ServedModel, @Sendable (Request, Lane, inout Reply) throws(HTTPError) -> Void)
  }

  let method: Method
  let path: String
  let needsKey: Bool
  let action: Action
  /// The index of the model that it runs.
  let modelIndex: Int?

  init(_ method: Method, _ path: String, needsKey: Bool, _ action: Action) {
    self.method = method
    self.path = path
    self.needsKey = needsKey
    self.action = action
    modelIndex = if case .score(let model, _) = action { model.index } else { nil }
  }
}
