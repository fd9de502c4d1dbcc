import Glibc
import Testing

import enum GraphIR.UnaryFunction

@testable import X86

/// Emitted functions against Glibc's in float64.
///
/// The sweep takes every 4099th bit pattern; APUS_MATHS_STRIDE=1 takes all (a minute or two a function) and prints the
/// errors found, which the comments of Sources/X86/Maths report.
@Suite struct VectorMathsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    /// In units of the last place; 0: exact.
    var tolerance: Double = 2
    var emit: @Sendable (VectorMaths, Value) throws -> Value
    /// A signalling NaN where anything may come out.
    var exact: @Sendable (Double) -> Double
    /// No result is larger than this.
    var limit: Float = .infinity
    /// Arguments in whose neighbourhood every pattern is tried, beside those common to all.
    var borders: [Float] = []

    var testDescription: String { name }

    init(
      _ function: UnaryFunction, tolerance: Double = 2, limit: Float = .infinity, borders: [Float] = [],
      _ exact: @escaping @Sendable (Double) -> Double
    ) {
      name = function.rawValue
      emit = { maths, x in try #require(maths.apply(function, x)) }
      (self.tolerance, self.limit, self.exact, self.borders) = (tolerance, limit, exact, borders)
    }

    init(
      name: String, emit: @escaping @Sendable (VectorMaths, Value) -> Value,
      exact: @escaping @Sendable (Double) -> Double
    ) {
      (self.name, self.emit, self.exact) = (name, emit, exact)
    }
  }

  static let cases: [Case] = [
    Case(.absolute, tolerance: 0) { abs($0) },
    Case(.negate, tolerance: 0) { -$0 },
    Case(.sign, tolerance: 0) { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 == 0 ? 0 : $0 },
    Case(.ceil, tolerance: 0) { $0.rounded(.up) },
    Case(.floor, tolerance: 0) { $0.rounded(.down) },
    Case(.roundNearestEven, tolerance: 0) { $0.rounded(.toNearestOrEven) },
    Case(.squareRoot, tolerance: 0.5) { $0.squareRoot() },
    Case(.reciprocal, tolerance: 0.5) { 1 / $0 },
    Case(.exponential, borders: [88.72284, -87.33655, -103.97208, 0.34657]) { exp($0) },
    Case(.exponentialMinusOne, borders: [88.72284, -17.32868, 0.34657, 1e-3]) { expm1($0) },
    Case(.logistic, limit: 1, borders: [-87.33655, -103.97208, 88.72284, 17.32868]) {
      $0 < 0 ? exp($0) / (1 + exp($0)) : 1 / (1 + exp(-$0))
    },
    Case(.logarithm, borders: [0.75, 1.5]) { log($0) },
    Case(.logarithmPlusOne, borders: [-0.25, 0.5, -1]) { log1p($0) },
    Case(.hyperbolicSine, borders: [89.41599, 0.34657]) { sinh($0) },
    Case(.hyperbolicCosine, borders: [89.41599, 0.34657]) { cosh($0) },
    Case(.hyperbolicTangent, limit: 1, borders: [0.173287, 9.01091, 9.4, 0.45]) { tanh($0) },
    Case(.inverseHyperbolicSine, borders: [0x1p13]) { asinh($0) },
    Case(.inverseHyperbolicCosine, borders: [0x1p13]) { acosh($0) },
    Case(.inverseHyperbolicTangent, borders: [0.5]) { atanh($0) },
    Case(.errorFunction, limit: 1, borders: [3.92, 4.03, 0.1269]) { erf($0) },
    Case(.sine, limit: 1, borders: [0x1p17, .pi / 4, .pi / 2, .pi]) { sin($0) },
    Case(.cosine, limit: 1, borders: [0x1p17, .pi / 4, .pi / 2, .pi]) { cos($0) },
    Case(.tangent, borders: [0x1p17, .pi / 4, .pi / 2, .pi]) { tan($0) },
    Case(.arcSine, borders: [0.5]) { asin($0) },
    Case(.arcCosine, borders: [0.5]) { acos($0) },
    Case(.arcTangent, borders: []) { atan($0) },
    Case(name: "exponentialOfNonPositive") {
      $0.exponentialOfNonPositive($1)
    } exact: {
      $0 > 0 ? .signalingNaN : exp($0)
    },
  ]

  static let stride = getenv("APUS_MATHS_STRIDE").flatMap { Int(String(cString: $0)) }

  @Test("Within 2 ulp over the whole range", arguments: cases)
  func sweep(_ subject: Case) throws {
    let kernels = try MathsKernel.caps.map { cap in
      (cap, try MathsKernel(cap, operands: 1) { try subject.emit($0, $1[0]) })
    }
    if kernels.isEmpty { print("no AVX2 here: \(subject.name) is not tested") }
    var worst = [(error: Double, argument: Float)](repeating: (0, 0), count: kernels.count)
    forEachBlock(of: sweptPatterns(step: Self.stride ?? 4099)) { block in
      check(block, subject, kernels.map(\.1), &worst)
    }
    if Self.stride != 1 {
      forEachBlock(of: neighbourhoods(subject.borders)) { block in
        check(block, subject, kernels.map(\.1), &worst)
      }
    }
    for (kernel, found) in zip(kernels, worst) {
      #expect(
        found.error <= subject.tolerance,
        "\(subject.name) (\(kernel.0)) is \(found.error) ulp off at \(found.argument)")
      if Self.stride != nil { print("\(subject.name) \(kernel.0): \(found.error) ulp at \(found.argument)") }
    }
  }

  private func check(
    _ block: [Float], _ subject: Case, _ kernels: [MathsKernel],
    _ worst: inout [(error: Double, argument: Float)]
  ) {
    let exact = block.map { subject.exact(Double($0)) }
    var results = [Float](repeating: 0, count: block.count)
    for (number, kernel) in kernels.enumerated() {
      kernel(block, into: &results)
      for i in block.indices where exact[i].bitPattern != Double.signalingNaN.bitPattern {
        let error = abs(results[i]) > subject.limit ? .infinity : unitsInTheLastPlace(results[i], exact[i])
        if error > worst[number].error { worst[number] = (error, block[i]) }
      }
    }
  }

  /// Every `step`th bit pattern.
  private func sweptPatterns(step: Int) -> some Sequence<UInt32> {
    Swift.stride(from: 0, through: Int(UInt32.max), by: step).lazy.map { UInt32(truncatingIfNeeded: $0) }
  }

  private func neighbourhoods(_ borders: [Float]) -> [UInt32] {
    let common: [Float] = [
      0, .leastNonzeroMagnitude, .leastNormalMagnitude, 0x1p-24, 0x1p-12, 0.25, 0.5, 0.75, 1, 1.5, 2, 0x1p23, 0x1p24,
      .greatestFiniteMagnitude, .infinity, .nan,
    ]
    return (common + borders).flatMap { border in
      (-300...300).flatMap { distance -> [UInt32] in
        let bits = UInt32(truncatingIfNeeded: Int(border.bitPattern) + distance)
        return [bits, bits ^ 0x8000_0000]
      }
    }
  }

  /// Whole blocks; the last one is filled with zeros.
  private func forEachBlock(of patterns: some Sequence<UInt32>, _ body: ([Float]) -> Void) {
    var block: [Float] = []
    block.reserveCapacity(4096)
    for bits in patterns {
      block.append(Float(bitPattern: bits))
      if block.count == 4096 {
        body(block)
        block.removeAll(keepingCapacity: true)
      }
    }
    while block.count % MathsKernel.granularity != 0 { block.append(0) }
    if !block.isEmpty { body(block) }
  }

  @Test("Zeros keep their signs, infinities and NaN give what C99 says", arguments: cases, MathsKernel.caps)
  func specials(_ subject: Case, _ cap: InstructionSet) throws {
    let kernel = try MathsKernel(cap, operands: 1) { try subject.emit($0, $1[0]) }
    var arguments: [Float] = [0, -0.0, .infinity, -.infinity, .nan, -.nan, Float(bitPattern: 0x7FFF_FFFF), 1, -1]
    arguments += [Float](repeating: 0, count: MathsKernel.granularity - arguments.count)
    var results = arguments
    kernel(arguments, into: &results)
    for (x, found) in zip(arguments, results) {
      let exact = subject.exact(Double(x))
      if exact.bitPattern == Double.signalingNaN.bitPattern { continue }
      if exact.isNaN {
        #expect(found.isNaN, "\(subject.name)(\(x)) is \(found)")
      } else if exact.isInfinite || exact == 0 {
        #expect(found.bitPattern == Float(exact).bitPattern, "\(subject.name)(\(x)) is \(found), not \(exact)")
      }
    }
    if subject.limit == 1 && !results[2].isNaN { #expect(results[2] == 1) }
  }

  @Test("The error of GELU is a few roundings of its argument's half", arguments: MathsKernel.caps)
  func gaussianErrorLinearUnit(_ cap: InstructionSet) throws {
    let kernel = try MathsKernel(cap, operands: 1) { $0.gaussianErrorLinearUnit($1[0]) }
    let arguments = (-0x8000..<0x8000).map { Float($0) * 0x1.1p-12 }
    var results = arguments
    kernel(arguments, into: &results)
    for (x, found) in zip(arguments, results) {
      let exact = Double(x) / 2 * (1 + erf(Double(x) / 2.0.squareRoot()))
      #expect(abs(Double(found) - exact) <= Double(x.ulp), "\(x)")
    }
  }

  @Test("Narrower vectors and constants in registers give the same bits", arguments: cases, MathsKernel.caps)
  func widths(_ subject: Case, _ cap: InstructionSet) throws {
    var patterns = SystemPatterns()
    let arguments = (0..<4096).map { _ in Float(bitPattern: patterns.next()) }
    var expected = arguments
    try MathsKernel(cap, operands: 1) { try subject.emit($0, $1[0]) }(arguments, into: &expected)
    for (kind, registers) in [(Register.Kind.xmm, 0), (.ymm, 0), (cap == .avx2 ? .ymm : .zmm, 7), (.ymm, 40)] {
      var results = arguments
      let kernel = try MathsKernel(cap, kind: kind, registers: registers, operands: 1) { try subject.emit($0, $1[0]) }
      kernel(arguments, into: &results)
      let differing = zip(expected, results).filter { $0 != $1 && !($0.isNaN && $1.isNaN) }
      #expect(differing.isEmpty, "\(subject.name), \(kind), \(registers) constants in registers")
    }
  }
}

/// Bit patterns in a fixed order.
struct SystemPatterns {
  private var state: UInt64 = 0x9E37_79B9_7F4A_7C15

  mutating func next() -> UInt32 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt32(truncatingIfNeeded: state >> 32)
  }
}
