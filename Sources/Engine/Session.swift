import GraphIR
import Tensors

/// Runs a model. One thread at a time; make one for each thread that runs the model concurrently.
public final class Session {
  public let model: Model
  public let threadCount: Int

  public init(_ model: Model, threadCount: Int = 1) {
    self.model = model
    self.threadCount = threadCount
  }

  /// Outputs in the order of `model.outputs`, for inputs in the order of `model.inputs`. Throws `EngineError` for
  /// inputs that do not fit. The results stay valid after the next run.
  public func run(_ inputs: [RuntimeValue]) throws -> [RuntimeValue] {
    throw EngineError.evaluation("no plan")
  }
}
