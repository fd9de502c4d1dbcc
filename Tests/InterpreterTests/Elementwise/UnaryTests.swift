import Glibc
import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct UnaryTests {
  /// Functions of one float, as C's float64 library has them.
  static let mathematics: [(UnaryFunction, @Sendable (Double) -> Double)] = [
    (.absolute, { abs($0) }), (.negate, { -$0 }), (.ceil, { $0.rounded(.up) }), (.floor, { $0.rounded(.down) }),
    (.roundNearestEven, { $0.rounded(.toNearestOrEven) }), (.exponential, { exp($0) }),
    (.exponentialMinusOne, { expm1($0) }), (.logarithm, { log($0) }), (.logarithmPlusOne, { log1p($0) }),
    (.squareRoot, { $0.squareRoot() }), (.reciprocal, { 1 / $0 }), (.sine, { sin($0) }), (.cosine, { cos($0) }),
    (.tangent, { tan($0) }), (.arcSine, { asin($0) }), (.arcCosine, { acos($0) }), (.arcTangent, { atan($0) }),
    (.hyperbolicSine, { sinh($0) }), (.hyperbolicCosine, { cosh($0) }), (.hyperbolicTangent, { tanh($0) }),
    (.inverseHyperbolicSine, { asinh($0) }), (.inverseHyperbolicCosine, { acosh($0) }),
    (.inverseHyperbolicTangent, { atanh($0) }), (.errorFunction, { erf($0) }),
    (.logistic, { 1 / (1 + exp(-$0)) }),
  ]

  static let values: [Double] =
    [0, -0.0, 0.5, -0.5, 1, -1, 1.5, 2.5, -2.5, 1e-40, -1e-7, 20, -20, 100, -100, .infinity, -.infinity, .nan]
    + (0..<64).map { Double($0) / 8 - 4 }

  @Test(arguments: mathematics.indices, [ElementType.float32, .float64, .float16, .bfloat16])
  func followsC(_ index: Int, _ type: ElementType) throws {
    let (function, reference) = Self.mathematics[index]
    let x = try Tensor([2, Self.values.count / 2], Self.values).converted(to: type)
    let result = try Primitive(.unary(function))(x)
    #expect(result.elementType == type && result.shape == x.shape)
    let operands = try x.doubles
    let expected = try Tensor(x.shape, operands.map(reference)).converted(to: type).doubles
    // Units in the last place, two of them.
    let tolerance: Double =
      switch type {
      case .float64: 0x1p-51
      case .float32: 0x1p-22
      case .float16: 0x1p-10
      default: 0x1p-7
      }
    for (index, (found, expected)) in zip(try result.doubles, expected).enumerated() {
      let isClose =
        found == expected || (found.isNaN && expected.isNaN)
        || abs(found - expected) <= max(abs(expected) * tolerance, 1e-44)
      #expect(isClose, "\(function)(\(operands[index])) = \(found), not \(expected)")
    }
  }

  @Test func signs() throws {
    let x = Tensor([6], [3, -0.5, 0, Float.nan, Float.infinity, -Float.infinity])
    #expect(try Primitive(.unary(.sign))(x).descriptions == ["1.0", "-1.0", "0.0", "nan", "1.0", "-1.0"])
  }

  @Test func logisticDoesNotOverflow() throws {
    let x = Tensor([4], [-1000, -90, 90, 1000] as [Float])
    let result = try Primitive(.unary(.logistic))(x).elements(of: Float.self)
    #expect(result[0] == 0 && result[3] == 1 && result[2] == 1)
    // e^-90 is subnormal and must not have become 0 by way of an infinite e^90.
    #expect(abs(Double(result[1]) / exp(-90) - 1) < 1e-4)
  }

  @Test(arguments: ElementType.integers)
  func integers(_ type: ElementType) throws {
    var random = SeededGenerator(7)
    let x = try random.anything(type, [33])
    let values = try x.wholes
    let functions: [(UnaryFunction, (Int128) -> Int128)] = [
      (.absolute, { abs($0) }), (.negate, { -$0 }), (.sign, { $0.signum() }), (.not, { ~$0 }), (.floor, { $0 }),
      (.ceil, { $0 }), (.roundNearestEven, { $0 }),
    ]
    for (function, reference) in functions {
      let expected = try Tensor.wrapping(values.map(reference), x.shape, type)
      #expect(try Primitive(.unary(function))(x).tokens == expected.tokens, "\(function)")
    }
    #expect(throws: EvaluationError.self) { try Primitive(.unary(.exponential))(x) }
    #expect(throws: EvaluationError.self) { try Primitive(.unary(.isNaN))(x) }
  }

  @Test(arguments: ElementType.floats)
  func classification(_ type: ElementType) throws {
    let x = try Tensor([5], [1, Double.nan, Double.infinity, -Double.infinity, 0]).converted(
      to: type, saturating: false)
    let values = try x.doubles
    let functions: [(UnaryFunction, (Double) -> Bool)] = [
      (.isNaN, \.isNaN), (.isInfinite, \.isInfinite), (.isPositiveInfinite, { $0 == .infinity }),
      (.isNegativeInfinite, { $0 == -.infinity }),
    ]
    for (function, reference) in functions {
      let result = try Primitive(.unary(function))(x)
      #expect(result.elements(of: Bool.self) == values.map(reference), "\(function)")
    }
  }

  @Test func negationOfTruth() throws {
    #expect(try Primitive(.unary(.not))(Tensor([2], [true, false])).elements(of: Bool.self) == [false, true])
  }

  @Test func complexNumbers() throws {
    let x = Tensor([3], [Complex64(3, -4), Complex64(0, 0), Complex64(3e30, 4e30)])
    #expect(try Primitive(.unary(.absolute))(x).elements(of: Float.self) == [5, 0, 5e30])
    #expect(try Primitive(.unary(.realPart))(x).elements(of: Float.self) == [3, 0, 3e30])
    #expect(try Primitive(.unary(.imaginaryPart))(x).elements(of: Float.self) == [-4, 0, 4e30])
    #expect(try Primitive(.unary(.negate))(x).elements(of: Complex64.self)[0] == Complex64(-3, 4))
  }

  @Test func scalarsAndNothing() throws {
    #expect(try Primitive(.unary(.negate))(Tensor(scalar: Float(2))).elements(of: Float.self) == [-2])
    let nothing = try Primitive(.unary(.sine))(Tensor([0, 3], [Float]()))
    #expect(nothing.shape == [0, 3])
  }
}
