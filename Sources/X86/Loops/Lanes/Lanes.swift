import GraphIR
import KernelIR
import Tensors

/// Typed arithmetic on `count` elements at a time, one in each lane of a register.
///
/// All values of a kernel have the same number of lanes; the width of its widest type decides how many fill the vector
/// registers, narrower types then take half of one. A value that is the same for all lanes stands in all of them.
///
/// bool is a mask: a k register with AVX-512; with AVX2 lanes of all ones or zeros, which are as wide as the widest type.
final class Lanes {
  let builder: VectorBuilder
  let count: Int
  /// AVX2 masks have lanes of 64 bits.
  let hasWideMasks: Bool

  private var hoisted: [HoistKey: Value] = [:]
  private var prologueCount = 0

  private enum HoistKey: Hashable {
    case bits(UInt64, Register.Kind, isWide: Bool)
    case elements([Int64], Register.Kind, isWide: Bool)
    case firstLanes(Int)
    case bytes([UInt8], Register.Kind)
  }

  init(builder: VectorBuilder, count: Int, hasWideMasks: Bool) {
    self.builder = builder
    self.count = count
    self.hasWideMasks = hasWideMasks
  }

  var hasAVX512: Bool { builder.hasAVX512 }

  // MARK: Registers

  static func kind(byteCount: Int) -> Register.Kind { byteCount <= 16 ? .xmm : byteCount <= 32 ? .ymm : .zmm }

  /// The register of a value of compute type `type`.
  func kind(_ type: ElementType) -> Register.Kind {
    if type == .bool { return hasAVX512 ? .mask : Self.kind(byteCount: count * (hasWideMasks ? 8 : 4)) }
    return Self.kind(byteCount: count * type.bitWidth / 8)
  }

  static func isWide(_ type: ElementType) -> Bool { type.bitWidth == 64 }

  // MARK: Constants

  /// Constants stand at the start of the function, once each: the allocator makes them again where registers run out.
  private func hoist(_ key: HoistKey, _ make: () -> Value) -> Value {
    if let value = hoisted[key] { return value }
    let start = builder.function.entries.count
    let value = make()
    let entries = Array(builder.function.entries[start...])
    builder.function.entries.removeSubrange(start...)
    builder.function.entries.insert(contentsOf: entries, at: prologueCount)
    prologueCount += entries.count
    hoisted[key] = value
    return value
  }

  func constant(_ type: ElementType, bits: UInt64) -> Value {
    if type == .bool { return firstLanes(bits & 0xFF == 0 ? 0 : count) }
    let isWide = Self.isWide(type)
    let bits = isWide ? bits : bits & 0xFFFF_FFFF
    return hoist(.bits(bits, kind(type), isWide: isWide)) {
      if bits == 0 { return builder.zero(kind: kind(type)) }
      return isWide
        ? builder.constant(bits: bits, kind: kind(type))
        : builder.constant(bits: UInt32(truncatingIfNeeded: bits), kind: kind(type))
    }
  }

  func zero(_ type: ElementType) -> Value { constant(type, bits: 0) }

  /// A small integer as a number of the type.
  func number(_ type: ElementType, _ value: Int) -> Value {
    switch type {
    case .float32: constant(type, bits: UInt64(Float(value).bitPattern))
    case .float64: constant(type, bits: Double(value).bitPattern)
    default: constant(type, bits: UInt64(bitPattern: Int64(value)))
    }
  }

  /// One integer for each lane.
  func constant(_ type: ElementType, elements: [Int]) -> Value {
    let kind = kind(type)
    let isWide = Self.isWide(type)
    let lanes = kind.byteCount / (isWide ? 8 : 4)
    let padded = (0..<lanes).map { elements.indices.contains($0) ? Int64(elements[$0]) : 0 }
    return hoist(.elements(padded, kind, isWide: isWide)) {
      isWide
        ? builder.constant(elements: padded, kind: kind)
        : builder.constant(elements: padded.map { Int32(truncatingIfNeeded: $0) }, kind: kind)
    }
  }

  func constant(bytes: [UInt8], kind: Register.Kind) -> Value {
    hoist(.bytes(bytes, kind)) { builder.constant(elements: bytes, kind: kind) }
  }

  /// The mask of the first lanes.
  func firstLanes(_ number: Int) -> Value {
    guard hasAVX512 else {
      return constant(
        hasWideMasks ? .int64 : .int32, elements: (0..<count).map { $0 < number ? -1 : 0 })
    }
    let number = min(number, count)
    return hoist(.firstLanes(number)) {
      builder.define(.kmovdFromGeneral, .mask, .view(builder.integer((1 << number) - 1), .gpr32))
    }
  }

  // MARK: Operations of one instruction

  func binary(_ type: ElementType, _ instruction: Instruction, _ a: Value, _ b: Value) -> Value {
    builder.define(instruction, kind(type), .value(a), .value(b))
  }

  func unary(_ type: ElementType, _ instruction: Instruction, _ x: Value) -> Value {
    builder.define(instruction, kind(type), .value(x))
  }

  func immediate(_ type: ElementType, _ instruction: Instruction, _ x: Value, _ immediate: Int) -> Value {
    builder.define(instruction, kind(type), .value(x), .immediate(Int64(immediate)))
  }

  // Bitwise, on vectors of any type.
  func and(_ a: Value, _ b: Value) -> Value { builder.and(a, b) }
  func or(_ a: Value, _ b: Value) -> Value { builder.or(a, b) }
  func exclusiveOr(_ a: Value, _ b: Value) -> Value { builder.exclusiveOr(a, b) }
  /// ¬a ∧ b
  func andNot(_ a: Value, _ b: Value) -> Value { builder.andNot(a, b) }

  // MARK: Masks

  func maskAnd(_ a: Value, _ b: Value) -> Value { hasAVX512 ? binary(.bool, .kandw, a, b) : and(a, b) }
  func maskOr(_ a: Value, _ b: Value) -> Value { hasAVX512 ? binary(.bool, .korw, a, b) : or(a, b) }
  func maskExclusiveOr(_ a: Value, _ b: Value) -> Value {
    hasAVX512 ? binary(.bool, .kxorw, a, b) : exclusiveOr(a, b)
  }
  /// ¬a ∧ b
  func maskAndNot(_ a: Value, _ b: Value) -> Value { hasAVX512 ? binary(.bool, .kandnw, a, b) : andNot(a, b) }
  func maskNot(_ a: Value) -> Value { maskExclusiveOr(a, firstLanes(count)) }

  /// An AVX2 mask for lanes as wide as the type's.
  func mask(_ mask: Value, for type: ElementType) -> Value {
    guard !hasAVX512, hasWideMasks, !Self.isWide(type) else { return mask }
    if builder.kind(of: mask) == .xmm { return builder.define(.vpshufd, .xmm, .value(mask), .immediate(0b1000)) }
    let high = builder.define(.vextracti128, .xmm, .value(mask), .immediate(1))
    return builder.define(.vshufps, .xmm, .view(mask, .xmm), .value(high), .immediate(0b10_00_10_00))
  }

  /// The way back: what an AVX2 comparison of the type gave, as a mask.
  private func mask(_ lanes: Value, from type: ElementType) -> Value {
    guard !hasAVX512, hasWideMasks, !Self.isWide(type) else { return lanes }
    return builder.define(.vpmovsxdq, kind(.bool), .view(lanes, .xmm))
  }

  func select(_ type: ElementType, _ mask: Value, _ a: Value, _ b: Value) -> Value {
    if type == .bool { return maskOr(maskAnd(mask, a), maskAndNot(mask, b)) }
    let isWide = Self.isWide(type)
    if hasAVX512 {
      return builder.define(isWide ? .vblendmpd : .vblendmps, kind(type), .value(b), .value(a), mask: mask)
    }
    let lanes = self.mask(mask, for: type)
    return builder.define(isWide ? .vblendvpd : .vblendvps, kind(type), .value(b), .value(a), .value(lanes))
  }

  // MARK: Comparisons

  func compare(_ comparison: Comparison, _ type: ElementType, _ a: Value, _ b: Value) -> Value {
    if type == .bool { return compareMasks(comparison, a, b) }
    if type.isFloat { return compareFloats(type, a, b, predicate: Self.floatPredicate(comparison)) }
    if hasAVX512 {
      let instruction: Instruction =
        switch type {
        case .int32: .vpcmpd
        case .uint32: .vpcmpud
        case .int64: .vpcmpq
        default: .vpcmpuq
        }
      return builder.define(
        instruction, .mask, .value(a), .value(b), .immediate(Int64(Self.integerPredicate(comparison))))
    }
    switch comparison {
    case .equal: return mask(binary(type, Self.isWide(type) ? .vpcmpeqq : .vpcmpeqd, a, b), from: type)
    case .greater:
      let (a, b) = (ordered(type, a), ordered(type, b))
      return mask(binary(type, Self.isWide(type) ? .vpcmpgtq : .vpcmpgtd, a, b), from: type)
    case .less: return compare(.greater, type, b, a)
    case .notEqual: return maskNot(compare(.equal, type, a, b))
    case .lessOrEqual: return maskNot(compare(.greater, type, a, b))
    case .greaterOrEqual: return maskNot(compare(.greater, type, b, a))
    }
  }

  /// Unsigned integers as signed ones of the same order.
  private func ordered(_ type: ElementType, _ x: Value) -> Value {
    guard type.kind == .unsignedInteger else { return x }
    return exclusiveOr(x, constant(type, bits: 1 << UInt64(type.bitWidth - 1)))
  }

  /// Predicates as those of vcmpps.
  func compareFloats(_ type: ElementType, _ a: Value, _ b: Value, predicate: Int) -> Value {
    let isWide = Self.isWide(type)
    if hasAVX512 {
      return builder.define(
        isWide ? .vcmppdMask : .vcmppsMask, .mask, .value(a), .value(b), .immediate(Int64(predicate)))
    }
    let lanes = builder.define(
      isWide ? .vcmppd : .vcmpps, kind(type), .value(a), .value(b), .immediate(Int64(predicate)))
    return mask(lanes, from: type)
  }

  private func compareMasks(_ comparison: Comparison, _ a: Value, _ b: Value) -> Value {
    switch comparison {
    case .equal: maskNot(maskExclusiveOr(a, b))
    case .notEqual: maskExclusiveOr(a, b)
    case .less: maskAndNot(a, b)
    case .greater: maskAndNot(b, a)
    case .lessOrEqual: maskNot(maskAndNot(b, a))
    case .greaterOrEqual: maskNot(maskAndNot(a, b))
    }
  }

  /// Ordered and quiet: false for NaN, except ≠.
  private static func floatPredicate(_ comparison: Comparison) -> Int {
    switch comparison {
    case .equal: 0
    case .notEqual: 4
    case .less: 17
    case .lessOrEqual: 18
    case .greater: 30
    case .greaterOrEqual: 29
    }
  }

  private static func integerPredicate(_ comparison: Comparison) -> Int {
    switch comparison {
    case .equal: 0
    case .notEqual: 4
    case .less: 1
    case .lessOrEqual: 2
    case .greater: 6
    case .greaterOrEqual: 5
    }
  }

  // MARK: Between lanes

  /// The lowest lane in all lanes.
  func spread(_ type: ElementType, _ lowest: Value) -> Value {
    builder.define(Self.isWide(type) ? .vpbroadcastq : .vbroadcastss, kind(type), .view(lowest, .xmm))
  }

  /// All lanes combined, in an order that depends on nothing but their number; the result is in all lanes.
  func horizontal(_ type: ElementType, _ value: Value, _ combine: (Value, Value) -> Value) -> Value {
    var value = value
    if builder.kind(of: value) == .zmm {
      let high = builder.define(.vextractf64x4, .ymm, .value(value), .immediate(1))
      value = combine(builder.define(.vmovaps, .ymm, .view(value, .ymm)), high)
    }
    if builder.kind(of: value) == .ymm {
      let extract: Instruction = hasAVX512 ? .vextractf32x4 : .vextractf128
      let high = builder.define(extract, .xmm, .value(value), .immediate(1))
      value = combine(builder.define(.vmovaps, .xmm, .view(value, .xmm)), high)
    }
    value = combine(value, builder.define(.vpermilps, .xmm, .value(value), .immediate(0b01_00_11_10)))
    if !Self.isWide(type) {
      value = combine(value, builder.define(.vpermilps, .xmm, .value(value), .immediate(0b10_11_00_01)))
    }
    return spread(type, value)
  }

  /// A general-purpose integer in all lanes of an integer type.
  func spread(_ type: ElementType, general: Value) -> Value {
    let isWide = Self.isWide(type)
    if hasAVX512 {
      return isWide
        ? builder.define(.vpbroadcastqFromGeneral, kind(type), .value(general))
        : builder.define(.vpbroadcastdFromGeneral, kind(type), .view(general, .gpr32))
    }
    let lowest =
      isWide
      ? builder.define(.vmovq, .xmm, .value(general)) : builder.define(.vmovd, .xmm, .view(general, .gpr32))
    return builder.define(isWide ? .vpbroadcastq : .vpbroadcastd, kind(type), .value(lowest))
  }

  /// An element of an integer type as a 64-bit integer, sign-extended.
  func general(_ type: ElementType, _ value: Value, lane: Int = 0) -> Value {
    let isWide = Self.isWide(type)
    let perPart = isWide ? 2 : 4
    let part = xmm(value, part: lane / perPart)
    if isWide {
      return lane % perPart == 0
        ? builder.define(.vmovq, .gpr64, .view(part, .xmm))
        : builder.define(.vpextrq, .gpr64, .view(part, .xmm), .immediate(1))
    }
    let narrow =
      lane % perPart == 0
      ? builder.define(.vmovd, .gpr32, .view(part, .xmm))
      : builder.define(.vpextrd, .gpr32, .view(part, .xmm), .immediate(Int64(lane % perPart)))
    return builder.define(.movsxd, .gpr64, .value(narrow))
  }

  /// 128 bits of a vector; for part 0 the vector itself, to be viewed as xmm.
  func xmm(_ value: Value, part: Int) -> Value {
    if part == 0 { return value }
    let instruction: Instruction =
      builder.kind(of: value) == .zmm || hasAVX512 ? .vextractf32x4 : .vextractf128
    return builder.define(instruction, .xmm, .value(value), .immediate(Int64(part)))
  }
}
