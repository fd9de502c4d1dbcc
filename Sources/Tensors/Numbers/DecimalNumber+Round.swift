import Glibc

extension DecimalNumber {
  /// The nearest float64, ties to even; infinity beyond the largest.
  ///
  /// Three ways, each taken when the one before it cannot promise the right answer: one exact multiplication
  /// (Clinger 1990), a 128-bit product (Lemire, "Number Parsing at a Gigabyte per Second", 2021), the C library.
  @inline(__always)
  func double(end: UnsafePointer<UInt8>) -> Double {
    if mantissa <= 1 << 53 && exponent >= -22 && exponent <= 22 && !isTruncated {
      let whole = Double(mantissa)
      let scaled = exponent < 0 ? whole / Self.powers[0 &- exponent] : whole * Self.powers[exponent]
      return isNegative ? -scaled : scaled
    }
    return longDouble(end)
  }

  /// The nearest float32, rounded from the text once: rounding to float64 first would go wrong whenever that lands
  /// on the middle between two float32 values. So the float64 way is taken (its error is at most two units) and the
  /// result is trusted only when it is further than that from every middle.
  @inline(__always)
  func float(end: UnsafePointer<UInt8>) -> Float {
    if exponent >= -22 && exponent <= 22 {
      let whole = Double(mantissa)
      let scaled = exponent < 0 ? whole / Self.powers[0 &- exponent] : whole * Self.powers[exponent]
      if let result = Self.trusted(scaled) { return isNegative ? -result : result }
    }
    return longFloat(end)
  }

  /// 10^0 ... 10^22, all exact.
  nonisolated(unsafe) private static let powers: UnsafePointer<Double> = {
    let powers = UnsafeMutablePointer<Double>.allocate(capacity: 23)
    var power = 1.0
    for index in 0...22 {
      (powers + index).initialize(to: power)
      power *= 10
    }
    return UnsafePointer(powers)
  }()

  /// `value` as float32 if an error of four units in it cannot change the result.
  @inline(__always)
  private static func trusted(_ value: Double) -> Float? {
    // Within the normal range of float32, 29 bits are dropped; the middle is a one and 28 zeros.
    guard value > 1.2e-38 && value < 3.4e38 else { return value == 0 ? 0 : nil }
    let dropped = Int(truncatingIfNeeded: value.bitPattern & (1 << 29 - 1))
    let distance = dropped &- 1 << 28
    return distance > 4 || distance < -4 ? Float(value) : nil
  }

  @inline(never)
  private func longDouble(_ end: UnsafePointer<UInt8>) -> Double {
    if mantissa == 0 { return isNegative ? -0.0 : 0 }
    if let result = eiselLemire() { return isNegative ? -result : result }
    return withCanonicalText(end) { strtod($0, nil) }
  }

  @inline(never)
  private func longFloat(_ end: UnsafePointer<UInt8>) -> Float {
    if mantissa == 0 { return isNegative ? -0.0 : 0 }
    if let double = eiselLemire(), let result = Self.trusted(double) { return isNegative ? -result : result }
    return withCanonicalText(end) { strtof($0, nil) }
  }

  private func eiselLemire() -> Double? {
    guard let result = Self.eiselLemire(mantissa, exponent) else { return nil }
    // The true mantissa lies between this one and the next.
    if isTruncated && Self.eiselLemire(mantissa + 1, exponent) != result { return nil }
    return result
  }

  /// Rounds `mantissa` × 10^`exponent`, or nil for the rare product that 128 bits do not decide.
  private static func eiselLemire(_ mantissa: UInt64, _ exponent: Int) -> Double? {
    if exponent < PowersOfTen.smallest { return 0 }
    if exponent > 308 { return .infinity }
    let leadingZeros = mantissa.leadingZeroBitCount
    let normalised = mantissa << UInt64(leadingZeros)
    var power = PowersOfTen.truncated(exponent)
    if -27 ... -1 ~= exponent { power.low &+= 1 }
    var (high, low) = normalised.multipliedFullWidth(by: power.high)
    if high & 0x1ff == 0x1ff {
      let (carry, overflow) = low.addingReportingOverflow(normalised.multipliedFullWidth(by: power.low).high)
      low = carry
      if overflow { high &+= 1 }
    }
    if low == .max && !(-27...55 ~= exponent) { return nil }
    let upperBit = Int(high >> 63)
    var bits = high >> UInt64(upperBit + 9)
    // floor(exponent · log2(10)) and the bias.
    var field = (217_706 * exponent) >> 16 + 63 + upperBit - leadingZeros + 1023
    if field <= 0 {
      if 1 - field >= 64 { return 0 }
      bits >>= UInt64(1 - field)
      bits += bits & 1
      bits >>= 1
      return Double(bitPattern: bits)
    }
    // A tie that is exact rounds to even.
    if low <= 1 && -4...23 ~= exponent && bits & 3 == 1 && bits << UInt64(upperBit + 9) == high { bits &= ~1 }
    bits += bits & 1
    bits >>= 1
    if bits >= 2 << 52 {
      bits = 1 << 52
      field += 1
    }
    if field >= 0x7ff { return .infinity }
    return Double(bitPattern: bits & ~(1 << 52) | UInt64(field) << 52)
  }

  /// Calls `body` with the number as `digits` `e` `exponent`: bounded, and without a point, so that no locale matters.
  /// The 768th significant digit is the last that can decide a rounding by itself; all further ones together act as
  /// a single digit that is not zero.
  private func withCanonicalText<Value>(
    _ end: UnsafePointer<UInt8>, _ body: (UnsafePointer<CChar>) -> Value
  ) -> Value {
    let limit = 800
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: limit + 40) { buffer in
      var count = 0
      func append(_ byte: UInt8) {
        buffer[count] = CChar(bitPattern: byte)
        count += 1
      }
      if isNegative { append(UInt8(ascii: "-")) }
      var taken = 0
      var scale = 0
      var seenPoint = false
      var hasMore = false
      var cursor = digits
      while cursor < end {
        let byte = cursor.pointee
        if byte == UInt8(ascii: ".") && !seenPoint {
          seenPoint = true
        } else if byte &- UInt8(ascii: "0") <= 9 {
          if taken < limit {
            if taken > 0 || byte != UInt8(ascii: "0") {
              append(byte)
              taken += 1
            }
            if seenPoint { scale -= 1 }
          } else {
            if byte != UInt8(ascii: "0") { hasMore = true }
            if !seenPoint { scale += 1 }
          }
        } else {
          break
        }
        cursor += 1
      }
      if hasMore {
        append(UInt8(ascii: "1"))
        scale -= 1
      }
      // Both are bounded by the length of the text and the clamp of the written exponent.
      var written = 0
      if cursor < end, cursor.pointee | 0x20 == UInt8(ascii: "e") {
        written = Self.exponentPart(&cursor, end) ?? 0
      }
      let total = min(max(written + scale, -100_000), 100_000)
      append(UInt8(ascii: "e"))
      for byte in String(total).utf8 { append(byte) }
      buffer[count] = 0
      return body(UnsafePointer(buffer.baseAddress!))
    }
  }
}
