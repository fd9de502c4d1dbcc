// asin, acos, atan, atan2: w + w·p(z) on a short interval, added to a multiple of π/2 that is held in two parts.

extension VectorMaths {
  private static let halfPi = Coefficients.halfPiParts[0]
  private static let halfPiRest = Coefficients.halfPiParts[1]

  /// high + (w + (w·tail + low))
  private func sum(_ high: Value, _ w: Value, _ tail: Value, _ low: Value) -> Value {
    builder.add(high, builder.add(w, multiplyAdd(tail, w, low)))
  }

  /// The number where the mask is set, else 0.
  private func numberOrZero(_ mask: Value, _ number: Float, like x: Value) -> Value {
    hasAVX512
      ? select(mask, number, builder.zero(kind: kind(x)))
      : combine(.vandps, mask, number)
  }

  /// For |x| > ½ by asin √((1 − |x|) / 2), else of |x| itself: the argument s, and p(s²)·s².
  private func arcSineParts(_ magnitude: Value, _ isLarge: Value) -> (s: Value, tail: Value) {
    let halved = multiplyAdd(
      magnitude, constant(-0.5 as Float, like: magnitude), constant(0.5 as Float, like: magnitude))
    let z = select(isLarge, halved, builder.multiply(magnitude, magnitude))
    let s = select(isLarge, builder.squareRoot(halved), magnitude)
    return (s, builder.multiply(polynomial(Coefficients.arcSine, z), z))
  }

  /// |x| > ½: π/2 − 2·asin s. At most 1.67 ulp off.
  public func arcSine(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let isLarge = compare(magnitude, .greater, 0.5)
    let (s, tail) = arcSineParts(magnitude, isLarge)
    let w = select(isLarge, multiply(s, -2), s)
    let result = sum(
      numberOrZero(isLarge, Self.halfPi, like: x), w, tail, numberOrZero(isLarge, Self.halfPiRest, like: x))
    return copySign(result, from: x)
  }

  /// x > ½: 2·asin s. x < −½: π − 2·asin s. Else π/2 − asin x. At most 1.16 ulp off.
  public func arcCosine(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let isLarge = compare(magnitude, .greater, 0.5)
    let (s, tail) = arcSineParts(magnitude, isLarge)
    let w = flipSign(select(isLarge, multiply(s, 2), negate(s)), by: x)
    let isLow = compare(x, .less, -0.5)
    let high = select(isLarge, numberOrZero(isLow, 2 * Self.halfPi, like: x), constant(Self.halfPi, like: x))
    let low = select(
      isLarge, numberOrZero(isLow, 2 * Self.halfPiRest, like: x), constant(Self.halfPiRest, like: x))
    return sum(high, w, tail, low)
  }

  /// |x| > 1: π/2 + atan(−1/|x|). At most 1.21 ulp off.
  public func arcTangent(_ x: Value) -> Value {
    let magnitude = absolute(x)
    let isLarge = compare(magnitude, .greater, 1)
    let t = builder.divide(
      select(isLarge, -1, magnitude), select(isLarge, magnitude, constant(1 as Float, like: x)))
    let z = builder.multiply(t, t)
    let tail = builder.multiply(polynomial(Coefficients.arcTangent, z), z)
    let result = sum(
      numberOrZero(isLarge, Self.halfPi, like: x), t, tail, numberOrZero(isLarge, Self.halfPiRest, like: x))
    return copySign(result, from: x)
  }

  /// The angle of the point (x, y): atan of the smaller of |x|, |y| over the larger, placed in its octant. At most 1.6 ulp
  /// off on a million random pairs.
  public func arcTangent2(_ y: Value, _ x: Value) -> Value {
    let (width, height) = (absolute(x), absolute(y))
    let isSteep = compare(height, .greater, width)
    let smaller = builder.minimum(width, height)
    let larger = builder.maximum(width, height)
    // ∞/∞ counts as 1, 0/0 as 0.
    let quotient = select(compare(smaller, .equal, larger), 1, builder.divide(smaller, larger))
    let t = clear(compare(smaller, .equal, 0), quotient)
    let z = builder.multiply(t, t)
    let tail = builder.multiply(polynomial(Coefficients.arcTangent, z), z)
    // Steep: π/2 − atan t to the right, π/2 + atan t to the left. Flat: atan t to the right, π − atan t to the left.
    let w = flipSign(select(isSteep, negate(t), t), by: x)
    let left = shiftRightArithmetic(x, 31)
    let high = select(
      isSteep, constant(Self.halfPi, like: x), combine(.vandps, left, 2 * Self.halfPi))
    let low = select(
      isSteep, constant(Self.halfPiRest, like: x), combine(.vandps, left, 2 * Self.halfPiRest))
    let angle = copySign(sum(high, w, tail, low), from: y)
    return select(compare(x, .unordered, y), builder.add(x, y), angle)
  }
}
