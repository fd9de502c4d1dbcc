/// Elements of two or four bits, several to a byte, low bits first: int4, uint4, int2, uint2 and float4E2M1.
///
/// This is the layout of ONNX `raw_data`; see `ElementType.bitWidth`.
public enum PackedElements {
  /// Bits of element `index`, not sign-extended. `bitWidth` is 2 or 4.
  @inlinable public static func bits(at index: Int, of base: UnsafeRawPointer, bitWidth: Int) -> UInt8 {
    let bit = index &* bitWidth
    let byte = base.load(fromByteOffset: bit >> 3, as: UInt8.self)
    return byte &>> UInt8(truncatingIfNeeded: bit & 7) & mask(bitWidth)
  }

  /// Writes the low bits of `bits` as element `index`; its neighbours stay.
  @inlinable public static func setBits(
    _ bits: UInt8, at index: Int, of base: UnsafeMutableRawPointer, bitWidth: Int
  ) {
    let bit = index &* bitWidth
    let shift = UInt8(truncatingIfNeeded: bit & 7)
    let mask = mask(bitWidth)
    let byte = base.load(fromByteOffset: bit >> 3, as: UInt8.self)
    let changed = byte & ~(mask &<< shift) | (bits & mask) &<< shift
    base.storeBytes(of: changed, toByteOffset: bit >> 3, as: UInt8.self)
  }

  /// The value of element `index` of a packed integer type.
  @inlinable public static func integer(at index: Int, of base: UnsafeRawPointer, type: ElementType) -> Int {
    let width = type.bitWidth
    let bits = bits(at: index, of: base, bitWidth: width)
    return type.kind == .signedInteger ? Int(signExtended(bits, width)) : Int(bits)
  }

  /// One byte for each element. Signed types are sign-extended: read the result as int8.
  public static func unpack(
    _ source: UnsafeRawPointer, type: ElementType, into result: UnsafeMutableBufferPointer<UInt8>
  ) {
    precondition(type.isPacked, "\(type) is not packed")
    let isSigned = type.kind == .signedInteger
    if type.bitWidth == 4 {
      unpack(source, bitWidth: 4, isSigned: isSigned, into: result)
    } else {
      unpack(source, bitWidth: 2, isSigned: isSigned, into: result)
    }
  }

  /// Packs the low bits of each byte, so that values out of range wrap. Bits after the last element are zero.
  public static func pack(
    _ values: UnsafeBufferPointer<UInt8>, type: ElementType, into result: UnsafeMutableRawPointer
  ) {
    precondition(type.isPacked, "\(type) is not packed")
    if type.bitWidth == 4 {
      pack(values, bitWidth: 4, into: result)
    } else {
      pack(values, bitWidth: 2, into: result)
    }
  }

  @inline(__always)
  private static func unpack(
    _ source: UnsafeRawPointer, bitWidth: Int, isSigned: Bool, into result: UnsafeMutableBufferPointer<UInt8>
  ) {
    for index in result.indices {
      let bits = bits(at: index, of: source, bitWidth: bitWidth)
      result[index] = isSigned ? UInt8(bitPattern: signExtended(bits, bitWidth)) : bits
    }
  }

  @inline(__always)
  private static func pack(
    _ values: UnsafeBufferPointer<UInt8>, bitWidth: Int, into result: UnsafeMutableRawPointer
  ) {
    let perByte = 8 / bitWidth
    let mask = mask(bitWidth)
    var index = 0
    while index < values.count {
      var byte: UInt8 = 0
      for slot in 0..<min(perByte, values.count &- index) {
        byte |= (values[index &+ slot] & mask) &<< UInt8(truncatingIfNeeded: slot &* bitWidth)
      }
      result.storeBytes(of: byte, toByteOffset: index / perByte, as: UInt8.self)
      index &+= perByte
    }
  }

  @inlinable static func mask(_ bitWidth: Int) -> UInt8 { bitWidth == 4 ? 15 : 3 }

  @inlinable static func signExtended(_ bits: UInt8, _ bitWidth: Int) -> Int8 {
    let shift = Int8(8 &- bitWidth)
    return (Int8(bitPattern: bits) &<< shift) &>> shift
  }
}
