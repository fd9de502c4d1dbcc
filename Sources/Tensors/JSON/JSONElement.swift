/// An element that can be read from JSON. Reads at the cursor, where there is no white space.
protocol JSONElement: BitwiseCopyable {
  static func read(_ reader: inout JSONReader) throws(TensorError) -> Self
}

extension Float: JSONElement {
  @inline(__always)
  static func read(_ reader: inout JSONReader) throws(TensorError) -> Float {
    if let number = reader.scanNumber() { return number.float(end: reader.end) }
    return Float(try reader.readSpecial("float32"))
  }
}

extension Double: JSONElement {
  @inline(__always)
  static func read(_ reader: inout JSONReader) throws(TensorError) -> Double {
    if let number = reader.scanNumber() { return number.double(end: reader.end) }
    return try reader.readSpecial("float64")
  }
}

/// float16 as its bits.
struct Float16Bits: JSONElement {
  var bits: UInt16

  static func read(_ reader: inout JSONReader) throws(TensorError) -> Float16Bits {
    let number = reader.scanNumber()
    let value = if let number { number.double(end: reader.end) } else { try reader.readSpecial("float16") }
    return Float16Bits(bits: FloatFormat.float16.encode(value))
  }
}

/// bfloat16 as its bits.
struct BFloat16Bits: JSONElement {
  var bits: UInt16

  static func read(_ reader: inout JSONReader) throws(TensorError) -> BFloat16Bits {
    let number = reader.scanNumber()
    let value = if let number { number.double(end: reader.end) } else { try reader.readSpecial("bfloat16") }
    return BFloat16Bits(bits: FloatFormat.bfloat16.encode(value))
  }
}

extension Bool: JSONElement {
  static func read(_ reader: inout JSONReader) throws(TensorError) -> Bool {
    if reader.consume("true") { return true }
    if reader.consume("false") { return false }
    let before = reader.cursor
    switch reader.scanNumber()?.integer(UInt8.self, end: reader.end) {
    case 0: return false
    case 1: return true
    default:
      reader.cursor = before
      throw reader.failure("bool")
    }
  }
}

extension JSONElement where Self: FixedWidthInteger {
  @inline(__always)
  static func read(_ reader: inout JSONReader) throws(TensorError) -> Self {
    let before = reader.cursor
    if let number = reader.scanNumber(), let value = number.integer(Self.self, end: reader.end) { return value }
    reader.cursor = before
    throw reader.failure(integerName(Self.self))
  }
}

extension Int8: JSONElement {}
extension Int16: JSONElement {}
extension Int32: JSONElement {}
extension Int64: JSONElement {}
extension UInt8: JSONElement {}
extension UInt16: JSONElement {}
extension UInt32: JSONElement {}
extension UInt64: JSONElement {}

extension JSONReader {
  /// What stands for a float that has no digits: the bare tokens, the same in quotes, and `null` for NaN.
  @inline(never)
  mutating func readSpecial(_ expected: StaticString) throws(TensorError) -> Double {
    if let special = consumeSpecial() { return special }
    if consume("null") { return .nan }
    for (text, value) in [("\"NaN\"", Double.nan), ("\"Infinity\"", .infinity), ("\"-Infinity\"", -.infinity)] {
      let bytes = UnsafeRawBufferPointer(start: cursor, count: min(text.utf8.count, end - cursor))
      if bytes.elementsEqual(text.utf8) {
        cursor += bytes.count
        return value
      }
    }
    throw failure(expected)
  }
}
