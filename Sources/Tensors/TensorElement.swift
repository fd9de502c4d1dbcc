/// A Swift type whose memory is one element of a tensor.
public protocol TensorElement: BitwiseCopyable, Equatable, Sendable {
  static var elementType: ElementType { get }
}

extension Float: TensorElement { public static var elementType: ElementType { .float32 } }
extension Double: TensorElement { public static var elementType: ElementType { .float64 } }
extension Int8: TensorElement { public static var elementType: ElementType { .int8 } }
extension Int16: TensorElement { public static var elementType: ElementType { .int16 } }
extension Int32: TensorElement { public static var elementType: ElementType { .int32 } }
extension Int64: TensorElement { public static var elementType: ElementType { .int64 } }
extension UInt8: TensorElement { public static var elementType: ElementType { .uint8 } }
extension UInt16: TensorElement { public static var elementType: ElementType { .uint16 } }
extension UInt32: TensorElement { public static var elementType: ElementType { .uint32 } }
extension UInt64: TensorElement { public static var elementType: ElementType { .uint64 } }
extension Bool: TensorElement { public static var elementType: ElementType { .bool } }

/// A real type that complex tensors exist for.
public protocol ComplexComponent: BinaryFloatingPoint, BitwiseCopyable, Sendable {
  static var complexElementType: ElementType { get }
}

extension Float: ComplexComponent { public static var complexElementType: ElementType { .complex64 } }
extension Double: ComplexComponent { public static var complexElementType: ElementType { .complex128 } }

/// Two reals, real part first, as ONNX and NumPy lay them out.
public struct Complex<Real: ComplexComponent>: Hashable, TensorElement {
  public static var elementType: ElementType { Real.complexElementType }

  public var real: Real
  public var imaginary: Real

  @inlinable public init(_ real: Real, _ imaginary: Real = 0) {
    self.real = real
    self.imaginary = imaginary
  }

  @inlinable public static func + (a: Self, b: Self) -> Self { Self(a.real + b.real, a.imaginary + b.imaginary) }
  @inlinable public static func - (a: Self, b: Self) -> Self { Self(a.real - b.real, a.imaginary - b.imaginary) }
  @inlinable public static func * (a: Self, b: Self) -> Self {
    Self(a.real * b.real - a.imaginary * b.imaginary, a.real * b.imaginary + a.imaginary * b.real)
  }
  @inlinable public static func / (a: Self, b: Self) -> Self {
    let norm = b.real * b.real + b.imaginary * b.imaginary
    return Self(
      (a.real * b.real + a.imaginary * b.imaginary) / norm, (a.imaginary * b.real - a.real * b.imaginary) / norm)
  }
}

public typealias Complex64 = Complex<Float>
public typealias Complex128 = Complex<Double>
