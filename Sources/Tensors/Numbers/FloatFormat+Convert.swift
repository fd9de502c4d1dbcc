extension FloatFormat {
  /// The value of a bit pattern. Exact: every narrow format is a subset of float32.
  public func decode(_ bits: UInt16) -> Float {
    let magnitude = bits & magnitudeMask
    let isNegative = bits & signMask != 0
    switch nan {
    case .ieee where magnitude > infinityBits, .allOnes where magnitude == magnitudeMask:
      return isNegative ? -Float.nan : .nan
    case .ieee where magnitude == infinityBits:
      return isNegative ? -.infinity : .infinity
    case .negativeZero where isNegative && magnitude == 0:
      return .nan
    default: break
    }
    let field = Int(magnitude >> UInt16(mantissaBits))
    let fraction = Int(magnitude) & ((1 << mantissaBits) - 1)
    let isNormal = field > 0 || !hasZero
    let significand = isNormal ? fraction | 1 << mantissaBits : fraction
    let exponent = hasZero ? max(field, 1) - bias : field - bias
    let value = Float(sign: .plus, exponent: exponent - mantissaBits, significand: Float(significand))
    return isNegative ? -value : value
  }

  /// The bits of the representable value that `rounding` picks, per the tables of ONNX Cast. Rounds once.
  ///
  /// `saturate` matters to the 8-bit formats only; `rounding` defaults to nearest even, and for E8M0 to `up`.
  /// The sign of a NaN is kept. Where there is no NaN it becomes a zero of the other sign, as in `ml_dtypes`.
  /// E8M0 has no negative values: they become NaN (ONNX leaves them unspecified); zero saturates to 2⁻¹²⁷.
  public func encode(_ value: Double, saturate: Bool = true, rounding: Rounding? = nil) -> UInt16 {
    let sign = value.sign == .minus ? signMask : 0
    if value.isNaN { return notANumber(sign) }
    if !isSigned && value < 0 { return notANumber(0) }
    if value.isInfinite { return overflowed(sign, saturate: saturate) }
    if value == 0 {
      if !hasZero { return saturate ? 0 : notANumber(0) }
      return nan == .negativeZero ? 0 : sign
    }

    // value = significand × 2^(exponent − 52), significand in [2^52, 2^53) (or less for a subnormal float64, which
    // is far below the smallest value of every format but is still not zero).
    let exponent = max(Int(value.bitPattern >> 52 & 0x7ff), 1) - 1023
    let fraction = value.bitPattern & (1 << 52 - 1)
    let significand = value.bitPattern >> 52 & 0x7ff == 0 ? fraction : fraction | 1 << 52
    let scale = max(exponent, smallestExponent)
    let shift = UInt64(min(52 - mantissaBits + scale - exponent, 63))
    let mode = rounding ?? (hasZero ? .nearestEven : .up)
    let rounded = Self.shift(significand, right: shift, mode)
    // The leading bit of a normal significand adds one to the exponent field; a carry of the rounding does too.
    var magnitude = (scale - smallestExponent) << mantissaBits + Int(rounded)
    if !hasZero {
      if rounded == 0 { return saturate ? 0 : notANumber(0) }
      magnitude -= 1
    }
    if magnitude > Int(largestBits) { return overflowed(sign, saturate: saturate) }
    if magnitude == 0 && nan == .negativeZero { return 0 }
    return sign | UInt16(magnitude)
  }

  public func encode(_ value: Float, saturate: Bool = true, rounding: Rounding? = nil) -> UInt16 {
    encode(Double(value), saturate: saturate, rounding: rounding)
  }

  private func notANumber(_ sign: UInt16) -> UInt16 {
    switch nan {
    case .ieee: sign | infinityBits | 1 << UInt16(mantissaBits - 1)
    case .allOnes: sign | magnitudeMask
    case .negativeZero: signMask
    case .none: sign ^ signMask
    }
  }

  private func overflowed(_ sign: UInt16, saturate: Bool) -> UInt16 {
    switch overflow {
    case .toInfinity: sign | infinityBits
    case .asAsked where !saturate: hasInfinity ? sign | infinityBits : notANumber(sign)
    case .asAsked, .toLargest: sign | largestBits
    }
  }

  private static func shift(_ value: UInt64, right shift: UInt64, _ rounding: Rounding) -> UInt64 {
    let kept = value >> shift
    let rest = value & (1 << shift - 1)
    let half: UInt64 = 1 << (shift - 1)
    return switch rounding {
    case .nearestEven: kept + (rest > half || (rest == half && kept & 1 == 1) ? 1 : 0)
    case .nearest: kept + (rest >= half ? 1 : 0)
    case .up: kept + (rest > 0 ? 1 : 0)
    case .down: kept
    }
  }
}
