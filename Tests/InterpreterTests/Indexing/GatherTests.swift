import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct GatherTests {
  /// Positions along an axis, half of them counted from the end, as int64 or int32.
  static func indices(_ random: inout SeededGenerator, _ shape: Shape, extent: Int) throws -> Tensor {
    let values = (0..<shape.elementCount).map { _ in Int64(random.integer(-extent...extent - 1)) }
    return try Tensor(shape, values).converted(to: random.pick([.int64, .int32]))
  }

  static func resolved(_ indices: Tensor, extent: Int) throws -> [Int] {
    try indices.integers().map { $0 < 0 ? $0 + extent : $0 }
  }

  @Test(arguments: ElementType.layouts, 0..<12)
  func gathers(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape(rank: 1...4, allowsEmpty: false))
    let axis = random.integer(0...x.shape.rank - 1)
    let batch = random.integer(0...axis)
    let shape = Shape(x.shape.dimensions[..<batch] + random.shape(rank: 0...2).dimensions)
    let indices = try Self.indices(&random, shape, extent: x.shape[axis])
    let result = try Primitive(.gather(axis: axis, batchDimensions: batch))(x, indices)
    let chosen = try Self.resolved(indices, extent: x.shape[axis])
    let inserted = shape.rank - batch
    let extents = x.shape.dimensions[..<axis] + shape.dimensions[batch...] + x.shape.dimensions[(axis + 1)...]
    let tokens = x.tokens
    let expected = positions(Array(extents)).map { position in
      let choice = position[..<batch] + position[axis..<axis + inserted]
      let source = position[..<axis] + [chosen[shape.offset(Array(choice))]] + position[(axis + inserted)...]
      return tokens[x.shape.offset(Array(source))]
    }
    #expect(result.shape == Shape(Array(extents)), "seed \(seed)")
    #expect(result.tokens == expected, "seed \(seed)")
  }

  @Test(arguments: ElementType.layouts, 0..<12)
  func gathersTuples(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape(rank: 0...4, allowsEmpty: false))
    let batch = random.integer(0...x.shape.rank)
    let width = random.integer(0...x.shape.rank - batch)
    let free = random.shape(rank: 0...2).dimensions
    let shape = Shape(x.shape.dimensions[..<batch] + free + [width])
    var tuples: [[Int]] = []
    for _ in 0..<shape.product(0..<shape.rank - 1) {
      tuples.append((0..<width).map { random.integer(-x.shape[batch + $0]...x.shape[batch + $0] - 1) })
    }
    let indices = Tensor(shape, tuples.flatMap { $0.map(Int64.init) })
    let result = try Primitive(.gatherND(batchDimensions: batch))(x, indices)
    let extents = shape.dimensions.dropLast() + x.shape.dimensions[(batch + width)...]
    let tupleShape = Shape(Array(shape.dimensions.dropLast()))
    let tokens = x.tokens
    let expected = positions(Array(extents)).map { position in
      let tuple = tuples[tupleShape.offset(Array(position[..<tupleShape.rank]))]
      let chosen = tuple.enumerated().map { $1 < 0 ? $1 + x.shape[batch + $0] : $1 }
      return tokens[x.shape.offset(position[..<batch] + chosen + position[tupleShape.rank...])]
    }
    #expect(result.shape == Shape(Array(extents)), "seed \(seed)")
    #expect(result.tokens == expected, "seed \(seed)")
  }

  @Test(arguments: ElementType.layouts, 0..<8)
  func gathersElements(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape(rank: 1...4, allowsEmpty: false))
    let axis = random.integer(0...x.shape.rank - 1)
    let shape = Shape(
      x.shape.dimensions.enumerated().map { $0 == axis ? random.integer(0...6) : random.integer(1...$1) })
    let indices = try Self.indices(&random, shape, extent: x.shape[axis])
    let chosen = try Self.resolved(indices, extent: x.shape[axis])
    let tokens = x.tokens
    let expected = positions(shape.dimensions).map { position in
      var source = position
      source[axis] = chosen[shape.offset(position)]
      return tokens[x.shape.offset(source)]
    }
    #expect(try Primitive(.gatherElements(axis: axis))(x, indices).tokens == expected, "seed \(seed)")
  }

  @Test func positionsOutOfRangeSayWhere() {
    let x = Tensor([2, 3], (0..<6).map(Float.init))
    for bad in [3, -4, Int.max, Int.min] {
      #expect {
        try Primitive(.gather(axis: 1))(x, .positions([0, bad]))
      } throws: { error in
        let text = "\(error)"
        return text.contains("index \(bad)") && text.contains("axis 1") && text.contains("extent 3")
      }
    }
    #expect(throws: EvaluationError.self) { try Primitive(.gatherND())(x, Tensor([1, 2], [0, 3] as [Int64])) }
    #expect(throws: EvaluationError.self) {
      try Primitive(.gatherND())(x, Tensor([1, 3], [0, 0, 0] as [Int64]))
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.gatherElements(axis: 0))(x, Tensor([1, 3], [0, 2, 0] as [Int64]))
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.gather(axis: 0))(Tensor([0], [Float]()), .positions([0]))
    }
    // Tuples of no positions take no memory, however many.
    #expect(throws: EvaluationError.self) {
      try Primitive(.gatherND())(x, Tensor([1 << 40, 0], [Int64]()))
    }
  }
}
