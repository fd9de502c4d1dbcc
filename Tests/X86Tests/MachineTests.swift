import Testing

@testable import X86

@Suite struct MachineTests {
  @Test func aCapIsNamedOrAnError() throws {
    let features = InstructionSet.avx512.requiredFeatures
    #expect(try InstructionSet.selected(cap: nil, features: features) == .avx512)
    #expect(try InstructionSet.selected(cap: "avx2", features: features) == .avx2)
    let lacking = InstructionSet.amx.requiredFeatures.subtracting(features)
    #expect(throws: MachineError.unsupported(.amx, best: .avx512, lacking: lacking)) {
      try InstructionSet.selected(cap: "amx", features: features)
    }
    #expect(
      lacking.has(.amxTile)
        && MachineError.unsupported(.amx, best: .avx512, lacking: lacking).description.contains("amxTile"))
    #expect(
      throws: MachineError.environment(
        variable: "APUS_CPU", value: "sse", expected: "interpreter, avx2, avx512, amx")
    ) { try InstructionSet.selected(cap: "sse", features: features) }
  }

  @Test func tilesThatTheKernelRefusesAreAnErrorOfTheirOwn() throws {
    let features = InstructionSet.amx.requiredFeatures.subtracting(CPU.tileFeatures)
    let refusal = MachineError.tilesRefused(code: 1)
    #expect(throws: refusal) {
      try InstructionSet.selected(cap: "amx", features: features, tilesRefusal: refusal)
    }
    #expect(try InstructionSet.selected(cap: nil, features: features, tilesRefusal: refusal) == .avx512)
    // Without AVX-512 it is not the kernel that stands in the way.
    let avx2 = InstructionSet.avx2.requiredFeatures
    let lacking = InstructionSet.amx.requiredFeatures.subtracting(avx2)
    #expect(throws: MachineError.unsupported(.amx, best: .avx2, lacking: lacking)) {
      try InstructionSet.selected(cap: "amx", features: avx2, tilesRefusal: refusal)
    }
  }

  @Test func theCPUTellsItsCaches() throws {
    let cpu = try CPU.current()
    #expect(cpu.features.has(.baseline))
    #expect((cpu.cacheSize(level: 1) ?? 32 << 10) >= 16 << 10)
  }

  @Test func stubsAreWhatTheAssemblerEmits() throws {
    var assembler = Assembler()
    try assembler.emit(.mov, .rax, .rdi)
    try assembler.emit(.mov, .rdi, .rsi)
    try assembler.emit(.mov, .rsi, .rdx)
    try assembler.emit(.mov, .rdx, .rcx)
    try assembler.emit(.mov, .r10, .r8)
    try assembler.emit(.mov, .r8, .r9)
    try assembler.emit(.mov, .r9, .memory(.rsp, displacement: 8))
    try assembler.emit(.syscall)
    try assembler.emit(.ret)
    #expect(try assembler.finish().bytes == MachineStubs.systemCallBytes)
  }
}
