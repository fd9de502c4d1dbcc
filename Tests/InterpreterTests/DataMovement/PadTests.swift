import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct PadTests {
  /// Walks from outside into the axis, one step at a time; nil for padding.
  static func source(_ position: Int, _ extent: Int, _ mode: PaddingMode) -> Int? {
    var position = position
    while position < 0 || position >= extent {
      switch mode {
      case .constant: return nil
      case .edge: position += position < 0 ? 1 : -1
      case .wrap: position += position < 0 ? extent : -extent
      case .reflect:
        if extent == 1 { return 0 }
        position = position < 0 ? -position : 2 * (extent - 1) - position
      }
    }
    return position
  }

  @Test(arguments: ElementType.layouts, PaddingMode.allCases)
  func pads(_ type: ElementType, _ mode: PaddingMode) throws {
    for seed in 0..<10 {
      var random = SeededGenerator(seed)
      let x = try random.anything(type, random.shape(allowsEmpty: mode == .constant))
      let value = try random.anything(type, .scalar)
      let low = x.shape.dimensions.map { _ in random.integer(0...2) == 0 ? random.integer(-2...9) : 0 }
      let high = x.shape.dimensions.indices.map { axis in
        random.integer(0...2) == 0 ? max(random.integer(-2...9), -x.shape[axis] - low[axis]) : max(0, -low[axis])
      }
      let result = try Primitive(.pad(mode))(x, value, .positions(low), .positions(high))
      let extents = low.indices.map { x.shape[$0] + low[$0] + high[$0] }
      let tokens = x.tokens
      let expected = positions(extents).map { position -> String in
        var source: [Int] = []
        for (axis, place) in position.enumerated() {
          guard let inside = Self.source(place - low[axis], x.shape[axis], mode) else { return value.tokens[0] }
          source.append(inside)
        }
        return tokens[x.shape.offset(source)]
      }
      #expect(result.shape == Shape(extents), "seed \(seed)")
      #expect(result.tokens == expected, "seed \(seed)")
    }
  }

  @Test func likeNumPy() throws {
    let x = Tensor([3], [1, 2, 3] as [Float])
    func padded(_ mode: PaddingMode) throws -> [Float] {
      try Primitive(.pad(mode))(x, Tensor(scalar: Float(0)), .positions([5]), .positions([4])).elements()
    }
    #expect(try padded(.reflect) == [2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3])
    #expect(try padded(.wrap) == [2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1])
    #expect(try padded(.edge) == [1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3])
  }

  @Test func mistakes() {
    let x = Tensor([2], [1, 2] as [Float])
    let zero = Tensor(scalar: Float(0))
    for (low, high) in [(-2, -1), (Int.max, 1), (Int.min, Int.max), (1 << 40, 1 << 44)] {
      #expect(throws: (any Error).self) {
        try Primitive(.pad(.constant))(x, zero, .positions([low]), .positions([high]))
      }
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.pad(.constant))(x, zero, .positions([1, 1]), .positions([1]))
    }
    for mode in PaddingMode.allCases where mode != .constant {
      #expect(throws: EvaluationError.self) {
        try Primitive(.pad(mode))(Tensor([0], [Float]()), zero, .positions([1]), .positions([0]))
      }
    }
  }
}
