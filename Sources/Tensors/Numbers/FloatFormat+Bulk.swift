// Whole buffers of narrow floats. Formats of 8 bits and less are decoded by table; float16 and bfloat16 by integer
// arithmetic without branches, which the compiler vectorises. (Swift's own Float16 calls a library routine for each
// element unless the whole program is compiled for F16C.)

extension FloatFormat {
  /// Values of `result.count` consecutive patterns: two bytes each for 16-bit formats, two patterns to a byte (low
  /// bits first) for float4, one byte each otherwise.
  public func decode(_ source: UnsafeRawPointer, into result: UnsafeMutableBufferPointer<Float>) {
    switch elementType {
    case .float16:
      for index in result.indices {
        result[index] = Self.decodeFloat16(
          source.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self))
      }
    case .bfloat16:
      for index in result.indices {
        let bits = source.loadUnaligned(fromByteOffset: index &* 2, as: UInt16.self)
        result[index] = Float(bitPattern: UInt32(bits) << 16)
      }
    case .float4E2M1:
      let table = decodingTable
      for index in result.indices {
        let byte = source.load(fromByteOffset: index >> 1, as: UInt8.self)
        result[index] = table[Int(byte >> (UInt8(truncatingIfNeeded: index) & 1 &* 4) & 15)]
      }
    default:
      let table = decodingTable
      for index in result.indices { result[index] = table[Int(source.load(fromByteOffset: index, as: UInt8.self))] }
    }
  }

  /// Patterns of `values`, laid out as `decode(_:into:)` reads them. Bits beyond the last element are zero.
  public func encode(
    _ values: UnsafeBufferPointer<Float>, into result: UnsafeMutableRawPointer, saturate: Bool = true,
    rounding: Rounding? = nil
  ) {
    switch elementType {
    case .float16:
      for index in values.indices {
        result.storeBytes(of: Self.encodeFloat16(values[index]), toByteOffset: index &* 2, as: UInt16.self)
      }
    case .bfloat16:
      for index in values.indices {
        result.storeBytes(of: Self.encodeBFloat16(values[index]), toByteOffset: index &* 2, as: UInt16.self)
      }
    default:
      store(values.count, into: result) { encode(values[$0], saturate: saturate, rounding: rounding) }
    }
  }

  /// As above from float64, rounded once.
  public func encode(
    _ values: UnsafeBufferPointer<Double>, into result: UnsafeMutableRawPointer, saturate: Bool = true,
    rounding: Rounding? = nil
  ) {
    store(values.count, into: result) { encode(values[$0], saturate: saturate, rounding: rounding) }
  }

  @inline(__always)
  private func store(_ count: Int, into result: UnsafeMutableRawPointer, _ bits: (Int) -> UInt16) {
    if bitCount == 16 {
      for index in 0..<count { result.storeBytes(of: bits(index), toByteOffset: index &* 2, as: UInt16.self) }
    } else if bitCount == 4 {
      for byte in 0..<(count + 1) / 2 {
        let low = bits(2 &* byte)
        let high = 2 &* byte &+ 1 < count ? bits(2 &* byte &+ 1) : 0
        result.storeBytes(of: UInt8(truncatingIfNeeded: low | high << 4), toByteOffset: byte, as: UInt8.self)
      }
    } else {
      for index in 0..<count {
        result.storeBytes(of: UInt8(truncatingIfNeeded: bits(index)), toByteOffset: index, as: UInt8.self)
      }
    }
  }

  /// Moves the exponent into place and lets one multiplication by 2¹¹² correct the bias of normal and subnormal
  /// values alike.
  @inlinable @inline(__always)
  package static func decodeFloat16(_ bits: UInt16) -> Float {
    let magnitude = UInt32(bits & 0x7fff) << 13
    let scaled = (Float(bitPattern: magnitude) * Float(bitPattern: 0x7780_0000)).bitPattern
    // Infinity and NaN came out as 2^16 and more: give them the exponent of all ones.
    let special: UInt32 = magnitude >= 0x0f80_0000 ? 0x7f80_0000 : 0
    return Float(bitPattern: scaled | special | UInt32(bits & 0x8000) << 16)
  }

  @inlinable @inline(__always)
  package static func encodeFloat16(_ value: Float) -> UInt16 {
    let sign = value.bitPattern & 0x8000_0000
    let magnitude = value.bitPattern ^ sign
    let result: UInt32
    if magnitude >= 0x4780_0000 {
      // 65536 and above, infinity and NaN. Values from 65520 up to there round to infinity by the carry below.
      result = magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00
    } else if magnitude < 0x3880_0000 {
      // Subnormal: adding one half lines the bits up so that the addition itself rounds to nearest even.
      result = (Float(bitPattern: magnitude) + 0.5).bitPattern &- 0x3f00_0000
    } else {
      result = (magnitude &- 0x3800_0000 &+ 0xfff &+ (magnitude >> 13 & 1)) >> 13
    }
    return UInt16(truncatingIfNeeded: result | sign >> 16)
  }

  @inlinable @inline(__always)
  package static func encodeBFloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7fff &+ (bits >> 16 & 1)) >> 16
    return UInt16(truncatingIfNeeded: value.isNaN ? bits >> 16 & 0x8000 | 0x7fc0 : rounded)
  }

  /// Values of all patterns of one byte. Lives as long as the process.
  private var decodingTable: UnsafePointer<Float> { Self.decodingTables + Int(elementType.rawValue) << 8 }

  nonisolated(unsafe) private static let decodingTables: UnsafePointer<Float> = {
    let count = (Int(ElementType.allCases.map(\.rawValue).max() ?? 0) + 1) << 8
    let tables = UnsafeMutablePointer<Float>.allocate(capacity: count)
    tables.initialize(repeating: 0, count: count)
    for format in all where format.bitCount <= 8 {
      for bits in 0..<256 { tables[Int(format.elementType.rawValue) << 8 + bits] = format.decode(UInt16(bits)) }
    }
    return UnsafePointer(tables)
  }()
}
