import Glibc
import Tensors

/// An element type that arithmetic is done in: integers of 8 to 64 bits, float32, float64 and the complex types.
/// Narrower types are widened first, see `Widening`.
///
/// Integers wrap and division by zero gives zero; floats follow IEEE 754.
@usableFromInline package protocol Number: TensorElement {
  /// What sums and products of many are accumulated in: twice the precision for float32, so that the order of the
  /// terms hardly shows.
  associatedtype Total: Number
  static func rounding(_ total: Total) -> Self
  var total: Total { get }
  static func whole(_ number: Int) -> Self

  static var zero: Self { get }
  static var one: Self { get }
  static func sum(_ a: Self, _ b: Self) -> Self
  static func difference(_ a: Self, _ b: Self) -> Self
  static func product(_ a: Self, _ b: Self) -> Self
  static func quotient(_ a: Self, _ b: Self) -> Self
}

/// A number that can be compared.
@usableFromInline package protocol RealNumber: Number, Comparable {
  /// The least value, -∞ for floats: the identity of `larger`.
  static var lowest: Self { get }
  /// The identity of `smaller`.
  static var highest: Self { get }
  /// Of the sign of the dividend, as C's % and fmod.
  static func remainder(_ a: Self, _ b: Self) -> Self
  /// Of the sign of the divisor, as Python's %.
  static func floorModulo(_ a: Self, _ b: Self) -> Self
  /// NaN when either is.
  static func larger(_ a: Self, _ b: Self) -> Self
  static func smaller(_ a: Self, _ b: Self) -> Self
  static func absolute(_ a: Self) -> Self
  static func sign(_ a: Self) -> Self
  /// Unsigned integers in the order of these numbers: -0 equals 0, all NaNs are equal and come last.
  static func orderingKey(_ a: Self) -> UInt64
}

@usableFromInline package typealias WholeNumber = RealNumber & FixedWidthInteger

extension Number where Self: FixedWidthInteger {
  @inlinable @inline(__always) package static func rounding(_ total: Self) -> Self { total }
  @inlinable @inline(__always) package var total: Self { self }
  @inlinable @inline(__always) package static func whole(_ number: Int) -> Self { Self(truncatingIfNeeded: number) }
  @inlinable @inline(__always) package static var one: Self { 1 }
  @inlinable @inline(__always) package static func sum(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inlinable @inline(__always) package static func difference(_ a: Self, _ b: Self) -> Self { a &- b }
  @inlinable @inline(__always) package static func product(_ a: Self, _ b: Self) -> Self { a &* b }
  @inlinable @inline(__always) package static func quotient(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
}

extension RealNumber where Self: FixedWidthInteger {
  @inlinable @inline(__always) package static var lowest: Self { .min }
  @inlinable @inline(__always) package static var highest: Self { .max }
  @inlinable @inline(__always) package static func remainder(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.remainderReportingOverflow(dividingBy: b).partialValue
  }
  @inlinable @inline(__always) package static func floorModulo(_ a: Self, _ b: Self) -> Self {
    let rest = remainder(a, b)
    return rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
  }
  @inlinable @inline(__always) package static func larger(_ a: Self, _ b: Self) -> Self { a > b ? a : b }
  @inlinable @inline(__always) package static func smaller(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
  @inlinable @inline(__always) package static func absolute(_ a: Self) -> Self { a < 0 ? 0 &- a : a }
  @inlinable @inline(__always) package static func sign(_ a: Self) -> Self { a > 0 ? 1 : a == 0 ? 0 : 0 &- 1 }
  @inlinable @inline(__always) package static func orderingKey(_ a: Self) -> UInt64 {
    isSigned ? UInt64(bitPattern: Int64(truncatingIfNeeded: a)) ^ 1 << 63 : UInt64(truncatingIfNeeded: a)
  }
}

extension Int8: RealNumber {}
extension Int16: RealNumber {}
extension Int32: RealNumber {}
extension Int64: RealNumber {}
extension UInt8: RealNumber {}
extension UInt16: RealNumber {}
extension UInt32: RealNumber {}
extension UInt64: RealNumber {}

extension RealNumber where Self: BinaryFloatingPoint {
  @inlinable @inline(__always) package static func rounding(_ total: Double) -> Self { Self(total) }
  @inlinable @inline(__always) package var total: Double { Double(self) }
  @inlinable @inline(__always) package static func whole(_ number: Int) -> Self { Self(number) }
  @inlinable @inline(__always) package static var one: Self { 1 }
  @inlinable @inline(__always) package static var lowest: Self { -.infinity }
  @inlinable @inline(__always) package static var highest: Self { .infinity }
  @inlinable @inline(__always) package static func sum(_ a: Self, _ b: Self) -> Self { a + b }
  @inlinable @inline(__always) package static func difference(_ a: Self, _ b: Self) -> Self { a - b }
  @inlinable @inline(__always) package static func product(_ a: Self, _ b: Self) -> Self { a * b }
  @inlinable @inline(__always) package static func quotient(_ a: Self, _ b: Self) -> Self { a / b }
  @inlinable @inline(__always) package static func remainder(_ a: Self, _ b: Self) -> Self {
    a.truncatingRemainder(dividingBy: b)
  }
  @inlinable @inline(__always) package static func floorModulo(_ a: Self, _ b: Self) -> Self {
    let rest = remainder(a, b)
    if rest == 0 { return Self(signOf: b, magnitudeOf: 0) }
    return (rest < 0) != (b < 0) ? rest + b : rest
  }
  @inlinable @inline(__always) package static func larger(_ a: Self, _ b: Self) -> Self { a > b || a != a ? a : b }
  @inlinable @inline(__always) package static func smaller(_ a: Self, _ b: Self) -> Self { a < b || a != a ? a : b }
  @inlinable @inline(__always) package static func absolute(_ a: Self) -> Self { a.magnitude }
  @inlinable @inline(__always) package static func sign(_ a: Self) -> Self { a > 0 ? 1 : a < 0 ? -1 : a == 0 ? 0 : a }
  @inlinable @inline(__always) package static func orderingKey(_ a: Self) -> UInt64 {
    if a != a { return .max }
    let bits = (Double(a) + 0).bitPattern
    return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
  }
}

extension Float: RealNumber {}
extension Double: RealNumber {}

extension Complex: Number where Real: RealNumber & BinaryFloatingPoint {
  @inlinable package static func rounding(_ total: Complex128) -> Self { Self(Real(total.real), Real(total.imaginary)) }
  @inlinable package var total: Complex128 { Complex128(Double(real), Double(imaginary)) }
  @inlinable package static func whole(_ number: Int) -> Self { Self(Real(number)) }
  @inlinable package static var zero: Self { Self(0) }
  @inlinable package static var one: Self { Self(1) }
  @inlinable @inline(__always) package static func sum(_ a: Self, _ b: Self) -> Self { a + b }
  @inlinable @inline(__always) package static func difference(_ a: Self, _ b: Self) -> Self { a - b }
  @inlinable @inline(__always) package static func product(_ a: Self, _ b: Self) -> Self { a * b }
  @inlinable @inline(__always) package static func quotient(_ a: Self, _ b: Self) -> Self { a / b }
}
