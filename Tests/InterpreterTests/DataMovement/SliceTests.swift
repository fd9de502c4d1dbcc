import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct SliceTests {
  /// Python's `range(*slice(start, limit, step).indices(extent))`, which ONNX Slice follows.
  static func indices(_ start: Int, _ limit: Int, _ step: Int, _ extent: Int) -> [Int] {
    func place(_ position: Int) -> Int {
      let resolved = position < 0 ? position + extent : position
      return step > 0 ? min(max(resolved, 0), extent) : min(max(resolved, -1), extent - 1)
    }
    var found: [Int] = []
    var position = place(start)
    while step > 0 ? position < place(limit) : position > place(limit) {
      found.append(position)
      position = position.addingReportingOverflow(step).partialValue
      if position < 0 || position >= extent { break }
    }
    return found
  }

  @Test(arguments: ElementType.layouts, 0..<24)
  func slices(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let x = try random.anything(type, random.shape())
    let rank = x.shape.rank
    let ends = [Int.min, Int.min + 1, Int.max, Int.max - 1, 1 << 40]
    func position() -> Int { random.integer(0...4) == 0 ? random.pick(ends) : random.integer(-7...7) }
    let starts = (0..<rank).map { _ in random.integer(0...1) == 0 ? 0 : position() }
    let limits = (0..<rank).map { _ in random.integer(0...1) == 0 ? Int.max : position() }
    let steps = (0..<rank).map { _ in random.pick([1, 1, 1, 2, 3, -1, -2, 7, Int.max, Int.min]) }
    let result = try Primitive(.slice)(x, .positions(starts), .positions(limits), .positions(steps))
    let indices = (0..<rank).map { Self.indices(starts[$0], limits[$0], steps[$0], x.shape[$0]) }
    let tokens = x.tokens
    let expected = positions(indices.map(\.count)).map { position in
      tokens[x.shape.offset(position.enumerated().map { indices[$0][$1] })]
    }
    let parameters = "seed \(seed): \(x.shape)[\(starts) ..< \(limits) by \(steps)]"
    #expect(result.shape == Shape(indices.map(\.count)), "\(parameters)")
    #expect(result.tokens == expected, "\(parameters)")
  }

  @Test func mistakes() {
    let x = Tensor([2], [1, 2] as [Float])
    #expect(throws: EvaluationError.self) {
      try Primitive(.slice)(x, .positions([0]), .positions([1]), .positions([0]))
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.slice)(x, .positions([0, 0]), .positions([1]), .positions([1]))
    }
  }
}
