/// One architectural register: its kind decides the operand size, its number the encoding.
public struct Register: Hashable, Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case gpr8, gpr16, gpr32, gpr64
    case xmm, ymm, zmm
    case mask
    case tile
  }

  public var kind: Kind
  /// 0–15 for general-purpose registers, 0–31 for vectors (16 and up need EVEX), 0–7 for masks and tiles.
  public var number: UInt8

  public init(_ kind: Kind, _ number: UInt8) {
    self.kind = kind
    self.number = number
  }

  /// The same general-purpose register seen through another width, or the same vector at another length.
  public func viewed(as kind: Kind) -> Register { Register(kind, number) }

  public static func xmm(_ number: UInt8) -> Register { Register(.xmm, number) }
  public static func ymm(_ number: UInt8) -> Register { Register(.ymm, number) }
  public static func zmm(_ number: UInt8) -> Register { Register(.zmm, number) }
  public static func k(_ number: UInt8) -> Register { Register(.mask, number) }
  public static func tmm(_ number: UInt8) -> Register { Register(.tile, number) }

  public static let rax = Register(.gpr64, 0)
  public static let rcx = Register(.gpr64, 1)
  public static let rdx = Register(.gpr64, 2)
  public static let rbx = Register(.gpr64, 3)
  public static let rsp = Register(.gpr64, 4)
  public static let rbp = Register(.gpr64, 5)
  public static let rsi = Register(.gpr64, 6)
  public static let rdi = Register(.gpr64, 7)
  public static let r8 = Register(.gpr64, 8)
  public static let r9 = Register(.gpr64, 9)
  public static let r10 = Register(.gpr64, 10)
  public static let r11 = Register(.gpr64, 11)
  public static let r12 = Register(.gpr64, 12)
  public static let r13 = Register(.gpr64, 13)
  public static let r14 = Register(.gpr64, 14)
  public static let r15 = Register(.gpr64, 15)
  public static let eax = Register(.gpr32, 0)
  public static let ecx = Register(.gpr32, 1)
  public static let edx = Register(.gpr32, 2)
  public static let ebx = Register(.gpr32, 3)
  public static let esi = Register(.gpr32, 6)
  public static let edi = Register(.gpr32, 7)

  var isValid: Bool { number < kind.count }

  /// Numbers 16–31 of the vector file: EVEX only.
  var isUpperVector: Bool { kind.isVector && number >= 16 }

  // spl, bpl, sil and dil share their numbers with ah, ch, dh and bh; a REX prefix, even an empty one, selects them.
  var needsREXAsByte: Bool { kind == .gpr8 && (4...7).contains(number) }
}

extension Register.Kind {
  public var isGeneralPurpose: Bool { rawValue <= Self.gpr64.rawValue }
  public var isVector: Bool { self == .xmm || self == .ymm || self == .zmm }

  /// How many registers of the kind exist.
  public var count: UInt8 {
    switch self {
    case .gpr8, .gpr16, .gpr32, .gpr64: 16
    case .xmm, .ymm, .zmm: 32
    case .mask, .tile: 8
    }
  }

  /// Size in bytes; masks and tiles have none that an operand form depends on.
  public var byteCount: Int {
    switch self {
    case .gpr8: 1
    case .gpr16: 2
    case .gpr32: 4
    case .gpr64: 8
    case .xmm: 16
    case .ymm: 32
    case .zmm: 64
    case .mask: 8
    case .tile: 1024
    }
  }
}

extension Register: CustomStringConvertible {
  private static let legacyNames: [StaticString] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"]

  public var description: String {
    switch kind {
    case .xmm: return "xmm\(number)"
    case .ymm: return "ymm\(number)"
    case .zmm: return "zmm\(number)"
    case .mask: return "k\(number)"
    case .tile: return "tmm\(number)"
    case .gpr8, .gpr16, .gpr32, .gpr64: break
    }
    guard number < 8 else {
      let suffix = kind == .gpr64 ? "" : kind == .gpr32 ? "d" : kind == .gpr16 ? "w" : "b"
      return "r\(number)\(suffix)"
    }
    let name = "\(Self.legacyNames[Int(number)])"
    switch kind {
    case .gpr64: return "r" + name
    case .gpr32: return "e" + name
    case .gpr16: return name
    default: return number < 4 ? "\(name.first!)l" : name + "l"  // al … bl, spl … dil; names have two letters
    }
  }
}
