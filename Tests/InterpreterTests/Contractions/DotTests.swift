import GraphIR
import Interpreter
import Tensors
import Testing

/// A dot product over random axes, drawn from a seed.
private struct DotCase {
  var lhs: Shape
  var rhs: Shape
  var dimensions: DotDimensions
  var result: Shape
  /// Element offsets of the factors of each result element.
  var terms: [[(Int, Int)]]

  init(_ generator: inout SeededGenerator, largest: Int = 5) {
    func extents(_ count: ClosedRange<Int>) -> [Int] {
      (0..<generator.integer(count)).map { _ in generator.integer(generator.integer(0...9) == 0 ? 0...1 : 1...largest) }
    }
    let (batch, depth, rows, columns) = (extents(0...2), extents(0...2), extents(0...2), extents(0...2))
    let lhsPlaces = Array(0..<(batch.count + depth.count + rows.count)).shuffled(using: &generator)
    let rhsPlaces = Array(0..<(batch.count + depth.count + columns.count)).shuffled(using: &generator)
    func shape(_ places: [Int], _ extents: [Int]) -> Shape {
      var dimensions = Array(repeating: 0, count: extents.count)
      for (place, extent) in zip(places, extents) { dimensions[place] = extent }
      return Shape(dimensions)
    }
    lhs = shape(lhsPlaces, batch + depth + rows)
    rhs = shape(rhsPlaces, batch + depth + columns)
    let batchCount = batch.count
    let end = batchCount + depth.count
    dimensions = DotDimensions(
      lhsBatch: Array(lhsPlaces[..<batchCount]), rhsBatch: Array(rhsPlaces[..<batchCount]),
      lhsContracting: Array(lhsPlaces[batchCount..<end]), rhsContracting: Array(rhsPlaces[batchCount..<end]))
    // Free axes come in the order of the operand, not in the order they were drawn in.
    let lhsFree = lhsPlaces[end...].sorted()
    let rhsFree = rhsPlaces[end...].sorted()
    result = Shape(batch + lhsFree.map { [lhs] in lhs[$0] } + rhsFree.map { [rhs] in rhs[$0] })
    terms = positions(result.dimensions).map { [lhs, rhs, dimensions] position in
      positions(depth).map { inner in
        var left = Array(repeating: 0, count: lhs.rank)
        var right = Array(repeating: 0, count: rhs.rank)
        for (index, axis) in dimensions.lhsBatch.enumerated() { left[axis] = position[index] }
        for (index, axis) in dimensions.rhsBatch.enumerated() { right[axis] = position[index] }
        for (index, axis) in lhsFree.enumerated() { left[axis] = position[batchCount + index] }
        for (index, axis) in rhsFree.enumerated() { right[axis] = position[batchCount + lhsFree.count + index] }
        for (index, axis) in dimensions.lhsContracting.enumerated() { left[axis] = inner[index] }
        for (index, axis) in dimensions.rhsContracting.enumerated() { right[axis] = inner[index] }
        return (lhs.offset(left), rhs.offset(right))
      }
    }
  }
}

@Suite("dot")
struct DotTests {
  @Test("any axes, float32", arguments: 0..<60)
  func randomFloats(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let dot = DotCase(&generator)
    let (a, b) = (generator.floats(dot.lhs), generator.floats(dot.rhs))
    let found = try Primitive(.dot(dot.dimensions, result: .float32))(a, b)
    let (left, right) = (a.elements(of: Float.self), b.elements(of: Float.self))
    let expected = dot.terms.map { $0.reduce(0.0) { $0 + Double(left[$1.0]) * Double(right[$1.1]) } }
    #expect(found.shape == dot.result)
    #expect(difference(found.elements(), expected) < 1e-6)
  }

  @Test("any axes, integers wrap", arguments: 100..<130)
  func randomIntegers(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let dot = DotCase(&generator)
    func check<A: FixedWidthInteger & TensorElement, B: FixedWidthInteger & TensorElement, R>(
      _: A.Type, _: B.Type, _: R.Type
    ) throws where R: FixedWidthInteger & TensorElement {
      let (a, b) = (generator.integers(dot.lhs, of: A.self), generator.integers(dot.rhs, of: B.self))
      let (left, right) = (a.elements(of: A.self), b.elements(of: B.self))
      let expected = dot.terms.map {
        $0.reduce(R.zero) { $0 &+ R(truncatingIfNeeded: left[$1.0]) &* R(truncatingIfNeeded: right[$1.1]) }
      }
      let found = try Primitive(.dot(dot.dimensions, result: R.elementType))(a, b)
      #expect(found.shape == dot.result)
      #expect(found.elements(of: R.self) == expected)
    }
    try check(Int8.self, Int8.self, Int32.self)
    try check(UInt8.self, Int8.self, Int32.self)
    try check(Int16.self, Int16.self, Int32.self)
    try check(Int32.self, Int32.self, Int32.self)
    try check(UInt32.self, UInt32.self, UInt32.self)
    try check(Int64.self, Int64.self, Int64.self)
    try check(UInt64.self, UInt64.self, UInt64.self)
    try check(Int8.self, Int8.self, Int8.self)
  }

  @Test("any axes, float64 and complex", arguments: 200..<220)
  func randomWide(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let dot = DotCase(&generator)
    let (a, b) = (generator.doubles(dot.lhs), generator.doubles(dot.rhs))
    let (left, right) = (a.elements(of: Double.self), b.elements(of: Double.self))
    let expected = dot.terms.map { $0.reduce(0.0) { $0 + left[$1.0] * right[$1.1] } }
    let found = try Primitive(.dot(dot.dimensions, result: .float64))(a, b)
    #expect(zip(found.elements(of: Double.self), expected).allSatisfy { abs($0 - $1) < 1e-14 })

    let x = Tensor(dot.lhs, left.map { Complex64(Float($0), Float(1 - $0)) })
    let y = Tensor(dot.rhs, right.map { Complex64(Float(2 * $0), Float($0)) })
    let (p, q) = (x.elements(of: Complex64.self), y.elements(of: Complex64.self))
    let product = dot.terms.map { $0.reduce(Complex64(0)) { $0 + p[$1.0] * q[$1.1] } }
    #expect(try Primitive(.dot(dot.dimensions, result: .complex64))(x, y).elements(of: Complex64.self) == product)
  }

  /// Extents around the tile, the packing threshold and the blocks of rows, columns and depth.
  @Test(
    "sums do not depend on threads, rows or layout",
    arguments: [
      (1, 33, 257), (3, 40, 300), (7, 9, 512), (8, 8, 256), (9, 31, 5), (130, 70, 260), (515, 260, 40), (64, 257, 513),
      (5, 1, 700), (1, 700, 64),
    ])
  func invariance(rows: Int, columns: Int, depth: Int) throws {
    var generator = SeededGenerator(rows * 1000 + columns)
    let a = generator.floats([rows, depth])
    let b = generator.floats([depth, columns])
    let plain = DotDimensions(lhsContracting: [1], rhsContracting: [0])
    let whole = try Primitive(.dot(plain, result: .float32))(a, b).elements(of: Float.self)
    for threads in [2, 3] {
      #expect(try Primitive(.dot(plain, result: .float32), threadCount: threads)(a, b).elements() == whole)
    }
    // The last row alone.
    let last = Tensor([1, depth], Array(a.elements(of: Float.self).suffix(depth)))
    #expect(try Primitive(.dot(plain, result: .float32))(last, b).elements() == Array(whole.suffix(columns)))
    // Both operands transposed.
    let (p, q) = (a.elements(of: Float.self), b.elements(of: Float.self))
    let aT = Tensor([depth, rows], (0..<(rows * depth)).map { p[$0 % rows * depth + $0 / rows] })
    let bT = Tensor([columns, depth], (0..<(columns * depth)).map { q[$0 % depth * columns + $0 / depth] })
    let transposed = DotDimensions(lhsContracting: [0], rhsContracting: [1])
    #expect(try Primitive(.dot(transposed, result: .float32))(aT, bT).elements() == whole)
    // And they are right.
    let expected = (0..<(rows * columns)).map { index in
      (0..<depth).reduce(0.0) {
        $0 + Double(p[index / columns * depth + $1]) * Double(q[$1 * columns + index % columns])
      }
    }
    #expect(difference(whole, expected) < 2e-5)
  }

  @Test("int8 over a long depth is exact")
  func longIntegers() throws {
    let depth = 3000
    let a = Tensor([2, depth], [Int8](repeating: -128, count: 2 * depth))
    let b = Tensor([depth, 9], [UInt8](repeating: 255, count: 9 * depth))
    let found = try Primitive(.dot(DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .int32))(a, b)
    #expect(found.elements() == [Int32](repeating: -128 * 255 * Int32(depth), count: 18))
  }

  @Test("integers into floats are summed exactly")
  func integersIntoFloats() throws {
    let a = Tensor([1, 3], [16_777_216, 1, 1] as [Int32])
    let b = Tensor([3, 1], [1, 1, 1] as [Int32])
    let dimensions = DotDimensions(lhsContracting: [1], rhsContracting: [0])
    #expect(try Primitive(.dot(dimensions, result: .float32))(a, b).elements() == [16_777_218] as [Float])
    #expect(try Primitive(.dot(dimensions, result: .float64))(a, b).elements() == [16_777_218] as [Double])
  }

  @Test("narrow floats accumulate in float32")
  func halves() throws {
    let a = try Tensor([1, 4], [2048, 1, 1, 1] as [Float]).converted(to: .float16)
    let b = try Tensor([4, 1], [1, 1, 1, 1] as [Float]).converted(to: .float16)
    let dimensions = DotDimensions(lhsContracting: [1], rhsContracting: [0])
    let wide = try Primitive(.dot(dimensions, result: .float32))(a, b)
    #expect(wide.elements() == [2051] as [Float])
    let narrow = try Primitive(.dot(dimensions, result: .float16))(a, b)
    #expect(narrow.elementType == .float16)
    #expect(try narrow.converted(to: .float32).elements() == [2052] as [Float])
  }

  @Test("operands that do not fit are errors")
  func errors() {
    let x = Tensor([2, 3], [Float](repeating: 0, count: 6))
    func dot(_ l: [Int], _ r: [Int], _ type: ElementType = .float32) throws {
      _ = try Primitive(.dot(DotDimensions(lhsContracting: l, rhsContracting: r), result: type))(x, x)
    }
    #expect(throws: EvaluationError.self) { try dot([1], [0]) }
    #expect(throws: EvaluationError.self) { try dot([2], [0]) }
    #expect(throws: EvaluationError.self) { try dot([-1], [1]) }
    #expect(throws: EvaluationError.self) { try dot([0, 0], [0, 0]) }
    #expect(throws: EvaluationError.self) { try dot([0], [0], .int32) }
    #expect(throws: EvaluationError.self) { try dot([0], [0], .bool) }
    #expect(throws: EvaluationError.self) { try dot([0, 1], [0]) }
  }
}
