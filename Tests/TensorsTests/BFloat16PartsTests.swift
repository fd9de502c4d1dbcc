import Testing

@testable import Tensors

/// float32 as sums of bfloat16.
@Suite struct BFloat16PartsTests {
  private func parts(_ value: Float) -> [Float] {
    let parts = BFloat16Parts(value)
    return [parts.high, parts.middle, parts.low].map { Float(bfloat16: $0) }
  }

  @Test("The parts of numbers with room below them add up to the number, each far below the one before")
  func exact() {
    var generator = Seeded(1)
    for _ in 0..<200_000 {
      let exponent = UInt32.random(in: 25...254, using: &generator)
      let bits = UInt32.random(in: 0..<1 << 23, using: &generator)
      let value = Float(bitPattern: exponent << 23 | bits) * (Bool.random(using: &generator) ? 1 : -1)
      let parts = parts(value)
      #expect(BFloat16Parts(value).sum.bitPattern == value.bitPattern)
      #expect(parts.allSatisfy { $0.isFinite })
      #expect(abs(parts[1]) <= abs(parts[0]) * 0x1p-7)
      #expect(abs(parts[2]) <= abs(parts[0]) * 0x1p-15)
    }
  }

  @Test("Two parts are within 2⁻¹⁶ of the number")
  func two() {
    var generator = Seeded(2)
    for _ in 0..<100_000 {
      let value = Float.random(in: -1000...1000, using: &generator)
      let parts = parts(value)
      #expect(abs(value - (parts[0] + parts[1])) <= abs(value) * 0x1p-16)
    }
  }

  @Test("Infinities and NaN are the first part alone", arguments: [Float.infinity, -.infinity, .nan])
  func special(value: Float) {
    let parts = parts(value)
    #expect(parts[0] == value || parts[0].isNaN && value.isNaN)
    #expect(parts[1] == 0 && parts[2] == 0)
  }

  @Test("Numbers that round to infinity stay finite", arguments: [1, -1] as [Float])
  func huge(sign: Float) {
    let largest = Float.greatestFiniteMagnitude
    for value in [largest, largest.nextDown, 0x1.FFp127, Float(0x1.FFp127).nextDown, 0x1.FEp127, 0x1.FEFEFEp127] {
      #expect(parts(sign * value).allSatisfy { $0.isFinite })
      #expect(BFloat16Parts(sign * value).sum == sign * value)
    }
    #expect(Float(bfloat16: FloatFormat.bfloat16.encode(largest)) == .infinity)
  }

  @Test("No part is subnormal, and tiny numbers lose less than the least normal one")
  func tiny() {
    var generator = Seeded(3)
    for _ in 0..<100_000 {
      let value = Float(bitPattern: UInt32.random(in: 0..<26 << 23, using: &generator))
      #expect(parts(value).allSatisfy { $0 == 0 || $0.isNormal })
      #expect(abs(BFloat16Parts(value).sum - value) < Float.leastNormalMagnitude)
    }
    #expect(parts(-0.0)[0].sign == .minus)
    #expect(parts(.leastNonzeroMagnitude) == [0, 0, 0])
  }
}
