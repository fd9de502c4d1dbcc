import Testing

@testable import X86

/// Emitted code that runs. Each test says which features it needs and is skipped on a CPU without them.
@Suite struct ExecutionTests {
  typealias Binary =
    @convention(c) (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
  typealias Dot = @convention(c) (UnsafePointer<Float>, UnsafePointer<Float>, Int) -> Float

  static func has(_ set: InstructionSet) -> Bool {
    (try? CPU.current()).map { InstructionSet.best(for: $0.features) >= set } ?? false
  }

  let region: CodeRegion

  init() throws { region = try CodeRegion(capacity: 1 << 20, perf: nil) }

  func place(_ name: String, _ code: MachineCode) throws -> CodeRegion.Entry {
    #expect(try CPU.current().features.isSuperset(of: code.requiredFeatures))
    return try region.add(name: name, code)
  }

  /// rdi, rsi: sources; rdx: destination.
  @Test(.enabled(if: has(.avx2), "needs AVX2")) func addsEightFloats() throws {
    var assembler = Assembler()
    try assembler.emit(.vmovups, .ymm(0), .memory(.rdi))
    try assembler.emit(.vaddps, .ymm(0), .ymm(0), .memory(.rsi))
    try assembler.emit(.vmovups, .memory(.rdx), .ymm(0))
    try assembler.vzeroupper()
    try assembler.emit(.ret)
    let add: Binary = try place("add8", assembler.finish()).function()
    let a = (0..<8).map { Float($0) }
    var sum = [Float](repeating: 0, count: 8)
    add(a, a.map { $0 * 10 }, &sum, 8)
    #expect(sum == a.map { $0 * 11 })
  }

  /// Whole vectors in a loop, the tail under a mask: nothing behind it may be written.
  @Test(.enabled(if: has(.avx512), "needs AVX-512"), arguments: [0, 1, 15, 16, 17, 100])
  func addsAnyNumberOfFloats(count: Int) throws {
    var assembler = Assembler()
    let loop = assembler.newLabel()
    let tail = assembler.newLabel()
    let end = assembler.newLabel()
    try assembler.emit(.xor, .eax, .eax)
    try assembler.emit(.sub, .rcx, 16)
    try assembler.emit(.jl, .label(tail))
    try assembler.align(to: 32)
    try assembler.bind(loop)
    try assembler.emit(.vmovups, .zmm(17), .memory(.rdi, index: .rax, scale: 4))
    try assembler.emit(.vaddps, .zmm(17), .zmm(17), .memory(.rsi, index: .rax, scale: 4))
    try assembler.emit(.vmovups, .memory(.rdx, index: .rax, scale: 4), .zmm(17))
    try assembler.emit(.add, .rax, 16)
    try assembler.emit(.sub, .rcx, 16)
    try assembler.emit(.jge, .label(loop))
    try assembler.bind(tail)
    try assembler.emit(.add, .rcx, 16)
    try assembler.emit(.je, .label(end))
    try assembler.emit(.mov, .register(Register(.gpr32, 8)), 1)
    try assembler.emit(.shl, .register(Register(.gpr32, 8)), .register(Register(.gpr8, 1)))
    try assembler.emit(.dec, .register(Register(.gpr32, 8)))
    try assembler.emit(.kmovwFromGeneral, .k(1), .register(Register(.gpr32, 8)))
    try assembler.emit(.vmovups, .zmm(0), .memory(.rdi, index: .rax, scale: 4), mask: .k(1), zeroing: true)
    try assembler.emit(.vaddps, .zmm(0), .zmm(0), .memory(.rsi, index: .rax, scale: 4), mask: .k(1), zeroing: true)
    try assembler.emit(.vmovups, .memory(.rdx, index: .rax, scale: 4), .zmm(0), mask: .k(1))
    try assembler.bind(end)
    try assembler.vzeroupper()
    try assembler.emit(.ret)
    let add: Binary = try place("add", assembler.finish()).function()
    let a = (0..<count).map { Float($0) }
    var sum = [Float](repeating: -1, count: count + 32)
    add(a, a, &sum, count)
    #expect(Array(sum[0..<count]) == a.map { $0 * 2 })
    #expect(sum[count...].allSatisfy { $0 == -1 })
  }

  @Test(.enabled(if: has(.avx2), "needs AVX2 and FMA")) func dotProductWithConstants() throws {
    var assembler = Assembler()
    let loop = assembler.newLabel()
    // Starts from a vector constant and adds a scalar one: 8 · 0.5 + 2.
    try assembler.emit(.vmovups, .ymm(0), .memory(assembler.constant(elements: [Float](repeating: 0.5, count: 8))))
    try assembler.bind(loop)
    try assembler.emit(.vmovups, .ymm(1), .memory(.rdi))
    try assembler.emit(.vfmadd231ps, .ymm(0), .ymm(1), .memory(.rsi))
    try assembler.emit(.add, .rdi, 32)
    try assembler.emit(.add, .rsi, 32)
    try assembler.emit(.sub, .rdx, 8)
    try assembler.emit(.jne, .label(loop))
    try assembler.emit(.vextractf128, .xmm(1), .ymm(0), 1)
    try assembler.emit(.vaddps, .xmm(0), .xmm(0), .xmm(1))
    try assembler.emit(.vhaddps, .xmm(0), .xmm(0), .xmm(0))
    try assembler.emit(.vhaddps, .xmm(0), .xmm(0), .xmm(0))
    try assembler.emit(.vaddss, .xmm(0), .xmm(0), .memory(assembler.constant(2)))
    try assembler.vzeroupper()
    try assembler.emit(.ret)
    let dot: Dot = try place("dot", assembler.finish()).function()
    let a = (0..<64).map { Float($0) }
    #expect(dot(a, [Float](repeating: 2, count: 64), 64) == 2 * 63 * 32 + 6)
  }

  @Test func bothProtectionsRunCodeAndNeverBothAtOneAddress() throws {
    for protection in [CodeRegion.Protection.dualMapping, .writeThenExecute] {
      let region = try CodeRegion(capacity: 1 << 20, protection: protection, perf: nil)
      var entries: [CodeRegion.Entry] = []
      for value in 0..<20 {
        var assembler = Assembler()
        try assembler.emit(.lea, .rax, .memory(.rdi, index: .rsi, scale: 2, displacement: Int32(value)))
        try assembler.emit(.ret)
        entries.append(try region.add(name: "f\(value)", assembler.finish()))
      }
      for (value, entry) in entries.enumerated() {
        let function: @convention(c) (Int, Int) -> Int = entry.function()
        #expect(function(100, 10) == 120 + value)
      }
      #expect(try #require(read("/proc/self/maps")).split(separator: "\n").allSatisfy { !$0.contains("rwx") })
    }
  }

  @Test func aFullRegionIsAnError() throws {
    let small = try CodeRegion(capacity: 4096, perf: nil)
    #expect(throws: MachineError.regionFull(capacity: 4096, needed: 5000)) {
      try small.add(name: "large", [UInt8](repeating: 0x90, count: 5000))
    }
  }
}
