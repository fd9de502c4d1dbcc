/// Instruction-set extensions that the tables name, as bits of `CPUFeatures`.
public enum CPUFeature: UInt8, Sendable, CaseIterable {
  /// Part of every x86-64 CPU.
  case baseline
  case avx, avx2, fma, f16c, bmi1, bmi2, lzcnt, popcnt, prefetchw
  case avxVNNI
  case avx512f, avx512bw, avx512dq, avx512vl, avx512vnni, avx512bf16, avx512fp16, avx512vbmi, avx512vbmi2
  case amxTile, amxInt8, amxBF16
}

/// A set of features: what a CPU has, or what a kernel needs.
public struct CPUFeatures: OptionSet, Sendable, Hashable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  public init(_ features: CPUFeature...) {
    rawValue = features.reduce(0) { $0 | 1 << UInt32($1.rawValue) }
  }

  public func has(_ feature: CPUFeature) -> Bool { rawValue & (1 << UInt32(feature.rawValue)) != 0 }

  mutating func insert(_ feature: CPUFeature) { rawValue |= 1 << UInt32(feature.rawValue) }
}

extension CPUFeatures: CustomStringConvertible {
  public var description: String { CPUFeature.allCases.filter(has).map { "\($0)" }.joined(separator: " ") }
}
