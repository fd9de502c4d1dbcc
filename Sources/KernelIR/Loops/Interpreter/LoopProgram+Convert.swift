import GraphIR
import Tensors

extension LoopProgram {
  func convert(_ x: KernelValue, through: ElementType, to result: KernelValue) -> Frame.Operation {
    switch type(x) {
    case .float32: convert(x, through, result, Float.self)
    case .float64: convert(x, through, result, Double.self)
    case .int32: convert(x, through, result, Int32.self)
    case .int64: convert(x, through, result, Int64.self)
    case .uint32: convert(x, through, result, UInt32.self)
    case .uint64: convert(x, through, result, UInt64.self)
    default: convert(x, through, result, Bool.self)
    }
  }

  private func convert<Source: CastElement & SendableMetatype>(
    _ x: KernelValue, _ through: ElementType, _ result: KernelValue, _ source: Source.Type
  ) -> Frame.Operation {
    switch through {
    case .float32: convert(x, result) { (x: Source) in x.cast(to: Float.self) }
    case .float64: convert(x, result) { (x: Source) in x.cast(to: Double.self) }
    case .int8: convert(x, result) { (x: Source) in x.cast(to: Int8.self) }
    case .uint8: convert(x, result) { (x: Source) in x.cast(to: UInt8.self) }
    case .int16: convert(x, result) { (x: Source) in x.cast(to: Int16.self) }
    case .uint16: convert(x, result) { (x: Source) in x.cast(to: UInt16.self) }
    case .int32: convert(x, result) { (x: Source) in x.cast(to: Int32.self) }
    case .uint32: convert(x, result) { (x: Source) in x.cast(to: UInt32.self) }
    case .int64: convert(x, result) { (x: Source) in x.cast(to: Int64.self) }
    case .uint64: convert(x, result) { (x: Source) in x.cast(to: UInt64.self) }
    case .float16: convert(x, result) { (x: Source) in FloatFormat.float16.decode(x.encoded(.float16)) }
    case .bfloat16: convert(x, result) { (x: Source) in FloatFormat.bfloat16.decode(x.encoded(.bfloat16)) }
    default: convert(x, result) { (x: Source) in x.cast(to: Bool.self) }
    }
  }

  private func convert<Source: SendableMetatype, Middle: CastElement & SendableMetatype>(
    _ x: KernelValue, _ result: KernelValue, _ first: @escaping @Sendable (Source) -> Middle
  ) -> Frame.Operation {
    switch type(result) {
    case .float32: unary(x, result) { first($0).cast(to: Float.self) }
    case .float64: unary(x, result) { first($0).cast(to: Double.self) }
    case .int32: unary(x, result) { first($0).cast(to: Int32.self) }
    case .int64: unary(x, result) { first($0).cast(to: Int64.self) }
    case .uint32: unary(x, result) { first($0).cast(to: UInt32.self) }
    case .uint64: unary(x, result) { first($0).cast(to: UInt64.self) }
    default: unary(x, result) { first($0).cast(to: Bool.self) }
    }
  }
}

extension CastElement {
  /// The bits of a narrow float, rounded once; integers take the way through float32, as graph `convert` does.
  func encoded(_ format: FloatFormat) -> UInt16 {
    if let value = self as? Double { return format.encode(value) }
    let value = cast(to: Float.self)
    return format == .float16 ? FloatFormat.encodeFloat16(value) : FloatFormat.encodeBFloat16(value)
  }
}
