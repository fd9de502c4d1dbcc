import GraphIR
import Tensors

/// Runs branches and loop bodies for the interpreter's control flow: the engine's way to have plans for them.
public protocol RegionRunner: AnyObject {
  /// Outputs of region `index` of the node that is evaluated, or nil when the interpreter shall run it.
  func run(region index: Int, _ inputs: [RuntimeValue], _ context: EvaluationContext) throws -> [RuntimeValue]?

  /// Results of the whole loop that is evaluated, or nil when the interpreter shall run it, body by body.
  func run(loop: LoopCall, _ context: EvaluationContext) throws -> [RuntimeValue]?
}

/// One execution of a `loop` node.
public struct LoopCall {
  public var tripCount: Int64
  /// Whether there is a first iteration.
  public var condition: Bool
  public var carried: [RuntimeValue]
  public var captures: [RuntimeValue]

  public init(tripCount: Int64, condition: Bool, carried: [RuntimeValue], captures: [RuntimeValue]) {
    self.tripCount = tripCount
    self.condition = condition
    self.carried = carried
    self.captures = captures
  }

  /// What the first iteration gets.
  public var bodyInputs: [RuntimeValue] {
    [.tensor(Tensor(scalar: Int64(0))), .tensor(Tensor(scalar: condition))] + carried + captures
  }
}
