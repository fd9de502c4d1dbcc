import GraphIR
import Tensors

extension Pass {
  /// Arithmetic of float16 and bfloat16 happens in float32. What one such step hands to the next keeps its float32; it is
  /// rounded where something else reads it: the graph's outputs, comparisons, regions. Kernels for products exist for
  /// float32, and a chain of elementwise work rounds once instead of at every step.
  ///
  /// Results are at least as close to exact ones as those of rounding at every step, which is what the file says, and
  /// the same as onnxruntime's on CPUs.
  public static let widenHalves = Pass(
    Rule(
      name: "widen-halves",
      rewrite: { rewriter, step in
        switch step.operation.halfRole {
        case .arithmetic(let widened): return try rewriter.widened(step, widened)
        case .movement:
          return step.operands.contains { rewriter.wide[$0] != nil } ? try rewriter.widened(step, step.operation) : nil
        case .widening:
          guard let source = rewriter.wide[step.operands[0]], rewriter.elementType(source) == .float32 else {
            return nil
          }
          return [source]
        case .none: return nil
        }
      }))
}

extension Rewriter {
  /// The step with float32 for each half. Nil when it has none.
  fileprivate func widened(_ step: Step, _ operation: Operation) throws -> [ValueID]? {
    guard let half = step.operands.lazy.compactMap({ self.elementType($0) }).first(where: \.isHalf) else { return nil }
    let operands = try step.operands.map { operand in
      guard elementType(operand) == half else { return operand }
      return try wide[operand] ?? one(.convert(to: .float32), [operand])
    }
    return try add(operation, operands).map { result in
      guard elementType(result) == .float32 else { return result }
      let narrow = try one(.convert(to: half), [result])
      wide[narrow] = result
      return narrow
    }
  }
}

extension ElementType {
  fileprivate var isHalf: Bool { self == .float16 || self == .bfloat16 }
}

/// What an operation does with halves.
private enum HalfRole {
  /// Rounds; the operation for float32.
  case arithmetic(Operation)
  case movement
  /// A conversion to float32.
  case widening
  case none
}

extension Operation {
  fileprivate var halfRole: HalfRole {
    switch self {
    case .unary(let function): function.isArithmetic ? .arithmetic(self) : .none
    case .binary(let function): function.isArithmetic ? .arithmetic(self) : .none
    case .select, .reduce, .cumulative, .transposedConvolution, .reduceWindow: .arithmetic(self)
    case .dot(let dimensions, let result): result.isHalf ? .arithmetic(.dot(dimensions, result: .float32)) : .none
    case .convolution(let convolution, let result):
      result.isHalf ? .arithmetic(.convolution(convolution, result: .float32)) : .none
    case .reshape, .broadcast, .transpose, .slice, .concatenate, .pad, .reverse, .gather: .movement
    case .convert(.float32, _): .widening
    default: .none
    }
  }
}

extension UnaryFunction {
  fileprivate var isArithmetic: Bool {
    switch self {
    case .sign, .ceil, .floor, .roundNearestEven, .not, .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite,
      .realPart, .imaginaryPart:
      false
    default: true
    }
  }
}

extension BinaryFunction {
  fileprivate var isArithmetic: Bool {
    switch self {
    case .add, .subtract, .multiply, .divide, .power, .maximum, .minimum, .arcTangent2: true
    default: false
    }
  }
}
