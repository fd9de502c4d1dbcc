import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct CompareAndSelectTests {
  static func reference<Number: Comparable>(_ comparison: Comparison, _ a: Number, _ b: Number) -> Bool {
    switch comparison {
    case .equal: a == b
    case .notEqual: a != b
    case .less: a < b
    case .lessOrEqual: a <= b
    case .greater: a > b
    case .greaterOrEqual: a >= b
    }
  }

  @Test(arguments: ElementType.reals + [.bool], Comparison.allCases)
  func numbers(_ type: ElementType, _ comparison: Comparison) throws {
    for seed in 0..<6 {
      var random = SeededGenerator(seed)
      let (left, right) = random.broadcastableShapes()
      // Few different values, so that many are equal, and any bits.
      let isSmall = seed % 2 == 0
      let a = try isSmall ? random.smallNumbers(type, left, -1...1) : random.anything(type, left)
      let b = try isSmall ? random.smallNumbers(type, right, -1...1) : random.anything(type, right)
      let result = try Primitive(.compare(comparison))(a, b)
      let places = positions(result.shape.dimensions)
      let expected: [Bool]
      if type.isFloat {
        let (x, y) = (try a.doubles, try b.doubles)
        expected = places.map {
          Self.reference(comparison, x[left.broadcastOffset($0)], y[right.broadcastOffset($0)])
        }
      } else {
        let (x, y) = (try a.wholes, try b.wholes)
        expected = places.map {
          Self.reference(comparison, x[left.broadcastOffset($0)], y[right.broadcastOffset($0)])
        }
      }
      #expect(result.elements(of: Bool.self) == expected, "seed \(seed)")
    }
  }

  @Test func stringsAreEqualByCodePoints() throws {
    let a = Tensor([3], strings: ["a", "e\u{301}", ""])
    let b = Tensor([2, 1], strings: ["a", "\u{e9}"])
    let equal = try Primitive(.compare(.equal))(a, b)
    #expect(equal.shape == [2, 3])
    #expect(equal.elements(of: Bool.self) == [true, false, false, false, false, false])
    #expect(try Primitive(.compare(.notEqual))(a, a).elements(of: Bool.self) == [false, false, false])
    #expect(throws: EvaluationError.self) { try Primitive(.compare(.less))(a, a) }
  }

  @Test func complexNumbersAreEqualOrNot() throws {
    let a = Tensor([2], [Complex128(1, 2), Complex128(1, 3)])
    #expect(
      try Primitive(.compare(.equal))(a, Tensor(scalar: Complex128(1, 2))).elements(of: Bool.self) == [true, false])
    #expect(throws: EvaluationError.self) { try Primitive(.compare(.less))(a, a) }
  }

  @Test(arguments: ElementType.layouts, 0..<12)
  func selects(_ type: ElementType, _ seed: Int) throws {
    var random = SeededGenerator(seed)
    let (left, right) = random.broadcastableShapes()
    guard let both = left.broadcast(with: right) else { return }
    let predicateShape = Shape(both.dimensions.map { random.integer(0...1) == 0 ? 1 : $0 })
    let predicate = try random.anything(.bool, predicateShape)
    let (a, b) = (try random.anything(type, left), try random.anything(type, right))
    let result = try Primitive(.select)(predicate, a, b)
    let truth = predicate.elements(of: Bool.self)
    let (x, y) = (a.tokens, b.tokens)
    let expected = positions(both.dimensions).map {
      truth[predicateShape.broadcastOffset($0)] ? x[left.broadcastOffset($0)] : y[right.broadcastOffset($0)]
    }
    #expect(result.shape == both && result.elementType == type)
    #expect(result.tokens == expected, "seed \(seed)")
  }

  @Test func conversions() throws {
    let x = Tensor([3], [1.9, -1.9, 300] as [Float])
    #expect(try Primitive(.convert(to: .int32))(x).elements(of: Int32.self) == [1, -1, 300])
    let same = try Primitive(.convert(to: .float32))(x)
    #expect(same.elements(of: Float.self) == [1.9, -1.9, 300] && same.storage !== x.storage)
    #expect(
      try Primitive(.bitcast(to: .int32))(x).elements(of: Int32.self)[0] == Int32(bitPattern: Float(1.9).bitPattern))
    #expect(throws: EvaluationError.self) { try Primitive(.bitcast(to: .int64))(x) }
  }
}
