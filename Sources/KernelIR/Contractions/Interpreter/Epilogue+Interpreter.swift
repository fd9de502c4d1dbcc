import Tensors

/// An epilogue with the buffers of one call.
struct BoundEpilogue {
  let epilogue: Epilogue
  let operands: [UnsafeMutableRawPointer]

  init(_ epilogue: Epilogue, _ operands: some Collection<UnsafeMutableRawPointer>) {
    precondition(operands.count == epilogue.operands.count, "\(operands.count) buffers for an epilogue")
    self.epilogue = epilogue
    self.operands = Array(operands)
  }

  /// The result for one accumulator, already of the result's type but for its width.
  func callAsFunction(_ accumulator: Float, row: Int, column: Int, batch: [Int] = []) -> Float {
    var values: [Float] = []
    for term in epilogue.terms {
      values.append(value(of: term, values, accumulator, row, column, batch))
    }
    guard let result = values.last else { preconditionFailure("an epilogue has a result") }
    return result
  }

  /// Stores a result at an element of the kernel's last buffer.
  func store(_ value: Float, to base: UnsafeMutableRawPointer, at index: Int) {
    switch epilogue.resultType {
    case .float32: base.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
    case .bool: base.storeBytes(of: value == 0 ? 0 : 1, toByteOffset: index, as: UInt8.self)
    default:
      let type = epilogue.resultType
      guard let narrow = try? Tensor(scalar: value).converted(to: type) else {
        preconditionFailure("no epilogue gives \(type)")
      }
      base.advanced(by: index * type.bitWidth / 8).copyMemory(from: narrow.base, byteCount: type.bitWidth / 8)
    }
  }

  /// Truth values are 0 and 1.
  private func value(
    of term: Epilogue.Term, _ values: [Float], _ accumulator: Float, _ row: Int, _ column: Int, _ batch: [Int]
  ) -> Float {
    switch term {
    case .accumulator: return accumulator
    case .constant(let bits): return Float(bitPattern: bits)
    case .operand(let number): return load(number, row, column, batch)
    case .unary(.not, let x): return values[x] == 0 ? 1 : 0
    case .unary(.isNaN, let x): return values[x].isNaN ? 1 : 0
    case .unary(.isInfinite, let x): return values[x].isInfinite ? 1 : 0
    case .unary(.isPositiveInfinite, let x): return values[x] == .infinity ? 1 : 0
    case .unary(.isNegativeInfinite, let x): return values[x] == -.infinity ? 1 : 0
    case .unary(let function, let x): return defined(ScalarFunctions.unary(function, values[x]), "\(function)")
    case .binary(.and, let a, let b): return values[a] != 0 && values[b] != 0 ? 1 : 0
    case .binary(.or, let a, let b): return values[a] != 0 || values[b] != 0 ? 1 : 0
    case .binary(.exclusiveOr, let a, let b): return (values[a] != 0) != (values[b] != 0) ? 1 : 0
    case .binary(let function, let a, let b):
      return defined(ScalarFunctions.binary(function, values[a], values[b]), "\(function)")
    case .compare(let comparison, let a, let b):
      return ScalarFunctions.compare(comparison, values[a], values[b]) ? 1 : 0
    case .select(let predicate, let onTrue, let onFalse):
      return values[predicate] != 0 ? values[onTrue] : values[onFalse]
    }
  }

  private func defined(_ value: Float?, _ function: String) -> Float {
    guard let value else { preconditionFailure("no epilogue calculates \(function)") }
    return value
  }

  private func load(_ number: Int, _ row: Int, _ column: Int, _ batch: [Int]) -> Float {
    let operand = epilogue.operands[number]
    var index = row * operand.rowStride + column * operand.columnStride
    for (position, stride) in zip(batch, operand.batchStrides) { index += position * stride }
    switch operand.elementType {
    case .float32: return operands[number].load(fromByteOffset: index * 4, as: Float.self)
    case .bool: return operands[number].load(fromByteOffset: index, as: UInt8.self) == 0 ? 0 : 1
    default: preconditionFailure("no epilogue reads \(operand.elementType)")
    }
  }
}
