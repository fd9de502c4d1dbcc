import GraphIR
import Tensors

/// Which arithmetic a contraction runs in.
enum ContractionArithmetic {
  case float32, float64
  /// int32 sums of integers small enough for float32.
  case smallIntegers
  case int32, int64
  case complex64, complex128
}

extension Contractions {
  /// The arithmetic for these operands and result, or an error.
  static func arithmetic(
    _ node: Node, _ lhs: Tensor, _ rhs: Tensor, result: ElementType
  ) throws -> ContractionArithmetic {
    let types = [lhs.elementType, rhs.elementType, result]
    if types.allSatisfy(\.isFloat) { return types.contains(.float64) ? .float64 : .float32 }
    if lhs.elementType.isInteger, rhs.elementType.isInteger, result.isNumeric {
      // Exact sums, rounded once where the result is a float.
      if result.bitWidth == 64 || result.isFloat { return .int64 }
      let isSmall = SmallIntegerArithmetic.isExact(
        magnitudes: magnitude(of: lhs), magnitude(of: rhs), depth: matrixDepthBlock)
      return isSmall ? .smallIntegers : .int32
    }
    if types.allSatisfy({ $0 == .complex64 }) { return .complex64 }
    if types.allSatisfy({ $0.kind == .complex }), result == .complex128 { return .complex128 }
    throw EvaluationError(
      node, "\(lhs.elementType.name) and \(rhs.elementType.name) giving \(result.name)",
      expected: "floats, integers or complex numbers throughout")
  }

  /// A bound of the absolute values of an integer tensor.
  private static func magnitude(of x: Tensor) -> UInt64 {
    func largest<Number: FixedWidthInteger & TensorElement>(_: Number.Type) -> UInt64 {
      x.withElements(of: Number.self) { numbers in
        var low = Number.zero
        var high = Number.zero
        for number in numbers {
          low = min(low, number)
          high = max(high, number)
        }
        return max(UInt64(low.magnitude), UInt64(high.magnitude))
      }
    }
    return switch x.elementType {
    case .int16: largest(Int16.self)
    case .uint16: largest(UInt16.self)
    case .int32: largest(Int32.self)
    case .uint32: largest(UInt32.self)
    case .int64: largest(Int64.self)
    case .uint64: largest(UInt64.self)
    case .int8: 128
    case .uint8: 255
    default: 15  // Packed types.
    }
  }

  /// The operand as factors of an arithmetic: a copy unless it is of that type already. Integers wrap.
  static func factors<Number: TensorElement>(_ x: Tensor, as type: Number.Type) throws -> Tensor {
    if x.elementType == Number.elementType { return x }
    if x.elementType.isInteger {
      switch type {
      case is Float.Type: return try integers(x) { Float(truncatingIfNeeded: $0) }
      case is Int32.Type: return try integers(x) { Int32(truncatingIfNeeded: $0) }
      case is Int64.Type: return try integers(x) { Int64(truncatingIfNeeded: $0) }
      default: break
      }
    }
    return try x.converted(to: Number.elementType)
  }

  /// A sum tensor as the result type: integers wrap, floats are rounded.
  static func narrowed(_ sums: Tensor, to result: ElementType) throws -> Tensor {
    if sums.elementType == result { return sums }
    switch result {
    case .int8: return try integers(sums) { Int8(truncatingIfNeeded: $0) }
    case .uint8: return try integers(sums) { UInt8(truncatingIfNeeded: $0) }
    case .int16: return try integers(sums) { Int16(truncatingIfNeeded: $0) }
    case .uint16: return try integers(sums) { UInt16(truncatingIfNeeded: $0) }
    case .int32: return try integers(sums) { Int32(truncatingIfNeeded: $0) }
    case .uint32: return try integers(sums) { UInt32(truncatingIfNeeded: $0) }
    case .int64: return try integers(sums) { Int64(truncatingIfNeeded: $0) }
    case .uint64: return try integers(sums) { UInt64(truncatingIfNeeded: $0) }
    default: return try sums.converted(to: result)
    }
  }

  private static func integers<Number: TensorElement>(
    _ x: Tensor, _ convert: (Int64) -> Number
  ) throws -> Tensor {
    let x = x.elementType.isPacked ? try x.widened() : x
    let result = try Tensor(Number.elementType, x.shape, zeroed: false)
    func fill<Source: FixedWidthInteger & TensorElement>(_: Source.Type) {
      x.withElements(of: Source.self) { source in
        result.withMutableElements(of: Number.self) { target in
          for index in 0..<source.count { target[index] = convert(Int64(truncatingIfNeeded: source[index])) }
        }
      }
    }
    switch x.elementType {
    case .int8: fill(Int8.self)
    case .uint8: fill(UInt8.self)
    case .int16: fill(Int16.self)
    case .uint16: fill(UInt16.self)
    case .int32: fill(Int32.self)
    case .uint32: fill(UInt32.self)
    case .int64: fill(Int64.self)
    case .uint64: fill(UInt64.self)
    default: preconditionFailure("not an integer type: \(x.elementType)")
    }
    return result
  }
}

extension Float {
  fileprivate init(truncatingIfNeeded value: Int64) { self = Float(value) }
}
