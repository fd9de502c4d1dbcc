import Glibc

/// The machine or the environment does not allow what was asked for.
public enum MachineError: Error, Equatable, CustomStringConvertible {
  /// A system call failed.
  case system(call: String, code: Int32)
  /// `APUS_CPU` or `APUS_PERF` has a value that does not exist.
  case environment(variable: String, value: String, expected: String)
  /// The cap asks for more than the CPU has.
  case unsupported(InstructionSet, best: InstructionSet, lacking: CPUFeatures)
  /// The CPU has tiles, but the kernel does not let this process use them: with this code.
  case tilesRefused(code: Int32)
  /// A code region is full.
  case regionFull(capacity: Int, needed: Int)

  public var description: String {
    switch self {
    case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
    case .environment(let variable, let value, let expected): "\(variable)=\(value): expected \(expected)"
    case .unsupported(let wanted, let best, let lacking):
      "APUS_CPU=\(wanted): this CPU has \(best) at best, it lacks \(lacking)"
    case .tilesRefused(let code):
      "APUS_CPU=amx: the kernel does not let this process use the CPU's tiles (arch_prctl: \(String(cString: strerror(code)))); Linux 5.16 and later do, unless a container or hypervisor forbids it"
    case .regionFull(let capacity, let needed):
      "a code region of \(capacity) bytes has no room for another \(needed) bytes"
    }
  }
}
