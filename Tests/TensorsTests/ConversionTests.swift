import Tensors
import Testing

@Suite struct ConversionTests {
  static let plain: [ElementType] = [
    .float32, .float64, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool,
  ]

  /// Checksums of NumPy's `astype` on 500 seeded values of the row's type, one for each target in the order of `plain`.
  static let golden: [ElementType: [UInt64]] = [
    .float32: [
      0x76e6_e88e_fa18_9f4b, 0xff7c_f526_6bd8_16b5, 0x86dc_a41d_370e_fdea, 0x4102_419c_a01c_40ea, 0x9676_c199_59d7_40ea,
      0x55a0_c0d5_59d7_40ea, 0x86dc_a41d_370e_fdea, 0x4102_419c_a01c_40ea, 0x9676_c199_59d7_40ea, 0x55a0_c0d5_59d7_40ea,
      0x2196_c989_f15f_7849,
    ],
    .float64: [
      0x8ac5_4d42_d2ef_c810, 0x30a4_4c17_f395_86b5, 0x01df_650a_3e46_e695, 0xcae8_489d_21ca_d195, 0x98a5_debc_76db_d195,
      0x6842_b3ec_76db_d195, 0x01df_650a_3e46_e695, 0xcae8_489d_21ca_d195, 0x98a5_debc_76db_d195, 0x6842_b3ec_76db_d195,
      0x2196_c989_f15f_7849,
    ],
    .int8: [
      0x8c88_ae7c_efd4_16b5, 0x13ed_7ce6_2bd8_16b5, 0xa182_74b6_7e44_c7ed, 0xdbc7_043c_96dd_cded, 0x23f0_9417_183f_cded,
      0x01e2_559b_183f_cded, 0xa182_74b6_7e44_c7ed, 0xdbc7_043c_96dd_cded, 0x23f0_9417_183f_cded, 0x01e2_559b_183f_cded,
      0xac60_e7d5_f837_9b0a,
    ],
    .int16: [
      0x681d_ce1a_b494_82b5, 0xaad0_f966_2bd8_16b5, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0x0d56_3a8c_ddf2_23ed,
      0x337c_cd6b_ddf2_23ed, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0x0d56_3a8c_ddf2_23ed, 0x337c_cd6b_ddf2_23ed,
      0x2196_c989_f15f_7849,
    ],
    .int32: [
      0x6ce8_3820_1cde_f8b5, 0x33b1_cf7c_c058_16b5, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed,
      0x4d4b_5788_8b66_23ed, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed, 0x4d4b_5788_8b66_23ed,
      0x2196_c989_f15f_7849,
    ],
    .int64: [
      0x6aa1_10d6_e0ef_c810, 0xad4b_98db_561c_59b9, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed,
      0x5490_6733_8b66_23ed, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed, 0x5490_6733_8b66_23ed,
      0x2196_c989_f15f_7849,
    ],
    .uint8: [
      0xc604_344b_e5e6_16b5, 0xd4ee_3ce6_2bd8_16b5, 0xa182_74b6_7e44_c7ed, 0xa182_74b6_7e44_c7ed, 0xa182_74b6_7e44_c7ed,
      0xa182_74b6_7e44_c7ed, 0xa182_74b6_7e44_c7ed, 0xa182_74b6_7e44_c7ed, 0xa182_74b6_7e44_c7ed, 0xa182_74b6_7e44_c7ed,
      0xac60_e7d5_f837_9b0a,
    ],
    .uint16: [
      0x3c74_a76d_4d15_19b5, 0x077d_7606_2bd8_16b5, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0x7be5_33ac_8819_23ed,
      0x7be5_33ac_8819_23ed, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0x7be5_33ac_8819_23ed, 0x7be5_33ac_8819_23ed,
      0x2196_c989_f15f_7849,
    ],
    .uint32: [
      0x3261_3bf5_cede_c8e2, 0xaef2_6460_5938_16b5, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed,
      0xbae3_69ac_8b66_23ed, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed, 0xbae3_69ac_8b66_23ed,
      0x2196_c989_f15f_7849,
    ],
    .uint64: [
      0x63e4_c019_d617_a14b, 0x66d7_468d_abcd_bcef, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed,
      0x5490_6733_8b66_23ed, 0xa182_74b6_7e44_c7ed, 0x7be5_33ac_8819_23ed, 0xbae3_69ac_8b66_23ed, 0x5490_6733_8b66_23ed,
      0x2196_c989_f15f_7849,
    ],
    .bool: [
      0xe5c9_cb0f_1bd8_16b5, 0x3d23_fce6_2bd8_16b5, 0x92bf_d222_722e_4e17, 0x92bf_d222_722e_4e17, 0x92bf_d222_722e_4e17,
      0x92bf_d222_722e_4e17, 0x92bf_d222_722e_4e17, 0x92bf_d222_722e_4e17, 0x92bf_d222_722e_4e17, 0x92bf_d222_722e_4e17,
      0x92bf_d222_722e_4e17,
    ],
  ]

  /// Integers take the low bits of the seeded words; floats spread over ±2^19 (float32) and ±2^30 (float64) with
  /// fractions, where every conversion is defined.
  static func source(_ type: ElementType) throws -> Tensor {
    var random = Seeded()
    let words = (0..<500).map { _ in random.next() }
    let shape: Shape = [500]
    return switch type {
    case .float32: Tensor(shape, words.map { Float(Int64(bitPattern: $0) >> 40) / 16 })
    case .float64: Tensor(shape, words.map { Double(Int64(bitPattern: $0) >> 20) / 8192 })
    case .int8: Tensor(shape, words.map { Int8(truncatingIfNeeded: $0) })
    case .int16: Tensor(shape, words.map { Int16(truncatingIfNeeded: $0) })
    case .int32: Tensor(shape, words.map { Int32(truncatingIfNeeded: $0) })
    case .int64: Tensor(shape, words.map { Int64(truncatingIfNeeded: $0) })
    case .uint8: Tensor(shape, words.map { UInt8(truncatingIfNeeded: $0) })
    case .uint16: Tensor(shape, words.map { UInt16(truncatingIfNeeded: $0) })
    case .uint32: Tensor(shape, words.map { UInt32(truncatingIfNeeded: $0) })
    case .uint64: Tensor(shape, words)
    default: Tensor(shape, words.map { $0 & 1 == 1 })
    }
  }

  static func checksum(_ tensor: Tensor) -> UInt64 {
    var checksum = Checksum()
    let width = tensor.elementType.bitWidth / 8
    for index in 0..<tensor.elementCount {
      var word: UInt64 = 0
      for byte in 0..<width {
        word |= UInt64(tensor.base.load(fromByteOffset: index * width + byte, as: UInt8.self)) << UInt64(8 * byte)
      }
      checksum.add(word)
    }
    return checksum.value
  }

  @Test(arguments: plain, Array(plain.enumerated().map { ($0.offset, $0.element) }))
  func castsAsNumPy(_ source: ElementType, _ target: (index: Int, type: ElementType)) throws {
    let result = try Self.source(source).converted(to: target.type)
    #expect(result.elementType == target.type && result.shape == [500])
    #expect(Self.checksum(result) == Self.golden[source]?[target.index])
  }

  @Test func floatsOutOfRangeGiveTheProcessorsAnswer() throws {
    let values = Tensor([8], [Float.nan, .infinity, -.infinity, 3e9, -3e9, 1e19, 1e30, -1.9])
    func cast<Element: TensorElement>(_ type: Element.Type) throws -> [Element] {
      try values.converted(to: Element.elementType).elements()
    }
    #expect(try cast(Int8.self) == [0, 0, 0, 0, 0, 0, 0, -1])
    #expect(try cast(UInt16.self) == [0, 0, 0, 0, 0, 0, 0, 65535])
    #expect(try cast(Int32.self) == [.min, .min, .min, .min, .min, .min, .min, -1])
    #expect(try cast(Int64.self) == [.min, .min, .min, 3_000_000_000, -3_000_000_000, .min, .min, -1])
    #expect(try cast(UInt64.self)[5] == 9_999_999_980_506_447_872)
    #expect(try cast(Bool.self) == [true, true, true, true, true, true, true, true])
  }

  /// The inputs and outputs of ONNX's own `test_cast_FLOAT_to_…` cases.
  @Test func onnxNarrowIntegers() throws {
    let values = Tensor([25], (-9..<16).map { Float($0) })
    let int4: [Int8] = try values.converted(to: .int4).widened().elements()
    #expect(int4 == [7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1])
    let uint4: [UInt8] = try values.converted(to: .uint4).widened().elements()
    #expect(uint4 == (-9..<16).map { UInt8(truncatingIfNeeded: $0) & 15 })
    let int2: [Int8] = try Tensor([7], (-3...3).map { Float($0) }).converted(to: .int2).widened().elements()
    #expect(int2 == [1, -2, -1, 0, 1, -2, -1])
  }

  @Test func onnxFloat4() throws {
    let values: [Float] = [
      0.48, 0.25, 1.05, -3.5, -8, 9, 1_000_000, 1e-7, .nan, .infinity, .infinity, -.infinity, -4, 0.01, -0.0,
    ]
    let result = try Tensor([3, 5], values).converted(to: .float4E2M1)
    let bits = (0..<15).map { PackedElements.bits(at: $0, of: result.base, bitWidth: 4) }
    #expect(bits == [1, 0, 2, 14, 15, 7, 7, 0, 8, 7, 7, 15, 14, 0, 8])
  }

  @Test(arguments: ElementType.allCases.filter { $0.widened != nil })
  func wideningAndNarrowingIsTheIdentity(_ type: ElementType) throws {
    let count = min(1 << type.bitWidth, 1 << 16) - 1
    let source = try Tensor(type, [count])
    for byte in 0..<source.byteCount {
      let value =
        switch type.bitWidth {
        case 16: byte % 2 == 0 ? byte / 2 & 255 : byte / 512
        case 8: byte
        default: byte * 0x35
        }
      source.base.storeBytes(of: UInt8(truncatingIfNeeded: value), toByteOffset: byte, as: UInt8.self)
    }
    let wide = try source.widened()
    #expect(wide.elementType == type.widened)
    let back = try wide.narrowed(to: type, saturating: false)
    let again = try back.widened().converted(to: .float32).elements(of: Float.self)
    let first = try wide.converted(to: .float32).elements(of: Float.self)
    #expect(zip(first, again).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
  }

  /// No pair is forgotten: all of them convert, or say why not.
  @Test(arguments: ElementType.allCases, ElementType.allCases)
  func allPairs(_ source: ElementType, _ target: ElementType) throws {
    let one = source == .string ? Tensor([3], strings: ["1", " 0.0", "+1e0"]) : try Tensor(source, [3])
    if source != target
      && (source == .string && target.kind == .complex || source.kind == .complex && target == .string)
    {
      #expect(throws: TensorError.unsupportedType(source, operation: "conversion to \(target.name)")) {
        try one.converted(to: target)
      }
    } else {
      let result = try one.converted(to: target)
      #expect(result.elementType == target && result.shape == [3])
    }
  }

  @Test func complexNumbers() throws {
    let values = Tensor([3], [Complex64(1.5, 2), Complex64(0, 2), Complex64(0, 0)])
    #expect(try values.converted(to: .float32).elements() == [Float(1.5), 0, 0])
    #expect(try values.converted(to: .bool).elements() == [true, true, false])
    #expect(try values.converted(to: .complex128).elements() == [Complex128(1.5, 2), Complex128(0, 2), Complex128(0)])
    #expect(try values.converted(to: .int4).widened().elements() == [Int8(1), 0, 0])
    #expect(try Tensor([2], [Int32(-3), 4]).converted(to: .complex64).elements() == [Complex64(-3), Complex64(4)])
  }

  @Test func numbersToText() throws {
    let floats: [Float] = [0.47892547, 1, 0.1, 1e-5, 1e16, 1e22, .infinity, -.infinity, .nan, 123456.79, 1e-4, -0.0]
    #expect(
      try Tensor([12], floats).converted(to: .string).strings == [
        "0.47892547", "1.0", "0.1", "1e-05", "1e+16", "1e+22", "INF", "-INF", "NaN", "123456.79", "0.0001", "-0.0",
      ])
    let doubles = [
      123456.789, 12_345_678, 0.1, .leastNonzeroMagnitude, 1.7976931348623157e308, 9_007_199_254_740_992, 1e15, 123e14,
    ]
    #expect(
      try Tensor([8], doubles).converted(to: .string).strings == [
        "123456.789", "12345678.0", "0.1", "5e-324", "1.7976931348623157e+308", "9007199254740992.0",
        "1000000000000000.0", "1.23e+16",
      ])
    #expect(
      try Tensor([3], [Int64.min, 0, .max]).converted(to: .string).strings == [
        "-9223372036854775808", "0", "9223372036854775807",
      ])
    #expect(try Tensor([2], [UInt64.max, 99]).converted(to: .string).strings == ["18446744073709551615", "99"])
    #expect(try Tensor([2], [true, false]).converted(to: .string).strings == ["True", "False"])
  }

  @Test func textToNumbers() throws {
    let texts = ["1e3", "NaN", "+INF", "-inf", "  12 ", "3.7", "-5", "1e400", ".5", "Infinity", "-0"]
    let values = try Tensor([11], strings: texts).converted(to: .float32).elements(of: Float.self)
    let expected: [Float] = [1000, .nan, .infinity, -.infinity, 12, 3.7, -5, .infinity, 0.5, .infinity, -0.0]
    #expect(zip(values, expected).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) })
    let integers = Tensor([6], strings: ["-128", "1e3", "3.7", "-3.7", "007", "9223372036854775807"])
    #expect(try integers.converted(to: .int64).elements() == [Int64(-128), 1000, 3, -3, 7, .max])
    #expect(try Tensor([1], strings: ["18446744073709551615"]).converted(to: .uint64).elements() == [UInt64.max])
    #expect(try Tensor([3], strings: ["true", "0", "2"]).converted(to: .bool).elements() == [true, false, true])
    #expect(try Tensor([1], strings: ["1.5"]).converted(to: .bfloat16).widened().elements() == [Float(1.5)])
  }

  @Test(arguments: ["", "0x10", "1_000", "nan(1)", "12abc", "--1", "1e", "e5", ".", "+", "1 2", "Ünsinn", "3,7"])
  func textThatIsNoNumber(_ text: String) {
    for type in [ElementType.float32, .float64, .int8, .uint64, .bool, .float16] {
      #expect(throws: TensorError.self) { try Tensor([1], strings: [text]).converted(to: type) }
    }
  }

  @Test(arguments: ["99999999999999999999", "1e40", "NaN", "inf", "-9223372036854775809"])
  func textBeyondInt64(_ text: String) {
    #expect(throws: TensorError.self) { try Tensor([1], strings: [text]).converted(to: .int64) }
  }
}
