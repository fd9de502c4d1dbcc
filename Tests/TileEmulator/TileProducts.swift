import Glibc
import X86

/// Products of tiles as generated functions: a plain loop takes thousands of cycles for each, these about a thousand.
///
/// All 16 columns at once: those that a tile lacks are zero.
struct TileProducts {
  /// Target, left and right tile, rows of 64 bytes; the rows of the left one, and those of the right one.
  typealias Product =
    @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer, UnsafeRawPointer, Int, Int) -> Void

  /// For each element two chains of fused multiply-adds from 0, of the even and of the odd numbers of k; their sum is
  /// added to the target. To nearest even; denormal numbers are read and written as zeros if `flushDenormals` was called.
  let bf16: Product
  private let bytes: [Product]

  init() throws {
    let region = try CodeRegion(capacity: 1 << 14, perf: nil)
    bf16 = try Self.place("bf16", in: region, Self.bf16)
    bytes = try [(false, false), (false, true), (true, false), (true, true)].map { left, right in
      try Self.place("bytes", in: region) { assembler throws(AssemblerError) in
        try Self.bytes(&assembler, leftIsSigned: left, rightIsSigned: right)
      }
    }
    // The functions live as long as the process.
    _ = Unmanaged.passRetained(region)
  }

  /// target[m, n] += Σ k, i: left[m, 4k + i] · right[k, 4n + i], wrapping around.
  func bytes(leftIsSigned: Bool, rightIsSigned: Bool) -> Product {
    bytes[(leftIsSigned ? 2 : 0) + (rightIsSigned ? 1 : 0)]
  }

  /// As tiles do whatever MXCSR says. For a signal handler: what it interrupted gets its own MXCSR back.
  static func flushDenormals() {
    var environment = fenv_t()
    fegetenv(&environment)
    environment.__mxcsr |= 0x8040
    fesetenv(&environment)
  }

  // MARK: Code

  private typealias Emission = (inout Assembler) throws(AssemblerError) -> Void

  private static func place(_ name: String, in region: CodeRegion, _ emission: Emission) throws -> Product {
    var assembler = Assembler()
    try emission(&assembler)
    return try region.add(name: name, assembler.finish()).function()
  }

  /// rdi, rsi, rdx: tiles; rcx: rows of the left one; r8: rows of the right one. `step` has a row of the right tile in
  /// zmm2 and four bytes of the left one everywhere in zmm3, and adds to zmm0 and zmm1, which `end` adds to the target.
  private static func product(_ assembler: inout Assembler, step: Emission, end: Emission) throws(AssemblerError) {
    let row = assembler.newLabel()
    let pair = assembler.newLabel()
    let r9 = Operand.register(Register(.gpr64, 9))
    try assembler.bind(row)
    try assembler.emit(.vpxord, .zmm(0), .zmm(0), .zmm(0))
    try assembler.emit(.vpxord, .zmm(1), .zmm(1), .zmm(1))
    try assembler.emit(.mov, .rax, .rdx)
    try assembler.emit(.mov, r9, .register(Register(.gpr64, 8)))
    try assembler.bind(pair)
    try assembler.emit(.vmovups, .zmm(2), .memory(.rax))
    try assembler.emit(.vpbroadcastd, .zmm(3), .memory(.rsi))
    try step(&assembler)
    try assembler.emit(.add, .rax, 64)
    try assembler.emit(.add, .rsi, 4)
    try assembler.emit(.dec, r9)
    try assembler.emit(.jne, .label(pair))
    try end(&assembler)
    try assembler.emit(.mov, r9, .register(Register(.gpr64, 8)))
    try assembler.emit(.shl, r9, 2)
    try assembler.emit(.sub, .rsi, r9)
    try assembler.emit(.add, .rsi, 64)
    try assembler.emit(.add, .rdi, 64)
    try assembler.emit(.dec, .rcx)
    try assembler.emit(.jne, .label(row))
    try assembler.vzeroupper()
    try assembler.emit(.ret)
  }

  private static func bf16(_ assembler: inout Assembler) throws(AssemblerError) {
    let high = try assembler.constant(elements: [UInt32](repeating: 0xFFFF_0000, count: 16))
    try product(
      &assembler,
      step: { assembler throws(AssemblerError) in
        try assembler.emit(.vpslld, .zmm(4), .zmm(2), 16)
        try assembler.emit(.vpslld, .zmm(5), .zmm(3), 16)
        try assembler.emit(.vpandd, .zmm(2), .zmm(2), .memory(high))
        try assembler.emit(.vpandd, .zmm(3), .zmm(3), .memory(high))
        try assembler.emit(.vfmadd231ps, .zmm(0), .zmm(4), .zmm(5))
        try assembler.emit(.vfmadd231ps, .zmm(1), .zmm(2), .zmm(3))
      },
      end: { assembler throws(AssemblerError) in
        try assembler.emit(.vaddps, .zmm(0), .zmm(0), .zmm(1))
        try assembler.emit(.vaddps, .zmm(0), .zmm(0), .memory(.rdi))
        try assembler.emit(.vmovups, .memory(.rdi), .zmm(0))
      })
  }

  /// As numbers of 16 bits: the sum of two products of such bytes has 17.
  private static func bytes(
    _ assembler: inout Assembler, leftIsSigned: Bool, rightIsSigned: Bool
  ) throws(AssemblerError) {
    try product(
      &assembler,
      step: { assembler throws(AssemblerError) in
        for (source, even, isSigned) in [(UInt8(2), UInt8(4), rightIsSigned), (3, 5, leftIsSigned)] {
          let shift = isSigned ? Instruction.vpsraw : .vpsrlw
          try assembler.emit(.vpsllw, .zmm(even), .zmm(source), 8)
          try assembler.emit(shift, .zmm(even), .zmm(even), 8)
          try assembler.emit(shift, .zmm(source), .zmm(source), 8)
        }
        try assembler.emit(.vpmaddwd, .zmm(4), .zmm(4), .zmm(5))
        try assembler.emit(.vpmaddwd, .zmm(2), .zmm(2), .zmm(3))
        try assembler.emit(.vpaddd, .zmm(0), .zmm(0), .zmm(4))
        try assembler.emit(.vpaddd, .zmm(1), .zmm(1), .zmm(2))
      },
      end: { assembler throws(AssemblerError) in
        try assembler.emit(.vpaddd, .zmm(0), .zmm(0), .zmm(1))
        try assembler.emit(.vpaddd, .zmm(0), .zmm(0), .memory(.rdi))
        try assembler.emit(.vmovups, .memory(.rdi), .zmm(0))
      })
  }
}
