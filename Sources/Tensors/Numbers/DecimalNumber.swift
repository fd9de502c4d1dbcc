/// A decimal number as it stands in text: mantissa × 10^exponent, before it is rounded to a binary type.
struct DecimalNumber {
  /// The first 19 significant digits.
  var mantissa: UInt64 = 0
  var exponent = 0
  var isNegative = false
  /// Neither a point nor an exponent was written.
  var isInteger = true
  /// Digits other than zero follow those in `mantissa`.
  var isTruncated = false
  /// First digit (or point), for the rare number whose value hangs on its last digits.
  var digits: UnsafePointer<UInt8>

  enum Grammar {
    /// RFC 8259: digits before and after the point, no leading zeros, no plus.
    case json
    /// As C and Python read: `+1`, `.5`, `5.` and `007` are numbers too.
    case lenient
  }

  /// Reads the longest number at `start`; nil when there is none. `after` is the byte behind it.
  @inline(__always)
  static func scan(
    _ start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, grammar: Grammar, after: inout UnsafePointer<UInt8>
  ) -> DecimalNumber? {
    var cursor = start
    guard cursor < end else { return nil }
    var number = DecimalNumber(digits: start)
    if cursor.pointee == UInt8(ascii: "-") {
      number.isNegative = true
      cursor += 1
    } else if grammar == .lenient && cursor.pointee == UInt8(ascii: "+") {
      cursor += 1
    }
    number.digits = cursor
    var mantissa: UInt64 = 0
    while cursor < end {
      let digit = cursor.pointee &- UInt8(ascii: "0")
      if digit > 9 { break }
      mantissa = mantissa &* 10 &+ UInt64(digit)
      cursor += 1
    }
    var digitCount = cursor - number.digits
    if grammar == .json && (digitCount == 0 || (digitCount > 1 && number.digits.pointee == UInt8(ascii: "0"))) {
      return nil
    }
    var exponent = 0
    if cursor < end && cursor.pointee == UInt8(ascii: ".") {
      number.isInteger = false
      cursor += 1
      let fraction = cursor
      while end - cursor >= 8, let eight = eightDigits(UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)) {
        mantissa = mantissa &* 100_000_000 &+ eight
        cursor += 8
      }
      while cursor < end {
        let digit = cursor.pointee &- UInt8(ascii: "0")
        if digit > 9 { break }
        mantissa = mantissa &* 10 &+ UInt64(digit)
        cursor += 1
      }
      let fractionCount = cursor - fraction
      if grammar == .json && fractionCount == 0 { return nil }
      exponent = 0 &- fractionCount
      digitCount += fractionCount
    }
    if digitCount == 0 { return nil }
    if cursor < end && cursor.pointee | 0x20 == UInt8(ascii: "e") {
      guard let explicit = exponentPart(&cursor, end) else { return nil }
      number.isInteger = false
      exponent &+= explicit
      number.exponent = explicit
    }
    if digitCount > 19 {
      number.limitDigits(end)
    } else {
      number.mantissa = mantissa
      number.exponent = exponent
    }
    after = cursor
    return number
  }

  /// The exponent after `e`, clamped to ±10^15: no text is long enough to bring such a number back into range.
  @inline(never)
  static func exponentPart(_ cursor: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Int? {
    cursor += 1
    var isNegative = false
    if cursor < end && (cursor.pointee == UInt8(ascii: "-") || cursor.pointee == UInt8(ascii: "+")) {
      isNegative = cursor.pointee == UInt8(ascii: "-")
      cursor += 1
    }
    let first = cursor
    var value = 0
    while cursor < end {
      let digit = cursor.pointee &- UInt8(ascii: "0")
      if digit > 9 { break }
      value = min(value * 10 + Int(digit), 1_000_000_000_000_000)
      cursor += 1
    }
    return cursor == first ? nil : isNegative ? -value : value
  }

  /// The value of eight ASCII digits (first digit in the lowest byte), or nil when one is not a digit.
  @inline(__always)
  private static func eightDigits(_ word: UInt64) -> UInt64? {
    let notDigit =
      ((word &+ 0x4646_4646_4646_4646) | (word &- 0x3030_3030_3030_3030)) & 0x8080_8080_8080_8080
    if notDigit != 0 { return nil }
    var value = word &- 0x3030_3030_3030_3030
    value = value &* 10 &+ (value >> 8)
    let low = (value & 0x0000_00ff_0000_00ff) &* 0x000f_4240_0000_0064
    let high = ((value >> 16) & 0x0000_00ff_0000_00ff) &* 0x0000_2710_0000_0001
    return (low &+ high) >> 32
  }

  /// More than 19 digits were written, some of which may be leading zeros: keeps the first 19 that count.
  /// `exponent` holds the written exponent.
  @inline(never)
  private mutating func limitDigits(_ end: UnsafePointer<UInt8>) {
    mantissa = 0
    var taken = 0
    var seenPoint = false
    var cursor = digits
    while cursor < end {
      let byte = cursor.pointee
      cursor += 1
      if byte == UInt8(ascii: ".") && !seenPoint {
        seenPoint = true
        continue
      }
      let digit = byte &- UInt8(ascii: "0")
      if digit > 9 { break }
      if taken < 19 {
        mantissa = mantissa * 10 + UInt64(digit)
        if mantissa > 0 { taken += 1 }
        if seenPoint { exponent -= 1 }
      } else {
        if digit > 0 { isTruncated = true }
        if !seenPoint { exponent += 1 }
      }
    }
  }
}

extension DecimalNumber {
  /// The exact value, or nil when it is no integer or does not fit.
  @inline(__always)
  func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, end: UnsafePointer<UInt8>) -> Integer? {
    if exponent == 0 && !isTruncated {
      if !isNegative { return Integer(exactly: mantissa) }
      if mantissa <= UInt64(Int64.max) { return Integer(exactly: 0 &- Int64(mantissa)) }
    }
    return scaledInteger(type, end)
  }

  @inline(never)
  private func scaledInteger<Integer: FixedWidthInteger>(_ type: Integer.Type, _ end: UnsafePointer<UInt8>) -> Integer?
  {
    var magnitude = mantissa
    if isInteger {
      // Perhaps twenty digits, which a uint64 may have: read them again.
      magnitude = 0
      var cursor = digits
      while cursor < end, cursor.pointee &- UInt8(ascii: "0") <= 9 {
        let (tenfold, overflow) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tenfold.addingReportingOverflow(UInt64(cursor.pointee &- UInt8(ascii: "0")))
        if overflow || carry { return nil }
        magnitude = sum
        cursor += 1
      }
    } else if magnitude > 0 {
      if isTruncated || exponent > 19 || exponent < -19 { return nil }
      for _ in 0..<max(exponent, 0) {
        let (tenfold, overflow) = magnitude.multipliedReportingOverflow(by: 10)
        if overflow { return nil }
        magnitude = tenfold
      }
      for _ in 0..<max(-exponent, 0) {
        if !magnitude.isMultiple(of: 10) { return nil }
        magnitude /= 10
      }
    }
    if !isNegative { return Integer(exactly: magnitude) }
    if magnitude == 1 << 63 { return Integer(exactly: Int64.min) }
    return magnitude < 1 << 63 ? Integer(exactly: -Int64(magnitude)) : nil
  }
}
