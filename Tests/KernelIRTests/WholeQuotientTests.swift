import TestSupport
import Testing

@testable import KernelIR

/// Quotients of constants, rounded to whole numbers, have the bits of a division.
@Suite struct WholeQuotientTests {
  private func rounded(_ x: Float, _ parts: WholeQuotient) -> Float {
    parts.low == 0
      ? (x * parts.high).rounded(.toNearestOrEven)
      : (x * parts.low).addingProduct(x, parts.high).rounded(.toNearestOrEven)
  }

  private func check(_ x: Float, _ divisor: Float, _ parts: WholeQuotient) {
    let (found, expected) = (rounded(x, parts), (x / divisor).rounded(.toNearestOrEven))
    let isSame = expected.isNaN ? found.isNaN : found.bitPattern == expected.bitPattern
    if !isSame { Issue.record("\(x) / \(divisor): \(found), not \(expected)") }
  }

  @Test("Any numerator", arguments: 0..<40)
  func numerators(seed: Int) {
    var generator = SeededGenerator(seed)
    let special: [Float] = [0, -0.0, .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNonzeroMagnitude]
    for _ in 0..<50 {
      let exponent = Int.random(in: seed % 4 == 0 ? -99...99 : -12...4, using: &generator)
      var divisor = Float(sign: .plus, exponent: exponent, significand: .random(in: 1..<2, using: &generator))
      if seed % 3 == 0 { divisor.negate() }
      guard let parts = WholeQuotient(divisor: divisor) else { continue }
      #expect(parts.low != 0 && (parts.low < 0) == (parts.high < 0))
      for x in special { check(x, divisor, parts) }
      for _ in 0..<200 {
        check(Float(bitPattern: .random(in: 0 ... .max, using: &generator)), divisor, parts)
        // Next to the middle between two whole numbers.
        var x = (Float(Int.random(in: -300...300, using: &generator)) + 0.5) * divisor
        for _ in 0..<3 { x = x.nextDown }
        for _ in 0..<7 {
          check(x, divisor, parts)
          x = x.nextUp
        }
      }
    }
  }

  @Test("Every significand", arguments: [0.018658448, 0.003921569, 3] as [Float])
  func significands(divisor: Float) throws {
    let parts = try #require(WholeQuotient(divisor: divisor))
    // At each size at which some quotient has a fraction, in turn.
    for bits in UInt32(0)..<1 << 23 {
      let x = Float(sign: .plus, exponentBitPattern: 127, significandBitPattern: bits)
      let quotient = (x * parts.low).addingProduct(x, parts.high)
      if quotient.bitPattern != (x / divisor).bitPattern { Issue.record("\(x) / \(divisor)") }
    }
  }

  @Test("Powers of two take one multiplication, most other numbers two, what is next to 0 or infinity a division")
  func forms() {
    for exponent in [-99, -7, 0, 3, 99] {
      let divisor = Float(sign: .plus, exponent: exponent, significand: 1)
      #expect(WholeQuotient(divisor: divisor)?.low == 0)
      #expect(WholeQuotient(divisor: divisor)?.high == 1 / divisor)
    }
    for divisor in [0, .nan, .infinity, 0x1p-110 as Float, 0x1p110, .leastNonzeroMagnitude] {
      #expect(WholeQuotient(divisor: divisor) == nil)
    }
    var generator = SeededGenerator(7)
    let count = (0..<1000).count { _ in WholeQuotient(divisor: .random(in: 0.001..<1, using: &generator)) != nil }
    #expect(count > 900)
  }
}
