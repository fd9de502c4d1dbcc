import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct CumulativeTests {
  @Test(arguments: ElementType.reals, [Cumulation.sum, .product])
  func runsAlongAnAxis(_ type: ElementType, _ cumulation: Cumulation) throws {
    for seed in 0..<8 {
      var random = SeededGenerator(seed)
      let shape = random.shape(rank: 1...3)
      let x = try random.smallNumbers(type, shape, -2...2)
      let axis = random.integer(0...shape.rank - 1)
      let (exclusive, reverse) = (random.integer(0...1) == 0, random.integer(0...1) == 0)
      let result = try Primitive(.cumulative(cumulation, axis: axis, exclusive: exclusive, reverse: reverse))(x)
      let values = try x.doubles
      let expected = positions(shape.dimensions).map { position -> Double in
        let here = position[axis]
        let places =
          reverse
          ? Array(((exclusive ? here + 1 : here)..<max(here + 1, shape[axis])))
          : Array(0..<(exclusive ? here : here + 1))
        let terms = places.map { place in
          var source = position
          source[axis] = place
          return values[shape.offset(source)]
        }
        return cumulation == .sum ? terms.reduce(0, +) : terms.reduce(1, *)
      }
      let wrapped =
        type.isInteger
        ? try Tensor.wrapping(expected.map { Int128($0) }, shape, type)
        : try Tensor(shape, expected).converted(to: type)
      let zeroless = try wrapped.doubles.map { $0 + 0 }
      #expect(result.elementType == type)
      #expect(try result.doubles.map { $0 + 0 } == zeroless, "seed \(seed)")
    }
  }

  @Test func longSumsStayExact() throws {
    let x = try Primitive(.broadcast)(Tensor(scalar: Float(0.1)), .positions([100_000]))
    let last = try #require(try Primitive(.cumulative(.sum, axis: 0))(x).elements(of: Float.self).last)
    #expect(abs(Double(last) / (Double(Float(0.1)) * 100_000) - 1) < 1e-7)
  }

  @Test func mistakes() {
    #expect(throws: EvaluationError.self) { try Primitive(.cumulative(.sum, axis: 0))(Tensor(scalar: Float(1))) }
    #expect(throws: EvaluationError.self) { try Primitive(.cumulative(.sum, axis: 0))(Tensor([1], [true])) }
  }
}
