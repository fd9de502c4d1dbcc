import GraphIR
import KernelIR

/// Elementary functions of float32 vectors. None yet: they are left to the interpreter.
extension LoopEmitter {
  static func hasMathematics(_ function: UnaryFunction) -> Bool { false }
  static func hasMathematics(_ function: BinaryFunction) -> Bool { false }

  func mathematics(_ function: UnaryFunction, _ x: Value) -> Value? { nil }
  func mathematics(_ function: BinaryFunction, _ a: Value, _ b: Value) -> Value? { nil }
}
