/// The type of one tensor element. Raw values are ONNX `TensorProto.DataType` codes.
public enum ElementType: UInt8, CaseIterable, Hashable, Sendable, Codable {
  case float32 = 1
  case uint8 = 2
  case int8 = 3
  case uint16 = 4
  case int16 = 5
  case int32 = 6
  case int64 = 7
  case string = 8
  case bool = 9
  case float16 = 10
  case float64 = 11
  case uint32 = 12
  case uint64 = 13
  case complex64 = 14
  case complex128 = 15
  case bfloat16 = 16
  case float8E4M3FN = 17
  case float8E4M3FNUZ = 18
  case float8E5M2 = 19
  case float8E5M2FNUZ = 20
  case uint4 = 21
  case int4 = 22
  case float4E2M1 = 23
  case float8E8M0 = 24
  case uint2 = 25
  case int2 = 26
  case float6E2M3 = 27
  case float6E3M2 = 28

  /// Broad families that kernels switch over.
  public enum Kind: Sendable { case float, signedInteger, unsignedInteger, bool, complex, string }

  public var kind: Kind {
    switch self {
    case .float32, .float64, .float16, .bfloat16, .float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ,
      .float4E2M1, .float8E8M0, .float6E2M3, .float6E3M2:
      .float
    case .int8, .int16, .int32, .int64, .int4, .int2: .signedInteger
    case .uint8, .uint16, .uint32, .uint64, .uint4, .uint2: .unsignedInteger
    case .bool: .bool
    case .complex64, .complex128: .complex
    case .string: .string
    }
  }

  public var isFloat: Bool { kind == .float }
  public var isInteger: Bool { kind == .signedInteger || kind == .unsignedInteger }
  public var isNumeric: Bool { isFloat || isInteger }

  /// Width of one element in bits. Elements below 8 bits of width 2 and 4 are packed, low bits first, exactly as
  /// ONNX `raw_data` holds them; the 6-bit floats take one byte each. Zero for strings, which are not bytes.
  public var bitWidth: Int {
    switch self {
    case .float32, .int32, .uint32: 32
    case .float64, .int64, .uint64, .complex64: 64
    case .complex128: 128
    case .float16, .bfloat16, .int16, .uint16: 16
    case .int4, .uint4, .float4E2M1: 4
    case .int2, .uint2: 2
    case .uint8, .int8, .bool, .float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ, .float8E8M0,
      .float6E2M3, .float6E3M2:
      8
    case .string: 0
    }
  }

  /// Several elements share a byte.
  public var isPacked: Bool { bitWidth > 0 && bitWidth < 8 }

  /// Bytes that `count` elements take (rounded up for packed types), or nil when that overflows `Int`.
  public func byteCount(of count: Int) -> Int? {
    let (bits, overflow) = count.multipliedReportingOverflow(by: bitWidth)
    return overflow || bits > Int.max - 7 ? nil : (bits + 7) / 8
  }

  /// NumPy's name where NumPy has the type, ONNX's in the same style otherwise. Used in errors, text forms and JSON.
  public var name: String { "\(self)" }

  public init?(name: String) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }
}
