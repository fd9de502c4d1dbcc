import GraphIR

/// Roughly how many additions an operation on one element is worth.
enum Cost {
  /// From here on a value is kept rather than computed anew.
  static let dear = 8

  static func of(_ operation: Operation) -> Int {
    switch operation {
    case .unary(let function): of(function)
    case .binary(let function): of(function)
    default: 1
    }
  }

  static func of(_ expression: Expression) -> Int {
    switch expression {
    case .unary(let function, _): of(function)
    case .binary(let function, _, _): of(function)
    case .constantBits: 0
    default: 1
    }
  }

  private static func of(_ function: UnaryFunction) -> Int {
    switch function {
    case .absolute, .negate, .not, .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite: 1
    case .sign, .ceil, .floor, .roundNearestEven: 2
    case .squareRoot, .reciprocal: 6
    case .exponential, .logistic, .hyperbolicTangent: 14
    default: 24
    }
  }

  private static func of(_ function: BinaryFunction) -> Int {
    switch function {
    case .divide: 6
    case .remainder, .floorModulo: 12
    case .power: 40
    case .arcTangent2: 30
    default: 1
    }
  }
}
