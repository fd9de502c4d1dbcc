/// The leading 128 bits of 10^q for every q that float64 can meet, which both directions between text and binary need.
///
/// The table takes 10 KB and some 0.3 ms to compute, once: shorter than a thousand lines of constants, and exact
/// because it comes from long arithmetic. 10^q = 5^q · 2^q, so only the powers of five have bits worth storing.
enum PowersOfTen {
  static let smallest = -342
  static let largest = 324

  struct Leading {
    /// Normalised: the top bit of `high` is set.
    var high: UInt64
    var low: UInt64
  }

  /// 5^q · 2^s in [2^127, 2^128), rounded down; exact for q in 0...55.
  @inline(__always)
  static func truncated(_ exponent: Int) -> Leading { table[exponent &- smallest] }

  /// As above rounded up, for the shortest-digits algorithm.
  @inline(__always)
  static func roundedUp(_ exponent: Int) -> Leading {
    var power = table[exponent &- smallest]
    if !(0...55 ~= exponent) {
      power.low &+= 1
      if power.low == 0 { power.high &+= 1 }
    }
    return power
  }

  nonisolated(unsafe) private static let table: UnsafePointer<Leading> = {
    let table = UnsafeMutablePointer<Leading>.allocate(capacity: largest - smallest + 1)
    var limbs: [UInt64] = [1]
    for exponent in 0...largest {
      (table - smallest + exponent).initialize(to: leading(limbs))
      multiplyByFive(&limbs)
    }
    // 5^342 has 795 bits, so 2^1216 / 5^342 still has more than 128.
    limbs = Array(repeating: 0, count: 19) + [1]
    for exponent in stride(from: -1, through: smallest, by: -1) {
      divideByFive(&limbs)
      (table - smallest + exponent).initialize(to: leading(limbs))
    }
    return UnsafePointer(table)
  }()

  /// Little-endian limbs, the last one not zero.
  private static func leading(_ limbs: [UInt64]) -> Leading {
    func limb(_ fromTop: Int) -> UInt64 { fromTop < limbs.count ? limbs[limbs.count - 1 - fromTop] : 0 }
    let shift = UInt64(limb(0).leadingZeroBitCount)
    if shift == 0 { return Leading(high: limb(0), low: limb(1)) }
    return Leading(
      high: limb(0) << shift | limb(1) >> (64 - shift), low: limb(1) << shift | limb(2) >> (64 - shift))
  }

  private static func multiplyByFive(_ limbs: inout [UInt64]) {
    var carry: UInt64 = 0
    for index in limbs.indices {
      let product = limbs[index].multipliedFullWidth(by: 5)
      let (sum, overflow) = product.low.addingReportingOverflow(carry)
      limbs[index] = sum
      carry = product.high + (overflow ? 1 : 0)
    }
    if carry > 0 { limbs.append(carry) }
  }

  private static func divideByFive(_ limbs: inout [UInt64]) {
    var remainder: UInt64 = 0
    for index in limbs.indices.reversed() {
      (limbs[index], remainder) = (5 as UInt64).dividingFullWidth((remainder, limbs[index]))
    }
    while limbs.last == 0 { limbs.removeLast() }
  }
}
