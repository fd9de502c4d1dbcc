/// A place in the code or the constant pool, named before or after it is reached. Only its assembler knows where it is.
public struct Label: Hashable, Sendable {
  var index: Int32
}

/// `[base + index*scale + displacement]`, or `[label + displacement]` relative to the instruction pointer.
public struct Memory: Hashable, Sendable {
  public var base: Register?
  /// A 64-bit general-purpose register (not rsp); for gathers and scatters a vector.
  public var index: Register?
  /// 1, 2, 4 or 8.
  public var scale: UInt8
  public var displacement: Int32
  public var label: Label?
  /// One element, repeated over the vector (`{1to16}`).
  public var isBroadcast: Bool

  public init(_ base: Register?, index: Register? = nil, scale: UInt8 = 1, displacement: Int32 = 0) {
    self.base = base
    self.index = index
    self.scale = scale
    self.displacement = displacement
    self.label = nil
    self.isBroadcast = false
  }

  public init(_ label: Label, displacement: Int32 = 0) {
    self.init(nil, displacement: displacement)
    self.label = label
  }

  public var broadcast: Memory {
    var result = self
    result.isBroadcast = true
    return result
  }
}

/// What stands behind a mnemonic, in Intel's order: destination first.
public enum Operand: Hashable, Sendable {
  case none
  case register(Register)
  case memory(Memory)
  case immediate(Int64)
  case label(Label)

  public static func xmm(_ number: UInt8) -> Operand { .register(.xmm(number)) }
  public static func ymm(_ number: UInt8) -> Operand { .register(.ymm(number)) }
  public static func zmm(_ number: UInt8) -> Operand { .register(.zmm(number)) }
  public static func k(_ number: UInt8) -> Operand { .register(.k(number)) }
  public static func tmm(_ number: UInt8) -> Operand { .register(.tmm(number)) }

  public static func memory(
    _ base: Register?, index: Register? = nil, scale: UInt8 = 1, displacement: Int32 = 0
  ) -> Operand {
    .memory(Memory(base, index: index, scale: scale, displacement: displacement))
  }
  public static func broadcast(
    _ base: Register?, index: Register? = nil, scale: UInt8 = 1, displacement: Int32 = 0
  ) -> Operand {
    .memory(Memory(base, index: index, scale: scale, displacement: displacement).broadcast)
  }

  public static let rax = Operand.register(.rax)
  public static let rcx = Operand.register(.rcx)
  public static let rdx = Operand.register(.rdx)
  public static let rbx = Operand.register(.rbx)
  public static let rsp = Operand.register(.rsp)
  public static let rbp = Operand.register(.rbp)
  public static let rsi = Operand.register(.rsi)
  public static let rdi = Operand.register(.rdi)
  public static let r8 = Operand.register(.r8)
  public static let r9 = Operand.register(.r9)
  public static let r10 = Operand.register(.r10)
  public static let r11 = Operand.register(.r11)
  public static let r12 = Operand.register(.r12)
  public static let r13 = Operand.register(.r13)
  public static let r14 = Operand.register(.r14)
  public static let r15 = Operand.register(.r15)
  public static let eax = Operand.register(.eax)
  public static let ecx = Operand.register(.ecx)
  public static let edx = Operand.register(.edx)
  public static let ebx = Operand.register(.ebx)
  public static let esi = Operand.register(.esi)
  public static let edi = Operand.register(.edi)
}

extension Operand: ExpressibleByIntegerLiteral {
  public init(integerLiteral value: Int64) { self = .immediate(value) }
}

/// The rounding of one instruction, embedded in it; every mode but `.current` also suppresses exceptions.
/// Only register operands of 512 bits and scalars take one.
public enum Rounding: UInt8, Sendable, CaseIterable {
  case current
  case nearestEven, down, up, towardZero
  /// The mode of MXCSR, without exceptions.
  case suppressExceptions

  var text: String {
    switch self {
    case .current: ""
    case .nearestEven: "{rn-sae}"
    case .down: "{rd-sae}"
    case .up: "{ru-sae}"
    case .towardZero: "{rz-sae}"
    case .suppressExceptions: "{sae}"
    }
  }
}
