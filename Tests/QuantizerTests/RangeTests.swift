import Testing

@testable import Quantizer

@Suite struct RangeTests {
  @Test(
    "Zero is exact, and both ends are within half a step", arguments: [(0, 6), (-1, 3), (2, 5), (-4, -1), (-3e-8, 9e7)])
  func scales(low: Float, high: Float) {
    let range = ValueRanges.Scale(low: low, high: high)
    func restored(_ value: Float) -> Float {
      let integer = min(255, max(0, (value / range.scale).rounded(.toNearestOrEven) + Float(range.zeroPoint)))
      return (integer - Float(range.zeroPoint)) * range.scale
    }
    #expect(restored(0) == 0)
    for end in [low, high] { #expect(abs(restored(end) - end) <= range.scale * 0.501) }
  }

  @Test func nothingButZerosHasAScale() {
    #expect(ValueRanges.Scale(low: 0, high: 0) == ValueRanges.Scale(low: 0, high: .leastNonzeroMagnitude))
    #expect(ValueRanges.Scale(low: 0, high: 0).scale == 1)
  }

  private func limit(_ values: [Float]) -> Float {
    var histogram = Histogram(largest: values.map(abs).max() ?? 0)
    values.withUnsafeBufferPointer { histogram.add($0) }
    return histogram.bestLimit(levels: 256)
  }

  @Test func evenlySpreadValuesAreKept() {
    #expect(limit((1...20_000).map { Float($0) / 20_000 }) > 0.95)
  }

  @Test func rareLargeValuesAreCutOff() {
    let most = (1...100_000).map { Float($0 % 1000) / 1000 }
    #expect(limit(most + [100]) < 25)
  }

  @Test func zerosSayNothing() {
    #expect(limit([0, 0, 0]) > 0)
    #expect(limit([0, 5, .nan]).isFinite)
  }
}
