import GraphIR
import KernelIR
import Tensors

extension Lanes {
  // MARK: Arithmetic

  func add(_ type: ElementType, _ a: Value, _ b: Value) -> Value {
    binary(type, Self.choose(type, .vaddps, .vaddpd, .vpaddd, .vpaddq), a, b)
  }

  func subtract(_ type: ElementType, _ a: Value, _ b: Value) -> Value {
    binary(type, Self.choose(type, .vsubps, .vsubpd, .vpsubd, .vpsubq), a, b)
  }

  func multiply(_ type: ElementType, _ a: Value, _ b: Value) -> Value {
    if !type.isFloat && Self.isWide(type) && !hasAVX512 { return multiply64(type, a, b) }
    return binary(type, Self.choose(type, .vmulps, .vmulpd, .vpmulld, .vpmullq), a, b)
  }

  /// low·low + (low·high + high·low)·2³²
  private func multiply64(_ type: ElementType, _ a: Value, _ b: Value) -> Value {
    let low = binary(type, .vpmuludq, a, b)
    let left = binary(type, .vpmuludq, immediate(type, .vpsrlq, a, 32), b)
    let right = binary(type, .vpmuludq, a, immediate(type, .vpsrlq, b, 32))
    return add(type, low, immediate(type, .vpsllq, add(type, left, right), 32))
  }

  /// Floats.
  func divide(_ type: ElementType, _ a: Value, _ b: Value) -> Value {
    binary(type, Self.isWide(type) ? .vdivpd : .vdivps, a, b)
  }

  static func choose(
    _ type: ElementType, _ single: Instruction, _ double: Instruction, _ narrow: Instruction, _ wide: Instruction
  ) -> Instruction {
    type.isFloat ? (isWide(type) ? double : single) : (isWide(type) ? wide : narrow)
  }

  /// third + first · second, rounded once; of floats.
  func multiplyAdd(_ type: ElementType, _ a: Value, _ b: Value, _ c: Value) -> Value {
    builder.update(Self.isWide(type) ? .vfmadd231pd : .vfmadd231ps, c, .value(a), .value(b))
  }

  // MARK: Extremes

  /// NaN when either is. `aIsNumber`: a is known not to be NaN.
  func maximum(_ type: ElementType, _ a: Value, _ b: Value, aIsNumber: Bool = false) -> Value {
    extreme(type, isMaximum: true, a, b, aIsNumber)
  }
  func minimum(_ type: ElementType, _ a: Value, _ b: Value, aIsNumber: Bool = false) -> Value {
    extreme(type, isMaximum: false, a, b, aIsNumber)
  }

  private func extreme(
    _ type: ElementType, isMaximum: Bool, _ a: Value, _ b: Value, _ aIsNumber: Bool
  ) -> Value {
    switch type {
    case .float32, .float64:
      // The instruction gives its second operand when either is NaN: right, unless only the first one is.
      let isWide = Self.isWide(type)
      let result = binary(
        type, isMaximum ? (isWide ? .vmaxpd : .vmaxps) : (isWide ? .vminpd : .vminps), a, b)
      if aIsNumber { return result }
      let isNaN = compareFloats(type, a, a, predicate: 3)
      if hasAVX512 { return builder.update(isWide ? .vmovapd : .vmovaps, result, .value(a), mask: isNaN) }
      return select(type, isNaN, a, result)
    case .int32: return binary(type, isMaximum ? .vpmaxsd : .vpminsd, a, b)
    case .uint32: return binary(type, isMaximum ? .vpmaxud : .vpminud, a, b)
    case .int64 where hasAVX512: return binary(type, isMaximum ? .vpmaxsq : .vpminsq, a, b)
    case .uint64 where hasAVX512: return binary(type, isMaximum ? .vpmaxuq : .vpminuq, a, b)
    case .bool: return isMaximum ? maskOr(a, b) : maskAnd(a, b)
    default: return select(type, compare(isMaximum ? .greater : .less, type, a, b), a, b)
    }
  }

  // MARK: Unary

  func absolute(_ type: ElementType, _ x: Value) -> Value {
    switch type {
    case .float32, .float64: return andNot(signBit(type), x)
    case .int32: return unary(type, .vpabsd, x)
    case .int64 where hasAVX512: return unary(type, .vpabsq, x)
    case .int64: return select(type, compare(.less, type, x, zero(type)), negate(type, x), x)
    default: return x
    }
  }

  func negate(_ type: ElementType, _ x: Value) -> Value {
    type.isFloat ? exclusiveOr(x, signBit(type)) : subtract(type, zero(type), x)
  }

  private func signBit(_ type: ElementType) -> Value { constant(type, bits: 1 << UInt64(type.bitWidth - 1)) }

  func sign(_ type: ElementType, _ x: Value) -> Value {
    let zero = zero(type)
    let isPositive = compare(.greater, type, x, zero)
    if type.kind == .unsignedInteger { return select(type, isPositive, number(type, 1), zero) }
    // NaN compares with nothing and stays.
    let rest = type.isFloat ? select(type, compare(.equal, type, x, zero), zero, x) : zero
    let negative = select(type, compare(.less, type, x, zero), number(type, -1), rest)
    return select(type, isPositive, number(type, 1), negative)
  }

  /// To nearest even (0), down (1), up (2), towards zero (3).
  func round(_ type: ElementType, _ x: Value, mode: Int) -> Value {
    guard type.isFloat else { return x }
    let instruction: Instruction =
      hasAVX512
      ? (Self.isWide(type) ? .vrndscalepd : .vrndscaleps) : (Self.isWide(type) ? .vroundpd : .vroundps)
    return immediate(type, instruction, x, 8 | mode)
  }

  func squareRoot(_ type: ElementType, _ x: Value) -> Value {
    unary(type, Self.isWide(type) ? .vsqrtpd : .vsqrtps, x)
  }

  func not(_ type: ElementType, _ x: Value) -> Value {
    type == .bool ? maskNot(x) : exclusiveOr(x, constant(type, bits: .max))
  }

  // MARK: Shifts

  /// Counts that are negative or no less than the width shift everything out, as the instructions do.
  func shiftLeft(_ type: ElementType, _ x: Value, _ counts: Value) -> Value {
    binary(type, Self.isWide(type) ? .vpsllvq : .vpsllvd, x, counts)
  }

  func shiftRight(_ type: ElementType, _ x: Value, _ counts: Value) -> Value {
    if type.kind == .unsignedInteger { return binary(type, Self.isWide(type) ? .vpsrlvq : .vpsrlvd, x, counts) }
    if !Self.isWide(type) { return binary(type, .vpsravd, x, counts) }
    if hasAVX512 { return binary(type, .vpsravq, x, counts) }
    // The sign bit travels with the number and is then extended by a subtraction.
    let last = number(.int64, 63)
    let isTooFar = compare(.greater, .uint64, counts, last)
    let counts = select(type, isTooFar, last, counts)
    let sign = binary(type, .vpsrlvq, constant(type, bits: 1 << 63), counts)
    return subtract(type, exclusiveOr(binary(type, .vpsrlvq, x, counts), sign), sign)
  }

  // MARK: Integer division

  /// Truncated quotient and remainder of 32-bit integers, both 0 for a divisor of 0: by way of float64, which holds them
  /// exactly.
  func divide32(_ type: ElementType, _ a: Value, _ b: Value) -> (quotient: Value, remainder: Value) {
    let kind = kind(type)
    let quotient: Value
    if kind == .xmm && count <= 2 || hasWideMasks && kind != .zmm {
      quotient = narrowQuotient(type, a, b, of: kind, lanes: count)
    } else {
      // Halves, whose float64 fill a register each.
      let half = Self.kind(byteCount: kind.byteCount / 2)
      let low = narrowQuotient(type, lowHalf(a, kind), lowHalf(b, kind), of: half, lanes: count / 2)
      let high = narrowQuotient(type, highHalf(a, kind), highHalf(b, kind), of: half, lanes: count / 2)
      quotient = join(low, high, kind)
    }
    let isZero = compare(.equal, type, b, zero(type))
    let clean = select(type, isZero, zero(type), quotient)
    let rest = subtract(type, a, multiply(type, clean, b))
    return (clean, select(type, isZero, zero(type), rest))
  }

  /// Of `lanes` elements in the lowest part of registers of a kind.
  private func narrowQuotient(
    _ type: ElementType, _ a: Value, _ b: Value, of kind: Register.Kind, lanes: Int
  ) -> Value {
    let wide = Self.kind(byteCount: lanes * 8)
    func widened(_ x: Value) -> Value {
      let narrow = Self.kind(byteCount: lanes * 4)
      if type == .int32 { return builder.define(.vcvtdq2pd, wide, .view(x, narrow)) }
      if hasAVX512 { return builder.define(.vcvtudq2pd, wide, .view(x, narrow)) }
      // 2⁵² + x − 2⁵², with x in the low bits of the number 2⁵².
      let magic = builder.constant(bits: (0x1p52 as Double).bitPattern, kind: wide)
      let extended = builder.define(.vpmovzxdq, wide, .view(x, .xmm))
      return builder.define(.vsubpd, wide, .value(builder.or(extended, magic)), .value(magic))
    }
    let quotient = builder.define(.vdivpd, wide, .value(widened(a)), .value(widened(b)))
    let narrow = Self.kind(byteCount: max(16, wide.byteCount / 2))
    if type == .int32 { return builder.define(.vcvttpd2dq, narrow, .value(quotient)) }
    // Rounded towards zero, the number plus 2⁵² has it in its low bits.
    let truncated = builder.define(
      hasAVX512 ? .vrndscalepd : .vroundpd, wide, .value(quotient), .immediate(8 | 3))
    let magic = builder.constant(bits: (0x1p52 as Double).bitPattern, kind: wide)
    let bits = builder.define(.vaddpd, wide, .value(truncated), .value(magic))
    if hasAVX512 { return builder.define(.vpmovqd, narrow, .value(bits)) }
    if wide == .xmm { return builder.define(.vpshufd, .xmm, .value(bits), .immediate(0b1000)) }
    let high = builder.define(.vextracti128, .xmm, .value(bits), .immediate(1))
    return builder.define(.vshufps, .xmm, .view(bits, .xmm), .value(high), .immediate(0b10_00_10_00))
  }

  // Halves of a vector.

  private func lowHalf(_ x: Value, _ kind: Register.Kind) -> Value { x }

  func highHalf(_ x: Value, _ kind: Register.Kind) -> Value {
    switch kind {
    case .zmm: builder.define(.vextractf64x4, .ymm, .value(x), .immediate(1))
    case .ymm: builder.define(hasAVX512 ? .vextractf32x4 : .vextractf128, .xmm, .value(x), .immediate(1))
    default: builder.define(.vpermilps, .xmm, .value(x), .immediate(0b01_00_11_10))
    }
  }

  func join(_ low: Value, _ high: Value, _ kind: Register.Kind) -> Value {
    switch kind {
    case .zmm: builder.define(.vinsertf64x4, .zmm, .view(low, .zmm), .view(high, .ymm), .immediate(1))
    case .ymm:
      builder.define(
        hasAVX512 ? .vinsertf32x4 : .vinsertf128, .ymm, .view(low, .ymm), .view(high, .xmm), .immediate(1))
    default: builder.define(.vunpcklpd, .xmm, .view(low, .xmm), .view(high, .xmm))
    }
  }

  /// Quotient and remainder of int64, lane by lane.
  func divide64(_ a: Value, _ b: Value) -> (quotient: Value, remainder: Value) {
    var quotients: [Value] = []
    var remainders: [Value] = []
    for lane in 0..<count {
      let dividend = general(.int64, a, lane: lane)
      let divisor = general(.int64, b, lane: lane)
      // idiv traps for 0 and for the overflow of least / −1: neither reaches it.
      let results = builder.if(
        .compare(divisor, .equal, .immediate(0)), { [builder.integer(0), builder.integer(0)] },
        else: {
          builder.if(
            .compare(divisor, .equal, .immediate(-1)),
            { [builder.subtract(builder.integer(0), .value(dividend)), builder.integer(0)] },
            else: {
              let (quotient, remainder) = builder.divide(dividend, by: divisor)
              return [quotient, remainder]
            })
        })
      quotients.append(results[0])
      remainders.append(results[1])
    }
    return (collect(quotients), collect(remainders))
  }

  /// 64-bit integers, one for each lane, as a vector.
  func collect(_ elements: [Value]) -> Value {
    func pair(_ first: Int) -> Value {
      let low = builder.define(.vmovq, .xmm, .value(elements[first]))
      return builder.define(.vpinsrq, .xmm, .value(low), .value(elements[first + 1]), .immediate(1))
    }
    switch elements.count {
    case 2: return pair(0)
    case 4: return join(pair(0), pair(2), .ymm)
    default: return join(join(pair(0), pair(2), .ymm), join(pair(4), pair(6), .ymm), .zmm)
    }
  }
}
