import Testing
import TileEmulator

@testable import X86

/// Tile instructions, on the CPU's own tiles or on emulated ones: hand-written code and the vector IR against plain sums.
@Suite(.enabled(if: InstructionSet.runnable.contains(.amx), "this CPU lacks what kernels on tiles need"))
struct TileTests {
  typealias Function = @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer) -> Void

  /// C [16, 16] += A [rows, 64 bytes] · B, between guard pages.
  private struct Product {
    var rows = 16
    var columns = 16
    /// Groups of 4 bytes.
    var depth = 16
    var a: [UInt8] = []
    var b: [UInt8] = []
    var c: [UInt8] = []

    init(rows: Int, columns: Int, depth: Int, _ generator: inout SplitMix64, _ number: (inout SplitMix64) -> UInt8) {
      (self.rows, self.columns, self.depth) = (rows, columns, depth)
      a = (0..<rows * depth * 4).map { _ in number(&generator) }
      b = (0..<depth * columns * 4).map { _ in number(&generator) }
    }

    /// ldtilecfg, loads, one product, a store, tilerelease, as one would write them by hand.
    func run(_ instruction: Instruction) throws -> [UInt8] {
      let shapes = [
        TileConfiguration.Tile(rows: rows, columnBytes: columns * 4),
        TileConfiguration.Tile(rows: rows, columnBytes: depth * 4),
        TileConfiguration.Tile(rows: depth, columnBytes: columns * 4),
      ]
      var assembler = Assembler()
      try assembler.emit(.ldtilecfg, .memory(assembler.constant(TileConfiguration(shapes).bytes)))
      try assembler.emit(.mov, .rax, .immediate(Int64(columns * 4)))
      try assembler.emit(.mov, .r10, .immediate(Int64(depth * 4)))
      // rdi: A, rsi: B, rdx: C, with strides in low and high registers, scaled or not, and all sizes of displacements.
      try assembler.emit(.tileloadd, .tmm(0), .memory(.rdx, index: .rax))
      try assembler.emit(.sub, .rdi, 8)
      try assembler.emit(.tileloadd, .tmm(1), .memory(.rdi, index: .r10, displacement: 8))
      try assembler.emit(.mov, .r12, .rsi)
      try assembler.emit(.sub, .r12, 0x1000)
      try assembler.emit(.shr, .rax, 2)
      try assembler.emit(.tileloaddt1, .tmm(2), .memory(.r12, index: .rax, scale: 4, displacement: 0x1000))
      try assembler.emit(instruction, .tmm(0), .tmm(1), .tmm(2))
      try assembler.emit(.tilestored, .memory(.rdx, index: .rax, scale: 4), .tmm(0))
      try assembler.emit(.tilezero, .tmm(0))
      try assembler.emit(.tilerelease)
      try assembler.emit(.ret)
      var saved = Assembler()
      // r12 is the caller's.
      try saved.emit(.push, .r12)
      try saved.emit(.callIndirect, .r8)
      try saved.emit(.pop, .r12)
      try saved.emit(.ret)
      let region = try CodeRegion(capacity: 1 << 16, perf: nil)
      let inner = try region.add(name: "tiles", assembler.finish())
      typealias Outer =
        @convention(c) (
          UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer, Int, UnsafeRawPointer
        ) -> Void
      let outer: Outer = try region.add(name: "saving", saved.finish()).function()
      let (left, right) = (try GuardedBytes(a, .beforeGuard), try GuardedBytes(b, .beforeGuard))
      let result = try GuardedBytes(c, .beforeGuard)
      withExtendedLifetime((region, left, right)) {
        outer(left.pointer, right.pointer, result.pointer, 0, inner.pointer)
      }
      return result.bytes
    }
  }

  @Test("Products of bytes", arguments: [(1, 1, 1), (16, 16, 16), (5, 7, 9), (16, 3, 12)])
  func bytes(rows: Int, columns: Int, depth: Int) throws {
    let kinds: [(Instruction, Bool, Bool)] = [
      (.tdpbssd, true, true), (.tdpbsud, true, false), (.tdpbusd, false, true), (.tdpbuud, false, false),
    ]
    var generator = SplitMix64(state: UInt64(rows))
    for (instruction, isSigned, otherIsSigned) in kinds {
      var product = Product(rows: rows, columns: columns, depth: depth, &generator) {
        [0, 127, 128, 255, UInt8.random(in: 0...255, using: &$0)].randomElement(using: &$0)!
      }
      let c = (0..<rows * columns).map { _ in Int32.random(in: .min ... .max, using: &generator) }
      product.c = [UInt8](bytesOf: c)
      let found = try product.run(instruction).elements(of: Int32.self)
      func number(_ byte: UInt8, _ isSigned: Bool) -> Int32 {
        isSigned ? Int32(Int8(bitPattern: byte)) : Int32(byte)
      }
      for m in 0..<rows {
        for n in 0..<columns {
          var sum = c[m * columns + n]
          for k in 0..<depth * 4 {
            sum &+=
              number(product.a[m * depth * 4 + k], isSigned)
              * number(product.b[(k / 4 * columns + n) * 4 + k % 4], otherIsSigned)
          }
          #expect(found[m * columns + n] == sum, "\(instruction) at \(m), \(n)")
        }
      }
    }
  }

  /// As Intel's manual spells it: chains of the even and the odd numbers, whose sum is added; without denormal numbers.
  @Test("Products of bfloat16", arguments: [(1, 1, 1), (16, 16, 16), (5, 7, 9)])
  func bfloat16(rows: Int, columns: Int, depth: Int) throws {
    var generator = SplitMix64(state: UInt64(rows))
    let special: [UInt8] = [0, 0x80, 0x7F, 0x3F, 1]
    var product = Product(rows: rows, columns: columns, depth: depth, &generator) {
      Int.random(in: 0..<8, using: &$0) == 0 ? special.randomElement(using: &$0)! : .random(in: 0...255, using: &$0)
    }
    let c = (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &generator) }
    product.c = [UInt8](bytesOf: c)
    func flushed(_ value: Float) -> Float { value.isSubnormal ? (value.sign == .minus ? -0.0 : 0) : value }
    func numbers(_ bytes: [UInt8]) -> [Float] {
      bytes.elements(of: UInt16.self).map { flushed(Float(bitPattern: UInt32($0) << 16)) }
    }
    let (a, b) = (numbers(product.a), numbers(product.b))
    let found = try product.run(.tdpbf16ps).elements(of: Float.self)
    for m in 0..<rows {
      for n in 0..<columns {
        var chains: [Float] = [0, 0]
        for k in 0..<depth * 2 {
          let right = b[(k / 2 * columns + n) * 2 + k % 2]
          chains[k % 2] = flushed(chains[k % 2].addingProduct(a[m * depth * 2 + k], right))
        }
        let expected = flushed(c[m * columns + n] + flushed(chains[0] + chains[1]))
        let value = found[m * columns + n]
        #expect(value.isNaN ? expected.isNaN : value.bitPattern == expected.bitPattern, "at \(m), \(n)")
      }
    }
  }

  @Test("A configuration is what was loaded, and nothing behind a release")
  func configuration() throws {
    let loaded = TileConfiguration([.init(rows: 3, columnBytes: 64), .init(rows: 16, columnBytes: 12)]).bytes
    var assembler = Assembler()
    try assembler.emit(.ldtilecfg, .memory(.rdi))
    try assembler.emit(.sttilecfg, .memory(.rsi))
    try assembler.emit(.tilerelease)
    try assembler.emit(.sttilecfg, .memory(.rsi, displacement: 64))
    try assembler.emit(.ret)
    let region = try CodeRegion(capacity: 1 << 16, perf: nil)
    typealias Both = @convention(c) (UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
    let function: Both = try region.add(name: "configuration", assembler.finish()).function()
    var stored = [UInt8](repeating: 0xFF, count: 128)
    function(loaded, &stored)
    #expect(Array(stored[..<64]) == loaded)
    #expect(stored[64...].allSatisfy { $0 == 0 })
  }

  // MARK: Vector IR

  /// What a function of the vector IR does with a buffer of 64 int32 rows of 16.
  private func run(_ builder: VectorBuilder, _ memory: inout [Int32]) throws {
    let region = try CodeRegion(capacity: 1 << 16, perf: nil)
    let function = try region.add(name: "tiles", builder.build()).function(as: Function.self)
    memory.withUnsafeMutableBytes { memory in
      let arguments = [UInt64(UInt(bitPattern: memory.baseAddress))]
      arguments.withUnsafeBytes { function($0.baseAddress!, 0, 3, memory.baseAddress!) }
    }
    withExtendedLifetime(region) {}
  }

  private func builder() -> VectorBuilder {
    let builder = VectorBuilder(name: "tiles", instructionSet: .amx)
    builder.configureTiles(
      TileConfiguration(Array(repeating: TileConfiguration.Tile(rows: 16, columnBytes: 64), count: 8)))
    return builder
  }

  @Test("Tiles are carried through loops in the registers that they name")
  func loop() throws {
    let builder = builder()
    let memory = builder.argument(0)
    let stride = builder.integer(64)
    let ends = builder.loop(to: .value(builder.end), carrying: [builder.zeroTile(3)]) { _, carried in
      let left = builder.loadTile(7, memory, stride: stride)
      let right = builder.loadTile(1, memory, stride: stride, displacement: 1024)
      return [builder.multiplyTiles(.tdpbusd, left, right, adding: carried[0])]
    }
    builder.storeTile(ends[0], to: memory, stride: stride, displacement: 2048)
    builder.releaseTiles()
    #expect(builder.text.contains(":tile = tdpbusd"))
    #expect(builder.text.contains(":tile = tilezero"))
    // Bytes of 1 by bytes of 2: 64 products of 2, three times.
    var numbers = [Int32](repeating: 0x0101_0101, count: 256) + Array(repeating: 0x0202_0202, count: 256)
    numbers += Array(repeating: -1, count: 512)
    let before = TileEmulator.counts
    try run(builder, &numbers)
    #expect(numbers[512..<768].allSatisfy { $0 == 384 })
    #expect(numbers[768...].allSatisfy { $0 == -1 })
    guard InstructionSet.emulatesTiles else { return }
    var expected = TileCounts()
    (expected.loads, expected.products, expected.zeros, expected.stores, expected.configurations) = (6, 3, 1, 1, 2)
    #expect(TileEmulator.counts - before == expected)
  }

  @Test("A function that needs a tile twice is not built")
  func conflicts() {
    let twice = builder()
    let first = twice.zeroTile(0)
    let second = twice.zeroTile(0)
    for tile in [first, second] { twice.storeTile(tile, to: twice.scratch, stride: twice.integer(64)) }
    #expect(throws: VectorError.self) { try twice.build() }

    let copied = builder()
    let old = copied.zeroTile(0)
    let factors = (copied.zeroTile(1), copied.zeroTile(2))
    let new = copied.multiplyTiles(.tdpbssd, factors.0, factors.1, adding: old)
    for tile in [old, new] { copied.storeTile(tile, to: copied.scratch, stride: copied.integer(64)) }
    #expect(throws: VectorError.self) { try copied.build() }
  }

  @Test("The verifier knows tiles")
  func verifier() throws {
    let strideless = builder()
    strideless.perform(.tilestored, .memory(Address(strideless.scratch)), .value(strideless.zeroTile(0)))
    #expect(throws: VectorError.self) { try strideless.function.verify() }
    let mixed = builder()
    mixed.define(.vmovups, .tile, .memory(Address(mixed.scratch)))
    #expect(throws: VectorError.self) { try mixed.function.verify() }
  }
}
