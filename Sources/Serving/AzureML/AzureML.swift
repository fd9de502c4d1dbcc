import Engine
import Logging
import NIOCore
import Tensors

/// The protocol of Azure Machine Learning's inference server (azmlinfsrv 1.5): `/score`, `/swagger.json`, `/`.
///
/// It differs on purpose where that server cannot know better: an input of a wrong shape or type is 400 with what was
/// expected, not 500; errors carry their code (`{"status_code": 400, "message": "…"}`), as the cloud's front did.
public struct AzureML: Sendable {
  /// What the documents and headers say about the service.
  public struct Description: Sendable {
    public var name = "ML service"
    public var version = "1.0"
    /// nil leaves `x-ms-server-version` out.
    public var serverVersion: String? = "apus/\(Release.version)"

    public init() {}
  }

  let description: Description
  let crossOrigin: CrossOrigin?
  let readiness: Readiness
  let logger: Logger

  /// `models[defaultIndex]` is at `/score`; each is at `/models/NAME/score`.
  func wireProtocol(models: [ServedModel], defaultIndex: Int, needsKey: Bool) -> WireProtocol {
    let logger = logger
    var routes = [Route(.get, "/", needsKey: false, .reply(health))]
    for (index, model) in models.enumerated() {
      let codec = ScoreCodec(model)
      let prefixes = (index == defaultIndex ? [""] : []) + ["/models/\(model.name)"]
      for prefix in prefixes {
        let encoded = prefix.isEmpty ? "" : "/models/\(PercentEncoding.encode(model.name))"
        let swagger = SwaggerDocuments(description, model, prefix: encoded, needsKey: needsKey)
        routes += [
          Route(
            .post, prefix + "/score", needsKey: true,
            .score(model) { request, lane, reply throws(HTTPError) in
              try Self.score(request, lane, codec, logger, &reply)
            }),
          Route(
            .get, prefix + "/score", needsKey: true,
            .score(model) { request, lane, reply throws(HTTPError) in
              let body = try QueryBody.make(request.query)
              try body.withUnsafeReadableBytes { body throws(HTTPError) in
                try Self.scoreJSON(request.replacingBody(body), lane, codec, logger, &reply)
              }
            }),
          Route(
            .get, prefix + "/swagger.json", needsKey: false,
            .reply { request, reply throws(HTTPError) in
              reply.body.writeBytes(try swagger.document(request.query))
            }),
        ]
      }
    }
    return WireProtocol(
      routes: routes, admit: RequestIdentifiers.check, writeHeaders: writeHeaders, writeError: Self.writeError)
  }

  // MARK: - Health

  private func health(_ request: Request, _ reply: inout Reply) throws(HTTPError) {
    reply.isProbe = true
    reply.contentType = .html
    guard readiness.isReady else {
      reply.status = .serviceUnavailable
      reply.body.writeStaticString("Draining")
      return
    }
    reply.body.writeStaticString("Healthy")
  }

  // MARK: - Scoring

  private static func score(
    _ request: Request, _ lane: Lane, _ codec: ScoreCodec, _ logger: Logger, _ reply: inout Reply
  ) throws(HTTPError) {
    if let encoding = request[.contentEncoding], !encoding.equalsIgnoringCase("identity") {
      throw HTTPError(.unsupportedMediaType, "Expects no Content-Encoding, found \(encoding.text)")
    }
    let type = request[.contentType]?.mediaType ?? UnsafeRawBufferPointer(start: nil, count: 0)
    if type.equalsIgnoringCase("application/json") || type.hasJSONSuffix {
      try scoreJSON(request, lane, codec, logger, &reply)
    } else if type.equalsIgnoringCase("application/octet-stream") {
      try scoreRaw(request, lane, codec, logger, &reply)
    } else {
      throw HTTPError(.unsupportedMediaType, "Expects Content-Type to be application/json")
    }
  }

  private static func scoreJSON(
    _ request: Request, _ lane: Lane, _ codec: ScoreCodec, _ logger: Logger, _ reply: inout Reply
  ) throws(HTTPError) {
    let (inputs, answer) = try codec.decode(request.body)
    let outputs = try lane.run(inputs, logger, &reply)
    try write(outputs, answer, lane, codec, &reply)
  }

  private static func scoreRaw(
    _ request: Request, _ lane: Lane, _ codec: ScoreCodec, _ logger: Logger, _ reply: inout Reply
  ) throws(HTTPError) {
    let outputs = try lane.run(try codec.decode(raw: request.body), logger, &reply)
    let wantsBytes = request[.accept]?.hasToken("application/octet-stream") == true
    if wantsBytes, outputs.count == 1, let tensor = outputs[0].tensor, tensor.elementType != .string {
      reply.contentType = .bytes
      withExtendedLifetime(tensor.storage) {
        _ = reply.body.writeBytes(UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
      }
    } else {
      try write(outputs, ScoreCodec.Answer(form: .raw), lane, codec, &reply)
    }
  }

  private static func write(
    _ outputs: [RuntimeValue], _ answer: ScoreCodec.Answer, _ lane: Lane, _ codec: ScoreCodec, _ reply: inout Reply
  ) throws(HTTPError) {
    lane.writer.removeAll()
    do {
      try codec.encode(outputs, answer, into: &lane.writer)
    } catch {
      throw HTTPError(.internalServerError, "An output cannot be written as JSON: \(error)")
    }
    lane.writer.withBytes { _ = reply.body.writeBytes($0) }
  }

  // MARK: - Headers and errors

  private func writeHeaders(
    _ request: Request?, _ reply: Reply, _ loop: EventLoopState, _ output: inout ByteBuffer
  ) {
    if !reply.isProbe {
      output.writeStaticString(
        reply.modelFailed ? "x-ms-run-function-failed: True\r\n" : "x-ms-run-function-failed: False\r\n")
    }
    // The router of that server answers before anything of the service is asked.
    if reply.isFromRouter { return }
    if let nanoseconds = reply.executionNanoseconds, reply.status == .ok {
      output.writeStaticString("x-ms-run-fn-exec-ms: ")
      output.writeMilliseconds(nanoseconds: nanoseconds)
      output.writeStaticString("\r\n")
    }
    crossOrigin?.writeHeaders(request, isPreflight: reply.isPreflight, into: &output)
    if let version = description.serverVersion {
      output.writeStaticString("x-ms-server-version: ")
      output.writeString(version)
      output.writeStaticString("\r\n")
    }
    RequestIdentifiers.write(request, loop, into: &output)
  }

  private static func writeError(_ error: HTTPError, _ reply: inout Reply) {
    reply.body.writeStaticString("{\"status_code\": ")
    reply.body.writeDecimal(error.status.rawValue)
    reply.body.writeStaticString(", \"message\": ")
    reply.body.writeJSONString(error.message)
    reply.body.writeStaticString("}")
  }
}

extension UnsafeRawBufferPointer {
  /// "application/vnd.example+json"
  fileprivate var hasJSONSuffix: Bool {
    count > 5 && UnsafeRawBufferPointer(rebasing: self[(count - 5)...]).equalsIgnoringCase("+json")
  }
}
