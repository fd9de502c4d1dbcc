import Tensors

/// A computation on numbers whose Swift type only a tensor's element type tells. `ElementType.dispatch` calls `run`
/// from one switch, so that the compiler makes a specialised copy of it for each type.
protocol NumberComputation {
  associatedtype Outcome
  func run<Element: Number>(_ type: Element.Type) throws -> Outcome?
}

/// The same for numbers that can be compared, …
protocol RealComputation {
  associatedtype Outcome
  func run<Element: RealNumber>(_ type: Element.Type) throws -> Outcome?
}

/// … for integers …
protocol IntegerComputation {
  associatedtype Outcome
  func run<Element: WholeNumber>(_ type: Element.Type) throws -> Outcome?
}

/// … and for floats.
protocol FloatComputation {
  associatedtype Outcome
  func run<Element: FloatNumber>(_ type: Element.Type) throws -> Outcome?
}

extension ElementType {
  /// nil when the type is none of `Number`'s or the computation has no meaning for it.
  func dispatch<Computation: NumberComputation>(_ computation: Computation) throws -> Computation.Outcome? {
    switch self {
    case .float32: try computation.run(Float.self)
    case .float64: try computation.run(Double.self)
    case .int8: try computation.run(Int8.self)
    case .int16: try computation.run(Int16.self)
    case .int32: try computation.run(Int32.self)
    case .int64: try computation.run(Int64.self)
    case .uint8: try computation.run(UInt8.self)
    case .uint16: try computation.run(UInt16.self)
    case .uint32: try computation.run(UInt32.self)
    case .uint64: try computation.run(UInt64.self)
    case .complex64: try computation.run(Complex64.self)
    case .complex128: try computation.run(Complex128.self)
    default: nil
    }
  }

  /// The same, with one copy for both signs of each integer width: for sums, products and whatever else has the same
  /// bits in two's complement.
  func dispatchIgnoringSign<Computation: NumberComputation>(
    _ computation: Computation
  ) throws -> Computation.Outcome? {
    switch self {
    case .float32: try computation.run(Float.self)
    case .float64: try computation.run(Double.self)
    case .int8, .uint8: try computation.run(Int8.self)
    case .int16, .uint16: try computation.run(Int16.self)
    case .int32, .uint32: try computation.run(Int32.self)
    case .int64, .uint64: try computation.run(Int64.self)
    case .complex64: try computation.run(Complex64.self)
    case .complex128: try computation.run(Complex128.self)
    default: nil
    }
  }

  func dispatch<Computation: RealComputation>(_ computation: Computation) throws -> Computation.Outcome? {
    switch self {
    case .float32: try computation.run(Float.self)
    case .float64: try computation.run(Double.self)
    case .int8: try computation.run(Int8.self)
    case .int16: try computation.run(Int16.self)
    case .int32: try computation.run(Int32.self)
    case .int64: try computation.run(Int64.self)
    // Truth values compare and combine as 0 and 1 do: `or` is their maximum, `and` their minimum.
    case .uint8, .bool: try computation.run(UInt8.self)
    case .uint16: try computation.run(UInt16.self)
    case .uint32: try computation.run(UInt32.self)
    case .uint64: try computation.run(UInt64.self)
    default: nil
    }
  }

  func dispatch<Computation: IntegerComputation>(_ computation: Computation) throws -> Computation.Outcome? {
    switch self {
    case .int8: try computation.run(Int8.self)
    case .int16: try computation.run(Int16.self)
    case .int32: try computation.run(Int32.self)
    case .int64: try computation.run(Int64.self)
    case .uint8: try computation.run(UInt8.self)
    case .uint16: try computation.run(UInt16.self)
    case .uint32: try computation.run(UInt32.self)
    case .uint64: try computation.run(UInt64.self)
    default: nil
    }
  }

  func dispatchIgnoringSign<Computation: IntegerComputation>(
    _ computation: Computation
  ) throws -> Computation.Outcome? {
    switch self {
    case .int8, .uint8, .bool: try computation.run(Int8.self)
    case .int16, .uint16: try computation.run(Int16.self)
    case .int32, .uint32: try computation.run(Int32.self)
    case .int64, .uint64: try computation.run(Int64.self)
    default: nil
    }
  }

  func dispatch<Computation: FloatComputation>(_ computation: Computation) throws -> Computation.Outcome? {
    switch self {
    case .float32: try computation.run(Float.self)
    case .float64: try computation.run(Double.self)
    default: nil
    }
  }
}

extension Tensor {
  /// The elements as they lie in memory, read as a type of the same width. Valid while the caller holds the tensor.
  @inline(__always)
  func pointer<Element>(_ type: Element.Type = Element.self) -> UnsafeMutablePointer<Element> {
    base.assumingMemoryBound(to: Element.self)
  }
}
