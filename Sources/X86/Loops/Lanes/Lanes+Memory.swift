import GraphIR
import KernelIR
import Tensors

extension Lanes {
  /// Which lanes of an access exist.
  enum Active {
    case all
    /// The lowest ones, at least one.
    case first(Int)
    /// A mask.
    case masked(Value)
  }

  /// The k register of a masked instruction; nil for all lanes.
  private func register(_ active: Active) -> Value? {
    switch active {
    case .all: nil
    case .first(let number): firstLanes(number)
    case .masked(let mask): mask
    }
  }

  private func active(_ active: Active) -> Value { register(active) ?? firstLanes(count) }

  /// Whether consecutive elements can be moved under a mask that is not known when the code is made.
  static func masksMemory(_ type: ElementType, _ instructionSet: InstructionSet) -> Bool {
    instructionSet >= .avx512 || type.bitWidth >= 32
  }

  // MARK: Consecutive elements

  /// Elements of stored type `type` as their compute type; inactive lanes are not read and are zero.
  func load(_ type: ElementType, _ address: Address, _ active: Active) -> Value {
    hasAVX512 ? load512(type, address, register(active)) : load256(type, address, active)
  }

  private func load512(_ type: ElementType, _ address: Address, _ mask: Value?) -> Value {
    func move(_ instruction: Instruction, _ type: ElementType) -> Value {
      builder.define(instruction, kind(type), .memory(address), mask: mask, zeroing: mask != nil)
    }
    switch type {
    case .float32, .int32, .uint32: return move(.vmovups, type)
    case .float64, .int64, .uint64: return move(.vmovupd, type)
    case .float16: return move(.vcvtph2ps, .float32)
    case .bfloat16: return immediate(.float32, .vpslld, move(.vpmovzxwd, .float32), 16)
    case .int8: return move(.vpmovsxbd, .int32)
    case .uint8: return move(.vpmovzxbd, .int32)
    case .int16: return move(.vpmovsxwd, .int32)
    case .uint16: return move(.vpmovzxwd, .int32)
    default:
      let mask = mask ?? (count == 16 ? nil : firstLanes(count))
      let bytes = builder.define(.vmovdqu8, .xmm, .memory(address), mask: mask, zeroing: mask != nil)
      return builder.define(.vptestmb, .mask, .value(bytes), .value(bytes))
    }
  }

  private func load256(_ type: ElementType, _ address: Address, _ active: Active) -> Value {
    if type.bitWidth >= 32 {
      guard let mask = register(active) else { return builder.define(.vmovups, kind(type), .memory(address)) }
      return builder.define(
        Self.isWide(type) ? .vmaskmovpd : .vmaskmovps, kind(type), .value(self.mask(mask, for: type)), .memory(address))
    }
    if case .first(let number) = active {
      return widened(type, packed: loadBytes(number * type.bitWidth / 8, address))
    }
    switch type {
    case .float16: return builder.define(.vcvtph2ps, kind(.float32), .memory(address))
    case .bfloat16:
      return immediate(.float32, .vpslld, builder.define(.vpmovzxwd, kind(.float32), .memory(address)), 16)
    case .bool: return widened(type, packed: loadBytes(count, address))
    default:
      return builder.define(Self.extension(type), kind(.int32), .memory(address))
    }
  }

  private static func `extension`(_ type: ElementType) -> Instruction {
    switch type {
    case .int8: .vpmovsxbd
    case .uint8: .vpmovzxbd
    case .int16: .vpmovsxwd
    default: .vpmovzxwd
    }
  }

  /// Narrow elements that lie side by side in the low bytes of a register.
  private func widened(_ type: ElementType, packed: Value) -> Value {
    let half = Self.kind(byteCount: count * 2)
    let quarter = Register.Kind.xmm
    switch type {
    case .float16: return builder.define(.vcvtph2ps, kind(.float32), .view(packed, half))
    case .bfloat16:
      return immediate(.float32, .vpslld, builder.define(.vpmovzxwd, kind(.float32), .view(packed, half)), 16)
    case .int16, .uint16: return builder.define(Self.extension(type), kind(.int32), .view(packed, half))
    case .bool where hasAVX512: return builder.define(.vptestmb, .mask, .view(packed, .xmm), .view(packed, .xmm))
    case .bool:
      let lanes = builder.define(hasWideMasks ? .vpmovzxbq : .vpmovzxbd, kind(.bool), .view(packed, .xmm))
      let zero = constant(hasWideMasks ? .int64 : .int32, bits: 0)
      return builder.define(hasWideMasks ? .vpcmpgtq : .vpcmpgtd, kind(.bool), .value(lanes), .value(zero))
    default: return builder.define(Self.extension(type), kind(.int32), .view(packed, quarter))
    }
  }

  /// `number` bytes, 1–16, zeros above them.
  private func loadBytes(_ number: Int, _ address: Address) -> Value {
    if number == 16 { return builder.define(.vmovups, .xmm, .memory(address)) }
    var loaded = 0
    var result: Value
    if number >= 8 {
      result = builder.define(.vmovq, .xmm, .memory(address))
      loaded = 8
    } else if number >= 4 {
      result = builder.define(.vmovd, .xmm, .memory(address))
      loaded = 4
    } else {
      result = builder.zero(kind: .xmm)
    }
    for (size, instruction) in [(4, Instruction.vpinsrd), (2, .vpinsrw), (1, .vpinsrb)] where number - loaded >= size {
      result = builder.define(
        instruction, .xmm, .value(result), .memory(address.advanced(by: loaded)), .immediate(Int64(loaded / size)))
      loaded += size
    }
    return result
  }

  /// The low `number` bytes of a register, 1–16.
  private func storeBytes(_ number: Int, _ value: Value, _ address: Address) {
    if number == 16 { return builder.perform(.vmovups, .memory(address), .view(value, .xmm)) }
    var stored = 0
    if number >= 8 {
      builder.perform(.vmovq, .memory(address), .view(value, .xmm))
      stored = 8
    }
    for (size, instruction) in [(4, Instruction.vpextrd), (2, .vpextrw), (1, .vpextrb)] where number - stored >= size {
      builder.perform(
        instruction, .memory(address.advanced(by: stored)), .view(value, .xmm), .immediate(Int64(stored / size)))
      stored += size
    }
  }

  /// A value of compute type as elements of stored type; inactive lanes are not written.
  func store(_ type: ElementType, _ value: Value, _ address: Address, _ active: Active) {
    if hasAVX512 {
      store512(type, value, address, register(active))
    } else {
      store256(type, value, address, active)
    }
  }

  private func store512(_ type: ElementType, _ value: Value, _ address: Address, _ mask: Value?) {
    switch type {
    case .float32, .int32, .uint32: builder.perform(.vmovups, .memory(address), .value(value), mask: mask)
    case .float64, .int64, .uint64: builder.perform(.vmovupd, .memory(address), .value(value), mask: mask)
    case .float16: builder.perform(.vcvtps2ph, .memory(address), .value(value), .immediate(0), mask: mask)
    case .bfloat16: builder.perform(.vpmovdw, .memory(address), .value(bfloat16Bits(value)), mask: mask)
    case .int8, .uint8: builder.perform(.vpmovdb, .memory(address), .value(value), mask: mask)
    case .int16, .uint16: builder.perform(.vpmovdw, .memory(address), .value(value), mask: mask)
    default:
      let mask = mask ?? (count == 16 ? nil : firstLanes(count))
      builder.perform(.vmovdqu8, .memory(address), .value(packed(type, value)), mask: mask)
    }
  }

  private func store256(_ type: ElementType, _ value: Value, _ address: Address, _ active: Active) {
    if type.bitWidth >= 32 {
      guard let mask = register(active) else { return builder.perform(.vmovups, .memory(address), .value(value)) }
      builder.perform(
        Self.isWide(type) ? .vmaskmovpdStore : .vmaskmovpsStore, .memory(address),
        .value(self.mask(mask, for: type)), .value(value))
      return
    }
    var number = count
    if case .first(let first) = active { number = first }
    storeBytes(number * type.bitWidth / 8, packed(type, value), address)
  }

  /// A value of compute type as narrow elements side by side in the low bytes of a register.
  private func packed(_ type: ElementType, _ value: Value) -> Value {
    switch type {
    case .float16: return halves(value)
    case .bfloat16: return packed(.uint16, bfloat16Bits(value))
    case .bool where hasAVX512:
      let ones = constant(bytes: [UInt8](repeating: 1, count: 16), kind: .xmm)
      return builder.define(.vmovdqu8, .xmm, .value(ones), mask: value, zeroing: true)
    case .bool:
      // All ones become one in each byte.
      return builder.define(.vpabsb, .xmm, .value(packed(.int8, mask(value, for: .int32))))
    default: break
    }
    let bytes = type.bitWidth / 8
    if hasAVX512 {
      let kind = Self.kind(byteCount: builder.kind(of: value).byteCount * bytes / 4)
      return builder.define(bytes == 1 ? .vpmovdb : .vpmovdw, kind, .value(value))
    }
    // The low bytes of each lane side by side, in each half of the register, then the halves.
    let pattern: [UInt8] = (0..<16).map { position in
      let lane = position / bytes
      return lane < 4 ? UInt8(lane * 4 + position % bytes) : 0x80
    }
    let kind = builder.kind(of: value)
    let patterns = constant(bytes: kind == .ymm ? pattern + pattern : pattern, kind: kind)
    let shuffled = builder.define(.vpshufb, kind, .value(value), .value(patterns))
    if kind == .xmm { return shuffled }
    let high = builder.define(.vextracti128, .xmm, .value(shuffled), .immediate(1))
    return builder.define(bytes == 1 ? .vpunpckldq : .vpunpcklqdq, .xmm, .view(shuffled, .xmm), .value(high))
  }

  // MARK: One element

  /// One element in all lanes.
  func loadSpread(_ type: ElementType, _ address: Address) -> Value {
    switch type {
    case .float32, .int32, .uint32: return builder.define(.vbroadcastss, kind(type), .memory(address))
    case .float64, .int64, .uint64: return builder.define(.vpbroadcastq, kind(type), .memory(address))
    case .int8: return spread(.int32, general: builder.define(.movsxb, .gpr64, .memory(address)))
    case .uint8: return spread(.int32, general: builder.define(.movzxb, .gpr64, .memory(address)))
    case .int16: return spread(.int32, general: builder.define(.movsxw, .gpr64, .memory(address)))
    case .uint16: return spread(.int32, general: builder.define(.movzxw, .gpr64, .memory(address)))
    case .float16, .bfloat16:
      let half = Self.kind(byteCount: kind(.float32).byteCount / 2)
      return widened(type, packed: builder.define(.vpbroadcastw, half, .memory(address)))
    default: return widened(type, packed: builder.define(.vpbroadcastb, .xmm, .memory(address)))
    }
  }

  /// The lowest lane as one element.
  func storeLowest(_ type: ElementType, _ value: Value, _ address: Address) {
    switch type.bitWidth {
    case 32: builder.perform(.vmovss, .memory(address), .view(value, .xmm))
    case 64: builder.perform(.vmovsd, .memory(address), .view(value, .xmm))
    case 16:
      builder.perform(.vpextrw, .memory(address), .view(packed(type, value), .xmm), .immediate(0))
    default:
      builder.perform(.vpextrb, .memory(address), .view(packed(type, value), .xmm), .immediate(0))
    }
  }

  // MARK: Elements apart

  /// Elements `byteStride` bytes apart.
  func loadStrided(_ type: ElementType, _ address: Address, byteStride: Int, _ active: Active) -> Value {
    if type.bitWidth >= 32 {
      let offsets = (0..<count).map { $0 * byteStride }
      return gather(type, address, offsets: constant(.int32, elements: offsets), scale: 1, active)
    }
    var number = count
    if case .first(let first) = active { number = first }
    let bytes = type.bitWidth / 8
    let instruction: Instruction = bytes == 1 ? .vpinsrb : .vpinsrw
    let perPart = 16 / bytes
    var parts: [Value] = []
    for first in stride(from: 0, to: count, by: perPart) {
      var part = builder.zero(kind: .xmm)
      for lane in first..<max(first, min(number, first + perPart)) {
        part = builder.define(
          instruction, .xmm, .value(part), .memory(address.advanced(by: lane * byteStride)),
          .immediate(Int64(lane - first)))
      }
      parts.append(part)
    }
    return widened(type, packed: parts.count == 1 ? parts[0] : join(parts[0], parts[1], .ymm))
  }

  func storeStrided(_ type: ElementType, _ value: Value, _ address: Address, byteStride: Int, _ active: Active) {
    if hasAVX512 && type.bitWidth >= 32 {
      let offsets = constant(.int32, elements: (0..<count).map { $0 * byteStride })
      var target = address
      let base = builder.address(target)
      target = Address(base, index: offsets)
      builder.append(
        VectorFunction.Operation(
          instruction: Self.isWide(type) ? .vscatterdpd : .vscatterdps, result: nil, updates: false,
          operands: [.memory(target), .value(value)], mask: copiedMask(active), clobbersMask: true))
      return
    }
    var number = count
    if case .first(let first) = active { number = first }
    let bytes = type.bitWidth / 8
    let source = bytes < 4 ? packed(type, value) : value
    let instruction: Instruction =
      switch bytes {
      case 1: .vpextrb
      case 2: .vpextrw
      case 4: .vpextrd
      default: .vpextrq
      }
    let perPart = 16 / bytes
    for first in stride(from: 0, to: number, by: perPart) {
      let part = xmm(source, part: first / perPart)
      for lane in first..<min(number, first + perPart) {
        builder.perform(
          instruction, .memory(address.advanced(by: lane * byteStride)), .view(part, .xmm),
          .immediate(Int64(lane - first)))
      }
    }
  }

  /// Elements of 4 or 8 bytes at `address` + offset·scale, offsets as int32 lanes.
  func gather(_ type: ElementType, _ address: Address, offsets: Value, scale: Int, _ active: Active) -> Value {
    let isWide = Self.isWide(type)
    let kind = kind(type)
    var source = Address(
      address.index == nil ? address.base! : builder.address(address), index: offsets, scale: scale)
    if address.index == nil { source.displacement = address.displacement }
    let old = builder.zero(kind: kind)
    let result = builder.function.newValue(kind)
    if hasAVX512 {
      builder.append(
        VectorFunction.Operation(
          instruction: isWide ? .vgatherdpd : .vgatherdps, result: result, updates: true,
          operands: [.value(old), .memory(source)], mask: copiedMask(active), separatesResult: true,
          clobbersMask: true))
    } else {
      let mask = builder.define(.vmovaps, kind, .value(self.mask(self.active(active), for: type)))
      builder.append(
        VectorFunction.Operation(
          instruction: isWide ? .vgatherdpdVEX : .vgatherdpsVEX, result: result, updates: true,
          operands: [.value(old), .memory(source), .value(mask)], separatesResult: true))
    }
    return result
  }

  /// Elements of 1 or 2 bytes at `address` + offset elements, `number` of them, lane by lane.
  func gatherNarrow(_ type: ElementType, _ address: Address, offsets: Value, _ number: Int) -> Value {
    let bytes = type.bitWidth / 8
    let base = address.index == nil ? address.base! : builder.address(address)
    let displacement = address.index == nil ? address.displacement : 0
    let perPart = 16 / bytes
    var parts: [Value] = []
    for first in stride(from: 0, to: count, by: perPart) {
      var part = builder.zero(kind: .xmm)
      for lane in first..<max(first, min(number, first + perPart)) {
        let offset = general(.int32, offsets, lane: lane)
        part = builder.define(
          bytes == 1 ? .vpinsrb : .vpinsrw, .xmm, .value(part),
          .memory(Address(base, index: offset, scale: bytes, displacement: displacement)),
          .immediate(Int64(lane - first)))
      }
      parts.append(part)
    }
    return widened(type, packed: parts.count == 1 ? parts[0] : join(parts[0], parts[1], .ymm))
  }

  /// Gathers and scatters clear their mask.
  private func copiedMask(_ active: Active) -> Value {
    builder.define(.kmovw, .mask, .value(self.active(active)))
  }
}
