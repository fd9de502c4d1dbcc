import GraphIR
import Tensors

/// Runs branches and loop bodies for the interpreter's control flow: the engine's way to have plans for them.
public protocol RegionRunner: AnyObject {
  /// Outputs of region `index` of the node that is evaluated, or nil when the interpreter shall run it.
  func run(region index: Int, _ inputs: [RuntimeValue], _ context: EvaluationContext) throws -> [RuntimeValue]?
}
