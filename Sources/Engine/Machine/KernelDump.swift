import KernelIR
import X86

/// `APUS_DUMP=folder`: each kernel as loop IR (or the shape of its contraction) and as assembly, in
/// `<folder>/kernels/<name>-<number>.txt`.
enum KernelDump {
  static var isOn: Bool { GraphDump.isOn }

  static func write(_ kernel: Kernel, _ compiled: CompiledKernel) {
    guard isOn else { return }
    let facts = "units: \(compiled.units)\nscratch: \(compiled.scratchByteCount) bytes\n"
    GraphDump.write(
      "\(text(kernel))\n\(facts)\n\(compiled.code.listing)", folder: ["kernels"],
      name: "\(compiled.name)-\(hash(kernel))")
  }

  /// A kernel that the code generator refused.
  static func write(_ kernel: Kernel, refusedFor reason: String) {
    GraphDump.write("\(reason)\n\n\(text(kernel))", folder: ["kernels"], name: "refused-\(hash(kernel))")
  }

  private static func text(_ kernel: Kernel) -> String {
    if case .loops(let loops) = kernel { loops.description } else { "\(kernel)\n" }
  }

  private static func hash(_ kernel: Kernel) -> String {
    String(UInt64(bitPattern: Int64(kernel.hashValue)) & 0xFFFF_FFFF, radix: 16)
  }
}
