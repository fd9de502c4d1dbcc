import Tensors

/// Numbers that windows are reduced over, eight channels at a time.
protocol PoolNumber: RealNumber, SIMDScalar, Hashable, Codable {
  static var nothing: Self { get }
  /// NaN when either is.
  static func maximum(_ a: SIMD8<Self>, _ b: SIMD8<Self>) -> SIMD8<Self>
  static func sum(_ a: SIMD8<Self>, _ b: SIMD8<Self>) -> SIMD8<Self>
  /// `a` is the larger, or the first NaN.
  static func isGreater(_ a: Self, _ b: Self) -> Bool
}

/// Those with averages and norms.
protocol PoolReal: PoolNumber, BinaryFloatingPoint {
  static func divide(_ a: SIMD8<Self>, by count: Int) -> SIMD8<Self>
}

extension PoolReal {
  static var nothing: Self { 0 }
  @inline(__always) static func maximum(_ a: SIMD8<Self>, _ b: SIMD8<Self>) -> SIMD8<Self> {
    a.replacing(with: b, where: (b .> a) .| (b .!= b))
  }
  @inline(__always) static func sum(_ a: SIMD8<Self>, _ b: SIMD8<Self>) -> SIMD8<Self> { a + b }
  @inline(__always) static func isGreater(_ a: Self, _ b: Self) -> Bool { a > b || (a.isNaN && !b.isNaN) }
  @inline(__always) static func divide(_ a: SIMD8<Self>, by count: Int) -> SIMD8<Self> { a / Self(count) }
}

extension PoolNumber where Self: FixedWidthInteger {
  static var nothing: Self { 0 }
  @inline(__always) static func maximum(_ a: SIMD8<Self>, _ b: SIMD8<Self>) -> SIMD8<Self> {
    a.replacing(with: b, where: b .> a)
  }
  @inline(__always) static func sum(_ a: SIMD8<Self>, _ b: SIMD8<Self>) -> SIMD8<Self> { a &+ b }
  @inline(__always) static func isGreater(_ a: Self, _ b: Self) -> Bool { a > b }
}

extension Float: PoolReal {}
extension Double: PoolReal {}
extension Int8: PoolNumber {}
extension Int16: PoolNumber {}
extension Int32: PoolNumber {}
extension Int64: PoolNumber {}
extension UInt8: PoolNumber {}
extension UInt16: PoolNumber {}
extension UInt32: PoolNumber {}
extension UInt64: PoolNumber {}
