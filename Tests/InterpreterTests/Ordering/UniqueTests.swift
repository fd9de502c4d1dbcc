import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct UniqueTests {
  /// Slices along the axis as lists of numbers, compared one by one.
  @Test(arguments: [ElementType.int32, .uint8, .float32, .float16, .int4, .bool], [true, false])
  func findsDifferentSlices(_ type: ElementType, _ sorted: Bool) throws {
    for seed in 0..<12 {
      var random = SeededGenerator(seed)
      let shape = random.shape(rank: 1...3, allowsEmpty: false)
      let x = try random.smallNumbers(type, shape, -1...1)
      let axis = random.integer(0...1) == 0 ? random.integer(0...shape.rank - 1) : nil
      let results = try Primitive(.unique(axis: axis, sorted: sorted)).results(x)

      let values = try x.doubles
      let flat = axis == nil ? Shape([x.elementCount]) : shape
      let along = axis ?? 0
      let slices = (0..<flat[along]).map { index in
        positions(flat.dimensions).filter { $0[along] == index }.map { values[flat.offset($0)] }
      }
      var different: [[Double]] = []
      for slice in slices where !different.contains(slice) { different.append(slice) }
      if sorted { different.sort { $0.lexicographicallyPrecedes($1) } }

      let inverse = slices.map { Int64(different.firstIndex(of: $0) ?? -1) }
      let firsts = different.map { Int64(slices.firstIndex(of: $0) ?? -1) }
      let counts = different.map { slice in Int64(slices.count { $0 == slice }) }
      var extents = flat.dimensions
      extents[along] = different.count
      let expected = positions(extents).map { position in
        var source = position
        source[along] = Int(firsts[position[along]])
        return values[flat.offset(source)]
      }
      #expect(results[0].shape == Shape(extents) && results[0].elementType == type)
      #expect(try results[0].doubles == expected, "seed \(seed)")
      #expect(results[1].int64s == firsts, "seed \(seed)")
      #expect(results[2].int64s == inverse, "seed \(seed)")
      #expect(results[3].int64s == counts, "seed \(seed)")
    }
  }

  @Test func stringsAndNaN() throws {
    let words = Tensor([2, 2], strings: ["b", "a", "e\u{301}", "b"])
    let results = try Primitive(.unique(axis: nil, sorted: false)).results(words)
    #expect(results[0].strings == ["b", "a", "e\u{301}"] && results[2].int64s == [0, 1, 2, 0])
    let spelled = Tensor([2], strings: ["e\u{301}", "\u{e9}"])
    #expect(try Primitive(.unique(axis: nil, sorted: true)).results(spelled)[3].int64s == [1, 1])
    let numbers = Tensor([4], [Float.nan, 1, -Float.nan, 1])
    let unique = try Primitive(.unique(axis: nil, sorted: true)).results(numbers)
    #expect(try unique[0].descriptions == ["1.0", "nan"])
    #expect(unique[3].int64s == [2, 2])
    let complex = Tensor([3], [Complex64(1, 2), Complex64(1, 1), Complex64(1, 2)])
    #expect(try Primitive(.unique(axis: nil, sorted: true)).results(complex)[1].int64s == [1, 0])
  }

  @Test func nothing() throws {
    let results = try Primitive(.unique(axis: nil, sorted: true)).results(Tensor([0], [Float]()))
    #expect(results.map(\.shape) == [[0], [0], [0], [0]])
    // Slices of nothing are all equal.
    let empty = try Primitive(.unique(axis: 0, sorted: true)).results(Tensor([3, 0], [Float]()))
    #expect(empty.map(\.shape) == [[1, 0], [1], [3], [1]])
    #expect(throws: EvaluationError.self) {
      try Primitive(.unique(axis: 1, sorted: true)).results(Tensor([0], [Float]()))
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.unique(axis: 0, sorted: true)).results(Tensor([1 << 40, 0], [Float]()))
    }
  }
}
