import Tensors
import Testing

/// Reads `text` as one value.
func withReader<Result>(_ text: String, _ body: (inout JSONReader) throws -> Result) rethrows -> Result {
  try Array(text.utf8).withUnsafeBytes { bytes in
    var reader = JSONReader(bytes)
    return try body(&reader)
  }
}

@Suite struct JSONNumberTests {
  static let corners = [
    "0", "-0", "1", "-1", "0.1", "3.0", "1e23", "8.5e-45", "9007199254740993", "9007199254740992.5", "1e22", "1e-22",
    "1e308", "1.7976931348623157e308", "1.7976931348623159e308", "1e309", "5e-324", "2.4703282292062327e-324",
    "2.4703282292062328e-324", "2.2250738585072011e-308", "2.2250738585072014e-308", "1e-400", "1e400",
    "0e999999999999",
    "123456789012345678901234567890", "0.000000000000000000000000000000000000000000000000000000000000123456789",
    "1.00000005960464477539062500", "1.00000005960464477539062501", "1.000000059604644775390624999",
    "1.00000017881393432617187499", "1.00000017881393432617187500", "1.00000017881393432617187501",
    "3.4028235677973366e38", "3.4028235677973365e38", "3.4028235e38", "3.5e38", "1.1754943508222875e-38",
    "1.1754942807573643e-38", "1.401298464324817e-45", "7.006492321624085e-46", "7.006492321624086e-46", "16777217",
    "16777217.0000000000000000000000001", "16777219", "33554434.999999999999999999", "6929495644600919.5",
    "3.7455744005952583e15", "10000000000000000000", "9999999999999999999", "99999999999999999999",
    "18446744073709551615", "18446744073709551616", "1e-27", "1e-28", "9355950000000000000.00000000000000000000184467",
  ]

  @Test(arguments: corners) func equalsTheStandardLibrary(_ text: String) throws {
    #expect(try withReader(text) { try $0.readDouble() }.bitPattern == Double(text)!.bitPattern)
    #expect(try withReader(text) { try $0.readFloat() }.bitPattern == Float(text)!.bitPattern)
    try withReader(text) { reader in
      _ = try reader.readDouble()
      try reader.finish()
    }
  }

  /// Digits, points and exponents at random: every length up to 40 digits.
  @Test func randomTexts() throws {
    var random = Seeded(11)
    for _ in 0..<20_000 {
      let count = Int.random(in: 1...40, using: &random)
      var text = random.next() % 4 == 0 ? "-" : ""
      text += String(Int.random(in: 1...9, using: &random))
      let point = Int.random(in: 1...40, using: &random)
      for index in 1..<max(count, 2) {
        if index == point { text += "." }
        text += String(Int.random(in: 0...9, using: &random))
      }
      if random.next() % 2 == 0 { text += "e\(Int.random(in: -345...310, using: &random))" }
      check(text)
    }
  }

  /// Texts on and next to the middle between two floats, where every shortcut fails first.
  @Test func middles() throws {
    var random = Seeded(12)
    for _ in 0..<5_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0x7fff_ffff)
      guard value.isFinite, value.nextUp.isFinite else { continue }
      // The middle of two floats is a float64; `description` has the digits of float64, so append more.
      let middle = (Double(value) + Double(value.nextUp)) / 2
      for text in ["\(middle)", "\(middle.nextUp)", "\(middle.nextDown)"] { check(text) }
      if middle > 1e-3 && middle < 1e15 && "\(middle)".contains(".") {
        check("\(middle)" + "0000000000000000000000000000000001")
      }
    }
  }

  /// Hundreds of digits: the exact middle between two float64 and a hair to each side.
  @Test func longMiddles() throws {
    // 2^-1074 and 2^-1075 written out (Goldberg's hardest case is longer than 700 digits).
    var digits: [Int] = [1]
    for _ in 0..<1075 {
      // digits × 5: 2^-n = 5^n / 10^n.
      var carry = 0
      for index in digits.indices.reversed() {
        let product = digits[index] * 5 + carry
        digits[index] = product % 10
        carry = product / 10
      }
      if carry > 0 { digits.insert(carry, at: 0) }
    }
    let half = digits.map(String.init).joined()
    check("\(half)e-1075")
    check("\(half)0000000000000000000000000000000000001e-1112")
    check("\(half.dropLast())4e-1075")
    check("0." + String(repeating: "0", count: 1000) + "1e1000")
    check("1" + String(repeating: "0", count: 1000) + "e-1000")
    check(String(repeating: "9", count: 2000) + "e-1999")
  }

  private func check(_ text: String) {
    let double = try? withReader(text) { try $0.readDouble() }
    let float = try? withReader(text) { try $0.readFloat() }
    #expect(double?.bitPattern == Double(text)?.bitPattern, "\(text)")
    #expect(float?.bitPattern == Float(text)?.bitPattern, "\(text)")
  }

  /// What we print reads back the same and has as many digits as the standard library's shortest.
  @Test func printsShortest() throws {
    var random = Seeded(13)
    var writer = JSONWriter()
    func text(_ write: (inout JSONWriter) -> Void) -> String {
      writer.removeAll()
      write(&writer)
      return String(decoding: writer.array(), as: UTF8.self)
    }
    func digits(_ text: String) -> String {
      let mantissa = text.prefix { $0 != "e" }.filter { $0.isNumber }.drop { $0 == "0" }
      return String(mantissa.reversed().drop { $0 == "0" }.reversed())
    }
    var doubles = [0, 1, 0.5, 0.3, 1e15, 1e16, 123e14, 5e-5, 1e23, 9_007_199_254_740_992, .leastNonzeroMagnitude]
    doubles +=
      [.greatestFiniteMagnitude, .leastNormalMagnitude]
      + (-1074...1023).map { Double(sign: .plus, exponent: $0, significand: 1) }
    for _ in 0..<20_000 {
      doubles.append(Double(bitPattern: random.next()))
      doubles.append((Double.random(in: -1e6...1e6, using: &random) * 1000).rounded() / 1000)
    }
    for value in doubles where value.isFinite {
      let printed = text { $0.append(value) }
      #expect(Double(printed)?.bitPattern == value.bitPattern)
      #expect(digits(printed) == digits(value.description))
    }
    var floats: [Float] = [0, 1, 0.5, 0.3, 1e7, 16_777_216, 1e10, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
    floats += (-149...127).map { Float(sign: .plus, exponent: $0, significand: 1) }
    for _ in 0..<20_000 {
      floats.append(Float(bitPattern: UInt32(truncatingIfNeeded: random.next())))
      floats.append((Float.random(in: -1e4...1e4, using: &random) * 100).rounded() / 100)
    }
    for value in floats where value.isFinite {
      let printed = text { $0.append(value) }
      #expect(Float(printed)?.bitPattern == value.bitPattern)
      #expect(digits(printed) == digits(value.description))
    }
  }

  @Test(arguments: [
    (0.0, "0.0"), (-0.0, "-0.0"), (3, "3.0"), (1e-7, "1e-07"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"),
    (0.00012, "0.00012"), (1e15, "1000000000000000.0"), (1e16, "1e+16"), (1.25e100, "1.25e+100"), (12.5, "12.5"),
    (.nan, "NaN"), (.infinity, "Infinity"), (-.infinity, "-Infinity"), (123456789.125, "123456789.125"),
  ])
  func looksAsInPython(_ value: Double, _ expected: String) {
    var writer = JSONWriter()
    writer.append(value)
    #expect(String(decoding: writer.array(), as: UTF8.self) == expected)
  }

  @Test func integersAreExact() throws {
    func read<Integer: FixedWidthInteger>(_ text: String, _ type: Integer.Type) -> Integer? {
      withReader(text) { try? $0.readInteger(type) }
    }
    #expect(read("9223372036854775807", Int64.self) == .max)
    #expect(read("-9223372036854775808", Int64.self) == .min)
    #expect(read("9223372036854775808", Int64.self) == nil)
    #expect(read("-9223372036854775809", Int64.self) == nil)
    #expect(read("18446744073709551615", UInt64.self) == .max)
    #expect(read("18446744073709551616", UInt64.self) == nil)
    #expect(read("-1", UInt64.self) == nil)
    #expect(read("-0", UInt64.self) == 0)
    #expect(read("3.0", Int64.self) == 3 && read("3e2", Int64.self) == 300 && read("30e-1", Int64.self) == 3)
    #expect(read("3.5", Int64.self) == nil && read("1e99", Int64.self) == nil && read("1e-99", Int64.self) == nil)
    #expect(read("0e99", Int8.self) == 0 && read("0.000", Int8.self) == 0)
    #expect(read("127", Int8.self) == 127 && read("128", Int8.self) == nil && read("-128", Int8.self) == -128)
    #expect(read("00000000000000000000000001", Int64.self) == nil, "leading zeros")
    #expect(read("1.00000000000000000000000000000", Int64.self) == 1)
    #expect(read("99999999999999999999999999999999", UInt64.self) == nil)
    var random = Seeded(14)
    for _ in 0..<2_000 {
      let value = Int64(bitPattern: random.next()) >> Int64(random.next() % 64)
      #expect(read("\(value)", Int64.self) == value)
      var writer = JSONWriter()
      writer.append(Int(value))
      #expect(String(decoding: writer.array(), as: UTF8.self) == "\(value)")
    }
  }
}
