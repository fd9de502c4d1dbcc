import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct ReduceTests {
  /// Whole numbers, in the order of the elements.
  static func reference(_ reduction: Reduction, _ x: [Int128]) -> Int128 {
    switch reduction {
    case .sum: x.reduce(0, +)
    case .product: x.reduce(1, &*)
    case .mean: x.isEmpty ? 0 : x.reduce(0, +) / Int128(x.count)
    case .maximum, .or: x.max() ?? 0
    case .minimum, .and: x.min() ?? 1
    }
  }

  /// For each position of the result the offsets of the operand that are reduced to it.
  static func groups(_ shape: Shape, _ axes: [Int]) -> (shape: Shape, groups: [[Int]]) {
    let kept = shape.dimensions.indices.filter { !axes.contains($0) }
    let result = Shape(kept.map { shape[$0] })
    var groups = [[Int]](repeating: [], count: result.elementCount)
    for position in positions(shape.dimensions) {
      groups[result.offset(kept.map { position[$0] })].append(shape.offset(position))
    }
    return (result, groups)
  }

  @Test(arguments: ElementType.integers, [Reduction.sum, .product, .mean, .maximum, .minimum])
  func integers(_ type: ElementType, _ reduction: Reduction) throws {
    for seed in 0..<10 {
      var random = SeededGenerator(seed)
      let x = try random.anything(type, random.shape(rank: 0...5, allowsEmpty: false))
      let axes = (0..<x.shape.rank).filter { _ in random.integer(0...1) == 0 }
      let result = try Primitive(.reduce(reduction, axes: axes))(x)
      let values = try x.wholes
      let (shape, groups) = Self.groups(x.shape, axes)
      let expected = groups.map { Self.reference(reduction, $0.map { values[$0] }) }
      #expect(result.elementType == type && result.shape == shape)
      // The mean of 64-bit numbers is that of a sum that wraps.
      if reduction == .mean && type.bitWidth == 64 && groups.contains(where: { $0.count > 1 }) { continue }
      #expect(try result.tokens == Tensor.wrapping(expected, shape, type).tokens, "seed \(seed), axes \(axes)")
    }
  }

  @Test(arguments: ElementType.floats, [Reduction.sum, .product, .mean, .maximum, .minimum])
  func floats(_ type: ElementType, _ reduction: Reduction) throws {
    for seed in 0..<10 {
      var random = SeededGenerator(seed)
      let x = try random.smallNumbers(type, random.shape(rank: 0...5, allowsEmpty: false), -2...2)
      let axes = (0..<x.shape.rank).filter { _ in random.integer(0...1) == 0 }
      let result = try Primitive(.reduce(reduction, axes: axes))(x)
      let values = try x.doubles
      let (shape, groups) = Self.groups(x.shape, axes)
      let expected = groups.map { group in
        let elements = group.map { values[$0] }
        return switch reduction {
        case .sum: elements.reduce(0, +)
        case .product: elements.reduce(1, *)
        case .mean: elements.reduce(0, +) / Double(elements.count)
        case .maximum: elements.max() ?? 0
        default: elements.min() ?? 0
        }
      }
      #expect(result.elementType == type && result.shape == shape)
      // A mean is rounded to float32 on its way to a narrower type.
      let isNarrow = type.widened == .float32
      let wide = try Tensor(shape, expected).converted(to: isNarrow ? .float32 : .float64)
      let zeroless = try wide.converted(to: type).doubles.map { $0 + 0 }
      #expect(try result.doubles.map { $0 + 0 } == zeroless, "seed \(seed), axes \(axes)")
    }
  }

  @Test func sumsOfManyStayExact() throws {
    let count = 200_000
    let tenth = Double(Float(0.1))
    for (shape, axes) in [([count], [0]), ([count, 2], [0]), ([2, count], [1]), ([100, 3, count / 100], [0, 2])] {
      let x = try Primitive(.broadcast)(Tensor(scalar: Float(0.1)), .positions(shape))
      let sums = try Primitive(.reduce(.sum, axes: axes))(x).elements(of: Float.self)
      #expect(sums.allSatisfy { abs(Double($0) / (tenth * Double(count)) - 1) < 1e-7 })
      let means = try Primitive(.reduce(.mean, axes: axes))(x).elements(of: Float.self)
      #expect(means.allSatisfy { $0 == 0.1 })
    }
  }

  @Test func extremesOfNaN() throws {
    let x = Tensor([3, 3], [1, 2, 3, 4, Float.nan, 6, -Float.infinity, Float.infinity, 0])
    for (reduction, axis, expected) in [
      (Reduction.maximum, 1, ["3.0", "nan", "inf"]), (.minimum, 1, ["1.0", "nan", "-inf"]),
      (.maximum, 0, ["4.0", "nan", "6.0"]), (.minimum, 0, ["-inf", "nan", "0.0"]),
    ] {
      #expect(try Primitive(.reduce(reduction, axes: [axis]))(x).descriptions == expected)
    }
    // At every place of a row that is walked in steps of eight.
    for place in 0..<19 {
      var row = [Float](repeating: 1, count: 19)
      row[place] = .nan
      #expect(try Primitive(.reduce(.maximum, axes: [0]))(Tensor([19], row)).doubles[0].isNaN)
      row[place] = 7
      #expect(try Primitive(.reduce(.maximum, axes: [0]))(Tensor([19], row)).doubles == [7])
    }
  }

  @Test func nothing() throws {
    func identity<Number: TensorElement>(_ reduction: Reduction, _ type: Number.Type) throws -> [Number] {
      try Primitive(.reduce(reduction, axes: [1]))(Tensor([2, 0], [Number]())).elements()
    }
    #expect(try identity(.sum, Float.self) == [0, 0])
    #expect(try identity(.product, Int32.self) == [1, 1])
    #expect(try identity(.maximum, Float.self) == [-.infinity, -.infinity])
    #expect(try identity(.minimum, Double.self) == [.infinity, .infinity])
    #expect(try identity(.maximum, Int16.self) == [.min, .min])
    #expect(try identity(.maximum, UInt64.self) == [0, 0])
    #expect(try identity(.minimum, UInt64.self) == [.max, .max])
    #expect(try identity(.minimum, Int64.self) == [.max, .max])
    #expect(try identity(.mean, Float.self).allSatisfy(\.isNaN))
    #expect(try identity(.mean, Int8.self) == [0, 0])
    #expect(try identity(.and, Bool.self) == [true, true])
    #expect(try identity(.or, Bool.self) == [false, false])
    let least = try Primitive(.reduce(.maximum, axes: [0]))(Tensor(.int4, [0]))
    #expect(try least.wholes == [-8])
    #expect(try Primitive(.reduce(.sum, axes: [0]))(Tensor([2, 0], [Float]())).shape == [0])
  }

  @Test func truthValuesAndComplexNumbers() throws {
    let x = Tensor([2, 3], [true, false, true, true, true, true])
    for (reduction, expected) in [
      (Reduction.and, [false, true]), (.or, [true, true]), (.minimum, [false, true]), (.maximum, [true, true]),
    ] {
      #expect(try Primitive(.reduce(reduction, axes: [1]))(x).elements(of: Bool.self) == expected)
    }
    #expect(throws: EvaluationError.self) { try Primitive(.reduce(.sum, axes: [1]))(x) }
    let z = Tensor([2], [Complex64(1, 2), Complex64(3, -1)])
    #expect(try Primitive(.reduce(.sum, axes: [0]))(z).elements(of: Complex64.self) == [Complex64(4, 1)])
    #expect(try Primitive(.reduce(.mean, axes: [0]))(z).elements(of: Complex64.self) == [Complex64(2, 0.5)])
    #expect(try Primitive(.reduce(.product, axes: [0]))(z).elements(of: Complex64.self) == [Complex64(5, 5)])
    #expect(throws: EvaluationError.self) { try Primitive(.reduce(.maximum, axes: [0]))(z) }
  }

  @Test func noAxesIsACopy() throws {
    let x = Tensor([2], [1, 2] as [Float])
    let result = try Primitive(.reduce(.sum, axes: []))(x)
    #expect(result.elements(of: Float.self) == [1, 2] && result.storage !== x.storage)
    for axes in [[1], [-1], [0, 0]] {
      #expect(throws: EvaluationError.self) { try Primitive(.reduce(.sum, axes: axes))(x) }
    }
  }
}
