import GraphIR
import KernelIR
import Tensors

extension Lanes {
  /// Whether `convert` has code for the pair of compute types.
  static func converts(_ source: ElementType, to target: ElementType, _ instructionSet: InstructionSet) -> Bool {
    if source == target || source == .bool || target == .bool { return true }
    let hasAVX512 = instructionSet >= .avx512
    switch (source, target) {
    case (_, .uint64) where source.isFloat: return false
    case (.uint64, _) where target.isFloat: return hasAVX512
    default: return true
    }
  }

  /// Types that stand between: what the number of lanes must allow for besides source and target.
  static func wayOfConversion(_ source: ElementType, to target: ElementType) -> ElementType {
    source.isFloat && target == .uint32 ? .int64 : target
  }

  /// As graph `convert`, between compute types.
  func convert(_ x: Value, _ source: ElementType, to target: ElementType) -> Value {
    if source == target { return x }
    if source == .bool { return select(target, x, number(target, 1), zero(target)) }
    switch (source, target) {
    case (.float32, .bool), (.float64, .bool): return compareFloats(source, x, zero(source), predicate: 4)
    case (_, .bool): return compare(.notEqual, source, x, zero(source))

    case (.float32, .float64): return unary(target, .vcvtps2pd, x)
    case (.float64, .float32): return narrow(target, .vcvtpd2ps, x)

    case (.float32, .int32): return unary(target, .vcvttps2dq, x)
    case (.float64, .int32): return narrow(target, .vcvttpd2dq, x)
    case (.float32, .int64):
      return hasAVX512 ? unary(target, .vcvttps2qq, x) : byLanes(source, x, .vcvttss2si)
    case (.float64, .int64):
      return hasAVX512 ? unary(target, .vcvttpd2qq, x) : byLanes(source, x, .vcvttsd2si)
    // Through 64 bits, of which the low ones stay.
    case (.float32, .uint32), (.float64, .uint32):
      return convert(convert(x, source, to: .int64), .int64, to: target)

    case (.int32, .float32): return unary(target, .vcvtdq2ps, x)
    case (.int32, .float64): return unary(target, .vcvtdq2pd, x)
    case (.uint32, .float32):
      if hasAVX512 { return unary(target, .vcvtudq2ps, x) }
      // The high half times 2¹⁶ plus the low one, both exact before the one rounding.
      let high = unary(target, .vcvtdq2ps, immediate(.int32, .vpsrld, x, 16))
      let low = unary(target, .vcvtdq2ps, and(x, constant(.int32, bits: 0xFFFF)))
      return multiplyAdd(target, high, number(target, 1 << 16), low)
    case (.uint32, .float64):
      if hasAVX512 { return unary(target, .vcvtudq2pd, x) }
      return convert(unary(.int64, .vpmovzxdq, x), .int64, to: target)
    case (.int64, .float64): return hasAVX512 ? unary(target, .vcvtqq2pd, x) : doubles(fromInt64: x)
    case (.int64, .float32):
      return hasAVX512 ? narrow(target, .vcvtqq2ps, x) : byLanes(toFloats: x)
    case (.uint64, .float64): return unary(target, .vcvtuqq2pd, x)
    case (.uint64, .float32): return narrow(target, .vcvtuqq2ps, x)

    case (.int32, .int64), (.int32, .uint64): return unary(target, .vpmovsxdq, x)
    case (.uint32, .int64), (.uint32, .uint64): return unary(target, .vpmovzxdq, x)
    case (.int64, .int32), (.int64, .uint32), (.uint64, .int32), (.uint64, .uint32):
      if hasAVX512 { return narrow(target, .vpmovqd, x) }
      if builder.kind(of: x) == .xmm { return builder.define(.vpshufd, .xmm, .value(x), .immediate(0b1000)) }
      let high = builder.define(.vextracti128, .xmm, .value(x), .immediate(1))
      return builder.define(.vshufps, .xmm, .view(x, .xmm), .value(high), .immediate(0b10_00_10_00))
    // Integers of one width.
    default: return x
    }
  }

  private func narrow(_ target: ElementType, _ instruction: Instruction, _ x: Value) -> Value {
    builder.define(instruction, Self.kind(byteCount: max(16, builder.kind(of: x).byteCount / 2)), .value(x))
  }

  /// AVX2 has no instruction from float to int64 but the one for a single number.
  private func byLanes(_ source: ElementType, _ x: Value, _ instruction: Instruction) -> Value {
    collect(
      (0..<count).map { lane in
        let perPart = Self.isWide(source) ? 2 : 4
        let part = builder.define(.vmovaps, .xmm, .view(xmm(x, part: lane / perPart), .xmm))
        let lowest: Value
        switch (lane % perPart, Self.isWide(source)) {
        case (0, _): lowest = part
        case (_, true): lowest = builder.define(.vpermilps, .xmm, .value(part), .immediate(0b01_00_11_10))
        case (let position, false):
          lowest = builder.define(.vpermilps, .xmm, .value(part), .immediate(Int64(position)))
        }
        return builder.define(instruction, .gpr64, .value(lowest))
      })
  }

  private func byLanes(toFloats x: Value) -> Value {
    let zero = builder.zero(kind: .xmm)
    let floats = (0..<count).map { lane in
      builder.define(.vcvtsi2ss, .xmm, .value(zero), .value(general(.int64, x, lane: lane)))
    }
    let pairs = stride(from: 0, to: count, by: 2).map { first in
      builder.define(.vunpcklps, .xmm, .value(floats[first]), .value(floats[first + 1]))
    }
    return pairs.count == 1 ? pairs[0] : join(pairs[0], pairs[1], .xmm)
  }

  /// The high half as 2⁶⁷·1.5 + high·2³², the low one as 2⁵² + low: their difference from the constants is exact, and
  /// the sum rounds once.
  private func doubles(fromInt64 x: Value) -> Value {
    let low = or(
      and(x, constant(.int64, bits: 0xFFFF_FFFF)), constant(.int64, bits: (0x1p52 as Double).bitPattern))
    let flipped = exclusiveOr(immediate(.int64, .vpsrlq, x, 32), constant(.int64, bits: 0x4530_0000_8000_0000))
    let bias = constant(.float64, bits: (0x1p84 + 0x1p63 + 0x1p52 as Double).bitPattern)
    return add(.float64, subtract(.float64, flipped, bias), low)
  }

  // MARK: Narrow types

  /// A value of compute type `computeType(stored)` as if it had been stored and loaded again.
  func rounded(_ x: Value, through stored: ElementType) -> Value {
    switch stored {
    case .int8: immediate(.int32, .vpsrad, immediate(.int32, .vpslld, x, 24), 24)
    case .int16: immediate(.int32, .vpsrad, immediate(.int32, .vpslld, x, 16), 16)
    case .uint8: and(x, constant(.int32, bits: 0xFF))
    case .uint16: and(x, constant(.int32, bits: 0xFFFF))
    case .float16: unary(.float32, .vcvtph2ps, halves(x))
    case .bfloat16: immediate(.float32, .vpslld, bfloat16Bits(x), 16)
    default: x
    }
  }

  /// float32 as float16, in the lower half of the register (all of it counts when the lanes fill less).
  func halves(_ x: Value) -> Value {
    builder.define(
      .vcvtps2ph, Self.kind(byteCount: builder.kind(of: x).byteCount / 2), .value(x), .immediate(0))
  }

  /// float32 as bfloat16 in the low bits of 32-bit lanes: rounded to nearest even by adding less than one half, one more
  /// for odd numbers.
  func bfloat16Bits(_ x: Value) -> Value {
    let odd = and(immediate(.int32, .vpsrld, x, 16), number(.int32, 1))
    let sum = add(.int32, add(.int32, x, constant(.int32, bits: 0x7FFF)), odd)
    let isNaN = compareFloats(.float32, x, x, predicate: 3)
    let quiet = or(x, constant(.int32, bits: 0x40_0000))
    return immediate(.int32, .vpsrld, select(.int32, isNaN, quiet, sum), 16)
  }
}
