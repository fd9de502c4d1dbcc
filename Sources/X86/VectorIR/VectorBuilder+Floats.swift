// Vectors of float32 at the full width, unless a narrower kind is asked for.

extension VectorBuilder {
  // MARK: Memory

  public func load(_ address: Address, kind: Register.Kind? = nil) -> Value {
    define(.vmovups, kind ?? vectorKind, .memory(address))
  }

  public func store(_ value: Value, to address: Address) { perform(.vmovups, .memory(address), .value(value)) }

  /// Lanes outside the mask are not read and are zero.
  public func load(_ address: Address, mask: Value, kind: Register.Kind? = nil) -> Value {
    let kind = kind ?? vectorKind
    return hasAVX512
      ? define(.vmovups, kind, .memory(address), mask: mask, zeroing: true)
      : define(.vmaskmovps, kind, .value(mask), .memory(address))
  }

  /// Lanes outside the mask are not written.
  public func store(_ value: Value, to address: Address, mask: Value) {
    if hasAVX512 {
      perform(.vmovups, .memory(address), .value(value), mask: mask)
    } else {
      perform(.vmaskmovpsStore, .memory(address), .value(mask), .value(value))
    }
  }

  /// One float32 in all lanes.
  public func broadcast(_ address: Address, kind: Register.Kind? = nil) -> Value {
    define(.vbroadcastss, kind ?? vectorKind, .memory(address))
  }

  /// The lowest lane in all lanes.
  public func broadcastLowest(_ value: Value, kind: Register.Kind? = nil) -> Value {
    define(.vbroadcastss, kind ?? vectorKind, .view(value, .xmm))
  }

  // MARK: Constants

  /// A number in all lanes.
  public func constant(_ value: Float, kind: Register.Kind? = nil) -> Value {
    value.bitPattern == 0 ? zero(kind: kind) : constant(bits: value.bitPattern, kind: kind)
  }

  /// 32 bits in all lanes.
  public func constant(bits: UInt32, kind: Register.Kind? = nil) -> Value {
    define(
      .vbroadcastss, kind ?? vectorKind, .memory(constantAddress(elements: [bits])),
      rematerializable: true)
  }

  /// 64 bits in all lanes.
  public func constant(bits: UInt64, kind: Register.Kind? = nil) -> Value {
    define(
      .vpbroadcastq, kind ?? vectorKind, .memory(constantAddress(elements: [bits])),
      rematerializable: true)
  }

  /// A whole vector from the constant pool: as many elements as the kind holds.
  public func constant<Element: BitwiseCopyable>(elements: [Element], kind: Register.Kind? = nil) -> Value {
    let bytes = elements.withUnsafeBytes { Array($0) }
    let kind = kind ?? vectorKind
    precondition(bytes.count == kind.byteCount, "\(bytes.count) bytes for a \(kind) register")
    return define(.vmovups, kind, .memory(constantAddress(elements: bytes)), rematerializable: true)
  }

  /// The address of bytes in the constant pool, for memory operands; 1–64 bytes.
  public func constantAddress<Element: BitwiseCopyable>(elements: [Element]) -> Address {
    let bytes = elements.withUnsafeBytes { Array($0) }
    let index = constantIndices[bytes] ?? function.constants.count
    if index == function.constants.count {
      function.constants.append(bytes)
      constantIndices[bytes] = index
    }
    return Address(constant: Int32(index))
  }

  public func zero(kind: Register.Kind? = nil) -> Value {
    let result = function.newValue(kind ?? vectorKind)
    // The operands are the result itself: whatever it holds, the outcome is 0.
    append(
      VectorFunction.Operation(
        instruction: .vxorps, result: result, updates: false, operands: [], isRematerializable: true))
    return result
  }

  // MARK: Arithmetic

  private func binary(_ instruction: Instruction, _ left: Value, _ right: Value) -> Value {
    define(instruction, kind(of: left), .value(left), .value(right))
  }

  public func add(_ left: Value, _ right: Value) -> Value { binary(.vaddps, left, right) }
  public func subtract(_ left: Value, _ right: Value) -> Value { binary(.vsubps, left, right) }
  /// Of two vectors, or of two integers.
  public func multiply(_ left: Value, _ right: Value) -> Value {
    kind(of: left) == .gpr64 ? update(.imul, left, .value(right)) : binary(.vmulps, left, right)
  }
  public func divide(_ left: Value, _ right: Value) -> Value { binary(.vdivps, left, right) }
  /// x86's: the second operand when either is NaN.
  public func maximum(_ left: Value, _ right: Value) -> Value { binary(.vmaxps, left, right) }
  public func minimum(_ left: Value, _ right: Value) -> Value { binary(.vminps, left, right) }
  public func squareRoot(_ value: Value) -> Value { define(.vsqrtps, kind(of: value), .value(value)) }

  public func and(_ left: Value, _ right: Value) -> Value { binary(.vandps, left, right) }
  public func or(_ left: Value, _ right: Value) -> Value { binary(.vorps, left, right) }
  public func exclusiveOr(_ left: Value, _ right: Value) -> Value { binary(.vxorps, left, right) }
  /// ¬left ∧ right
  public func andNot(_ left: Value, _ right: Value) -> Value { binary(.vandnps, left, right) }

  /// accumulator + left · right, rounded once.
  public func multiplyAdd(_ left: Value, _ right: Value, adding accumulator: Value) -> Value {
    update(.vfmadd231ps, accumulator, .value(left), .value(right))
  }
  public func multiplyAdd(_ left: Value, _ right: Address, adding accumulator: Value) -> Value {
    update(.vfmadd231ps, accumulator, .value(left), .memory(right))
  }
  /// accumulator − left · right, rounded once.
  public func negativeMultiplyAdd(_ left: Value, _ right: Value, adding accumulator: Value) -> Value {
    update(.vfnmadd231ps, accumulator, .value(left), .value(right))
  }

  /// To the nearest integer, ties to even (0), down (1), up (2), toward zero (3); as a float, without exceptions.
  public func round(_ value: Value, mode: Int) -> Value {
    // Registers 16–31 are beyond VEX.
    let instruction: Instruction = hasAVX512 ? .vrndscaleps : .vroundps
    return define(instruction, kind(of: value), .value(value), .immediate(Int64(8 | mode)))
  }

  // MARK: Masks

  /// Predicates of vcmpps: 0 =, 1 <, 2 ≤, 3 unordered, 4 ≠, 5 not <, 6 not ≤, 7 ordered; 13 ≥, 14 > (false for NaN).
  public func compare(_ left: Value, _ right: Value, predicate: Int) -> Value {
    hasAVX512
      ? define(.vcmppsMask, .mask, .value(left), .value(right), .immediate(Int64(predicate)))
      : define(.vcmpps, kind(of: left), .value(left), .value(right), .immediate(Int64(predicate)))
  }

  /// Lane by lane `onTrue` where the mask is set, else `onFalse`; 32-bit lanes.
  public func select(_ mask: Value, _ onTrue: Value, _ onFalse: Value) -> Value {
    hasAVX512
      ? define(.vblendmps, kind(of: onTrue), .value(onFalse), .value(onTrue), mask: mask)
      : define(.vblendvps, kind(of: onTrue), .value(onFalse), .value(onTrue), .value(mask))
  }

  /// The first `count` lanes (0 ≤ count, more than there are means all) of a vector of 32-bit lanes.
  public func laneMask(count: Value, kind: Register.Kind? = nil) -> Value {
    let kind = kind ?? vectorKind
    guard hasAVX512 else {
      let bound = define(.vmovd, .xmm, .view(count, .gpr32))
      let spread = define(.vpbroadcastd, kind, .view(bound, .xmm))
      let iota = constant(elements: (0..<Int32(kind.byteCount / 4)).map { $0 }, kind: kind)
      return define(.vpcmpgtd, kind, .value(spread), .value(iota))
    }
    // Bits above the lanes are ignored; bzhi takes counts up to 255.
    let all = integer(0xFFFF_FFFF)
    let capped = minimum(count, .immediate(32))
    let bits = define(.bzhi, .gpr64, .value(all), .value(capped))
    return define(.kmovdFromGeneral, .mask, .view(bits, .gpr32))
  }

  /// The first `count` lanes, known when the function is built.
  public func laneMask(count: Int, kind: Register.Kind? = nil) -> Value {
    let kind = kind ?? vectorKind
    let lanes = kind.byteCount / 4
    guard hasAVX512 else {
      return constant(elements: (0..<lanes).map { $0 < count ? UInt32.max : 0 }, kind: kind)
    }
    let bits = integer(count >= 32 ? 0xFFFF_FFFF : (1 << count) - 1)
    return define(.kmovdFromGeneral, .mask, .view(bits, .gpr32))
  }

  // MARK: Gathers

  /// Elements of 4 bytes at base + index·scale for each 32-bit index lane; lanes outside the mask stay zero.
  public func gather(_ base: Value, indices: Value, scale: Int, displacement: Int = 0, mask: Value? = nil) -> Value {
    let kind = kind(of: indices)
    let old = zero(kind: kind)
    let result = function.newValue(kind)
    var address = Address(base, index: indices, scale: scale)
    address.displacement = displacement
    if hasAVX512 {
      let active = mask.map { define(.kmovd, .mask, .value($0)) } ?? laneMask(count: kind.byteCount / 4, kind: kind)
      append(
        VectorFunction.Operation(
          instruction: .vgatherdps, result: result, updates: true, operands: [.value(old), .memory(address)],
          mask: active, separatesResult: true, clobbersMask: true))
    } else {
      let active = mask.map { define(.vmovaps, kind, .value($0)) } ?? define(.vpcmpeqd, kind, .value(old), .value(old))
      append(
        VectorFunction.Operation(
          instruction: .vgatherdpsVEX, result: result, updates: true,
          operands: [.value(old), .memory(address), .value(active)], separatesResult: true))
    }
    return result
  }

  /// All lanes of a vector added up, in a fixed order; the sum is in every lane of the lowest 128 bits.
  public func horizontal(_ value: Value, _ combine: (Value, Value) -> Value) -> Value {
    var value = value
    if kind(of: value) == .zmm {
      let high = define(.vextractf64x4, .ymm, .value(value), .immediate(1))
      value = combine(define(.vmovaps, .ymm, .view(value, .ymm)), high)
    }
    if kind(of: value) == .ymm {
      let high = define(hasAVX512 ? .vextractf32x4 : .vextractf128, .xmm, .value(value), .immediate(1))
      value = combine(define(.vmovaps, .xmm, .view(value, .xmm)), high)
    }
    value = combine(value, define(.vpermilps, .xmm, .value(value), .immediate(0b01_00_11_10)))
    return combine(value, define(.vpermilps, .xmm, .value(value), .immediate(0b10_11_00_01)))
  }
}
