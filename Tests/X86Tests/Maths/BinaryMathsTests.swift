import Glibc
import Testing

@testable import X86

/// Functions of two arguments: all pairs of special values, and random ones.
@Suite struct BinaryMathsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var emit: @Sendable (VectorMaths, [Value]) -> Value
    var exact: @Sendable (Double, Double) -> Double
    /// Pairs whose results are mostly neither 0 nor infinite.
    var random: @Sendable (inout SystemPatterns) -> (Float, Float)
  }

  static let cases: [Case] = [
    Case(testDescription: "power") {
      $0.power($1[0], $1[1])
    } exact: {
      pow($0, $1)
    } random: { patterns in
      // x anywhere, y so that |y·log2 x| is up to 160.
      let x = Float(bitPattern: patterns.next() & 0x7FFF_FFFF)
      let share = Double(patterns.next()) / 0x1p32 * 320 - 160
      return (x, Float(share / log2(Double(x))))
    },
    Case(testDescription: "power of numbers near 1") {
      $0.power($1[0], $1[1])
    } exact: {
      pow($0, $1)
    } random: { patterns in
      let x = Float(bitPattern: Float(1).bitPattern &+ patterns.next() % 0x1_0000 &- 0x8000)
      let share = Double(patterns.next()) / 0x1p32 * 300 - 150
      return (x, Float(share / log2(Double(x))))
    },
    Case(testDescription: "integer power") {
      $0.power($1[0], $1[1])
    } exact: {
      pow($0, $1)
    } random: { patterns in
      let x = Float(Int32(bitPattern: patterns.next())) * 0x1p-29
      return (x, Float(Int(patterns.next() % 80) - 40))
    },
    Case(testDescription: "arcTangent2") {
      $0.arcTangent2($1[0], $1[1])
    } exact: {
      atan2($0, $1)
    } random: { patterns in
      let y = Float(bitPattern: patterns.next())
      let distance = Float(Int32(bitPattern: patterns.next())) * 0x1p-28
      return (y, y * distance)
    },
    Case(testDescription: "arcTangent2 anywhere") {
      $0.arcTangent2($1[0], $1[1])
    } exact: {
      atan2($0, $1)
    } random: { patterns in
      (Float(bitPattern: patterns.next()), Float(bitPattern: patterns.next()))
    },
  ]

  static let specialValues: [Float] = {
    let positive: [Float] = [
      0, .leastNonzeroMagnitude, 0x1p-130, .leastNormalMagnitude, 0x1p-50, 0.25, 0.5, 0.75, 0.999_999_94, 1,
      1.000_000_1,
      1.5, 2, 2.5, 3, 4, 5, 7, 127, 128, 149, 150, 0x1p23 - 0.5, 0x1p23, 0x1p24 - 1, 0x1p24, 0x1p25, 0x1p100,
      .greatestFiniteMagnitude, .infinity, .nan,
    ]
    return positive + positive.map { -$0 }
  }()

  @Test("All pairs of special values, signs of zeros included", arguments: cases, MathsKernel.caps)
  func specials(_ subject: Case, _ cap: InstructionSet) throws {
    var (left, right): ([Float], [Float]) = ([], [])
    for x in Self.specialValues {
      for y in Self.specialValues {
        left.append(x)
        right.append(y)
      }
    }
    try check(subject, cap, left, right)
  }

  @Test("Within 2 ulp at random", arguments: cases, MathsKernel.caps)
  func random(_ subject: Case, _ cap: InstructionSet) throws {
    var patterns = SystemPatterns()
    let pairs = (0..<200_000).map { _ in subject.random(&patterns) }
    try check(subject, cap, pairs.map(\.0), pairs.map(\.1))
  }

  private func check(_ subject: Case, _ cap: InstructionSet, _ left: [Float], _ right: [Float]) throws {
    let kernel = try MathsKernel(cap, operands: 2) { subject.emit($0, $1) }
    let padding = [Float](repeating: 1, count: -left.count & (MathsKernel.granularity - 1))
    var results = [Float](repeating: 0, count: left.count + padding.count)
    kernel(left + padding, right + padding, into: &results)
    var worst = (error: 0.0, pair: (Float(0), Float(0)))
    for i in left.indices {
      let exact = subject.exact(Double(left[i]), Double(right[i]))
      let isSpecial = exact == 0 || exact.isInfinite
      let error =
        isSpecial && results[i].bitPattern != Float(exact).bitPattern
        ? .infinity : unitsInTheLastPlace(results[i], exact)
      if error > worst.error { worst = (error, (left[i], right[i])) }
    }
    #expect(worst.error <= 2, "\(subject.testDescription) (\(cap)) is \(worst.error) ulp off at \(worst.pair)")
    if VectorMathsTests.stride != nil {
      print("\(subject.testDescription) \(cap): \(worst.error) ulp at \(worst.pair)")
    }
  }
}
