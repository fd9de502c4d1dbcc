import Engine
import Logging
import Tensors

/// What one thread needs to run one model: a session of its own, so that no lock is taken, and memory to write in.
final class Lane {
  let model: ServedModel
  private let runModel: ServedModel.Run
  private let metrics: ThreadMetrics
  private let timeLimitMilliseconds: Int
  /// Used again for each answer.
  var writer = JSONWriter(capacity: 4096, isSpaced: true)

  /// - Parameter metrics: of the thread that uses the lane.
  init(_ model: ServedModel, _ metrics: ThreadMetrics, timeLimitMilliseconds: Int) throws {
    self.model = model
    self.metrics = metrics
    self.timeLimitMilliseconds = timeLimitMilliseconds
    runModel = try model.makeRun()
  }

  /// Runs the model and notes how long it took. An input that does not fit is the client's fault, anything else the
  /// model's: its text goes to the log, since it may say more about the model than clients may know.
  func run(_ inputs: [RuntimeValue], _ logger: Logger, _ reply: inout Reply) throws(HTTPError) -> [RuntimeValue] {
    let start = MonotonicClock.nanoseconds()
    do {
      let outputs = try runModel(inputs, UInt64(timeLimitMilliseconds) * 1_000_000)
      let elapsed = MonotonicClock.nanoseconds() - start
      metrics.observe(.run, model: model.index, nanoseconds: elapsed)
      reply.executionNanoseconds = elapsed
      model.cost.add(nanoseconds: elapsed)
      return outputs
    } catch let error as EngineError {
      switch error {
      case .unknownInput, .missingInput, .invalidInput: throw HTTPError(.badRequest, error.description)
      case .timeout: throw .scoringTimeout(milliseconds: timeLimitMilliseconds)
      case .evaluation, .machine: throw failure(error, logger)
      }
    } catch {
      throw failure(error, logger)
    }
  }

  private func failure(_ error: any Error, _ logger: Logger) -> HTTPError {
    logger.error("model \(model.name): \(error)")
    var failure = HTTPError(
      .internalServerError, "An unexpected error occurred in scoring script. Check the logs for more info.")
    failure.modelFailed = true
    return failure
  }
}
