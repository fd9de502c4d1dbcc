import Testing

@testable import X86

/// A function of float32 vectors as code: arrays in, array out.
struct MathsKernel {
  typealias Function = @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer) -> Void

  static let caps: [InstructionSet] = [.avx2, .avx512].filter {
    $0.requiredFeatures.isSubset(of: (try? CPU.current().features) ?? [])
  }

  /// Array lengths must be multiples of this.
  static let granularity = 16

  private let region: CodeRegion
  private let function: Function
  let listing: String

  init(
    _ cap: InstructionSet, kind: Register.Kind? = nil, registers: Int = 0, operands: Int, keepingListing: Bool = false,
    _ body: (VectorMaths, [Value]) throws -> Value
  ) throws {
    let builder = VectorBuilder(name: "maths", instructionSet: cap)
    let kind = kind ?? builder.vectorKind
    let sources = (0..<operands).map { builder.argument($0) }
    let target = builder.argument(operands)
    let maths = VectorMaths(builder, registers: registers)
    try builder.loop(to: .value(builder.end), step: kind.byteCount / 4) { index, _ in
      let values = sources.map { builder.load(Address($0, index: index, scale: 4), kind: kind) }
      let result = try body(maths, values)
      builder.store(result, to: Address(target, index: index, scale: 4))
      return []
    }
    let code = try builder.build(keepingListing: keepingListing)
    listing = code.listing
    region = try CodeRegion(capacity: 1 << 16, perf: nil)
    function = try region.add(name: "maths", code).function(as: Function.self)
  }

  func callAsFunction(_ sources: [Float]..., into target: inout [Float]) {
    precondition(target.count % Self.granularity == 0 && sources.allSatisfy { $0.count == target.count })
    target.withUnsafeMutableBufferPointer { target in
      sources.withPointers { pointers in
        let arguments = pointers.map { UInt(bitPattern: $0) } + [UInt(bitPattern: target.baseAddress!)]
        arguments.withUnsafeBytes { arguments in
          function(arguments.baseAddress!, 0, target.count, UnsafeMutableRawPointer(target.baseAddress!))
        }
      }
    }
  }
}

extension [[Float]] {
  /// The arrays stay alive during the call.
  fileprivate func withPointers(_ body: ([UnsafePointer<Float>]) -> Void) {
    func next(_ position: Int, _ pointers: [UnsafePointer<Float>]) {
      guard position < count else { return body(pointers) }
      self[position].withUnsafeBufferPointer { next(position + 1, pointers + [$0.baseAddress!]) }
    }
    next(0, [])
  }
}

/// How far `found` is from the exact result, in units of the last place of float32 at the exact result; 0 for NaN where
/// NaN is right, infinite where only one of the two is NaN.
func unitsInTheLastPlace(_ found: Float, _ exact: Double) -> Double {
  if exact.isNaN || found.isNaN { return exact.isNaN && found.isNaN ? 0 : .infinity }
  if Float(exact) == found { return Float(exact).isInfinite ? 0 : difference(Double(found), exact) }
  // The number after the greatest stands for infinity.
  return difference(limited(Double(found)), limited(exact))
}

private func limited(_ value: Double) -> Double { max(-0x1p128, min(0x1p128, value)) }

private func difference(_ found: Double, _ exact: Double) -> Double {
  let exponent = exact == 0 ? -126 : max(Int(exact.exponent), -126)
  return abs(found - exact) * Double(sign: .plus, exponent: 23 - exponent, significand: 1)
}
