/// Where an operand is encoded, and what it may be.
struct Slot: Hashable, Sendable {
  enum Role: UInt8, Sendable {
    case absent
    case reg  // ModRM.reg
    case vvvv  // VEX.vvvv
    case rm  // ModRM.rm: register or memory
    case is4  // a register in the upper half of the last byte
    case imm8
  }

  enum Kind: UInt8, Sendable {
    case absent
    // Vectors of the instruction's length, of a half, a quarter and an eighth of it (but 128 bits at least); `…m`: or
    // memory.
    case v, vm, h, hm, q, qm, e, em
    case x, xm, y, ym
    /// Memory only.
    case m
    /// Memory whose index is a vector of the instruction's length, or of half of it.
    case vsib, vsibHalf
    case k, km, t
    case r32, r32m, r64, r64m
    /// A register of 32 or 64 bits, which decides W; `rm`: or memory.
    case r, rm
    case imm8

    var allowsMemory: Bool {
      switch self {
      case .vm, .hm, .qm, .em, .xm, .ym, .m, .vsib, .vsibHalf, .km, .r32m, .r64m, .rm: true
      default: false
      }
    }

    /// What an error message calls it.
    var text: String {
      switch self {
      case .absent: "nothing"
      case .v, .h, .q, .e: "a vector register of fitting length"
      case .vm, .hm, .qm, .em: "a vector register of fitting length, or memory"
      case .x: "an xmm register"
      case .xm: "an xmm register, or memory"
      case .y: "a ymm register"
      case .ym: "a ymm register, or memory"
      case .m: "memory"
      case .vsib, .vsibHalf: "memory with a vector index"
      case .k: "a mask register"
      case .km: "a mask register, or memory"
      case .t: "a tile register"
      case .r32: "a 32-bit general-purpose register"
      case .r32m: "a 32-bit general-purpose register, or memory"
      case .r64: "a 64-bit general-purpose register"
      case .r64m: "a 64-bit general-purpose register, or memory"
      case .r: "a 32-bit or 64-bit general-purpose register"
      case .rm: "a 32-bit or 64-bit general-purpose register, or memory"
      case .imm8: "an 8-bit immediate"
      }
    }
  }

  var role: Role
  var kind: Kind

  static let absent = Slot(role: .absent, kind: .absent)
  static let imm8 = Slot(role: .imm8, kind: .imm8)
  static func reg(_ kind: Kind) -> Slot { Slot(role: .reg, kind: kind) }
  static func vvvv(_ kind: Kind) -> Slot { Slot(role: .vvvv, kind: kind) }
  static func rm(_ kind: Kind) -> Slot { Slot(role: .rm, kind: kind) }
  static func is4(_ kind: Kind) -> Slot { Slot(role: .is4, kind: kind) }
}

/// The operands of a VEX or EVEX instruction in Intel's order. The common ones have Intel's own names ("Op/En").
struct Form: Hashable, Sendable {
  var a, b, c, d: Slot

  init(_ a: Slot = .absent, _ b: Slot = .absent, _ c: Slot = .absent, _ d: Slot = .absent) {
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }

  subscript(_ position: Int) -> Slot {
    switch position {
    case 0: a
    case 1: b
    case 2: c
    default: d
    }
  }

  static let count = 4

  // Vectors of one length.
  static let rm = Form(.reg(.v), .rm(.vm))
  static let rmi = Form(.reg(.v), .rm(.vm), .imm8)
  static let rvm = Form(.reg(.v), .vvvv(.v), .rm(.vm))
  static let rvmi = Form(.reg(.v), .vvvv(.v), .rm(.vm), .imm8)
  static let rvmr = Form(.reg(.v), .vvvv(.v), .rm(.vm), .is4(.v))
  static let vmi = Form(.vvvv(.v), .rm(.vm), .imm8)
  /// VEX shifts by an immediate have no memory operand.
  static let vri = Form(.vvvv(.v), .rm(.v), .imm8)
  static let store = Form(.rm(.m), .reg(.v))
  static let compressed = Form(.rm(.vm), .reg(.v))
  // Scalars in xmm registers.
  static let scalar = Form(.reg(.x), .vvvv(.x), .rm(.xm))
  static let scalarImmediate = Form(.reg(.x), .vvvv(.x), .rm(.xm), .imm8)
  static let scalarUnary = Form(.reg(.x), .rm(.xm))
  static let scalarMemory = Form(.reg(.x), .rm(.m))
  // Sources or destinations of another length.
  static let fromScalar = Form(.reg(.v), .rm(.xm))
  static let fromMemory = Form(.reg(.v), .rm(.m))
  static let widen2 = Form(.reg(.v), .rm(.hm))
  static let widen4 = Form(.reg(.v), .rm(.qm))
  static let widen8 = Form(.reg(.v), .rm(.em))
  /// Registers only: with memory, Intel's text would not tell the length.
  static let narrow = Form(.reg(.h), .rm(.v))
  static let narrow2 = Form(.rm(.hm), .reg(.v))
  static let narrow4 = Form(.rm(.qm), .reg(.v))
  static let narrow8 = Form(.rm(.em), .reg(.v))
  static let shiftByXmm = Form(.reg(.v), .vvvv(.v), .rm(.xm))
  static let insertX = Form(.reg(.v), .vvvv(.v), .rm(.xm), .imm8)
  static let insertY = Form(.reg(.v), .vvvv(.v), .rm(.ym), .imm8)
  static let extractX = Form(.rm(.xm), .reg(.v), .imm8)
  static let extractY = Form(.rm(.ym), .reg(.v), .imm8)
  // Masks.
  static let compare = Form(.reg(.k), .vvvv(.v), .rm(.vm))
  static let compareImmediate = Form(.reg(.k), .vvvv(.v), .rm(.vm), .imm8)
  static let kk = Form(.reg(.k), .rm(.k))
  static let kkk = Form(.reg(.k), .vvvv(.k), .rm(.k))
  static let kki = Form(.reg(.k), .rm(.k), .imm8)
  static let kMove = Form(.reg(.k), .rm(.km))
  static let kFromR32 = Form(.reg(.k), .rm(.r32))
  static let kFromR64 = Form(.reg(.k), .rm(.r64))
  static let kToR32 = Form(.reg(.r32), .rm(.k))
  static let kToR64 = Form(.reg(.r64), .rm(.k))
  // Between vectors and general-purpose registers.
  static let fromR32 = Form(.reg(.v), .rm(.r32))
  static let fromR64 = Form(.reg(.v), .rm(.r64))
  static let xFromR32 = Form(.reg(.x), .rm(.r32m))
  static let xFromR64 = Form(.reg(.x), .rm(.r64m))
  static let insertR32 = Form(.reg(.x), .vvvv(.x), .rm(.r32m), .imm8)
  static let insertR64 = Form(.reg(.x), .vvvv(.x), .rm(.r64m), .imm8)
  static let extractR32 = Form(.rm(.r32m), .reg(.x), .imm8)
  static let extractR64 = Form(.rm(.r64m), .reg(.x), .imm8)
  static let vectorToR32 = Form(.reg(.r32), .rm(.v))
  static let scalarToR = Form(.reg(.r), .rm(.xm))
  static let scalarFromR = Form(.reg(.x), .vvvv(.x), .rm(.r))
  // General-purpose registers (BMI).
  static let generalRVM = Form(.reg(.r), .vvvv(.r), .rm(.rm))
  static let generalRMV = Form(.reg(.r), .rm(.rm), .vvvv(.r))
  // Gathers and scatters: EVEX with a mask in k, VEX with a mask in a vector.
  static let gather = Form(.reg(.v), .rm(.vsib))
  static let gatherHalf = Form(.reg(.v), .rm(.vsibHalf))
  static let gatherVEX = Form(.reg(.v), .rm(.vsib), .vvvv(.v))
  static let gatherHalfVEX = Form(.reg(.v), .rm(.vsibHalf), .vvvv(.v))
  static let scatter = Form(.rm(.vsib), .reg(.v))
  static let scatterHalf = Form(.rm(.vsibHalf), .reg(.v))
  static let maskedStore = Form(.rm(.m), .vvvv(.v), .reg(.v))
  static let maskedLoad = Form(.reg(.v), .vvvv(.v), .rm(.m))
  // Tiles.
  static let tile = Form(.reg(.t))
  static let tileLoad = Form(.reg(.t), .rm(.m))
  static let tileStore = Form(.rm(.m), .reg(.t))
  static let tileProduct = Form(.reg(.t), .rm(.t), .vvvv(.t))
  static let memory = Form(.rm(.m))
  static let none = Form()
}
