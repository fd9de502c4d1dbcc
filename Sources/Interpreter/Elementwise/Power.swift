import GraphIR
import Tensors

extension Elementwise {
  /// base ^ exponent in the type of the base; the exponent may be of any other real type.
  ///
  /// Two integers are multiplied out, modulo 2^width. Every other pair is calculated in floating point: in float32 when
  /// both are no wider, else in float64, and converted to the type of the base at the end.
  static func power(
    _ base: Tensor, _ exponent: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard base.elementType.isNumeric, exponent.elementType.isNumeric else {
      throw EvaluationError(node, unsupported: base.elementType.isNumeric ? exponent.elementType : base.elementType)
    }
    let shape = try broadcastShape([base.shape, exponent.shape], node)
    let isWhole = base.elementType.isInteger && exponent.elementType.isInteger
    let (a, b) = (try base.widened(), try exponent.widened())
    let type: ElementType
    if isWhole {
      type = .int64
    } else {
      type = a.elementType == .float32 && b.elementType == .float32 ? .float32 : .float64
    }
    // The result in the type of the calculation goes where the plan wants it only if it is final.
    let target = type == base.elementType ? context : EvaluationContext()

    let result = try target.makeTensor(type, shape)
    if isWhole {
      wholePower(try a.asInt64Bits(), try b.asInt64Bits(), a.elementType == .uint64, b.elementType == .uint64, result)
    } else {
      let computation = FloatPower(a: try a.converted(to: type), b: try b.converted(to: type), result: result)
      _ = try type.dispatch(computation)
    }
    return try result.converted(to: base.elementType)
  }

  private struct FloatPower: FloatComputation {
    let a, b, result: Tensor

    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Void? {
      ElementLoops.map(a, b, into: result, Element.power)
    }
  }

  /// Operands are int64, or uint64 in the same bits.
  private static func wholePower(
    _ a: Tensor, _ b: Tensor, _ unsignedBase: Bool, _ unsignedExponent: Bool, _ result: Tensor
  ) {
    ElementLoops.map(a, b, into: result) { (base: Int64, exponent: Int64) -> Int64 in
      wholePower(base, exponent, unsignedBase, unsignedExponent)
    }
  }

  /// Modulo 2^64. A power below 1 is truncated.
  @inlinable @inline(__always)
  package static func wholePower(
    _ base: Int64, _ exponent: Int64, _ unsignedBase: Bool, _ unsignedExponent: Bool
  ) -> Int64 {
    if exponent < 0 && !unsignedExponent {
      if base == 1 { return 1 }
      return base == -1 && !unsignedBase ? (exponent & 1 == 0 ? 1 : -1) : 0
    }
    var power: Int64 = 1
    var square = base
    var bits = UInt64(bitPattern: exponent)
    while bits != 0 {
      if bits & 1 == 1 { power = power &* square }
      square = square &* square
      bits >>= 1
    }
    return power
  }
}

extension Tensor {
  /// int64, with uint64 taken as the same bits.
  fileprivate func asInt64Bits() throws -> Tensor {
    elementType == .uint64
      ? Tensor(.int64, shape, storage: storage, byteOffset: byteOffset) : try converted(to: .int64)
  }
}
