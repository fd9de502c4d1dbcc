import Glibc
import Tensors

/// An element type that arithmetic is done in: integers of 8 to 64 bits, float32, float64 and the complex types.
/// Narrower types are widened first, see `Widening`.
///
/// Integers wrap and division by zero gives zero; floats follow IEEE 754.
protocol Number: TensorElement {
  /// What sums and products of many are accumulated in: twice the precision for float32, so that the order of the
  /// terms hardly shows.
  associatedtype Total: Number
  init(rounding total: Total)
  var total: Total { get }
  init(count: Int)

  static var zero: Self { get }
  static var one: Self { get }
  static func sum(_ a: Self, _ b: Self) -> Self
  static func difference(_ a: Self, _ b: Self) -> Self
  static func product(_ a: Self, _ b: Self) -> Self
  static func quotient(_ a: Self, _ b: Self) -> Self
}

/// A number that can be compared.
protocol RealNumber: Number, Comparable {
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

typealias WholeNumber = RealNumber & FixedWidthInteger

extension Number where Self: FixedWidthInteger {
  @inline(__always) init(rounding total: Self) { self = total }
  @inline(__always) var total: Self { self }
  @inline(__always) init(count: Int) { self.init(truncatingIfNeeded: count) }
  @inline(__always) static var one: Self { 1 }
  @inline(__always) static func sum(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inline(__always) static func difference(_ a: Self, _ b: Self) -> Self { a &- b }
  @inline(__always) static func product(_ a: Self, _ b: Self) -> Self { a &* b }
  @inline(__always) static func quotient(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue
  }
}

extension RealNumber where Self: FixedWidthInteger {
  @inline(__always) static var lowest: Self { .min }
  @inline(__always) static var highest: Self { .max }
  @inline(__always) static func remainder(_ a: Self, _ b: Self) -> Self {
    b == 0 ? 0 : a.remainderReportingOverflow(dividingBy: b).partialValue
  }
  @inline(__always) static func floorModulo(_ a: Self, _ b: Self) -> Self {
    let rest = remainder(a, b)
    return rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
  }
  @inline(__always) static func larger(_ a: Self, _ b: Self) -> Self { a > b ? a : b }
  @inline(__always) static func smaller(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
  @inline(__always) static func absolute(_ a: Self) -> Self { a < 0 ? 0 &- a : a }
  @inline(__always) static func sign(_ a: Self) -> Self { a > 0 ? 1 : a == 0 ? 0 : 0 &- 1 }
  @inline(__always) static func orderingKey(_ a: Self) -> UInt64 {
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
  @inline(__always) init(rounding total: Double) { self.init(total) }
  @inline(__always) var total: Double { Double(self) }
  @inline(__always) init(count: Int) { self.init(count) }
  @inline(__always) static var one: Self { 1 }
  @inline(__always) static var lowest: Self { -.infinity }
  @inline(__always) static var highest: Self { .infinity }
  @inline(__always) static func sum(_ a: Self, _ b: Self) -> Self { a + b }
  @inline(__always) static func difference(_ a: Self, _ b: Self) -> Self { a - b }
  @inline(__always) static func product(_ a: Self, _ b: Self) -> Self { a * b }
  @inline(__always) static func quotient(_ a: Self, _ b: Self) -> Self { a / b }
  @inline(__always) static func remainder(_ a: Self, _ b: Self) -> Self { a.truncatingRemainder(dividingBy: b) }
  @inline(__always) static func floorModulo(_ a: Self, _ b: Self) -> Self {
    let rest = remainder(a, b)
    if rest == 0 { return Self(signOf: b, magnitudeOf: 0) }
    return (rest < 0) != (b < 0) ? rest + b : rest
  }
  @inline(__always) static func larger(_ a: Self, _ b: Self) -> Self { a > b || a != a ? a : b }
  @inline(__always) static func smaller(_ a: Self, _ b: Self) -> Self { a < b || a != a ? a : b }
  @inline(__always) static func absolute(_ a: Self) -> Self { a.magnitude }
  @inline(__always) static func sign(_ a: Self) -> Self { a > 0 ? 1 : a < 0 ? -1 : a == 0 ? 0 : a }
  @inline(__always) static func orderingKey(_ a: Self) -> UInt64 {
    if a != a { return .max }
    let bits = (Double(a) + 0).bitPattern
    return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
  }
}

extension Float: RealNumber {}
extension Double: RealNumber {}

extension Complex: Number where Real: RealNumber & BinaryFloatingPoint {
  init(rounding total: Complex128) { self.init(Real(total.real), Real(total.imaginary)) }
  var total: Complex128 { Complex128(Double(real), Double(imaginary)) }
  init(count: Int) { self.init(Real(count)) }
  static var zero: Self { Self(0) }
  static var one: Self { Self(1) }
  @inline(__always) static func sum(_ a: Self, _ b: Self) -> Self { a + b }
  @inline(__always) static func difference(_ a: Self, _ b: Self) -> Self { a - b }
  @inline(__always) static func product(_ a: Self, _ b: Self) -> Self { a * b }
  @inline(__always) static func quotient(_ a: Self, _ b: Self) -> Self { a / b }
}
