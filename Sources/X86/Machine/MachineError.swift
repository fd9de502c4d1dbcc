import Glibc

/// The machine or the environment does not allow what was asked for.
public enum MachineError: Error, Equatable, CustomStringConvertible {
  /// A system call failed.
  case system(call: String, code: Int32)
  /// `APUS_CPU` or `APUS_PERF` has a value that does not exist.
  case environment(variable: String, value: String, expected: String)
  /// The cap asks for more than the CPU has.
  case unsupported(InstructionSet, best: InstructionSet)
  /// A code region is full.
  case regionFull(capacity: Int, needed: Int)

  public var description: String {
    switch self {
    case .system(let call, let code): "\(call): \(String(cString: strerror(code)))"
    case .environment(let variable, let value, let expected): "\(variable)=\(value): expected \(expected)"
    case .unsupported(let wanted, let best): "APUS_CPU=\(wanted): this CPU has \(best) at best"
    case .regionFull(let capacity, let needed):
      "a code region of \(capacity) bytes has no room for another \(needed) bytes"
    }
  }
}
