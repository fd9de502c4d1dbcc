import Engine
import Synchronization
import Tensors

/// A model as the server sees it: typed ports, and a way to make something that runs it.
public final class ServedModel: Sendable {
  /// Outputs in the order of `outputs` for inputs in the order of `inputs`. Used by one thread at a time. Throws
  /// `EngineError.timeout` when it takes longer than the limit.
  public typealias Run = (_ inputs: [RuntimeValue], _ timeLimitNanoseconds: UInt64) throws -> [RuntimeValue]

  public let name: String
  public let version: String
  /// What it runs at, for metrics.
  public let precision: String
  public let instructionSet: String
  public let inputs: [Port]
  public let outputs: [Port]
  /// Made once for each thread that runs the model.
  let makeRun: @Sendable () throws -> Run
  /// Position among the models of its server: what the way of a request finds its things by.
  let index: Int
  let cost = RunCost()

  public init(
    name: String, version: String, index: Int, precision: String = "float32", instructionSet: String = "interpreter",
    inputs: [Port], outputs: [Port],
    makeRun: @escaping @Sendable () throws -> Run
  ) {
    self.name = name
    self.version = version
    self.precision = precision
    self.instructionSet = instructionSet
    self.index = index
    self.inputs = inputs
    self.outputs = outputs
    self.makeRun = makeRun
  }

  public convenience init(name: String, version: String, index: Int, model: Model) {
    self.init(
      name: name, version: version, index: index, precision: model.runningPrecision.rawValue,
      instructionSet: model.instructionSet, inputs: model.inputs, outputs: model.outputs
    ) {
      let session = Session(model)
      return { inputs, limit in try session.run(inputs, timeLimitNanoseconds: limit) }
    }
  }
}

/// How long the runs of a model take: a moving average over about eight of them.
///
/// Threads race when they add to it. A lost sample is of no consequence, so no lock is taken.
final class RunCost: Sendable {
  private let average = Atomic<Int>(0)
  private let count = Atomic<Int>(0)

  /// Nanoseconds; 0 until the second run, since the first also makes plans.
  var averageNanoseconds: Int { average.load(ordering: .relaxed) }

  func add(nanoseconds: Int) {
    let before = average.load(ordering: .relaxed)
    if before == 0 {
      if count.wrappingAdd(1, ordering: .relaxed).oldValue > 0 {
        average.store(max(nanoseconds, 1), ordering: .relaxed)
      }
      return
    }
    // A thread that lost its processor for a while says nothing about the model.
    let sample = min(nanoseconds, before * 4 + 1000)
    average.store(max(before + (sample - before) / 8, 1), ordering: .relaxed)
  }
}
