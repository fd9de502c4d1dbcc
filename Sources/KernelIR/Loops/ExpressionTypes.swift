import GraphIR
import Tensors

// Which functions exist for which types, and what comes out.

extension UnaryFunction {
  /// The compute type of the result for an operand of compute type `type`; nil when the function has no meaning there.
  public func kernelResult(_ type: ElementType) -> ElementType? {
    switch self {
    case .absolute, .negate, .sign, .ceil, .floor, .roundNearestEven: type.isNumeric ? type : nil
    case .not: type.isInteger || type == .bool ? type : nil
    case .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite: type.isFloat ? .bool : nil
    case .realPart, .imaginaryPart: nil
    default: type.isFloat ? type : nil
    }
  }
}

extension BinaryFunction {
  /// Both operands and the result are of this type; nil when the function has no meaning there.
  public func kernelResult(_ type: ElementType) -> ElementType? {
    switch self {
    case .add, .subtract, .multiply, .divide, .remainder, .floorModulo, .power: type.isNumeric ? type : nil
    case .maximum, .minimum: type
    case .arcTangent2: type.isFloat ? type : nil
    case .and, .or, .exclusiveOr: type.isInteger || type == .bool ? type : nil
    case .shiftLeft, .shiftRight: type.isInteger ? type : nil
    case .complex: nil
    }
  }
}

extension LoopReduction.Operation {
  public func isDefined(for type: ElementType) -> Bool {
    switch self {
    case .sum, .product: type.isNumeric
    case .maximum, .minimum: true
    case .and, .or: type.isInteger || type == .bool
    }
  }
}

extension Expression {
  /// Whether the operands decide the type of the result. Constants, positions and conversions take it from the value
  /// that they define.
  public var decidesType: Bool {
    switch self {
    case .constantBits, .position, .convert, .bitcast: false
    default: true
    }
  }

  /// The values that the expression reads, those of its index included.
  public var operands: [KernelValue] {
    switch self {
    case .constantBits: []
    case .position(let index): index.indirect.map(\.value)
    case .load(_, let index, let otherwise): index.indirect.map(\.value) + (otherwise.map { [$0] } ?? [])
    case .unary(_, let x), .convert(let x, _), .bitcast(let x): [x]
    case .binary(_, let a, let b), .compare(_, let a, let b): [a, b]
    case .select(let a, let b, let c), .multiplyAdd(let a, let b, let c): [a, b, c]
    }
  }

  /// The type of the result for operands of these types in `kernel`, or nil when there is none: the operands do not fit
  /// or, with `decidesType` false, `wanted` does not.
  func resultType(in kernel: LoopKernel, wanted: ElementType) -> ElementType? {
    func type(_ value: KernelValue) -> ElementType { kernel.types[value.index] }
    switch self {
    case .constantBits: return wanted
    case .position: return wanted == .int32 || wanted == .int64 ? wanted : nil
    case .load(let buffer, _, let otherwise):
      let loaded = LoopKernel.computeType(kernel.buffers[buffer].elementType)
      return otherwise.map { type($0) == loaded } ?? true ? loaded : nil
    case .unary(let function, let x): return function.kernelResult(type(x))
    case .binary(let function, let a, let b): return type(a) == type(b) ? function.kernelResult(type(a)) : nil
    case .compare(_, let a, let b): return type(a) == type(b) ? .bool : nil
    case .select(let predicate, let a, let b): return type(predicate) == .bool && type(a) == type(b) ? type(a) : nil
    case .convert(_, let through): return LoopKernel.computeType(through) == nil ? nil : wanted
    case .bitcast(let x):
      return wanted != .bool && type(x) != .bool && wanted.bitWidth == type(x).bitWidth ? wanted : nil
    case .multiplyAdd(let a, let b, let c):
      return type(a).isFloat && type(a) == type(b) && type(a) == type(c) ? type(a) : nil
    }
  }
}
