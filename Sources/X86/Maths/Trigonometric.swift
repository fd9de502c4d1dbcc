// sin, cos, tan: |x| = n·π/2 + r, |r| ≤ π/4; n modulo 4 says which of ±sin r, ±cos r it is.
//
// Up to 2^17, π/2 is subtracted in three float32 parts (Cody and Waite; two float64 parts for the tangent). Where some
// lane is larger, a branch multiplies its 24 bits with the 96 bits of 2/π that matter for its exponent (Payne and Hanek),
// in 64-bit integers: exact to 2^−62 turns, for all exponents alike.

extension VectorMaths {
  static let largeAngle: Float = 0x1p17

  /// At most 1.58 ulp off.
  public func sine(_ x: Value) -> Value {
    let (r, quadrant) = reduceAngle(absolute(x))
    return flipSign(sineOfReduced(r, quadrant), by: x)
  }

  /// At most 1.57 ulp off.
  public func cosine(_ x: Value) -> Value {
    let (r, quadrant) = reduceAngle(absolute(x))
    return sineOfReduced(r, addInteger(quadrant, bits: 1))
  }

  /// sin(r + quadrant·π/2); only the two low bits of `quadrant` count.
  private func sineOfReduced(_ r: Value, _ quadrant: Value) -> Value {
    let z = builder.multiply(r, r)
    let sine = multiplyAdd(builder.multiply(polynomial(Coefficients.sine, z), z), r, r)
    let cosine = polynomial([1, -0.5] + Coefficients.cosine, z)
    let isOdd =
      hasAVX512
      ? builder.define(.vptestmd, .mask, .value(quadrant), number(bits: 1, kind(r))) : shiftLeft(quadrant, 31)
    return flipSign(select(isOdd, cosine, sine), by: shiftLeft(quadrant, 30))
  }

  /// For x ≥ 0: r, and n in the low bits of `quadrant`.
  private func reduceAngle(_ x: Value) -> (r: Value, quadrant: Value) {
    let (n, shifted) = nearestInteger(x, times: Coefficients.twoOverPi)
    var r = x
    for part in Coefficients.halfPiParts { r = deduct(r, n, part) }
    let isLarge = compare(x, .greaterOrEqual, Self.largeAngle)
    let results = builder.if(.anyLane(isLarge)) {
      let parts = reduceLargeAngle(x)
      // NaN for ∞.
      let large = builder.add(narrow(parts.map(\.r)), builder.subtract(x, x))
      return [select(isLarge, large, r), select(isLarge, narrowIntegers(parts.map(\.quadrant)), shifted)]
    } else: {
      [r, shifted]
    }
    return (results[0], results[1])
  }

  /// sin r / cos r or −cos r / sin r, in float64: in float32, errors of r and of both functions would add up.
  /// At most 0.501 ulp off.
  public func tangent(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let isLarge = compare(magnitude, .greaterOrEqual, Self.largeAngle)
    let parts = widen(magnitude)
    let reduced = parts.map(reduceAngleWide)
    let flat = reduced.flatMap { [$0.r, $0.quadrant] }
    let results = builder.if(.anyLane(isLarge)) {
      zip(parts, zip(reduced, reduceLargeAngle(magnitude))).flatMap { x, pair in
        let isLarge = compare(x, .greaterOrEqual, wide: Double(Self.largeAngle))
        let large = combine(.vaddpd, pair.1.r, combine(.vsubpd, x, x))
        return [
          selectWide(isLarge, large, pair.0.r), selectWide(isLarge, pair.1.quadrant, pair.0.quadrant),
        ]
      }
    } else: {
      flat
    }
    let quotients = stride(from: 0, to: results.count, by: 2).map { tangentWide(results[$0], results[$0 + 1]) }
    return flipSign(narrow(quotients), by: x)
  }

  private func tangentWide(_ r: Value, _ quadrant: Value) -> Value {
    let z = combine(.vmulpd, r, r)
    let tail = combine(.vmulpd, polynomial(wide: Coefficients.sineDouble, z), z)
    let sine = builder.update(.vfmadd213pd, tail, .value(r), .value(r))
    let cosine = polynomial(wide: [1, -0.5] + Coefficients.cosineDouble, z)
    let oddBit = builder.define(.vpsllq, kind(r), .value(quadrant), .immediate(63))
    let isOdd = hasAVX512 ? builder.define(.vpmovq2m, .mask, .value(oddBit)) : oddBit
    let numerator = selectWide(isOdd, cosine, sine)
    let denominator = selectWide(isOdd, sine, cosine)
    return combine(.vxorpd, combine(.vdivpd, numerator, denominator), oddBit)
  }

  private func reduceAngleWide(_ x: Value) -> (r: Value, quadrant: Value) {
    let shift = 0x1.8p52
    let quadrant = builder.update(
      .vfmadd231pd, constant(shift, like: x), .value(x), number(Coefficients.twoOverPiDouble, kind(x)))
    let n = combine(.vsubpd, quadrant, wide: shift)
    var r = x
    for part in Coefficients.halfPiPartsDouble {
      r = builder.update(.vfnmadd231pd, r, .value(n), number(part, kind(x)))
    }
    return (r, quadrant)
  }

  // MARK: Large angles

  /// For finite x ≥ 2^17, in 64-bit lanes: r as float64 and n modulo 4 (0 … 3) as an integer. Other lanes get anything.
  private func reduceLargeAngle(_ x: Value) -> [(r: Value, quadrant: Value)] {
    widenIntegers(x).map { bits in
      let kind = kind(bits)
      let significand = combine(
        .vorpd, combine(.vandpd, bits, wideBits: 0x7F_FFFF), wideBits: 0x80_0000)
      // x = significand·2^(e − 150). In the table, the bit at position e − 120 gets the weight 2.
      let position = combine(.vpsubq, shiftRight(bits, 23), wideBits: 120)
      let shift = combine(.vandpd, position, wideBits: 31)
      let index = shiftRight(position, 5)
      var entries = Coefficients.twoOverPiBits
      entries += [UInt32](repeating: 0, count: kind.byteCount / 4 - entries.count)
      let table = VectorOperand.memory(builder.constantAddress(elements: entries))
      // The upper halves of the lanes look up entry 0, which is 0.
      let words = (0..<4).map { offset in
        builder.define(
          .vpermd, kind, .value(offset == 0 ? index : combine(.vpaddq, index, wideBits: UInt64(offset))), table)
      }
      // 32 bits each of 2^(e − 150)·2/π, from weight 2 downwards.
      let window = (0..<3).map { i in
        let pair = combine(.vorpd, shiftLeftWide(words[i], 32), words[i + 1])
        return shiftRight(combine(.vpsllvq, pair, shift), 32)
      }
      let products = window.map { combine(.vpmuludq, significand, $0) }
      // x·2/π modulo 4, in units of 2^−62.
      let product = combine(
        .vpaddq, combine(.vpaddq, shiftLeftWide(products[0], 32), products[1]), shiftRight(products[2], 32))
      let quadrant = shiftRight(combine(.vpaddq, product, wideBits: 1 << 61), 62)
      let fraction = combine(.vpsubq, product, shiftLeftWide(quadrant, 62))
      let r = combine(.vmulpd, convertInteger(fraction), wide: Coefficients.halfPiPartsDouble[0] * 0x1p-62)
      return (r, quadrant)
    }
  }

  /// Signed 64-bit integers as float64.
  private func convertInteger(_ x: Value) -> Value {
    if hasAVX512 { return builder.define(.vcvtqq2pd, kind(x), .value(x)) }
    // The halves become the low bits of 2^52 and, with the sign bit turned, of 2^84; both are subtracted again.
    let low = builder.define(.vpblendd, kind(x), .value(x), number(0x1p52, kind(x)), .immediate(0b1010_1010))
    let high = combine(.vxorpd, shiftRight(x, 32), wideBits: (0x1p84 + 0x1p63).bitPattern)
    return combine(.vaddpd, combine(.vsubpd, high, wide: 0x1p84 + 0x1p63 + 0x1p52), low)
  }

  private func shiftRight(_ x: Value, _ count: Int64) -> Value {
    builder.define(.vpsrlq, kind(x), .value(x), .immediate(count))
  }
  private func shiftLeftWide(_ x: Value, _ count: Int64) -> Value {
    builder.define(.vpsllq, kind(x), .value(x), .immediate(count))
  }

  /// The low halves of 64-bit lanes.
  private func narrowIntegers(_ parts: [Value]) -> Value {
    join(
      parts.map { part in
        if hasAVX512 { return builder.define(.vpmovqd, kind(part) == .zmm ? .ymm : .xmm, .value(part)) }
        let order = builder.constant(elements: [0, 2, 4, 6, 1, 3, 5, 7] as [Int32], kind: .ymm)
        let low = builder.define(.vpermd, .ymm, .value(order), .value(part))
        return builder.define(.vmovaps, .xmm, .view(low, .xmm))
      })
  }
}
