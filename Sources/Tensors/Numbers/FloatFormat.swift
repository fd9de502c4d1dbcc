/// How a floating-point type narrower than 32 bits spells its values: a row of numbers that one algorithm reads.
///
/// Layout, high bits first: sign (when signed), exponent, mantissa. Sources: IEEE 754 (float16), OCP "Microscaling
/// Formats (MX) v1.0" (float4, float6, E8M0), OCP "8-bit Floating Point v1.0" (E4M3FN, E5M2) and ONNX
/// "Float stored in 8 bits" (the two FNUZ types).
public struct FloatFormat: Hashable, Sendable {
  /// Which bit patterns are not a number.
  public enum NaN: Sendable {
    /// Exponent all ones and mantissa not zero; with mantissa zero it is infinity.
    case ieee
    /// Every bit but the sign is one.
    case allOnes
    /// The pattern that would be minus zero: there is one zero only.
    case negativeZero
    /// None: every pattern is finite.
    case none
  }

  /// What becomes of a value beyond the largest finite one.
  public enum Overflow: Sendable {
    /// Always infinity: ONNX's `saturate` does not apply.
    case toInfinity
    /// The largest finite value if asked to saturate, otherwise infinity, or NaN where there is no infinity.
    case asAsked
    /// Always the largest finite value: there is nothing else.
    case toLargest
  }

  /// How a value between two representable ones is placed.
  public enum Rounding: String, Sendable {
    /// The nearer one; the even one of two as near.
    case nearestEven
    /// The nearer one; the larger of two as near. ONNX's `round_mode="nearest"` for E8M0.
    case nearest
    /// Away from zero. ONNX's default `round_mode` for E8M0.
    case up
    /// Towards zero.
    case down
  }

  public let elementType: ElementType
  public let isSigned: Bool
  public let exponentBits: Int
  public let mantissaBits: Int
  public let bias: Int
  public let nan: NaN
  public let overflow: Overflow

  public static let float16 = FloatFormat(.float16, exponentBits: 5, mantissaBits: 10, bias: 15, .ieee, .toInfinity)
  public static let bfloat16 = FloatFormat(.bfloat16, exponentBits: 8, mantissaBits: 7, bias: 127, .ieee, .toInfinity)
  public static let float8E4M3FN = FloatFormat(
    .float8E4M3FN, exponentBits: 4, mantissaBits: 3, bias: 7, .allOnes, .asAsked)
  public static let float8E4M3FNUZ = FloatFormat(
    .float8E4M3FNUZ, exponentBits: 4, mantissaBits: 3, bias: 8, .negativeZero, .asAsked)
  public static let float8E5M2 = FloatFormat(.float8E5M2, exponentBits: 5, mantissaBits: 2, bias: 15, .ieee, .asAsked)
  public static let float8E5M2FNUZ = FloatFormat(
    .float8E5M2FNUZ, exponentBits: 5, mantissaBits: 2, bias: 16, .negativeZero, .asAsked)
  public static let float8E8M0 = FloatFormat(
    .float8E8M0, isSigned: false, exponentBits: 8, mantissaBits: 0, bias: 127, .allOnes, .asAsked)
  public static let float6E2M3 = FloatFormat(.float6E2M3, exponentBits: 2, mantissaBits: 3, bias: 1, .none, .toLargest)
  public static let float6E3M2 = FloatFormat(.float6E3M2, exponentBits: 3, mantissaBits: 2, bias: 3, .none, .toLargest)
  public static let float4E2M1 = FloatFormat(.float4E2M1, exponentBits: 2, mantissaBits: 1, bias: 1, .none, .toLargest)

  public static let all: [FloatFormat] = [
    .float16, .bfloat16, .float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ, .float8E8M0, .float6E2M3,
    .float6E3M2, .float4E2M1,
  ]

  private init(
    _ elementType: ElementType, isSigned: Bool = true, exponentBits: Int, mantissaBits: Int, bias: Int, _ nan: NaN,
    _ overflow: Overflow
  ) {
    self.elementType = elementType
    self.isSigned = isSigned
    self.exponentBits = exponentBits
    self.mantissaBits = mantissaBits
    self.bias = bias
    self.nan = nan
    self.overflow = overflow
  }

  /// The format of a narrow float type; nil for float32, float64 and everything that is not a float.
  public init?(_ type: ElementType) {
    switch type {
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    case .float8E4M3FN: self = .float8E4M3FN
    case .float8E4M3FNUZ: self = .float8E4M3FNUZ
    case .float8E5M2: self = .float8E5M2
    case .float8E5M2FNUZ: self = .float8E5M2FNUZ
    case .float8E8M0: self = .float8E8M0
    case .float6E2M3: self = .float6E2M3
    case .float6E3M2: self = .float6E3M2
    case .float4E2M1: self = .float4E2M1
    default: return nil
    }
  }

  /// Bits that mean something: 4, 6, 8 or 16. Bits above them are ignored.
  public var bitCount: Int { (isSigned ? 1 : 0) + exponentBits + mantissaBits }
  public var hasInfinity: Bool { nan == .ieee }
  /// E8M0 has neither zero nor subnormal values: its pattern 0 is 2⁻¹²⁷.
  public var hasZero: Bool { mantissaBits > 0 }

  /// Largest finite magnitude as bits.
  public var largestBits: UInt16 {
    switch nan {
    case .ieee: infinityBits - 1
    case .allOnes: magnitudeMask - 1
    case .negativeZero, .none: magnitudeMask
    }
  }

  var magnitudeMask: UInt16 { (1 << UInt16(exponentBits + mantissaBits)) - 1 }
  var signMask: UInt16 { isSigned ? magnitudeMask + 1 : 0 }
  var infinityBits: UInt16 { ((1 << UInt16(exponentBits)) - 1) << UInt16(mantissaBits) }
  /// Smallest exponent of a normal value.
  var smallestExponent: Int { hasZero ? 1 - bias : -bias }
}
