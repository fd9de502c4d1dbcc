/// An element type that one line of arithmetic casts to another, with NumPy's meaning on x86-64, which is the meaning
/// that ONNX's own tests were made with:
///
/// * integer to integer keeps the low bits;
/// * float to integer truncates towards zero. Out of range and NaN give what the processor's conversion gives: a
///   32-bit conversion for targets up to int32 (its answer is `Int32.min`, so narrower targets get 0), a 64-bit
///   one for the larger targets;
/// * everything but zero is true, NaN included.
///
/// The loop interpreter of `KernelIR` takes its conversions from here too.
@usableFromInline package protocol CastElement: TensorElement {
  static func casting(_ value: Float) -> Self
  static func casting(_ value: Double) -> Self
  /// For uint64 the same bits; `UInt64` as a source goes through the initialiser below.
  static func casting(_ value: Int64) -> Self
  static func casting(_ value: UInt64) -> Self
  /// This value as `Target`, by way of the widest type of its family.
  func cast<Target: CastElement>(to target: Target.Type) -> Target
}

extension Float: CastElement {
  @inlinable @inline(__always) package static func casting(_ value: Float) -> Self { value }
  @inlinable @inline(__always) package static func casting(_ value: Double) -> Self { Float(value) }
  @inlinable @inline(__always) package static func casting(_ value: Int64) -> Self { Float(value) }
  @inlinable @inline(__always) package static func casting(_ value: UInt64) -> Self { Float(value) }
  @inlinable @inline(__always) package func cast<Target: CastElement>(to target: Target.Type) -> Target {
    Target.casting(self)
  }
}

extension Double: CastElement {
  @inlinable @inline(__always) package static func casting(_ value: Float) -> Self { Double(value) }
  @inlinable @inline(__always) package static func casting(_ value: Double) -> Self { value }
  @inlinable @inline(__always) package static func casting(_ value: Int64) -> Self { Double(value) }
  @inlinable @inline(__always) package static func casting(_ value: UInt64) -> Self { Double(value) }
  @inlinable @inline(__always) package func cast<Target: CastElement>(to target: Target.Type) -> Target {
    Target.casting(self)
  }
}

extension Bool: CastElement {
  @inlinable @inline(__always) package static func casting(_ value: Float) -> Self { value != 0 }
  @inlinable @inline(__always) package static func casting(_ value: Double) -> Self { value != 0 }
  @inlinable @inline(__always) package static func casting(_ value: Int64) -> Self { value != 0 }
  @inlinable @inline(__always) package static func casting(_ value: UInt64) -> Self { value != 0 }
  @inlinable @inline(__always) package func cast<Target: CastElement>(to target: Target.Type) -> Target {
    Target.casting(self ? 1 as Int64 : 0)
  }
}

extension CastElement where Self: FixedWidthInteger {
  @inlinable @inline(__always) package static func casting(_ value: Float) -> Self { casting(Double(value)) }

  @inlinable @inline(__always) package static func casting(_ value: Double) -> Self {
    if Self.bitWidth < 32 || (Self.bitWidth == 32 && Self.isSigned) {
      let inRange = value > -2_147_483_649 && value < 2_147_483_648
      return Self(truncatingIfNeeded: inRange ? Int32(value) : .min)
    } else if Self.bitWidth == 64 && !Self.isSigned && value >= 0x1p63 {
      return Self(truncatingIfNeeded: value < 0x1p64 ? UInt64(value) : 0)
    } else {
      let inRange = value >= -0x1p63 && value < 0x1p63
      return Self(truncatingIfNeeded: inRange ? Int64(value) : .min)
    }
  }

  @inlinable @inline(__always) package static func casting(_ value: Int64) -> Self { Self(truncatingIfNeeded: value) }
  @inlinable @inline(__always) package static func casting(_ value: UInt64) -> Self { Self(truncatingIfNeeded: value) }

  @inlinable @inline(__always) package func cast<Target: CastElement>(to target: Target.Type) -> Target {
    if Self.bitWidth == 64 && !Self.isSigned { return Target.casting(UInt64(truncatingIfNeeded: self)) }
    return Target.casting(Int64(truncatingIfNeeded: self))
  }
}

extension Int8: CastElement {}
extension Int16: CastElement {}
extension Int32: CastElement {}
extension Int64: CastElement {}
extension UInt8: CastElement {}
extension UInt16: CastElement {}
extension UInt32: CastElement {}
extension UInt64: CastElement {}
