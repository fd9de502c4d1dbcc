import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct OrderingTests {
  /// Positions along a line, sorted naively: exchanging neighbours as long as one is out of place keeps ties in order.
  static func sorted(_ line: [Double], descending: Bool) -> [Int] {
    func precedes(_ a: Double, _ b: Double) -> Bool {
      if a.isNaN || b.isNaN { return descending ? a.isNaN && !b.isNaN : !a.isNaN && b.isNaN }
      return descending ? a > b : a < b
    }
    var order = Array(line.indices)
    for end in order.indices {
      for place in stride(from: end, to: 0, by: -1) where precedes(line[order[place]], line[order[place - 1]]) {
        order.swapAt(place, place - 1)
      }
    }
    return order
  }

  @Test(arguments: ElementType.reals + [.bool], [true, false])
  func sortsStably(_ type: ElementType, _ descending: Bool) throws {
    for seed in 0..<8 {
      var random = SeededGenerator(seed)
      let shape = random.shape(rank: 1...3)
      let x = try seed % 2 == 0 ? random.smallNumbers(type, shape, -1...1) : random.anything(type, shape)
      let axis = random.integer(0...shape.rank - 1)
      let results = try Primitive(.sort(axis: axis, descending: descending)).results(x)
      let values = try type == .int64 || type == .uint64 ? x.wholes.map { Double($0) } : x.doubles
      let tokens = x.tokens
      var expectedPositions = [Int64](repeating: 0, count: x.elementCount)
      var expectedTokens = tokens
      for group in ReduceTests.groups(shape, [axis]).groups {
        for (place, position) in Self.sorted(group.map { values[$0] }, descending: descending).enumerated() {
          expectedPositions[group[place]] = Int64(position)
          expectedTokens[group[place]] = tokens[group[position]]
        }
      }
      #expect(results[1].int64s == expectedPositions, "seed \(seed)")
      #expect(results[0].tokens == expectedTokens, "seed \(seed)")
    }
  }

  @Test func sortsSpecialNumbers() throws {
    let x = Tensor([7], [2, Float.nan, -Float.infinity, 0, -0.0, Float.infinity, -Float.leastNonzeroMagnitude])
    #expect(try Primitive(.sort(axis: 0, descending: false)).results(x)[1].int64s == [2, 6, 3, 4, 0, 5, 1])
    #expect(try Primitive(.sort(axis: 0, descending: true)).results(x)[1].int64s == [1, 5, 0, 3, 4, 6, 2])
    let large = Tensor([4], [Int64.max, Int64.max - 1, Int64.min, -1])
    #expect(try Primitive(.sort(axis: 0, descending: false)).results(large)[1].int64s == [2, 3, 1, 0])
  }

  @Test func sortsStringsByCodePoints() throws {
    let x = Tensor([5], strings: ["b", "é", "", "Z", "b"])
    let results = try Primitive(.sort(axis: 0, descending: false)).results(x)
    #expect(results[0].strings == ["", "Z", "b", "b", "é"])
    #expect(results[1].int64s == [2, 3, 0, 4, 1])
  }

  @Test(arguments: [ElementType.float32, .int64, .uint8, .float16], [true, false])
  func topOfLines(_ type: ElementType, _ largest: Bool) throws {
    for seed in 0..<10 {
      var random = SeededGenerator(seed)
      // Long lines with few to take go through the heap.
      let shape: Shape = seed % 2 == 0 ? [2, 100, 2] : random.shape(rank: 1...3, allowsEmpty: false)
      let axis = seed % 2 == 0 ? 1 : random.integer(0...shape.rank - 1)
      let k = random.integer(0...min(shape[axis], 9))
      let x = try random.smallNumbers(type, shape, -20...20)
      let results = try Primitive(.topK(axis: axis, largest: largest, sorted: true)).results(x, .positions([k]))
      let values = try x.doubles
      var extents = shape.dimensions
      extents[axis] = k
      let (_, groups) = ReduceTests.groups(shape, [axis])
      let (_, resultGroups) = ReduceTests.groups(Shape(extents), [axis])
      #expect(results[0].shape == Shape(extents) && results[1].shape == Shape(extents))
      for (group, resultGroup) in zip(groups, resultGroups) {
        let expected = Self.sorted(group.map { values[$0] }, descending: largest).prefix(k)
        #expect(resultGroup.map { results[1].int64s[$0] } == expected.map(Int64.init), "seed \(seed)")
        let found = try resultGroup.map { try results[0].doubles[$0] }
        #expect(found == expected.map { values[group[$0]] }, "seed \(seed)")
      }
    }
  }

  @Test func topOfTooFew() throws {
    let x = Tensor([3], [1, 2, 3] as [Float])
    for k in [4, -1, Int.max] {
      #expect(throws: EvaluationError.self) {
        try Primitive(.topK(axis: 0, largest: true, sorted: true)).results(x, .positions([k]))
      }
    }
    let none = try Primitive(.topK(axis: 0, largest: true, sorted: false)).results(x, Tensor(scalar: Int64(0)))
    #expect(none[0].shape == [0])
  }

  @Test(arguments: ElementType.layouts.filter { $0 != .complex128 } + [.int32, .uint64])
  func nonZeroPositions(_ type: ElementType) throws {
    for seed in 0..<6 {
      var random = SeededGenerator(seed)
      let shape = random.shape()
      let x: Tensor
      let isNonZero: [Bool]
      if type == .string {
        x = Tensor(shape, strings: (0..<shape.elementCount).map { _ in random.pick(["", "a"]) })
        isNonZero = x.strings.map { $0 != "" }
      } else {
        x = try random.smallNumbers(type, shape, 0...1)
        isNonZero = try x.doubles.map { $0 != 0 }
      }
      let found = positions(shape.dimensions).enumerated().filter { isNonZero[$0.offset] }.map(\.element)
      let result = try Primitive(.nonZero)(x)
      #expect(result.shape == [shape.rank, found.count])
      #expect(result.int64s == (0..<shape.rank).flatMap { axis in found.map { Int64($0[axis]) } }, "seed \(seed)")
    }
    #expect(try Primitive(.nonZero)(Tensor([3], [Float.nan, -0.0, Float.leastNonzeroMagnitude])).int64s == [0, 2])
  }
}
