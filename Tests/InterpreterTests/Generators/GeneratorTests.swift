import Glibc
import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct GeneratorTests {
  @Test(arguments: ElementType.reals)
  func iotaCounts(_ type: ElementType) throws {
    for axis in 0..<3 {
      let result = try Primitive(.iota(type, axis: axis))(.positions([2, 3, 2]))
      let counts = Tensor([2, 3, 2], positions([2, 3, 2]).map { Int64($0[axis]) })
      #expect(result.elementType == type)
      #expect(try result.tokens == counts.converted(to: type).tokens)
    }
  }

  @Test func iotaOfOddShapes() throws {
    #expect(try Primitive(.iota(.int64, axis: 1))(.positions([1 << 40, 0])).elementCount == 0)
    for extents in [[], [3], [-1, 2], [1 << 40, 1 << 40], [1 << 44, 2]] {
      #expect(throws: (any Error).self) { try Primitive(.iota(.int64, axis: 1))(.positions(extents)) }
    }
  }

  @Test(arguments: [ElementType.int8, .int16, .int32, .int64, .uint8, .float16, .float32, .float64])
  func ranges(_ type: ElementType) throws {
    for (start, limit, delta) in [(0, 5, 1), (1, 10, 3), (1, 11, 3), (3, 3, 1), (5, 2, 1), (120, 127, 5)] {
      let operands = try [start, limit, delta].map { try Tensor(scalar: Int64($0)).converted(to: type) }
      let result = try Primitive(.range)(operands[0], operands[1], operands[2])
      #expect(result.elementType == type)
      #expect(try result.doubles == stride(from: start, to: limit, by: delta).map(Double.init))
    }
  }

  @Test func rangesDownAndOfFractions() throws {
    func range<Number: TensorElement>(_ start: Number, _ limit: Number, _ delta: Number) throws -> [Number] {
      try Primitive(.range)(Tensor(scalar: start), Tensor(scalar: limit), Tensor(scalar: delta)).elements()
    }
    #expect(try range(10, 4, -2 as Int32) == [10, 8, 6])
    #expect(try range(1, 2, 0.25 as Float) == [1, 1.25, 1.5, 1.75])
    #expect(try range(1, 0, -0.5) == [1, 0.5])
    #expect(try range(Int64.min, Int64.max, Int64.max) == [.min, -1, Int64.max - 1])
    #expect(try range(Int8.max, Int8.min, Int8.min) == [127, -1])
    #expect(throws: EvaluationError.self) { try range(0, 1, 0 as Int32) }
    #expect(throws: EvaluationError.self) { try range(0, 1, 0 as Float) }
    #expect(throws: EvaluationError.self) { try range(0, Int64.max, 1) }
    #expect(throws: EvaluationError.self) { try range(0, Double.infinity, 1) }
    #expect(throws: EvaluationError.self) { try range(0, Double.nan, 1) }
    #expect(throws: EvaluationError.self) { try range(0, 1, 1e-30) }
    #expect(throws: EvaluationError.self) { try range("a" == "a", true, false) }
  }

  @Test(arguments: [ElementType.float32, .float64, .float16])
  func uniformNumbers(_ type: ElementType) throws {
    let primitive = Primitive(.random(.uniform(low: -2, high: 6), type, seed: 42))
    let first = try primitive(.positions([100, 200]))
    let values = try first.doubles
    #expect(first.shape == [100, 200])
    #expect(values.allSatisfy { $0 >= -2 && $0 <= 6 })
    let mean = values.reduce(0, +) / 20_000
    // Deviation 8/√12, of the mean 0.016.
    #expect(abs(mean - 2) < 0.08)
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
    #expect(abs(variance - 64.0 / 12) < 0.2)
    #expect(try primitive(.positions([100, 200])).tokens == first.tokens)
    let other = try Primitive(.random(.uniform(low: -2, high: 6), type, seed: 43))(.positions([100, 200]))
    #expect(other.tokens != first.tokens)
  }

  @Test(arguments: [ElementType.float32, .float64])
  func normalNumbers(_ type: ElementType) throws {
    let values = try Primitive(.random(.normal(mean: 3, deviation: 2), type, seed: 1))(.positions([20_000])).doubles
    let mean = values.reduce(0, +) / 20_000
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
    #expect(abs(mean - 3) < 0.07 && abs(variance - 4) < 0.2)
    // Two deviations hold 95.4%.
    #expect(abs(Double(values.count { abs($0 - 3) < 4 }) / 20_000 - 0.954) < 0.01)
  }

  @Test func knownNumbers() {
    // The generator's authors' code, seeded with SplitMix64 from 0.
    var generator = Xoshiro256(seed: 0)
    #expect(generator.next() == 0x99EC_5F36_CB75_F2B4)
    #expect(generator.next() == 0xBF6E_1F78_4956_452A)
  }

  @Test func unseededNumbersDiffer() throws {
    let primitive = Primitive(.random(.uniform(low: 0, high: 1), .float64, seed: nil))
    #expect(try primitive(.positions([4])).tokens != primitive(.positions([4])).tokens)
    let dice = try Primitive(.random(.uniform(low: 1, high: 7), .int32, seed: 5))(.positions([1000]))
    #expect(Set(dice.elements(of: Int32.self)) == [1, 2, 3, 4, 5, 6])
    #expect(throws: (any Error).self) { try primitive(.positions([1 << 50])) }
    #expect(throws: EvaluationError.self) { try primitive(.positions([-1])) }
  }
}
