/// The fewest digits that read back as the same number, and of those the nearest: digits × 10^exponent.
///
/// Schubfach (R. Giulietti, "The Schubfach way to render doubles", 2020). Of the three multiplications, two bound
/// the interval of texts that round to the value and one places the value in it.
struct ShortestDecimal {
  /// Not zero unless the value is; no trailing zero.
  var digits: UInt64
  var exponent: Int

  /// `value` is finite and not negative.
  init(_ value: Double) {
    let fraction = value.bitPattern & (1 << 52 - 1)
    let field = Int(value.bitPattern >> 52)
    let significand = field == 0 ? fraction : fraction | 1 << 52
    let exponent = max(field, 1) - 1075
    if significand == 0 {
      self.init(digits: 0, exponent: 0)
      return
    }
    if exponent <= 0 && exponent > -53 && significand.trailingZeroBitCount >= -exponent {
      self.init(trimming: significand >> UInt64(-exponent), exponent: 0)
      return
    }
    let isPowerOfTwo = fraction == 0 && field > 1
    let k = Self.scale(exponent, isPowerOfTwo)
    let shift = UInt64(exponent + Self.floorLog2(tenTo: -k) + 1)
    let power = PowersOfTen.roundedUp(-k)
    let center = significand << 2
    let lower = Self.multiply(power, (center - (isPowerOfTwo ? 1 : 2)) << shift)
    let middle = Self.multiply(power, center << shift)
    let upper = Self.multiply(power, (center + 2) << shift)
    self.init(significand & 1, lower, middle, upper, k)
  }

  /// `value` is finite and not negative.
  init(_ value: Float) {
    let fraction = value.bitPattern & (1 << 23 - 1)
    let field = Int(value.bitPattern >> 23)
    let significand = field == 0 ? fraction : fraction | 1 << 23
    let exponent = max(field, 1) - 150
    if significand == 0 {
      self.init(digits: 0, exponent: 0)
      return
    }
    if exponent <= 0 && exponent > -24 && significand.trailingZeroBitCount >= -exponent {
      self.init(trimming: UInt64(significand >> UInt32(-exponent)), exponent: 0)
      return
    }
    let isPowerOfTwo = fraction == 0 && field > 1
    let k = Self.scale(exponent, isPowerOfTwo)
    let shift = UInt64(exponent + Self.floorLog2(tenTo: -k) + 1)
    let leading = PowersOfTen.truncated(-k)
    // Rounded up to 64 bits; 10^27 is the last power whose leading 64 bits are all there is.
    let power = 0...27 ~= -k ? leading.high : leading.high + 1
    let center = UInt64(significand) << 2
    let lower = Self.multiply(power, (center - (isPowerOfTwo ? 1 : 2)) << shift)
    let middle = Self.multiply(power, center << shift)
    let upper = Self.multiply(power, (center + 2) << shift)
    self.init(UInt64(significand & 1), lower, middle, upper, k)
  }

  private init(digits: UInt64, exponent: Int) {
    self.digits = digits
    self.exponent = exponent
  }

  private init(trimming digits: UInt64, exponent: Int) {
    self.init(digits: digits, exponent: exponent)
    if self.digits % 100_000_000 == 0 {
      self.digits /= 100_000_000
      self.exponent += 8
    }
    while self.digits % 10 == 0 {
      self.digits /= 10
      self.exponent += 1
    }
  }

  /// Bounds and value are in quarters of 10^k, rounded to odd; the bounds themselves count only for an even
  /// significand.
  @inline(__always)
  private init(_ isOdd: UInt64, _ lowest: UInt64, _ middle: UInt64, _ highest: UInt64, _ k: Int) {
    let lower = lowest + isOdd
    let upper = highest - isOdd
    let candidate = middle >> 2
    if candidate >= 10 {
      let shorter = candidate / 10
      let downFits = lower <= 40 * shorter
      let upFits = 40 * shorter + 40 <= upper
      if downFits != upFits {
        self.init(trimming: shorter + (upFits ? 1 : 0), exponent: k + 1)
        return
      }
    }
    let downFits = lower <= 4 * candidate
    let upFits = 4 * candidate + 4 <= upper
    let half = 4 * candidate + 2
    let roundsUp = downFits != upFits ? upFits : middle > half || (middle == half && candidate & 1 == 1)
    self.init(trimming: candidate + (roundsUp ? 1 : 0), exponent: k)
  }

  /// floor(log10 of the spacing of texts): a power of two has a neighbour below that is closer by half.
  @inline(__always)
  private static func scale(_ exponent: Int, _ isPowerOfTwo: Bool) -> Int {
    (exponent * 1_262_611 - (isPowerOfTwo ? 524_031 : 0)) >> 22
  }

  @inline(__always)
  private static func floorLog2(tenTo exponent: Int) -> Int { (exponent * 1_741_647) >> 19 }

  /// The top 64 bits of the product; the lowest is set too when anything below it counts.
  @inline(__always)
  private static func multiply(_ power: PowersOfTen.Leading, _ value: UInt64) -> UInt64 {
    let low = power.low.multipliedFullWidth(by: value).high
    let high = power.high.multipliedFullWidth(by: value)
    let (rest, overflow) = high.low.addingReportingOverflow(low)
    return (high.high + (overflow ? 1 : 0)) | (rest > 1 ? 1 : 0)
  }

  /// The same with 64-bit powers and values of 32 bits.
  @inline(__always)
  private static func multiply(_ power: UInt64, _ value: UInt64) -> UInt64 {
    let product = power.multipliedFullWidth(by: value)
    return product.high | (product.low >> 32 > 1 ? 1 : 0)
  }
}
