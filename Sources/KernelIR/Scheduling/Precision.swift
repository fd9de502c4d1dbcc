/// How exactly a model is calculated that is written in float32: a choice between accuracy and speed.
public enum Precision: String, Hashable, Sendable, CaseIterable {
  /// Products and sums of float32.
  case float32
  /// Products of numbers rounded to 16 bits or better, sums of float32: errors of about 2⁻¹⁶.
  case fast
  /// Products of numbers rounded to bfloat16, sums of float32, and what is multiplied next lies in memory as bfloat16:
  /// errors of about 2⁻⁸.
  case bfloat16

  /// What contractions of float32 numbers multiply. `fast` takes three products of bfloat16: it is for units whose
  /// products of bfloat16 are much more than three times as fast as those of float32, and calculated in float32 by others.
  public func factors(multipliesBFloat16: Bool) -> Factors {
    self == .bfloat16 && multipliesBFloat16 ? .bfloat16 : .float32
  }

  /// What comes out of it: a precision that the CPU has nothing for is float32.
  public func running(multipliesBFloat16: Bool) -> Precision {
    factors(multipliesBFloat16: multipliesBFloat16) == .bfloat16 ? .bfloat16 : .float32
  }
}
