import GraphIR
import KernelIR

/// Elementary functions of float32 vectors. Those of float64 are left to the interpreter.
extension LoopEmitter {
  static func hasMathematics(_ function: UnaryFunction) -> Bool {
    switch function {
    case .exponential, .exponentialMinusOne, .logarithm, .logarithmPlusOne, .sine, .cosine, .tangent, .arcSine,
      .arcCosine, .arcTangent, .hyperbolicSine, .hyperbolicCosine, .hyperbolicTangent, .inverseHyperbolicSine,
      .inverseHyperbolicCosine, .inverseHyperbolicTangent, .errorFunction, .logistic:
      true
    default: false
    }
  }

  static func hasMathematics(_ function: BinaryFunction) -> Bool { function == .power || function == .arcTangent2 }

  func mathematics(_ function: UnaryFunction, _ x: Value) -> Value? {
    VectorMaths(builder).apply(function, x)
  }

  func mathematics(_ function: BinaryFunction, _ a: Value, _ b: Value) -> Value? {
    switch function {
    case .power: VectorMaths(builder).power(a, b)
    case .arcTangent2: VectorMaths(builder).arcTangent2(a, b)
    default: nil
    }
  }
}
