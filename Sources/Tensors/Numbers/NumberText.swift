/// Numbers as ASCII, written straight into memory: no `String`, no allocation.
///
/// Floats look as in Python's `repr`: the fewest digits that read back the same, always with a point or an exponent
/// (`3.0`, `0.0001`, `1e-05`, `1e+16`).
enum NumberText {
  /// Bytes that any number may take, with room to spare.
  static let largestCount = 32

  /// What stands for the values that have no digits.
  struct Names: Sendable {
    let nan, infinity, minusInfinity: StaticString
    static let json = Names(nan: "NaN", infinity: "Infinity", minusInfinity: "-Infinity")
    static let onnx = Names(nan: "NaN", infinity: "INF", minusInfinity: "-INF")
  }

  /// Writes at `target`, which has `largestCount` bytes; gives the bytes written.
  @inline(__always)
  static func write<Integer: FixedWidthInteger>(_ value: Integer, to target: UnsafeMutablePointer<UInt8>) -> Int {
    if value < 0 {
      target.pointee = UInt8(ascii: "-")
      return 1 &+ write(magnitude: UInt64(value.magnitude), to: target + 1)
    }
    return write(magnitude: UInt64(value.magnitude), to: target)
  }

  static func write(magnitude: UInt64, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let count = digitCount(magnitude)
    writeDigits(magnitude, count, to: target)
    return count
  }

  @inline(__always)
  static func write(_ value: Double, names: Names, to target: UnsafeMutablePointer<UInt8>) -> Int {
    guard value.isFinite else { return write(value.isNaN, value < 0, names, target) }
    var sign = 0
    if value.sign == .minus {
      target.pointee = UInt8(ascii: "-")
      sign = 1
    }
    return sign &+ write(ShortestDecimal(value.magnitude), to: target + sign)
  }

  @inline(__always)
  static func write(_ value: Float, names: Names, to target: UnsafeMutablePointer<UInt8>) -> Int {
    guard value.isFinite else { return write(value.isNaN, value < 0, names, target) }
    var sign = 0
    if value.sign == .minus {
      target.pointee = UInt8(ascii: "-")
      sign = 1
    }
    return sign &+ write(ShortestDecimal(value.magnitude), to: target + sign)
  }

  @inline(never)
  private static func write(
    _ isNaN: Bool, _ isNegative: Bool, _ names: Names, _ target: UnsafeMutablePointer<UInt8>
  ) -> Int {
    let name = isNaN ? names.nan : isNegative ? names.minusInfinity : names.infinity
    target.update(from: name.utf8Start, count: name.utf8CodeUnitCount)
    return name.utf8CodeUnitCount
  }

  private static func write(_ decimal: ShortestDecimal, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let zero = UInt8(ascii: "0")
    let point = UInt8(ascii: ".")
    let count = digitCount(decimal.digits)
    // Position of the point counted from the first digit.
    let whole = count &+ decimal.exponent
    if decimal.exponent >= 0 && whole <= 16 {
      writeDigits(decimal.digits, count, to: target)
      for index in count..<whole { target[index] = zero }
      target[whole] = point
      target[whole &+ 1] = zero
      return whole &+ 2
    }
    if whole > 0 && whole <= 16 {
      // One place to the right, then the whole digits move back over the point's place.
      writeDigits(decimal.digits, count, to: target + 1)
      for index in 0..<whole { target[index] = target[index &+ 1] }
      target[whole] = point
      return count &+ 1
    }
    if whole > -4 && whole <= 0 {
      target[0] = zero
      target[1] = point
      for index in 0..<(0 &- whole) { target[2 &+ index] = zero }
      writeDigits(decimal.digits, count, to: target + (2 &- whole))
      return 2 &- whole &+ count
    }
    var end = 1
    writeDigits(decimal.digits, count, to: target + 1)
    target[0] = target[1]
    if count > 1 {
      target[1] = point
      end = count &+ 1
    }
    var exponent = whole &- 1
    target[end] = UInt8(ascii: "e")
    target[end &+ 1] = exponent < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
    if exponent < 0 { exponent = 0 &- exponent }
    end &+= 2
    let places = max(digitCount(UInt64(exponent)), 2)
    writeDigits(UInt64(exponent), places, to: target + end)
    return end &+ places
  }

  /// Decimal digits of `value`, 1 for zero.
  @inline(__always)
  static func digitCount(_ value: UInt64) -> Int {
    // 1233/4096 is log10(2); the guess is right or one too large.
    let guess = ((64 &- (value | 1).leadingZeroBitCount) &* 1233) >> 12
    return guess &+ (value < powers[guess] && guess > 0 ? 0 : 1)
  }

  /// The last `count` digits of `value`, two at a time.
  @inline(__always)
  private static func writeDigits(_ value: UInt64, _ count: Int, to target: UnsafeMutablePointer<UInt8>) {
    var rest = value
    var position = count
    let pairs = pairs
    while position >= 2 {
      let (quotient, remainder) = (rest / 100, rest % 100)
      position &-= 2
      target[position] = pairs[Int(remainder) &* 2]
      target[position &+ 1] = pairs[Int(remainder) &* 2 &+ 1]
      rest = quotient
    }
    if position == 1 { target[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10) }
  }

  /// 10^0 ... 10^19.
  nonisolated(unsafe) private static let powers: UnsafePointer<UInt64> = {
    let powers = UnsafeMutablePointer<UInt64>.allocate(capacity: 20)
    var power: UInt64 = 1
    for index in 0..<20 {
      (powers + index).initialize(to: power)
      power = power &* 10
    }
    return UnsafePointer(powers)
  }()

  /// `00` ... `99`.
  nonisolated(unsafe) private static let pairs: UnsafePointer<UInt8> = {
    let pairs = UnsafeMutablePointer<UInt8>.allocate(capacity: 200)
    for index in 0..<100 {
      (pairs + 2 * index).initialize(to: UInt8(ascii: "0") + UInt8(index / 10))
      (pairs + 2 * index + 1).initialize(to: UInt8(ascii: "0") + UInt8(index % 10))
    }
    return UnsafePointer(pairs)
  }()
}

extension String {
  /// The text that `write` leaves in a scratch of `NumberText.largestCount` bytes.
  init(numberText write: (UnsafeMutablePointer<UInt8>) -> Int) {
    self.init(unsafeUninitializedCapacity: NumberText.largestCount) { write($0.baseAddress!) }
  }
}
