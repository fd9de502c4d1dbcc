import GraphIR
import Tensors

/// What a term of an epilogue is; truth values are 0 and 1.
enum EpilogueNumber {
  case float(Float)
  case integer(Int32)

  var real: Float {
    switch self {
    case .float(let value): value
    case .integer: preconditionFailure("an int32 where an epilogue calculates with floats")
    }
  }
}

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
  func callAsFunction(_ accumulator: EpilogueNumber, row: Int, column: Int, batch: [Int] = []) -> EpilogueNumber {
    var values: [EpilogueNumber] = []
    for term in epilogue.terms {
      values.append(value(of: term, values, accumulator, row, column, batch))
    }
    guard let result = values.last else { preconditionFailure("an epilogue has a result") }
    return result
  }

  /// Stores a result at an element of the kernel's last buffer.
  func store(_ value: EpilogueNumber, to base: UnsafeMutableRawPointer, at index: Int) {
    switch (epilogue.resultType, value) {
    case (.float32, .float(let value)): base.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
    case (.bfloat16, .float(let value)):
      let bits = FloatFormat.bfloat16.encode(value)
      base.storeBytes(of: bits, toByteOffset: index * 2, as: UInt16.self)
    case (.bool, .float(let value)): base.storeBytes(of: value == 0 ? 0 : 1, toByteOffset: index, as: UInt8.self)
    case (.int32, _): base.storeBytes(of: whole(value), toByteOffset: index * 4, as: Int32.self)
    case (.uint8, _), (.int8, _):
      base.storeBytes(of: UInt8(truncatingIfNeeded: whole(value)), toByteOffset: index, as: UInt8.self)
    case (let type, _): preconditionFailure("no epilogue gives \(type)")
    }
  }

  /// Toward zero; what no int32 holds is the least one, as x86 has it.
  private func whole(_ value: EpilogueNumber) -> Int32 {
    switch value {
    case .integer(let value): value
    case .float(let value): Int32(exactly: value.rounded(.towardZero)) ?? .min
    }
  }

  private func value(
    of term: Epilogue.Term, _ values: [EpilogueNumber], _ accumulator: EpilogueNumber, _ row: Int, _ column: Int,
    _ batch: [Int]
  ) -> EpilogueNumber {
    switch term {
    case .accumulator: return accumulator
    case .constant(let bits): return .float(Float(bitPattern: bits))
    case .integer(let value): return .integer(value)
    case .operand(let number): return load(number, row, column, batch)
    case .float(let x):
      guard case .integer(let value) = values[x] else { preconditionFailure("a float made a float") }
      return .float(Float(value))
    case .binary(let function, let a, let b):
      if case .integer(let a) = values[a], case .integer(let b) = values[b] {
        return .integer(integer(function, a, b))
      }
      return .float(real(function, values[a].real, values[b].real))
    case .unary(let function, let x): return .float(real(function, values[x].real))
    case .compare(let comparison, let a, let b):
      return .float(ScalarFunctions.compare(comparison, values[a].real, values[b].real) ? 1 : 0)
    case .select(let predicate, let onTrue, let onFalse):
      return values[predicate].real != 0 ? values[onTrue] : values[onFalse]
    }
  }

  private func integer(_ function: BinaryFunction, _ a: Int32, _ b: Int32) -> Int32 {
    switch function {
    case .add: a &+ b
    case .subtract: a &- b
    case .multiply: a &* b
    case .maximum: max(a, b)
    case .minimum: min(a, b)
    default: preconditionFailure("no epilogue calculates \(function) of integers")
    }
  }

  private func real(_ function: UnaryFunction, _ x: Float) -> Float {
    switch function {
    case .not: x == 0 ? 1 : 0
    case .isNaN: x.isNaN ? 1 : 0
    case .isInfinite: x.isInfinite ? 1 : 0
    case .isPositiveInfinite: x == .infinity ? 1 : 0
    case .isNegativeInfinite: x == -.infinity ? 1 : 0
    default: defined(ScalarFunctions.unary(function, x), "\(function)")
    }
  }

  private func real(_ function: BinaryFunction, _ a: Float, _ b: Float) -> Float {
    switch function {
    case .and: a != 0 && b != 0 ? 1 : 0
    case .or: a != 0 || b != 0 ? 1 : 0
    case .exclusiveOr: (a != 0) != (b != 0) ? 1 : 0
    default: defined(ScalarFunctions.binary(function, a, b), "\(function)")
    }
  }

  private func defined(_ value: Float?, _ function: String) -> Float {
    guard let value else { preconditionFailure("no epilogue calculates \(function)") }
    return value
  }

  private func load(_ number: Int, _ row: Int, _ column: Int, _ batch: [Int]) -> EpilogueNumber {
    let operand = epilogue.operands[number]
    var index = row * operand.rowStride + column * operand.columnStride
    for (position, stride) in zip(batch, operand.batchStrides) { index += position * stride }
    let base = operands[number]
    switch operand.elementType {
    case .float32: return .float(base.load(fromByteOffset: index * 4, as: Float.self))
    case .bfloat16: return .float(Float(bfloat16: base.load(fromByteOffset: index * 2, as: UInt16.self)))
    case .bool: return .float(base.load(fromByteOffset: index, as: UInt8.self) == 0 ? 0 : 1)
    case .int32: return .integer(base.load(fromByteOffset: index * 4, as: Int32.self))
    case .uint8: return .integer(Int32(base.load(fromByteOffset: index, as: UInt8.self)))
    case .int8: return .integer(Int32(base.load(fromByteOffset: index, as: Int8.self)))
    default: preconditionFailure("no epilogue reads \(operand.elementType)")
    }
  }
}
