import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct ArgReduceTests {
  @Test(arguments: ElementType.reals + [.bool], [true, false])
  func findsTheFirstOrLast(_ type: ElementType, _ isMaximum: Bool) throws {
    for seed in 0..<8 {
      var random = SeededGenerator(seed)
      let shape = random.shape(rank: 1...4, allowsEmpty: false)
      // Few different values: many ties.
      let x = try random.smallNumbers(type, shape, -1...1)
      let axis = random.integer(0...shape.rank - 1)
      let selectLast = random.integer(0...1) == 0
      let result = try Primitive(.argReduce(maximum: isMaximum, axis: axis, selectLast: selectLast))(x)
      let values = try x.doubles
      let (resultShape, groups) = ReduceTests.groups(shape, [axis])
      let expected = groups.map { group -> Int64 in
        let line = group.map { values[$0] }
        let best = isMaximum ? line.max() : line.min()
        let found = selectLast ? line.lastIndex { $0 == best } : line.firstIndex { $0 == best }
        return Int64(found ?? -1)
      }
      #expect(result.elementType == .int64 && result.shape == resultShape)
      #expect(result.int64s == expected, "seed \(seed)")
    }
  }

  @Test func nanWins() throws {
    let x = Tensor([5], [1, Float.nan, Float.infinity, Float.nan, 0])
    for isMaximum in [true, false] {
      #expect(try Primitive(.argReduce(maximum: isMaximum, axis: 0))(x).int64s == [1])
      #expect(try Primitive(.argReduce(maximum: isMaximum, axis: 0, selectLast: true))(x).int64s == [3])
    }
  }

  @Test func nothingToFind() throws {
    let x = Tensor([0, 2], [Float]())
    #expect(throws: EvaluationError.self) { try Primitive(.argReduce(maximum: true, axis: 0))(x) }
    #expect(try Primitive(.argReduce(maximum: true, axis: 1))(x).shape == [0])
    #expect(throws: EvaluationError.self) { try Primitive(.argReduce(maximum: true, axis: 2))(x) }
    #expect(throws: EvaluationError.self) {
      try Primitive(.argReduce(maximum: true, axis: 0))(Tensor([1], strings: ["a"]))
    }
  }
}
