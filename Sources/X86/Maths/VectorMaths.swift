// Elementary functions of float32 vectors, for the kernels that a `VectorBuilder` collects. Start here.
//
//     let maths = VectorMaths(builder)
//     let y = maths.exponential(builder.load(address))
//
// One file a family. Every function takes and gives vectors of the argument's width, keeps denormals, gives the special
// values of C99 (annex F) and stays within 2 ulp for all float32 arguments; the comment of each says by which form and
// how far off it was found to be over all bit patterns. Polynomials come from scripts/fit_functions; their coefficients
// are memory operands, so that a function needs few registers: see VectorMaths+Operations.
//
// The forms are the same for AVX2 and AVX-512 except where AVX-512 has an instruction for a step: scaling by 2^n,
// exponent and mantissa, table look-ups of 16 entries.

import enum GraphIR.UnaryFunction

public struct VectorMaths {
  let builder: VectorBuilder
  let shared: SharedConstants

  /// - Parameter registers: how many coefficients may be loaded once, at the start of the function, and stay in vector
  ///   registers; the others are memory operands. Worth a quarter of the time of a loop of one exponential with 16 of
  ///   AVX-512's 32, where a kernel does not need them itself. One value serves the whole function.
  public init(_ builder: VectorBuilder, registers: Int = 0) {
    self.builder = builder
    shared = SharedConstants(limit: registers)
  }

  /// The graph's function of a float32 vector, nil where its result is no float32 vector or where it is not for floats.
  public func apply(_ function: UnaryFunction, _ x: Value) -> Value? {
    switch function {
    case .absolute: absolute(x)
    case .negate: negate(x)
    case .sign: sign(x)
    case .ceil: rounded(x, .up)
    case .floor: rounded(x, .down)
    case .roundNearestEven: rounded(x, .toNearestOrEven)
    case .exponential: exponential(x)
    case .exponentialMinusOne: exponentialMinusOne(x)
    case .logarithm: logarithm(x)
    case .logarithmPlusOne: logarithmPlusOne(x)
    case .squareRoot: builder.squareRoot(x)
    case .reciprocal: reciprocal(x)
    case .sine: sine(x)
    case .cosine: cosine(x)
    case .tangent: tangent(x)
    case .arcSine: arcSine(x)
    case .arcCosine: arcCosine(x)
    case .arcTangent: arcTangent(x)
    case .hyperbolicSine: hyperbolicSine(x)
    case .hyperbolicCosine: hyperbolicCosine(x)
    case .hyperbolicTangent: hyperbolicTangent(x)
    case .inverseHyperbolicSine: inverseHyperbolicSine(x)
    case .inverseHyperbolicCosine: inverseHyperbolicCosine(x)
    case .inverseHyperbolicTangent: inverseHyperbolicTangent(x)
    case .errorFunction: errorFunction(x)
    case .logistic: logistic(x)
    case .not, .isNaN, .isInfinite, .isPositiveInfinite, .isNegativeInfinite, .realPart, .imaginaryPart: nil
    }
  }

  // MARK: Exact ones

  public func absolute(_ x: Value) -> Value { combine(.vandps, x, bits: 0x7FFF_FFFF) }
  public func negate(_ x: Value) -> Value { combine(.vxorps, x, bits: 0x8000_0000) }

  /// −1, 0 or 1, and NaN for NaN.
  public func sign(_ x: Value) -> Value {
    let one = combine(.vorps, combine(.vandps, x, bits: 0x8000_0000), 1)
    let isZero = compare(x, .equal, 0)
    return select(compare(x, .unordered, x), x, clear(isZero, one))
  }

  public enum RoundingRule: Int64 { case toNearestOrEven, down, up, towardZero }

  public func rounded(_ x: Value, _ rule: RoundingRule) -> Value {
    builder.define(
      builder.hasAVX512 ? .vrndscaleps : .vroundps, kind(x), .value(x), .immediate(8 | rule.rawValue))
  }

  /// 1 / x, rounded once: Newton steps on the estimates are no faster where other work hides the division.
  public func reciprocal(_ x: Value) -> Value { builder.divide(builder.constant(1, kind: kind(x)), x) }
}
