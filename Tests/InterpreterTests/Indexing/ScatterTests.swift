import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct ScatterTests {
  static func combine(_ combiner: ScatterCombiner, _ a: Double, _ b: Double) -> Double {
    switch combiner {
    case .replace: b
    case .add: a + b
    case .multiply: a * b
    case .maximum: max(a, b)
    case .minimum: min(a, b)
    }
  }

  @Test(arguments: [ElementType.int8, .uint16, .int64, .float16, .float32, .float64], ScatterCombiner.allCases)
  func scattersTuples(_ type: ElementType, _ combiner: ScatterCombiner) throws {
    for seed in 0..<8 {
      var random = SeededGenerator(seed)
      let x = try random.smallNumbers(type, random.shape(rank: 1...3, allowsEmpty: false))
      let width = random.integer(0...x.shape.rank)
      // Few places and many updates: duplicates.
      let count = random.integer(0...5)
      let tuples = (0..<count).map { _ in
        (0..<width).map { random.integer(-x.shape[$0]...x.shape[$0] - 1) }
      }
      let indices = Tensor([count, width], tuples.flatMap { $0.map(Int64.init) })
      let kept = Array(x.shape.dimensions[width...])
      let updates = try random.smallNumbers(type, Shape([count] + kept), -2...2)
      let result = try Primitive(.scatterND(combiner))(x, indices, updates)
      var expected = try x.doubles
      let values = try updates.doubles
      for (index, tuple) in tuples.enumerated() {
        for rest in positions(kept) {
          let place = x.shape.offset(tuple.enumerated().map { $1 < 0 ? $1 + x.shape[$0] : $1 } + rest)
          let update = values[updates.shape.offset([index] + rest)]
          expected[place] = Self.combine(combiner, expected[place], update)
        }
      }
      #expect(try result.doubles == expected, "seed \(seed)")
      #expect(result.storage !== x.storage)
    }
  }

  @Test(arguments: [ElementType.int8, .uint16, .int64, .bfloat16, .float32, .float64], ScatterCombiner.allCases)
  func scattersElements(_ type: ElementType, _ combiner: ScatterCombiner) throws {
    for seed in 0..<8 {
      var random = SeededGenerator(seed)
      let x = try random.smallNumbers(type, random.shape(rank: 1...3, allowsEmpty: false))
      let axis = random.integer(0...x.shape.rank - 1)
      let shape = Shape(
        x.shape.dimensions.enumerated().map { $0 == axis ? random.integer(0...4) : random.integer(1...$1) })
      let indices = try GatherTests.indices(&random, shape, extent: x.shape[axis])
      let updates = try random.smallNumbers(type, shape, -2...2)
      let result = try Primitive(.scatterElements(axis: axis, combiner))(x, indices, updates)
      var expected = try x.doubles
      let values = try updates.doubles
      let chosen = try GatherTests.resolved(indices, extent: x.shape[axis])
      for position in positions(shape.dimensions) {
        var target = position
        target[axis] = chosen[shape.offset(position)]
        let place = x.shape.offset(target)
        expected[place] = Self.combine(combiner, expected[place], values[shape.offset(position)])
      }
      #expect(try result.doubles == expected, "seed \(seed)")
    }
  }

  @Test(arguments: ElementType.layouts)
  func replacesAnything(_ type: ElementType) throws {
    var random = SeededGenerator(3)
    let (x, updates) = (try random.anything(type, [5, 3]), try random.anything(type, [2, 3]))
    let result = try Primitive(.scatterND(.replace))(x, Tensor([2, 1], [4, -4] as [Int64]), updates)
    var expected = x.tokens
    expected.replaceSubrange(12..<15, with: updates.tokens[0..<3])
    expected.replaceSubrange(3..<6, with: updates.tokens[3..<6])
    #expect(result.tokens == expected)
  }

  @Test func truthValues() throws {
    let x = Tensor([4], [false, true, false, true])
    let updates = Tensor([4], [false, false, true, true])
    let indices = Tensor([4, 1], [0, 1, 2, 3] as [Int64])
    for (combiner, expected) in [
      (ScatterCombiner.add, [false, true, true, true]), (.maximum, [false, true, true, true]),
      (.multiply, [false, false, false, true]), (.minimum, [false, false, false, true]),
    ] {
      #expect(try Primitive(.scatterND(combiner))(x, indices, updates).elements(of: Bool.self) == expected)
    }
  }

  @Test func mistakes() {
    let x = Tensor([2], [1, 2] as [Float])
    let update = Tensor([1], [1 as Float])
    #expect(throws: EvaluationError.self) {
      try Primitive(.scatterND(.add))(x, Tensor([1, 1], [2 as Int64]), update)
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.scatterND(.add))(x, Tensor([2, 1], [0, 1] as [Int64]), update)
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.scatterElements(axis: 0, .add))(x, .positions([-3]), update)
    }
    #expect(throws: EvaluationError.self) {
      let strings = Tensor([2], strings: ["a", "b"])
      _ = try Primitive(.scatterElements(axis: 0, .add))(strings, .positions([0, 1]), strings)
    }
  }
}
