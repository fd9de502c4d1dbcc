/// One line of the tables: everything the encoder must know about an instruction, in a few trivial bytes.
public struct Instruction: Hashable, Sendable {
  enum Encoding: Hashable, Sendable {
    /// VEX or EVEX.
    case vector
    /// Legacy opcodes with an optional REX prefix.
    case legacy(LegacyShape)
  }

  /// The mandatory prefix; the raw value is the `pp` field.
  enum Prefix: UInt8, Sendable {
    case none, p66, pF3, pF2

    var byte: UInt8? {
      switch self {
      case .none: nil
      case .p66: 0x66
      case .pF3: 0xF3
      case .pF2: 0xF2
      }
    }
  }

  /// The opcode map; the raw value is the `mmm` field.
  enum Map: UInt8, Sendable {
    case one = 0
    case m0F = 1
    case m0F38 = 2
    case m0F3A = 3
    case m5 = 5
    case m6 = 6
  }

  enum WidthBit: UInt8, Sendable {
    case w0, w1
    /// VEX ignores it (and gets 0, for the shorter prefix), EVEX wants 1.
    case evexW1
    /// 1 for 64-bit general-purpose registers.
    case byRegister
  }

  /// Which vector lengths exist. The fixed ones are for forms without a vector of the instruction's length.
  enum Lengths: UInt8, Sendable {
    case all
    /// 256 and 512.
    case wide
    case l0, l1, l2
  }

  /// What the mask operand of EVEX may be.
  enum Masking: UInt8, Sendable {
    case none
    /// Elements outside the mask keep their value: memory and mask destinations.
    case merge
    case zeroing
    /// k1–k7 must be given, without zeroing: gathers and scatters.
    case required
  }

  enum RoundingSupport: UInt8, Sendable {
    case none
    case suppressExceptions
    case embedded
  }

  let name: StaticString
  let encoding: Encoding
  let prefix: Prefix
  let map: Map
  let opcode: UInt8
  /// The opcode with the roles of reg and rm exchanged, for a first operand in memory; 0 where there is none.
  let storeOpcode: UInt8
  let w: WidthBit
  let form: Form
  let tuple: Tuple
  /// ModRM.reg, for forms that have no operand there.
  let digit: UInt8
  let lengths: Lengths
  let masking: Masking
  let rounding: RoundingSupport
  /// The feature that its VEX (or legacy) encoding needs; nil where it has none.
  let vex: CPUFeature?
  let evex: CPUFeature?
  /// Tile loads and stores take their stride from the index, so that a SIB byte must exist.
  let needsSIB: Bool
  /// Two entries with one mnemonic are told apart by an assembler's pseudo prefix.
  let vexText: Bool

  /// A VEX or EVEX instruction.
  init(
    _ name: StaticString, _ form: Form, _ prefix: Prefix, _ map: Map, _ opcode: UInt8, _ w: WidthBit, _ tuple: Tuple,
    vex: CPUFeature? = nil, evex: CPUFeature? = nil, store: UInt8 = 0, digit: UInt8 = 0, lengths: Lengths = .all,
    masking: Masking = .zeroing, rounding: RoundingSupport = .none, needsSIB: Bool = false, vexText: Bool = false
  ) {
    self.name = name
    self.encoding = .vector
    self.prefix = prefix
    self.map = map
    self.opcode = opcode
    self.storeOpcode = store
    self.w = w
    self.form = form
    self.tuple = tuple
    self.digit = digit
    self.lengths = lengths
    self.masking = masking
    self.rounding = rounding
    self.vex = vex
    self.evex = evex
    self.needsSIB = needsSIB
    self.vexText = vexText
  }

  /// A legacy instruction.
  init(
    _ name: StaticString, _ shape: LegacyShape, _ prefix: Prefix, _ map: Map, _ opcode: UInt8,
    store: UInt8 = 0, digit: UInt8 = 0, memory: UInt8 = 0, feature: CPUFeature = .baseline
  ) {
    self.name = name
    self.encoding = .legacy(shape)
    self.prefix = prefix
    self.map = map
    self.opcode = opcode
    self.storeOpcode = store
    self.w = .byRegister
    self.form = .none
    self.tuple = .scalar(memory)
    self.digit = digit
    self.lengths = .l0
    self.masking = .none
    self.rounding = .none
    self.vex = feature
    self.evex = nil
    self.needsSIB = false
    self.vexText = false
  }

  public static func == (left: Instruction, right: Instruction) -> Bool {
    left.encoding == right.encoding && left.prefix == right.prefix && left.map == right.map
      && left.opcode == right.opcode && left.storeOpcode == right.storeOpcode && left.digit == right.digit
      && left.w == right.w && left.form == right.form && left.vex == right.vex && left.evex == right.evex
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(map)
    hasher.combine(prefix)
    hasher.combine(opcode)
    hasher.combine(digit)
  }

  public var mnemonic: String { "\(name)" }
}

/// How the bytes of a memory operand follow from the vector length: its size, and the N of EVEX's disp8·N.
enum Tuple: Hashable, Sendable {
  /// The whole vector, or one element of that many bytes, broadcast; 0 where nothing is broadcast.
  case full(UInt8)
  /// Half the vector, or one element, broadcast.
  case half(UInt8)
  case quarter, eighth
  /// That many bytes at every length.
  case scalar(UInt8)
  /// A whole vector of which any number of elements may be moved, so that disp8 counts elements of that many bytes.
  case elements(UInt8)
  /// vmovddup: 8 bytes at 128 bits, the whole vector otherwise.
  case duplicate

  static let fullMemory = Tuple.full(0)
  static let halfMemory = Tuple.half(0)

  func byteCount(vectorBytes: Int) -> Int {
    switch self {
    case .full, .elements: vectorBytes
    case .half: vectorBytes / 2
    case .quarter: vectorBytes / 4
    case .eighth: vectorBytes / 8
    case .scalar(let bytes): Int(bytes)
    case .duplicate: vectorBytes == 16 ? 8 : vectorBytes
    }
  }

  /// What one step of disp8 counts in an EVEX instruction.
  func displacementUnit(vectorBytes: Int, broadcasts: Bool) -> Int {
    if broadcasts, let element = broadcastBytes { return element }
    if case .elements(let bytes) = self { return Int(bytes) }
    return max(1, byteCount(vectorBytes: vectorBytes))
  }

  /// Bytes of the element that a broadcast repeats.
  var broadcastBytes: Int? {
    switch self {
    case .full(let bytes), .half(let bytes): bytes == 0 ? nil : Int(bytes)
    default: nil
    }
  }
}

/// The operand combinations of legacy instructions.
enum LegacyShape: UInt8, Sendable {
  /// `r, r/m` (opcode), `r/m, r` (store), `r/m, imm` (83 or 81 with the digit).
  case arithmetic
  /// As above, with C7 /0 for immediates, and a 64-bit immediate for registers.
  case move
  /// `r/m, r` and `r/m, imm32`.
  case test
  /// `r/m, imm8` (opcode) and `r/m, cl` (store).
  case shift
  /// `r/m` with a digit.
  case unary
  /// `r, r/m`.
  case load
  /// `r, m`.
  case address
  /// `r, r/m` whose source has `memory` bytes.
  case extend
  /// `r, r/m, imm` (6B or 69).
  case multiplyImmediate
  /// `r/m8`.
  case condition
  /// `label`: rel8 where the label is known and near, rel32 otherwise.
  case jump
  case call
  /// `r/m64`, which needs no REX.W.
  case indirect
  /// `r64` in the opcode.
  case stack
  /// `m` with a digit.
  case memory
  case noOperands
}
