import GraphIR
import KernelIR
import Tensors

extension LoopEmitter {
  func unary(_ function: UnaryFunction, _ type: ElementType, _ x: Value) throws -> Value {
    switch function {
    case .absolute: return lanes.absolute(type, x)
    case .negate: return lanes.negate(type, x)
    case .sign: return lanes.sign(type, x)
    case .ceil: return lanes.round(type, x, mode: 2)
    case .floor: return lanes.round(type, x, mode: 1)
    case .roundNearestEven: return lanes.round(type, x, mode: 0)
    case .not: return lanes.not(type, x)
    case .squareRoot: return lanes.squareRoot(type, x)
    case .reciprocal: return lanes.divide(type, lanes.number(type, 1), x)
    case .isNaN: return lanes.compareFloats(type, x, x, predicate: 3)
    case .isInfinite:
      return lanes.compare(.equal, type, lanes.absolute(type, x), infinity(type, isNegative: false))
    case .isPositiveInfinite: return lanes.compare(.equal, type, x, infinity(type, isNegative: false))
    case .isNegativeInfinite: return lanes.compare(.equal, type, x, infinity(type, isNegative: true))
    default:
      guard type == .float32, let result = mathematics(function, x) else {
        throw LoopCompilerError.unsupported("\(function) of \(type.name)")
      }
      return result
    }
  }

  private func infinity(_ type: ElementType, isNegative: Bool) -> Value {
    lanes.constant(
      type, bits: LoopEmitter.neutralBits(isNegative ? .maximum : .minimum, type))
  }

  func binary(_ function: BinaryFunction, _ a: KernelValue, _ b: KernelValue, _ part: Int) throws -> Value {
    let type = type(a)
    let (left, right) = (operand(a, part), operand(b, part))
    switch function {
    case .add: return lanes.add(type, left, right)
    case .subtract: return lanes.subtract(type, left, right)
    case .multiply: return lanes.multiply(type, left, right)
    // The operand that is a known number goes first: then one instruction is right for NaN too.
    case .maximum:
      return isNumber(b)
        ? lanes.maximum(type, right, left, aIsNumber: true)
        : lanes.maximum(type, left, right, aIsNumber: isNumber(a))
    case .minimum:
      return isNumber(b)
        ? lanes.minimum(type, right, left, aIsNumber: true)
        : lanes.minimum(type, left, right, aIsNumber: isNumber(a))
    case .and: return type == .bool ? lanes.maskAnd(left, right) : lanes.and(left, right)
    case .or: return type == .bool ? lanes.maskOr(left, right) : lanes.or(left, right)
    case .exclusiveOr: return type == .bool ? lanes.maskExclusiveOr(left, right) : lanes.exclusiveOr(left, right)
    case .shiftLeft: return lanes.shiftLeft(type, left, right)
    case .shiftRight: return lanes.shiftRight(type, left, right)
    case .divide where type.isFloat: return lanes.divide(type, left, right)
    case .divide, .remainder, .floorModulo: return try division(function, type, left, right)
    case .power, .arcTangent2, .complex:
      guard type == .float32, let result = mathematics(function, left, right) else {
        throw LoopCompilerError.unsupported("\(function) of \(type.name)")
      }
      return result
    }
  }

  private func division(_ function: BinaryFunction, _ type: ElementType, _ a: Value, _ b: Value) throws -> Value {
    let results: (quotient: Value, remainder: Value)
    switch type {
    case .int32, .uint32: results = lanes.divide32(type, a, b)
    case .int64: results = lanes.divide64(a, b)
    default: throw LoopCompilerError.unsupported("\(function) of \(type.name)")
    }
    if function == .divide { return results.quotient }
    if function == .remainder || type.kind == .unsignedInteger { return results.remainder }
    // A remainder of the other sign than the divisor moves by the divisor.
    let zero = lanes.zero(type)
    let signs = lanes.compare(.less, type, lanes.exclusiveOr(results.remainder, b), zero)
    let moves = lanes.maskAnd(signs, lanes.compare(.notEqual, type, results.remainder, zero))
    return lanes.select(type, moves, lanes.add(type, results.remainder, b), results.remainder)
  }

  /// Known not to be NaN.
  private func isNumber(_ value: KernelValue) -> Bool {
    guard let bits = shape.constants[value.index] else { return false }
    switch type(value) {
    case .float32: return !Float(bitPattern: UInt32(truncatingIfNeeded: bits)).isNaN
    case .float64: return !Double(bitPattern: bits).isNaN
    default: return true
    }
  }
}
