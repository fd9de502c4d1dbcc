import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

/// Each result element must have the bits of the operand element that a one-line rule names.
@Suite struct DataMovementTests {
  @Test(arguments: ElementType.layouts, 0..<12)
  func transposes(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape(rank: 0...5))
    let permutation = Array(0..<x.shape.rank).shuffled(using: &random)
    let result = try Primitive(.transpose(permutation: permutation))(x)
    let tokens = x.tokens
    let expected = positions(permutation.map { x.shape[$0] }).map { position in
      var source = position
      for (axis, from) in permutation.enumerated() { source[from] = position[axis] }
      return tokens[x.shape.offset(source)]
    }
    #expect(result.elementType == type && result.shape == Shape(permutation.map { x.shape[$0] }))
    #expect(result.tokens == expected, "seed \(seed)")
  }

  /// Beyond one tile, in the layouts that images change between.
  @Test(arguments: [ElementType.uint8, .float32, .complex128], [[0, 2, 3, 1], [0, 3, 1, 2], [3, 2, 1, 0]])
  func transposesImages(_ type: ElementType, _ permutation: [Int]) throws {
    var random = SeededGenerator(1)
    let x = try random.anything(type, [2, 37, 9, 41])
    let result = try Primitive(.transpose(permutation: permutation))(x)
    let tokens = x.tokens
    let expected = positions(permutation.map { x.shape[$0] }).map { position in
      var source = position
      for (axis, from) in permutation.enumerated() { source[from] = position[axis] }
      return tokens[x.shape.offset(source)]
    }
    // One truth value: the difference of long arrays takes minutes to print.
    let isEqual = result.tokens == expected
    #expect(isEqual)
  }

  @Test func transposeOfAnotherRank() {
    #expect(throws: EvaluationError.self) {
      try Primitive(.transpose(permutation: [1, 0]))(Tensor([3], [1, 2, 3] as [Float]))
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.transpose(permutation: [0]))(Tensor([3, 1], [1, 2, 3] as [Float]))
    }
  }

  @Test(arguments: ElementType.layouts, 0..<12)
  func broadcasts(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let (left, right) = random.broadcastableShapes()
    let x = try random.anything(type, left)
    let result = try Primitive(.broadcast)(x, .positions(right.dimensions))
    let tokens = x.tokens
    #expect(result.shape == left.broadcast(with: right))
    #expect(
      result.tokens == positions(result.shape.dimensions).map { tokens[left.broadcastOffset($0)] }, "seed \(seed)")
  }

  @Test func broadcastsThatDoNotFit() {
    let x = Tensor([2], [1, 2] as [Float])
    for shape in [[3], [-1], [1 << 40, 1 << 40, 2], [1 << 44, 2]] {
      #expect(throws: (any Error).self) { try Primitive(.broadcast)(x, .positions(shape)) }
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.broadcast)(Tensor(.scalar, strings: ["a"]), .positions([1 << 40]))
    }
  }

  @Test(arguments: ElementType.layouts, 0..<12)
  func concatenates(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let shape = random.shape(rank: 1...4)
    let axis = random.integer(0...shape.rank - 1)
    let operands = try (0..<random.integer(1...4)).map { _ in
      var extents = shape.dimensions
      extents[axis] = random.integer(0...4)
      return try random.anything(type, Shape(extents))
    }
    let node = Primitive(.concatenate(axis: axis))
    let result = try #require(try node.results(operands.map(RuntimeValue.tensor))[0].tensor)
    var extents = shape.dimensions
    extents[axis] = operands.reduce(0) { $0 + $1.shape[axis] }
    #expect(result.shape == Shape(extents))
    let tokens = operands.map(\.tokens)
    let expected = positions(extents).map { position in
      var source = position
      var operand = 0
      while source[axis] >= operands[operand].shape[axis] {
        source[axis] -= operands[operand].shape[axis]
        operand += 1
      }
      return tokens[operand][operands[operand].shape.offset(source)]
    }
    #expect(result.tokens == expected, "seed \(seed)")
  }

  @Test func concatenationOfDifferentShapes() {
    let a = Tensor([1, 2], [1, 2] as [Float])
    #expect(throws: EvaluationError.self) { try Primitive(.concatenate(axis: 0))(a, Tensor([1, 1], [1 as Float])) }
    #expect(throws: EvaluationError.self) { try Primitive(.concatenate(axis: 0))(a, Tensor([1], [1 as Float])) }
    #expect(throws: EvaluationError.self) { try Primitive(.concatenate(axis: 2))(a, a) }
    #expect(throws: EvaluationError.self) { try Primitive(.concatenate(axis: 0))(a, Tensor([1, 2], [1.0, 2])) }
  }

  @Test(arguments: ElementType.layouts, 0..<8)
  func reverses(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape())
    let axes = (0..<x.shape.rank).filter { _ in random.integer(0...1) == 0 }
    let result = try Primitive(.reverse(axes: axes))(x)
    let tokens = x.tokens
    let expected = positions(x.shape.dimensions).map { position in
      var source = position
      for axis in axes { source[axis] = x.shape[axis] - 1 - position[axis] }
      return tokens[x.shape.offset(source)]
    }
    #expect(result.tokens == expected, "seed \(seed)")
  }

  @Test(arguments: ElementType.layouts, 0..<8)
  func reversesSequences(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape(rank: 2...4))
    let axes = Array(0..<x.shape.rank).shuffled(using: &random)
    let (batch, time) = (axes[0], axes[1])
    let lengths = (0..<x.shape[batch]).map { _ in random.integer(0...x.shape[time]) }
    let result = try Primitive(.reverseSequence(batchAxis: batch, timeAxis: time))(x, .positions(lengths))
    let tokens = x.tokens
    let expected = positions(x.shape.dimensions).map { position in
      var source = position
      let length = lengths[position[batch]]
      if position[time] < length { source[time] = length - 1 - position[time] }
      return tokens[x.shape.offset(source)]
    }
    #expect(result.tokens == expected, "seed \(seed)")
    if !lengths.isEmpty {
      let tooLong = lengths.dropLast() + [x.shape[time] + 1]
      #expect(throws: EvaluationError.self) {
        try Primitive(.reverseSequence(batchAxis: batch, timeAxis: time))(x, .positions(Array(tooLong)))
      }
    }
  }

  @Test func shapes() throws {
    #expect(try Primitive(.shape)(Tensor([2, 0, 3], [Float]())).int64s == [2, 0, 3])
    #expect(try Primitive(.shape)(Tensor(scalar: Float(1))).shape == [0])
  }

  @Test func reshapes() throws {
    let x = Tensor([2, 3, 4], (0..<24).map(Float.init))
    for (requested, expected) in [
      ([6, -1], [6, 4]), ([24], [24]), ([-1], [24]), ([1, 24, 1], [1, 24, 1]), ([2, 3, 4], [2, 3, 4]),
    ] as [([Int], Shape)] {
      let result = try Primitive(.reshape())(x, .positions(requested))
      #expect(result.shape == expected && result.storage === x.storage)
    }
    #expect(try Primitive(.reshape(zeroCopies: true))(x, .positions([0, -1])).shape == [2, 12])
    #expect(try Primitive(.reshape())(Tensor(scalar: Float(1)), .positions([1, 1])).shape == [1, 1])
    #expect(try Primitive(.reshape())(Tensor([0, 2], [Float]()), .positions([0])).shape == [0])
    for requested in [[5, -1], [-1, -1], [25], [-2, 12], [0, -1], [], [1 << 62, 1 << 62]] {
      #expect(throws: EvaluationError.self) { try Primitive(.reshape())(x, .positions(requested)) }
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.reshape(zeroCopies: true))(x, .positions([2, 3, 4, 0]))
    }
  }
}
