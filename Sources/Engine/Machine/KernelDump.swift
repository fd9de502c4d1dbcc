import KernelIR
import X86

/// `APUS_DUMP=folder`: each kernel as loop IR (or the shape of its contraction) and as assembly, in
/// `<folder>/kernels/<name>-<number>.txt`.
enum KernelDump {
  static var isOn: Bool { GraphDump.isOn }

  static func write(_ kernel: Kernel, _ compiled: CompiledKernel) {
    guard isOn else { return }
    let text: String
    switch kernel {
    case .loops(let loops): text = loops.description
    default: text = "\(kernel)\n"
    }
    let hash = UInt64(bitPattern: Int64(kernel.hashValue)) & 0xFFFF_FFFF
    GraphDump.write(
      "\(text)\nunits: \(compiled.units)\nscratch: \(compiled.scratchByteCount) bytes\n\n\(compiled.code.listing)",
      folder: ["kernels"], name: "\(compiled.name)-\(String(hash, radix: 16))")
  }
}
