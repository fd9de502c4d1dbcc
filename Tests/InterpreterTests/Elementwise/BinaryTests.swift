import Glibc
import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct BinaryTests {
  // MARK: Integers

  /// What the function means, before the result is cut to its width.
  static func reference(_ function: BinaryFunction, _ a: Int128, _ b: Int128, _ type: ElementType) -> Int128 {
    switch function {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a &* b
    case .divide: b == 0 ? 0 : a / b
    case .remainder: b == 0 ? 0 : a % b
    case .floorModulo: b == 0 ? 0 : ((a % b) + b) % b
    case .maximum: max(a, b)
    case .minimum: min(a, b)
    case .and: a & b
    case .or: a | b
    case .exclusiveOr: a ^ b
    case .shiftLeft: b < 0 || b >= type.bitWidth ? 0 : a << b
    case .shiftRight: b < 0 || b >= type.bitWidth ? (a < 0 ? -1 : 0) : a >> b
    case .power, .arcTangent2, .complex: 0
    }
  }

  static let integerFunctions: [BinaryFunction] = [
    .add, .subtract, .multiply, .divide, .remainder, .floorModulo, .maximum, .minimum, .and, .or, .exclusiveOr,
    .shiftLeft, .shiftRight,
  ]

  @Test(arguments: ElementType.integers, integerFunctions)
  func integersWrap(_ type: ElementType, _ function: BinaryFunction) throws {
    for seed in 0..<6 {
      var random = SeededGenerator(seed)
      let (left, right) = random.broadcastableShapes()
      let a = try random.anything(type, left)
      // Small operands too: zero divisors, counts of shifts.
      let b = try seed % 2 == 0 ? random.anything(type, right) : random.smallNumbers(type, right, -9...9)
      let result = try Primitive(.binary(function))(a, b)
      let (x, y) = (try a.wholes, try b.wholes)
      let expected = positions(result.shape.dimensions).map {
        Self.reference(function, x[left.broadcastOffset($0)], y[right.broadcastOffset($0)], type)
      }
      #expect(result.elementType == type)
      #expect(try result.tokens == Tensor.wrapping(expected, result.shape, type).tokens, "seed \(seed)")
    }
  }

  @Test func divisionOfTheLeastInteger() throws {
    let a = Tensor([4], [Int32.min, .min, 7, -7])
    let b = Tensor([4], [Int32(-1), 0, 0, 2])
    #expect(try Primitive(.binary(.divide))(a, b).elements(of: Int32.self) == [.min, 0, 0, -3])
    #expect(try Primitive(.binary(.remainder))(a, b).elements(of: Int32.self) == [0, 0, 0, -1])
    #expect(try Primitive(.binary(.floorModulo))(a, b).elements(of: Int32.self) == [0, 0, 0, 1])
  }

  @Test func truthValues() throws {
    let a = Tensor([4], [false, false, true, true])
    let b = Tensor([4], [false, true, false, true])
    for (function, expected) in [
      (BinaryFunction.and, [false, false, false, true]), (.or, [false, true, true, true]),
      (.exclusiveOr, [false, true, true, false]), (.maximum, [false, true, true, true]),
      (.minimum, [false, false, false, true]),
    ] {
      #expect(try Primitive(.binary(function))(a, b).elements(of: Bool.self) == expected, "\(function)")
    }
    #expect(throws: EvaluationError.self) { try Primitive(.binary(.add))(a, b) }
    #expect(throws: EvaluationError.self) { try Primitive(.binary(.divide))(a, b) }
  }

  // MARK: Floats

  /// float64 holds the exact result of one operation on the narrower types, or enough of it to round once more.
  static func reference(_ function: BinaryFunction, _ a: Double, _ b: Double) -> Double {
    switch function {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    case .remainder: fmod(a, b)
    case .floorModulo: a - (a / b).rounded(.down) * b
    case .maximum: a.isNaN || b.isNaN ? .nan : max(a, b)
    case .minimum: a.isNaN || b.isNaN ? .nan : min(a, b)
    default: .nan
    }
  }

  static let floatFunctions: [BinaryFunction] = [
    .add, .subtract, .multiply, .divide, .remainder, .maximum, .minimum,
  ]

  @Test(arguments: ElementType.floats, floatFunctions)
  func floatsRoundOnce(_ type: ElementType, _ function: BinaryFunction) throws {
    for seed in 0..<6 {
      var random = SeededGenerator(seed)
      let (left, right) = random.broadcastableShapes()
      // Any bits: infinities, NaN and subnormal numbers among them.
      let (a, b) = (try random.anything(type, left), try random.anything(type, right))
      let result = try Primitive(.binary(function))(a, b)
      let (x, y) = (try a.doubles, try b.doubles)
      let expected = positions(result.shape.dimensions).map {
        Self.reference(function, x[left.broadcastOffset($0)], y[right.broadcastOffset($0)])
      }
      #expect(result.elementType == type)
      #expect(
        try result.descriptions == Tensor(result.shape, expected).converted(to: type).descriptions, "seed \(seed)")
    }
  }

  @Test func floorModuloOfFloats() throws {
    let a = Tensor([7], [5.5, -5.5, 5.5, -5.5, -1, 1, 4] as [Float])
    let b = Tensor([7], [2, 2, -2, -2, .infinity, 0, -2] as [Float])
    let result = try Primitive(.binary(.floorModulo))(a, b)
    #expect(try result.descriptions == ["1.5", "0.5", "-0.5", "-1.5", "inf", "nan", "-0.0"])
  }

  @Test(arguments: ElementType.wideFloats)
  func arcTangent2(_ type: ElementType) throws {
    let a = try Tensor([4], [1.0, -1, 0, -0.0]).converted(to: type)
    let b = try Tensor([4], [1.0, -1, -1, -1]).converted(to: type)
    let result = try Primitive(.binary(.arcTangent2))(a, b).doubles
    for (found, expected) in zip(result, [Double.pi / 4, -3 * .pi / 4, .pi, -.pi]) {
      #expect(abs(found - expected) < 1e-6)
    }
  }

  // MARK: Complex numbers

  @Test func complexArithmetic() throws {
    let a = Tensor([2], [Complex64(1, 2), Complex64(-3, 0.5)])
    let b = Tensor(scalar: Complex64(2, -1))
    func result(_ function: BinaryFunction) throws -> [Complex64] {
      try Primitive(.binary(function))(a, b).elements(of: Complex64.self)
    }
    #expect(try result(.add) == [Complex64(3, 1), Complex64(-1, -0.5)])
    #expect(try result(.subtract) == [Complex64(-1, 3), Complex64(-5, 1.5)])
    #expect(try result(.multiply) == [Complex64(4, 3), Complex64(-5.5, 4)])
    #expect(try result(.divide) == [Complex64(0, 1), Complex64(-1.3, -0.4)])
    #expect(throws: EvaluationError.self) { try Primitive(.binary(.maximum))(a, b) }
    let parts = try Primitive(.binary(.complex))(Tensor([2], [1.0, 2]), Tensor([2], [3.0, 4]))
    #expect(parts.elements(of: Complex128.self) == [Complex128(1, 3), Complex128(2, 4)])
  }

  // MARK: Shapes

  @Test func shapesThatDoNotBroadcast() {
    let a = Tensor([2, 3], [Float](repeating: 0, count: 6))
    let b = Tensor([2], [Float](repeating: 0, count: 2))
    #expect(throws: EvaluationError.self) { try Primitive(.binary(.add))(a, b) }
    #expect(throws: EvaluationError.self) { try Primitive(.binary(.add))(a, Tensor(scalar: 1.0)) }
  }

  @Test func resultsLieWhereThePlanWants() throws {
    let context = EvaluationContext()
    context.slots = [try TensorStorage(byteCount: 64)]
    let node = Node(operation: .binary(.add), operands: [], results: [], regions: [], source: nil)
    let a = Tensor([4], [1, 2, 3, 4] as [Float])
    let result = try Interpreter.evaluate(node, [.tensor(a), .tensor(a)], context)[0].tensor
    #expect(result?.storage === context.slots[0])
    #expect(result?.elements(of: Float.self) == [2, 4, 6, 8])
  }
}
