import Tensors
import Testing

/// Checksums of what ml_dtypes 0.6.0 and NumPy 2.4.6 give: all patterns decoded; 20,000 seeded float32 bit patterns
/// narrowed without and with saturation; 20,000 seeded float64 values of full precision.
struct Golden: Sendable, CustomTestStringConvertible {
  let format: FloatFormat
  let decoded, narrowed, saturated, fromDouble: UInt64
  var testDescription: String { format.elementType.name }

  init(_ format: FloatFormat, decoded: UInt64, narrowed: UInt64, saturated: UInt64, fromDouble: UInt64) {
    self.format = format
    self.decoded = decoded
    self.narrowed = narrowed
    self.saturated = saturated
    self.fromDouble = fromDouble
  }

  static let all = [
    Golden(
      .float16, decoded: 0xa29f_cd30_7f1d_2325, narrowed: 0x5dfa_7753_d1d9_29a9, saturated: 0x5dfa_7753_d1d9_29a9,
      fromDouble: 0x9f48_52f5_7947_d9d4),
    Golden(
      .bfloat16, decoded: 0xae86_4f38_855e_2325, narrowed: 0xff45_b9e2_1af3_b479, saturated: 0xff45_b9e2_1af3_b479,
      fromDouble: 0xe098_8d9a_9c4d_e55b),
    Golden(
      .float8E4M3FN, decoded: 0x0899_3af4_628b_b725, narrowed: 0xa341_5847_f559_b70c, saturated: 0x9d67_4132_07ce_70eb,
      fromDouble: 0x5959_bb64_cffb_380b),
    Golden(
      .float8E4M3FNUZ, decoded: 0x4065_565a_f2ab_b725, narrowed: 0x036f_a67b_24fd_f22e,
      saturated: 0x0faa_4e09_3ea1_5704, fromDouble: 0x866c_f271_14fa_b50d),
    Golden(
      .float8E5M2, decoded: 0x00ce_e283_8e6b_b725, narrowed: 0xcd29_b38d_beaf_185a, saturated: 0x097b_50de_5112_958d,
      fromDouble: 0xd7be_2ff2_e645_445b),
    Golden(
      .float8E5M2FNUZ, decoded: 0x3996_9815_ceab_b725, narrowed: 0xaa5a_05cd_fbc4_ed11,
      saturated: 0x43dd_2d06_6ba1_ba36, fromDouble: 0x25b4_3573_d2df_5d69),
    Golden(
      .float8E8M0, decoded: 0x56f9_e058_2b6b_b725, narrowed: 0xcbf2_9ce4_8422_2325, saturated: 0xcbf2_9ce4_8422_2325,
      fromDouble: 0xcbf2_9ce4_8422_2325),
    Golden(
      .float6E2M3, decoded: 0x437d_aba9_a23d_0825, narrowed: 0xd154_2a40_bdd2_36d5, saturated: 0xd154_2a40_bdd2_36d5,
      fromDouble: 0x307e_1366_791c_bf2f),
    Golden(
      .float6E3M2, decoded: 0x4c67_d140_5afd_0825, narrowed: 0x9a50_f75e_1bd1_cbca, saturated: 0x9a50_f75e_1bd1_cbca,
      fromDouble: 0x8719_0719_86a7_cd2a),
    Golden(
      .float4E2M1, decoded: 0x0073_7516_397f_6465, narrowed: 0xeb6d_a2e5_0b52_f0bc, saturated: 0xeb6d_a2e5_0b52_f0bc,
      fromDouble: 0xe848_da82_407d_5794),
  ]
}

@Suite struct FloatFormatTests {
  static let count = 20_000

  @Test(arguments: Golden.all) func decodesAllPatterns(_ golden: Golden) {
    var checksum = Checksum()
    for bits in 0..<(1 << golden.format.bitCount) {
      let value = golden.format.decode(UInt16(bits))
      checksum.add(UInt64(value.isNaN ? 0x7fc0_0000 : value.bitPattern))
    }
    #expect(checksum.value == golden.decoded)
  }

  @Test(arguments: FloatFormat.all) func encodesWhatItDecodes(_ format: FloatFormat) {
    for bits in 0..<(1 << format.bitCount) {
      let value = format.decode(UInt16(bits))
      if value.isNaN {
        #expect(format.decode(format.encode(value)).isNaN)
      } else {
        #expect(format.encode(value, saturate: false) == UInt16(bits))
        #expect(format.encode(Double(value), saturate: false) == UInt16(bits))
      }
    }
  }

  @Test(arguments: Golden.all.filter { $0.format != .float8E8M0 }) func narrowsAsMlDtypes(_ golden: Golden) {
    let format = golden.format
    var random = Seeded()
    var narrowed = Checksum()
    var saturated = Checksum()
    var fromDouble = Checksum()
    for _ in 0..<Self.count {
      let word = random.next()
      let single = Float(bitPattern: UInt32(truncatingIfNeeded: word >> 32))
      narrowed.add(UInt64(format.encode(single, saturate: false)))
      saturated.add(UInt64(format.encode(single, saturate: true)))
      let exponent = (1023 - 30 + (word >> 52) % 64) << 52
      let double = Double(bitPattern: word & (1 << 63) | exponent | word & (1 << 52 - 1))
      fromDouble.add(UInt64(format.encode(double, saturate: false)))
    }
    #expect(narrowed.value == golden.narrowed)
    #expect(saturated.value == golden.saturated)
    #expect(fromDouble.value == golden.fromDouble)
  }

  /// Midpoints between neighbours and their float64 neighbours: where a second rounding would show (it does in
  /// ml_dtypes, which goes through float32).
  @Test(arguments: FloatFormat.all.filter { $0 != .float8E8M0 }) func roundsOnce(_ format: FloatFormat) {
    for bits in 0..<format.largestBits {
      let lower = Double(format.decode(bits))
      let upper = Double(format.decode(bits + 1))
      let middle = (lower + upper) / 2
      #expect(format.encode(middle) == bits + bits & 1)
      #expect(format.encode(middle.nextDown) == bits)
      #expect(format.encode(middle.nextUp) == bits + 1)
    }
  }

  /// The two tables of ONNX Cast.
  @Test func castTables() {
    func bits(_ value: Float, _ saturate: Bool) -> [UInt16] {
      [FloatFormat.float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ].map {
        $0.encode(value, saturate: saturate)
      }
    }
    for saturate in [true, false] {
      #expect(bits(0, saturate) == [0, 0, 0, 0])
      #expect(bits(-0.0, saturate) == [0x80, 0, 0x80, 0])
      #expect(bits(.nan, saturate) == [0x7f, 0x80, 0x7e, 0x80])
      #expect(bits(-.nan, saturate) == [0xff, 0x80, 0xfe, 0x80])
    }
    for big in [Float.infinity, 1e9] {
      #expect(bits(big, true) == [0x7e, 0x7f, 0x7b, 0x7f])
      #expect(bits(-big, true) == [0xfe, 0xff, 0xfb, 0xff])
      #expect(bits(big, false) == [0x7f, 0x80, 0x7c, 0x80])
      #expect(bits(-big, false) == [0xff, 0x80, 0xfc, 0x80])
    }
    #expect(bits(464, false)[0] == 0x7e, "rounds to the largest value, which is no overflow")
  }

  @Test func e8m0RoundsAsItsModesSay() {
    let format = FloatFormat.float8E8M0
    func encode(_ value: Double, _ rounding: FloatFormat.Rounding, _ saturate: Bool = true) -> UInt16 {
      format.encode(value, saturate: saturate, rounding: rounding)
    }
    #expect([0.124, 0.25, 0.5, 1.1, 2, 4, 8].map { format.encode($0) } == [124, 125, 126, 128, 128, 129, 130])
    #expect([1.0, 1.25, 1.5, 1.75, 2].map { encode($0, .down) } == [127, 127, 127, 127, 128])
    #expect([1.0, 1.25, 1.5, 1.75, 2, 3].map { encode($0, .nearest) } == [127, 127, 128, 128, 128, 129])
    #expect([1.0, 1.25, 1.5, 1.75, 2, 3].map { encode($0, .nearestEven) } == [127, 127, 128, 128, 128, 129])
    #expect(encode(0, .up) == 0 && encode(0, .nearest, false) == 0xff)
    #expect(encode(1e39, .up) == 0xfe && encode(1e39, .nearest, false) == 0xff)
    #expect(encode(.infinity, .up) == 0xfe && encode(.infinity, .nearest, false) == 0xff)
    #expect(encode(1e-40, .up) == 0 && encode(1e-40, .nearest, false) == 0xff)
    #expect(encode(.nan, .up) == 0xff && encode(-1, .up) == 0xff)
    #expect(encode(Double(sign: .plus, exponent: -127, significand: 1), .up) == 0)
    #expect(encode(Double(sign: .plus, exponent: -127, significand: 1).nextUp, .up) == 1)
  }

  @Test(arguments: FloatFormat.all) func bulkEqualsOneByOne(_ format: FloatFormat) throws {
    // Every pattern, and an odd count for the packed format.
    let count = (1 << format.bitCount) - 1
    let packed = try Tensor(format.elementType, [count])
    let expected = (0..<count).map { format.decode(UInt16($0)) }
    let doubles = expected.map(Double.init)
    expected.withUnsafeBufferPointer { format.encode($0, into: packed.base, saturate: false) }
    var decoded = [Float](repeating: 0, count: count)
    decoded.withUnsafeMutableBufferPointer { format.decode(packed.base, into: $0) }
    #expect(zip(decoded, expected).allSatisfy(same))
    doubles.withUnsafeBufferPointer { format.encode($0, into: packed.base, saturate: false) }
    decoded.withUnsafeMutableBufferPointer { format.decode(packed.base, into: $0) }
    #expect(zip(decoded, expected).allSatisfy(same))

    var random = Seeded(7)
    var values: [Float] = [0, -0.0, .infinity, -.infinity, .nan, 65519, 65520, 65535, 65536, 6.1e-5, 5.9e-8, 2.98e-8]
    values += (0..<5_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next())) }
    values += (0..<5_000).map { _ in Float.random(in: -1...1, using: &random) * 1e-4 }
    let bulk = try Tensor(format.elementType, [values.count])
    values.withUnsafeBufferPointer { format.encode($0, into: bulk.base, saturate: true) }
    var back = [Float](repeating: 0, count: values.count)
    back.withUnsafeMutableBufferPointer { format.decode(bulk.base, into: $0) }
    let single = values.map { format.decode(format.encode($0, saturate: true)) }
    #expect(zip(back, single).allSatisfy(same))
  }

  private func same(_ a: Float, _ b: Float) -> Bool { a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN) }
}

@Suite struct PackedElementsTests {
  @Test(arguments: ElementType.allCases.filter(\.isPacked)) func allBytesUnpackAndPack(_ type: ElementType) {
    let bytes = (0..<256).map { UInt8($0) }
    let perByte = 8 / type.bitWidth
    var unpacked = [UInt8](repeating: 0, count: 256 * perByte)
    bytes.withUnsafeBytes { source in
      unpacked.withUnsafeMutableBufferPointer { PackedElements.unpack(source.baseAddress!, type: type, into: $0) }
      for index in unpacked.indices {
        let bits = PackedElements.bits(at: index, of: source.baseAddress!, bitWidth: type.bitWidth)
        #expect(
          bits == bytes[index / perByte] >> UInt8(index % perByte * type.bitWidth) & (type.bitWidth == 4 ? 15 : 3))
        let value = PackedElements.integer(at: index, of: source.baseAddress!, type: type)
        #expect(value == (type.kind == .signedInteger ? Int(Int8(bitPattern: unpacked[index])) : Int(unpacked[index])))
      }
    }
    var packed = [UInt8](repeating: 0xff, count: 256)
    unpacked.withUnsafeBufferPointer { values in
      packed.withUnsafeMutableBytes { PackedElements.pack(values, type: type, into: $0.baseAddress!) }
    }
    #expect(packed == bytes)
  }

  @Test(arguments: [2, 4], 0..<9) func setBitsLeavesNeighbours(_ bitWidth: Int, _ index: Int) {
    for fill in [UInt8(0x00), 0xff] {
      for bits in UInt8(0)..<UInt8(1 << bitWidth) {
        var bytes = [UInt8](repeating: fill, count: 5)
        bytes.withUnsafeMutableBytes { buffer in
          PackedElements.setBits(bits, at: index, of: buffer.baseAddress!, bitWidth: bitWidth)
          let base = UnsafeRawPointer(buffer.baseAddress!)
          for other in 0..<10 {
            let expected = other == index ? bits : fill & UInt8(1 << bitWidth - 1)
            #expect(PackedElements.bits(at: other, of: base, bitWidth: bitWidth) == expected)
          }
        }
      }
    }
  }

  @Test func oddCountsLeaveZeroBits() {
    var bytes: [UInt8] = [0xff, 0xff]
    [UInt8(0xff), 0x12, 0xf3].withUnsafeBufferPointer { values in
      bytes.withUnsafeMutableBytes { PackedElements.pack(values, type: .int4, into: $0.baseAddress!) }
    }
    #expect(bytes == [0x2f, 0x03])
  }
}
