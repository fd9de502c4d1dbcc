/// An element type that one line of arithmetic casts to another, with NumPy's meaning on x86-64, which is the meaning
/// that ONNX's own tests were made with:
///
/// * integer to integer keeps the low bits;
/// * float to integer truncates towards zero. Out of range and NaN give what the processor's conversion gives: a
///   32-bit conversion for targets up to int32 (its answer is `Int32.min`, so narrower targets get 0), a 64-bit
///   one for the larger targets;
/// * everything but zero is true, NaN included.
///
/// All generic code over it is specialised within this module.
protocol CastElement: TensorElement {
  init(casting value: Float)
  init(casting value: Double)
  /// For uint64 the same bits; `UInt64` as a source goes through the initialiser below.
  init(casting value: Int64)
  init(casting value: UInt64)
  /// This value as `Target`, by way of the widest type of its family.
  func cast<Target: CastElement>(to target: Target.Type) -> Target
}

extension Float: CastElement {
  @inline(__always) init(casting value: Float) { self = value }
  @inline(__always) init(casting value: Double) { self = Float(value) }
  @inline(__always) init(casting value: Int64) { self = Float(value) }
  @inline(__always) init(casting value: UInt64) { self = Float(value) }
  @inline(__always) func cast<Target: CastElement>(to target: Target.Type) -> Target { Target(casting: self) }
}

extension Double: CastElement {
  @inline(__always) init(casting value: Float) { self = Double(value) }
  @inline(__always) init(casting value: Double) { self = value }
  @inline(__always) init(casting value: Int64) { self = Double(value) }
  @inline(__always) init(casting value: UInt64) { self = Double(value) }
  @inline(__always) func cast<Target: CastElement>(to target: Target.Type) -> Target { Target(casting: self) }
}

extension Bool: CastElement {
  @inline(__always) init(casting value: Float) { self = value != 0 }
  @inline(__always) init(casting value: Double) { self = value != 0 }
  @inline(__always) init(casting value: Int64) { self = value != 0 }
  @inline(__always) init(casting value: UInt64) { self = value != 0 }
  @inline(__always) func cast<Target: CastElement>(to target: Target.Type) -> Target {
    Target(casting: self ? 1 as Int64 : 0)
  }
}

extension CastElement where Self: FixedWidthInteger {
  @inline(__always) init(casting value: Float) { self.init(casting: Double(value)) }

  @inline(__always) init(casting value: Double) {
    if Self.bitWidth < 32 || (Self.bitWidth == 32 && Self.isSigned) {
      let inRange = value > -2_147_483_649 && value < 2_147_483_648
      self.init(truncatingIfNeeded: inRange ? Int32(value) : .min)
    } else if Self.bitWidth == 64 && !Self.isSigned && value >= 0x1p63 {
      self.init(truncatingIfNeeded: value < 0x1p64 ? UInt64(value) : 0)
    } else {
      let inRange = value >= -0x1p63 && value < 0x1p63
      self.init(truncatingIfNeeded: inRange ? Int64(value) : .min)
    }
  }

  @inline(__always) init(casting value: Int64) { self.init(truncatingIfNeeded: value) }
  @inline(__always) init(casting value: UInt64) { self.init(truncatingIfNeeded: value) }

  @inline(__always) func cast<Target: CastElement>(to target: Target.Type) -> Target {
    if Self.bitWidth == 64 && !Self.isSigned { return Target(casting: UInt64(truncatingIfNeeded: self)) }
    return Target(casting: Int64(truncatingIfNeeded: self))
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
