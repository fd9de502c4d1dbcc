extension Tensor {
  /// The same values as another type: ONNX `Cast` up to opset 28.
  ///
  /// Every pair of types is defined except complex with string. Types that Swift has not are widened first (exactly)
  /// and narrowed last, so that the arithmetic in between is `CastElement`'s. A complex value counts as its real part,
  /// except that for `bool` either part may make it true.
  ///
  /// - Parameters:
  ///   - saturating: ONNX's `saturate`; matters to 8-bit floats only, see `FloatFormat.encode`.
  ///   - rounding: ONNX's `round_mode`; matters to float8E8M0 only, whose default is `up`.
  /// - Throws: `unsupportedType`; `malformed` for a text that is no number; `outOfMemory`.
  public func converted(
    to target: ElementType, saturating: Bool = true, rounding: FloatFormat.Rounding = .up
  ) throws(TensorError) -> Tensor {
    if target == elementType { return self }
    if elementType == .string { return try parsed(as: target, saturating: saturating, rounding: rounding) }
    if target == .string { return try printed() }
    if elementType.kind == .complex { return try convertedFromComplex(target, saturating, rounding) }
    if target.kind == .complex {
      let isSingle = target == .complex64
      let real = try converted(to: isSingle ? .float32 : .float64)
      return isSingle ? try real.complex(of: Float.self) : try real.complex(of: Double.self)
    }
    if let wide = elementType.widened {
      return try widened(wide).converted(to: target, saturating: saturating, rounding: rounding)
    }
    if FloatFormat(target) != nil {
      // float64 is rounded once; integers take the way through float32 that NumPy takes.
      let source = elementType == .float32 || elementType == .float64 ? self : try converted(to: .float32)
      return try source.narrowedFloat(target, saturating, rounding)
    }
    if target.isPacked {
      let wide: ElementType = target.kind == .signedInteger ? .int8 : .uint8
      return try converted(to: wide).packed(target)
    }
    return try castFrom(target)
  }

  /// Values in the type that arithmetic is done in: narrow floats as float32, int4 and int2 as int8, uint4 and uint2
  /// as uint8, everything else as it is. Exact.
  public func widened() throws(TensorError) -> Tensor {
    guard let wide = elementType.widened else { return self }
    return try widened(wide)
  }

  /// The way back from `widened()`: rounds floats to nearest even, wraps integers.
  public func narrowed(to target: ElementType, saturating: Bool = true) throws(TensorError) -> Tensor {
    try converted(to: target, saturating: saturating, rounding: .nearestEven)
  }
}

extension ElementType {
  /// The type that holds every value of this one and that Swift calculates with; nil for the types that are such.
  public var widened: ElementType? {
    switch self {
    case .float16, .bfloat16, .float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ, .float8E8M0, .float6E2M3,
      .float6E3M2, .float4E2M1:
      .float32
    case .int4, .int2: .int8
    case .uint4, .uint2: .uint8
    default: nil
    }
  }
}

extension Tensor {
  private func widened(_ wide: ElementType) throws(TensorError) -> Tensor {
    let result = try Tensor(wide, shape, zeroed: false)
    withExtendedLifetime((self, result)) {
      if let format = FloatFormat(elementType) {
        format.decode(base, into: result.buffer(of: Float.self))
      } else {
        PackedElements.unpack(base, type: elementType, into: result.buffer(of: UInt8.self))
      }
    }
    return result
  }

  private func narrowedFloat(
    _ target: ElementType, _ saturating: Bool, _ rounding: FloatFormat.Rounding
  ) throws(TensorError) -> Tensor {
    guard let format = FloatFormat(target) else { return self }
    let result = try Tensor(target, shape, zeroed: false)
    let rounding = target == .float8E8M0 ? rounding : .nearestEven
    withExtendedLifetime((self, result)) {
      if elementType == .float64 {
        let values = UnsafeBufferPointer(buffer(of: Double.self))
        format.encode(values, into: result.base, saturate: saturating, rounding: rounding)
      } else {
        let values = UnsafeBufferPointer(buffer(of: Float.self))
        format.encode(values, into: result.base, saturate: saturating, rounding: rounding)
      }
    }
    return result
  }

  private func packed(_ target: ElementType) throws(TensorError) -> Tensor {
    let result = try Tensor(target, shape, zeroed: false)
    withExtendedLifetime((self, result)) {
      PackedElements.pack(UnsafeBufferPointer(buffer(of: UInt8.self)), type: target, into: result.base)
    }
    return result
  }

  // The two switches: source outside, target inside, and behind them one loop for each pair.

  private func castFrom(_ target: ElementType) throws(TensorError) -> Tensor {
    switch elementType {
    case .float32: try castTo(target, from: Float.self)
    case .float64: try castTo(target, from: Double.self)
    case .int8: try castTo(target, from: Int8.self)
    case .int16: try castTo(target, from: Int16.self)
    case .int32: try castTo(target, from: Int32.self)
    case .int64: try castTo(target, from: Int64.self)
    case .uint8: try castTo(target, from: UInt8.self)
    case .uint16: try castTo(target, from: UInt16.self)
    case .uint32: try castTo(target, from: UInt32.self)
    case .uint64: try castTo(target, from: UInt64.self)
    case .bool: try castTo(target, from: Bool.self)
    default: throw .unsupportedType(elementType, operation: "conversion to \(target.name)")
    }
  }

  private func castTo<Source: CastElement>(
    _ target: ElementType, from source: Source.Type
  ) throws(TensorError) -> Tensor {
    switch target {
    case .float32: try cast(Source.self, Float.self)
    case .float64: try cast(Source.self, Double.self)
    case .int8: try cast(Source.self, Int8.self)
    case .int16: try cast(Source.self, Int16.self)
    case .int32: try cast(Source.self, Int32.self)
    case .int64: try cast(Source.self, Int64.self)
    case .uint8: try cast(Source.self, UInt8.self)
    case .uint16: try cast(Source.self, UInt16.self)
    case .uint32: try cast(Source.self, UInt32.self)
    case .uint64: try cast(Source.self, UInt64.self)
    case .bool: try cast(Source.self, Bool.self)
    default: throw .unsupportedType(elementType, operation: "conversion to \(target.name)")
    }
  }

  private func cast<Source: CastElement, Target: CastElement>(
    _ source: Source.Type, _ target: Target.Type
  ) throws(TensorError) -> Tensor {
    let result = try Tensor(Target.elementType, shape, zeroed: false)
    withExtendedLifetime((self, result)) {
      let values = buffer(of: Source.self)
      let targets = result.buffer(of: Target.self)
      for index in values.indices { targets[index] = values[index].cast(to: Target.self) }
    }
    return result
  }

  /// The elements as they lie in memory, whatever type the tensor says it has.
  func buffer<Element>(of type: Element.Type) -> UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: base.assumingMemoryBound(to: Element.self), count: elementCount)
  }
}

// Complex numbers.
extension Tensor {
  private func convertedFromComplex(
    _ target: ElementType, _ saturating: Bool, _ rounding: FloatFormat.Rounding
  ) throws(TensorError) -> Tensor {
    let isSingle = elementType == .complex64
    switch target {
    case .complex64: return try mapped(Complex128.self) { Complex64(Float($0.real), Float($0.imaginary)) }
    case .complex128: return try mapped(Complex64.self) { Complex128(Double($0.real), Double($0.imaginary)) }
    case .bool where isSingle: return try mapped(Complex64.self) { $0.real != 0 || $0.imaginary != 0 }
    case .bool: return try mapped(Complex128.self) { $0.real != 0 || $0.imaginary != 0 }
    default:
      let real = isSingle ? try mapped(Complex64.self, \.real) : try mapped(Complex128.self, \.real)
      return try real.converted(to: target, saturating: saturating, rounding: rounding)
    }
  }

  private func complex<Real: ComplexComponent & TensorElement>(of type: Real.Type) throws(TensorError) -> Tensor {
    try mapped(Real.self) { Complex<Real>($0) }
  }

  private func mapped<Source: TensorElement, Target: TensorElement>(
    _ source: Source.Type, _ transform: (Source) -> Target
  ) throws(TensorError) -> Tensor {
    let result = try Tensor(Target.elementType, shape, zeroed: false)
    withExtendedLifetime((self, result)) {
      let values = buffer(of: Source.self)
      let targets = result.buffer(of: Target.self)
      for index in values.indices { targets[index] = transform(values[index]) }
    }
    return result
  }
}
