import Glibc

/// The general-purpose registers of interrupted code.
struct InterruptedRegisters {
  private let registers: UnsafeMutablePointer<Int>

  /// - Parameter bytes: `gregs` of an `mcontext_t`, 8 bytes each.
  init(_ bytes: UnsafeMutableRawBufferPointer) {
    // Never empty: the structure has 23 of them.
    registers = bytes.baseAddress!.assumingMemoryBound(to: Int.self)
  }

  /// REG_RIP of <sys/ucontext.h>, which Glibc's module does not show.
  private static let instructionPointerIndex = 16

  var instructionPointer: UnsafeRawPointer {
    // Code runs there.
    get { UnsafeRawPointer(bitPattern: registers[Self.instructionPointerIndex])! }
    nonmutating set { registers[Self.instructionPointerIndex] = Int(bitPattern: newValue) }
  }

  /// The register that instructions encode as `number`.
  subscript(number: UInt8) -> Int {
    switch number {
    case 0: registers[13]  // rax
    case 1: registers[14]  // rcx
    case 2: registers[12]  // rdx
    case 3: registers[11]  // rbx
    case 4: registers[15]  // rsp
    case 5: registers[10]  // rbp
    case 6: registers[9]  // rsi
    case 7: registers[8]  // rdi
    default: registers[Int(number) - 8]
    }
  }
}

/// A decoded tile instruction with its addresses.
struct TileInstruction {
  enum Action {
    case configure(from: UnsafeRawPointer)
    case storeConfiguration(to: UnsafeMutableRawPointer)
    case release
    case zero(Int)
    case load(Int, from: UnsafeRawPointer, stride: Int)
    case store(Int, to: UnsafeMutableRawPointer, stride: Int)
    /// target += left · right, bytes; whether those of the left and of the right one are signed.
    case multiplyBytes(target: Int, left: Int, right: Int, leftIsSigned: Bool, rightIsSigned: Bool)
    case multiplyBF16(target: Int, left: Int, right: Int)
  }

  var action: Action
  /// The address behind the instruction.
  var next: UnsafeRawPointer

  /// Decodes what the instruction pointer points to; nil where that is no tile instruction.
  init?(_ registers: InterruptedRegisters) {
    let code = registers.instructionPointer
    func byte(_ offset: Int) -> UInt8 { code.load(fromByteOffset: offset, as: UInt8.self) }
    // Three-byte VEX, map 0F 38, W 0, 128 bits.
    guard byte(0) == 0xC4, byte(1) & 0x1F == 2, byte(2) & 0x84 == 0 else { return nil }
    let prefix = VEXPrefix(rawValue: byte(2) & 3)!  // two bits, four cases
    let extends = ~byte(1)
    let vvvv = Int(~byte(2) >> 3 & 0xF)
    let opcode = byte(3)
    let form = byte(4)
    let reg = Int(form >> 3 & 7)
    let rm = Int(form & 7)

    if form >> 6 == 3 {
      next = code + 5
      switch (opcode, prefix) {
      case (0x49, .none) where form == 0xC0: action = .release
      case (0x49, .pF2) where rm == 0: action = .zero(reg)
      case (0x5C, .pF3): action = .multiplyBF16(target: reg, left: rm, right: vvvv)
      case (0x5E, _):
        action = .multiplyBytes(
          target: reg, left: rm, right: vvvv, leftIsSigned: prefix == .pF2 || prefix == .pF3,
          rightIsSigned: prefix == .pF2 || prefix == .p66)
      default: return nil
      }
      return
    }

    // Memory: an optional SIB byte, then a displacement of 0, 1 or 4 bytes.
    var offset = 5
    var address = 0
    var stride = 0
    var isRelative = false
    let hasSIB = rm == 4
    var base = UInt8(rm) | (extends >> 5 & 1) << 3
    if hasSIB {
      let sib = byte(5)
      offset = 6
      base = sib & 7 | (extends >> 5 & 1) << 3
      let index = sib >> 3 & 7 | (extends >> 6 & 1) << 3
      // rsp is no index: there is none.
      if index != 4 { stride = registers[index] << Int(sib >> 6) }
    }
    var displacementSize = form >> 6 == 0 ? 0 : form >> 6 == 1 ? 1 : 4
    if form >> 6 == 0, base & 7 == 5 {
      displacementSize = 4
      isRelative = !hasSIB
    } else {
      address = registers[base]
    }
    switch displacementSize {
    case 1: address += Int(Int8(bitPattern: byte(offset)))
    case 4: address += Int(code.loadUnaligned(fromByteOffset: offset, as: Int32.self))
    default: break
    }
    next = code + offset + displacementSize
    if isRelative { address += Int(bitPattern: next) }

    switch (opcode, prefix) {
    // The index of these is part of the address.
    case (0x49, .none) where reg == 0:
      guard let place = UnsafeRawPointer(bitPattern: address + stride) else { return nil }
      action = .configure(from: place)
    case (0x49, .p66) where reg == 0:
      guard let place = UnsafeMutableRawPointer(bitPattern: address + stride) else { return nil }
      action = .storeConfiguration(to: place)
    case (0x4B, .pF2) where hasSIB, (0x4B, .p66) where hasSIB:
      guard let place = UnsafeRawPointer(bitPattern: address) else { return nil }
      action = .load(reg, from: place, stride: stride)
    case (0x4B, .pF3) where hasSIB:
      guard let place = UnsafeMutableRawPointer(bitPattern: address) else { return nil }
      action = .store(reg, to: place, stride: stride)
    default: return nil
    }
  }

  /// The `pp` field.
  private enum VEXPrefix: UInt8 { case none, p66, pF3, pF2 }
}
