extension Assembler {
  /// ModRM, SIB and displacement.
  /// - Parameters:
  ///   - reg: the three low bits go to ModRM.reg.
  ///   - displacementUnit: what one step of disp8 counts: EVEX's N, otherwise 1.
  ///   - trailing: bytes of the instruction behind the displacement; a distance counts from the instruction's end.
  mutating func appendAddress(
    reg: UInt8, _ target: RegisterOrMemory, displacementUnit: Int, trailing: Int, needsSIB: Bool, name: StaticString
  ) {
    let reg = (reg & 7) << 3
    let memory: Memory
    switch target {
    case .register(let register):
      bytes.append(0xC0 | reg | register.number & 7)
      return
    case .memory(let address): memory = address
    }
    if let label = memory.label {
      bytes.append(0x05 | reg)
      fixups.append(
        Fixup(
          position: Int32(bytes.count), label: label,
          addend: memory.displacement &- 4 &- Int32(trailing), instruction: name))
      append(Int32(0))
      return
    }
    let scale = UInt8(memory.scale.trailingZeroBitCount) << 6
    // An index of 4 means none: rsp cannot be one, and a vector index always exists.
    let index = ((memory.index?.number ?? 4) & 7) << 3
    guard let base = memory.base else {
      // Mode 0 with a base of 5 is a displacement of 32 bits without base; without the SIB byte it would be rip.
      bytes.append(0x04 | reg)
      bytes.append(scale | index | 5)
      append(memory.displacement)
      return
    }
    let displacement = Int(memory.displacement)
    let short =
      displacement % displacementUnit == 0 ? Int8(exactly: displacement / displacementUnit) : nil
    // rbp and r13 without displacement would mean "no base".
    let mode: UInt8 = displacement == 0 && base.number & 7 != 5 ? 0x00 : short != nil ? 0x40 : 0x80
    // rsp and r12 as base in ModRM mean "a SIB byte follows".
    if memory.index != nil || base.number & 7 == 4 || needsSIB {
      bytes.append(mode | reg | 4)
      bytes.append(scale | index | base.number & 7)
    } else {
      bytes.append(mode | reg | base.number & 7)
    }
    if mode == 0x40 {
      bytes.append(UInt8(bitPattern: short ?? 0))
    } else if mode == 0x80 {
      append(memory.displacement)
    }
  }

  mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }
}
