// Short names for the steps that the functions are made of. A number is a memory operand: of 4 bytes, broadcast, with
// AVX-512, of a whole vector with AVX2; or a register, as long as there are some to spare.

/// Constants that a function loads once.
final class SharedConstants {
  private struct Key: Hashable {
    var bytes: [UInt8]
    var kind: Register.Kind
  }

  private let limit: Int
  private var values: [Key: Value] = [:]

  init(limit: Int) { self.limit = limit }

  /// The elements as a whole vector, defined in front of everything else; nil where there are enough of them.
  func value<Element: BitwiseCopyable>(
    _ elements: [Element], _ kind: Register.Kind, _ builder: VectorBuilder
  ) -> Value? {
    let key = Key(bytes: elements.withUnsafeBytes { Array($0) }, kind: kind)
    if let known = values[key] { return known }
    guard values.count < limit else { return nil }
    let result = builder.leadingConstant(bytes: key.bytes, kind: kind)
    values[key] = result
    return result
  }
}

extension VectorBuilder {
  /// `bytes`, repeated over the vector, loaded at the start of the function: also outside the loops that are open.
  func leadingConstant(bytes: [UInt8], kind: Register.Kind) -> Value {
    let result = function.newValue(kind)
    let load: Instruction =
      switch bytes.count {
      case 4: .vbroadcastss
      case 8: .vpbroadcastq
      default: .vmovups
      }
    precondition(bytes.count <= 8 || bytes.count == kind.byteCount, "\(bytes.count) bytes for a \(kind) register")
    let entry = function.entry(
      VectorFunction.Operation(
        instruction: load, result: result, updates: false, operands: [.memory(constantAddress(elements: bytes))],
        isRematerializable: true))
    function.entries.insert(entry, at: 0)
    return result
  }
}

extension VectorMaths {
  func kind(_ value: Value) -> Register.Kind { builder.kind(of: value) }
  var hasAVX512: Bool { builder.hasAVX512 }

  // MARK: Numbers

  func number(bits: UInt32, _ kind: Register.Kind) -> VectorOperand {
    if let value = shared.value([bits], kind, builder) { return .value(value) }
    return hasAVX512
      ? .memory(builder.constantAddress(elements: [bits]).broadcast)
      : .memory(builder.constantAddress(elements: [UInt32](repeating: bits, count: kind.byteCount / 4)))
  }

  func number(_ number: Float, _ kind: Register.Kind) -> VectorOperand { self.number(bits: number.bitPattern, kind) }

  func constant(_ number: Float, like value: Value) -> Value {
    shared.value([number], kind(value), builder) ?? builder.constant(number, kind: kind(value))
  }

  // MARK: Steps with a number as the last operand

  func combine(_ instruction: Instruction, _ x: Value, bits: UInt32) -> Value {
    builder.define(instruction, kind(x), .value(x), number(bits: bits, kind(x)))
  }

  func combine(_ instruction: Instruction, _ x: Value, _ number: Float) -> Value {
    combine(instruction, x, bits: number.bitPattern)
  }

  func combine(_ instruction: Instruction, _ x: Value, _ y: Value) -> Value {
    builder.define(instruction, kind(x), .value(x), .value(y))
  }

  func add(_ x: Value, _ number: Float) -> Value { combine(.vaddps, x, number) }
  func subtract(_ x: Value, _ number: Float) -> Value { combine(.vsubps, x, number) }
  func multiply(_ x: Value, _ number: Float) -> Value { combine(.vmulps, x, number) }

  /// x·y + number
  func multiplyAdd(_ x: Value, _ y: Value, _ number: Float) -> Value {
    builder.update(.vfmadd213ps, x, .value(y), self.number(number, kind(x)))
  }

  /// x·y + z, in the register of x.
  func multiplyAdd(_ x: Value, _ y: Value, _ z: Value) -> Value {
    builder.update(.vfmadd213ps, x, .value(y), .value(z))
  }

  /// sum + x·number
  func accumulate(_ sum: Value, _ x: Value, _ number: Float) -> Value {
    builder.update(.vfmadd231ps, sum, .value(x), self.number(number, kind(x)))
  }

  /// sum − x·number
  func deduct(_ sum: Value, _ x: Value, _ number: Float) -> Value {
    builder.update(.vfnmadd231ps, sum, .value(x), self.number(number, kind(x)))
  }

  /// sum − x·y
  func deduct(_ sum: Value, _ x: Value, _ y: Value) -> Value {
    builder.update(.vfnmadd231ps, sum, .value(x), .value(y))
  }

  /// c₀ + c₁·x + …, by Horner's rule.
  func polynomial(_ coefficients: [Float], _ x: Value) -> Value {
    var sum = constant(coefficients[coefficients.count - 1], like: x)
    for coefficient in coefficients.dropLast().reversed() { sum = multiplyAdd(sum, x, coefficient) }
    return sum
  }

  /// The smaller one, and x where x is NaN: x86 gives the second operand then.
  func minimum(_ x: Value, _ number: Float) -> Value { builder.minimum(constant(number, like: x), x) }
  func maximum(_ x: Value, _ number: Float) -> Value { builder.maximum(constant(number, like: x), x) }

  // MARK: Signs

  /// `magnitude` with the sign of `sign`; the sign of `magnitude` is ignored where `isPositive` does not vouch for it.
  func copySign(_ magnitude: Value, from sign: Value, isPositive: Bool = true) -> Value {
    if hasAVX512 {
      // A bit of the third operand chooses between the first two: 0xD8 is c ? b : a.
      return builder.update(
        .vpternlogd, magnitude, .value(sign), number(bits: 0x8000_0000, kind(sign)), .immediate(0xD8))
    }
    let bare = isPositive ? magnitude : absolute(magnitude)
    return builder.or(combine(.vandps, sign, bits: 0x8000_0000), bare)
  }

  /// `value` negated where the sign bit of `sign` is set.
  func flipSign(_ value: Value, by sign: Value) -> Value {
    if hasAVX512 {
      // a ^ (b & c)
      return builder.update(
        .vpternlogd, value, .value(sign), number(bits: 0x8000_0000, kind(sign)), .immediate(0x78))
    }
    return builder.exclusiveOr(value, combine(.vandps, sign, bits: 0x8000_0000))
  }

  // MARK: Integers of 32 bits

  func shiftLeft(_ x: Value, _ count: Int64) -> Value {
    builder.define(.vpslld, kind(x), .value(x), .immediate(count))
  }
  func shiftRightArithmetic(_ x: Value, _ count: Int64) -> Value {
    builder.define(.vpsrad, kind(x), .value(x), .immediate(count))
  }
  func addInteger(_ x: Value, bits: UInt32) -> Value { combine(.vpaddd, x, bits: bits) }
  func subtractInteger(_ x: Value, bits: UInt32) -> Value { combine(.vpsubd, x, bits: bits) }

  // MARK: Masks

  /// The predicates of vcmpps; all but `unordered`, `notEqual` and `notLess` are false for NaN.
  enum Predicate: Int64 {
    case equal, less, lessOrEqual, unordered, notEqual, notLess
    case greaterOrEqual = 13
    case greater = 14
  }

  private func compare(_ x: Value, _ predicate: Predicate, with operand: VectorOperand) -> Value {
    hasAVX512
      ? builder.define(.vcmppsMask, .mask, .value(x), operand, .immediate(predicate.rawValue))
      : builder.define(.vcmpps, kind(x), .value(x), operand, .immediate(predicate.rawValue))
  }
  func compare(_ x: Value, _ predicate: Predicate, _ y: Value) -> Value { compare(x, predicate, with: .value(y)) }
  func compare(_ x: Value, _ predicate: Predicate, _ number: Float) -> Value {
    compare(x, predicate, with: self.number(number, kind(x)))
  }

  func select(_ mask: Value, _ onTrue: Value, _ onFalse: Value) -> Value { builder.select(mask, onTrue, onFalse) }

  /// The number where the mask is set.
  func select(_ mask: Value, _ onTrue: Float, _ onFalse: Value) -> Value {
    let number = number(onTrue, kind(onFalse))
    return hasAVX512
      ? builder.define(.vblendmps, kind(onFalse), .value(onFalse), number, mask: mask)
      : builder.define(.vblendvps, kind(onFalse), .value(onFalse), number, .value(mask))
  }

  /// 0 where the mask is set.
  func clear(_ mask: Value, _ x: Value) -> Value {
    hasAVX512 ? select(mask, 0, x) : builder.andNot(mask, x)
  }

  func maskAnd(_ x: Value, _ y: Value) -> Value { combine(hasAVX512 ? .kandw : .vandps, x, y) }
  func maskOr(_ x: Value, _ y: Value) -> Value { combine(hasAVX512 ? .korw : .vorps, x, y) }
  /// ¬x ∧ y
  func maskAndNot(_ x: Value, _ y: Value) -> Value { combine(hasAVX512 ? .kandnw : .vandnps, x, y) }

  // MARK: float64

  /// The float64 vectors that hold a float32 vector: two of its own width, or one of twice the width.
  func widen(_ x: Value) -> [Value] {
    switch kind(x) {
    case .zmm:
      [
        builder.define(.vcvtps2pd, .zmm, .view(x, .ymm)),
        builder.define(
          .vcvtps2pd, .zmm, .value(builder.define(.vextractf64x4, .ymm, .value(x), .immediate(1)))),
      ]
    case .ymm where hasAVX512: [builder.define(.vcvtps2pd, .zmm, .value(x))]
    case .ymm:
      [
        builder.define(.vcvtps2pd, .ymm, .view(x, .xmm)),
        builder.define(
          .vcvtps2pd, .ymm, .value(builder.define(.vextractf128, .xmm, .value(x), .immediate(1)))),
      ]
    default: [builder.define(.vcvtps2pd, .ymm, .value(x))]
    }
  }

  /// The same for 32-bit integers, each in a 64-bit lane with zeros above.
  func widenIntegers(_ x: Value) -> [Value] {
    switch kind(x) {
    case .zmm:
      [
        builder.define(.vpmovzxdq, .zmm, .view(x, .ymm)),
        builder.define(
          .vpmovzxdq, .zmm, .value(builder.define(.vextractf64x4, .ymm, .value(x), .immediate(1)))),
      ]
    case .ymm where hasAVX512: [builder.define(.vpmovzxdq, .zmm, .value(x))]
    case .ymm:
      [
        builder.define(.vpmovzxdq, .ymm, .view(x, .xmm)),
        builder.define(
          .vpmovzxdq, .ymm, .value(builder.define(.vextractf128, .xmm, .value(x), .immediate(1)))),
      ]
    default: [builder.define(.vpmovzxdq, .ymm, .value(x))]
    }
  }

  /// Rounds what `widen` gave to one vector of float32.
  func narrow(_ parts: [Value]) -> Value {
    join(parts.map { builder.define(.vcvtpd2ps, kind($0) == .zmm ? .ymm : .xmm, .value($0)) })
  }

  func join(_ halves: [Value]) -> Value {
    guard halves.count == 2 else { return halves[0] }
    return kind(halves[0]) == .ymm
      ? builder.define(.vinsertf64x4, .zmm, .view(halves[0], .zmm), .value(halves[1]), .immediate(1))
      : builder.define(.vinsertf128, .ymm, .view(halves[0], .ymm), .value(halves[1]), .immediate(1))
  }

  func number(wideBits bits: UInt64, _ kind: Register.Kind) -> VectorOperand {
    if let value = shared.value([bits], kind, builder) { return .value(value) }
    return hasAVX512
      ? .memory(builder.constantAddress(elements: [bits]).broadcast)
      : .memory(builder.constantAddress(elements: [UInt64](repeating: bits, count: kind.byteCount / 8)))
  }

  func number(_ number: Double, _ kind: Register.Kind) -> VectorOperand {
    self.number(wideBits: number.bitPattern, kind)
  }

  func constant(_ number: Double, like value: Value) -> Value {
    shared.value([number], kind(value), builder)
      ?? builder.constant(bits: number.bitPattern, kind: kind(value))
  }

  func combine(_ instruction: Instruction, _ x: Value, wideBits bits: UInt64) -> Value {
    builder.define(instruction, kind(x), .value(x), number(wideBits: bits, kind(x)))
  }

  func combine(_ instruction: Instruction, _ x: Value, wide number: Double) -> Value {
    combine(instruction, x, wideBits: number.bitPattern)
  }

  func polynomial(wide coefficients: [Double], _ x: Value) -> Value {
    var sum = constant(coefficients[coefficients.count - 1], like: x)
    for coefficient in coefficients.dropLast().reversed() {
      sum = builder.update(.vfmadd213pd, sum, .value(x), number(coefficient, kind(x)))
    }
    return sum
  }
}
