import Glibc

/// The levels that kernels are generated for; each includes those before it.
public enum InstructionSet: UInt8, Sendable, CaseIterable, Comparable {
  /// No generated code at all.
  case interpreter
  /// AVX2, FMA, F16C, BMI: Haswell and later, every Zen.
  case avx2
  /// AVX-512 F, BW, DQ and VL: Skylake server and later, Zen 4 and later.
  case avx512
  /// AVX-512 with tiles for int8 and bfloat16: Sapphire Rapids and later.
  case amx

  public var requiredFeatures: CPUFeatures {
    switch self {
    case .interpreter: []
    case .avx2: CPUFeatures(.baseline, .avx, .avx2, .fma, .f16c, .bmi1, .bmi2, .lzcnt, .popcnt)
    case .avx512: Self.avx2.requiredFeatures.union(CPUFeatures(.avx512f, .avx512bw, .avx512dq, .avx512vl))
    case .amx:
      Self.avx512.requiredFeatures.union(
        CPUFeatures(.avx512vnni, .avx512bf16, .amxTile, .amxInt8, .amxBF16))
    }
  }

  public static func < (left: InstructionSet, right: InstructionSet) -> Bool { left.rawValue < right.rawValue }

  /// The highest level whose features are all there.
  public static func best(for features: CPUFeatures) -> InstructionSet {
    allCases.last { features.isSuperset(of: $0.requiredFeatures) } ?? .interpreter
  }

  public init?(name: String) {
    guard let match = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
    self = match
  }

  /// The level to generate code for: the best of `features`, or what `cap` (the value of APUS_CPU) names.
  /// - Parameter tilesRefusal: why the kernel gives no permission for tiles that the CPU has.
  public static func selected(
    cap: String?, features: CPUFeatures, tilesRefusal: MachineError? = nil
  ) throws(MachineError) -> InstructionSet {
    let best = best(for: features)
    guard let cap, !cap.isEmpty else { return best }
    guard let wanted = InstructionSet(name: cap) else {
      throw .environment(
        variable: "APUS_CPU", value: cap, expected: allCases.map { "\($0)" }.joined(separator: ", "))
    }
    guard wanted <= best else {
      let lacking = wanted.requiredFeatures.subtracting(features)
      if let tilesRefusal, lacking.isSubset(of: CPU.tileFeatures) { throw tilesRefusal }
      throw .unsupported(wanted, best: best, lacking: lacking)
    }
    return wanted
  }

  /// The level of this process: `selected` for this CPU and the environment's APUS_CPU.
  public static func current() throws(MachineError) -> InstructionSet {
    let cap = getenv("APUS_CPU").map { String(cString: $0) }
    if cap == "interpreter" { return .interpreter }
    let cpu = try CPU.current()
    return try selected(cap: cap, features: cpu.features, tilesRefusal: cpu.tilesRefusal)
  }
}
