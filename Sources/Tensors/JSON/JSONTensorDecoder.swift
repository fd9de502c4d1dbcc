/// Reads a tensor from nested JSON arrays, `[[1, 2], [3, 4]]`, or from a scalar, straight into its final memory.
///
/// The shape is found on the way: depth and extents of the first array of each level bind the others. Numbers are
/// rounded once, from their text to the element type.
///
/// | element type | accepted |
/// |---|---|
/// | floats | numbers; `NaN`, `Infinity`, `-Infinity` bare or as strings; `null` as NaN |
/// | integers | numbers without a fraction that fit, `3.0` and `3e2` included |
/// | bool | `true`, `false`, `1`, `0` |
/// | string | strings |
/// | complex | pairs `[re, im]` |
public enum JSONTensorDecoder {
  /// Reads the next value of `reader`.
  ///
  /// - Parameter expectedCount: elements that the caller believes will come, so that memory need not grow; a
  ///   hint only, never trusted beyond what the remaining bytes can hold.
  public static func decode(
    _ reader: inout JSONReader, as type: ElementType, expectedCount: Int = 0
  ) throws(TensorError) -> Tensor {
    switch type {
    case .float32: return try decode(&reader, Float.self, type, expectedCount)
    case .float64: return try decode(&reader, Double.self, type, expectedCount)
    case .float16: return try decode(&reader, Float16Bits.self, type, expectedCount)
    case .bfloat16: return try decode(&reader, BFloat16Bits.self, type, expectedCount)
    case .int8: return try decode(&reader, Int8.self, type, expectedCount)
    case .int16: return try decode(&reader, Int16.self, type, expectedCount)
    case .int32: return try decode(&reader, Int32.self, type, expectedCount)
    case .int64: return try decode(&reader, Int64.self, type, expectedCount)
    case .uint8: return try decode(&reader, UInt8.self, type, expectedCount)
    case .uint16: return try decode(&reader, UInt16.self, type, expectedCount)
    case .uint32: return try decode(&reader, UInt32.self, type, expectedCount)
    case .uint64: return try decode(&reader, UInt64.self, type, expectedCount)
    case .bool: return try decode(&reader, Bool.self, type, expectedCount)
    case .string:
      var sink = JSONStringSink()
      let shape = try NestedArrays.read(&reader, into: &sink)
      return Tensor(shape, strings: sink.strings)
    case .complex64: return try pairs(decode(&reader, Float.self, .float32, expectedCount), reader, as: type)
    case .complex128: return try pairs(decode(&reader, Double.self, .float64, expectedCount), reader, as: type)
    case .int4: return try packed(&reader, Int8.self, -8...7, as: type)
    case .int2: return try packed(&reader, Int8.self, -2...1, as: type)
    case .uint4: return try packed(&reader, UInt8.self, 0...15, as: type)
    case .uint2: return try packed(&reader, UInt8.self, 0...3, as: type)
    case .float8E4M3FN, .float8E4M3FNUZ, .float8E5M2, .float8E5M2FNUZ, .float8E8M0, .float6E2M3, .float6E3M2,
      .float4E2M1:
      // By way of float32, in whose digits such values are printed: they read back as they were, whatever the rounding.
      return try decode(&reader, Float.self, .float32, expectedCount).converted(to: type)
    }
  }

  /// Reads `bytes` as one value with nothing behind it.
  public static func decode(
    _ bytes: UnsafeRawBufferPointer, as type: ElementType, source: String = "JSON"
  ) throws(TensorError) -> Tensor {
    var reader = JSONReader(bytes, source: source)
    let tensor = try decode(&reader, as: type)
    try reader.finish()
    return tensor
  }

  private static func decode<Element: JSONElement>(
    _ reader: inout JSONReader, _ element: Element.Type, _ type: ElementType, _ expectedCount: Int
  ) throws(TensorError) -> Tensor {
    var sink = try JSONNumberSink<Element>(reader, expectedCount)
    let shape = try NestedArrays.read(&reader, into: &sink)
    return Tensor(type, shape, storage: sink.storage)
  }

  private static func pairs(
    _ reals: Tensor, _ reader: JSONReader, as type: ElementType
  ) throws(TensorError) -> Tensor {
    if reals.elementCount == 0 { return Tensor(type, reals.shape, storage: reals.storage) }
    guard reals.shape.dimensions.last == 2 else {
      throw reader.problem("expected pairs [re, im] for \(type.name), found shape \(reals.shape)")
    }
    return Tensor(type, Shape(Array(reals.shape.dimensions.dropLast())), storage: reals.storage)
  }

  private static func packed<Element: JSONElement & TensorElement & Comparable>(
    _ reader: inout JSONReader, _ element: Element.Type, _ range: ClosedRange<Element>, as type: ElementType
  ) throws(TensorError) -> Tensor {
    let values = try decode(&reader, element, Element.elementType, 0)
    if let wrong = values.withElements(of: element, { $0.first { !range.contains($0) } }) {
      throw reader.problem("\(wrong) does not fit \(type.name)")
    }
    return try values.converted(to: type)
  }
}

/// Where elements go.
private protocol JSONSink {
  /// Reads one element at the cursor; there is no white space before it.
  mutating func readElement(_ reader: inout JSONReader) throws(TensorError)
}

/// Elements of fixed width, in storage that doubles when it is full.
private struct JSONNumberSink<Element: JSONElement>: JSONSink {
  var storage: TensorStorage
  private var next: UnsafeMutablePointer<Element>
  private var limit: UnsafeMutablePointer<Element>

  init(_ reader: JSONReader, _ expectedCount: Int) throws(TensorError) {
    let capacity = min(max(expectedCount, 16), Self.largestCount(reader))
    storage = try TensorStorage(byteCount: capacity * MemoryLayout<Element>.stride, zeroed: false)
    next = storage.base.bindMemory(to: Element.self, capacity: capacity)
    limit = next + capacity
  }

  /// An element takes a digit and a comma at least.
  private static func largestCount(_ reader: JSONReader) -> Int { (reader.end - reader.cursor) / 2 + 1 }

  @inline(__always)
  mutating func readElement(_ reader: inout JSONReader) throws(TensorError) {
    if next == limit { try grow(reader) }
    next.initialize(to: try Element.read(&reader))
    next += 1
  }

  @inline(never)
  private mutating func grow(_ reader: JSONReader) throws(TensorError) {
    let base = storage.base.assumingMemoryBound(to: Element.self)
    let count = next - base
    let capacity = min(2 * count, count + Self.largestCount(reader))
    let larger = try TensorStorage(byteCount: capacity * MemoryLayout<Element>.stride, zeroed: false)
    let target = larger.base.bindMemory(to: Element.self, capacity: capacity)
    target.initialize(from: base, count: count)
    storage = larger
    next = target + count
    limit = target + capacity
  }
}

private struct JSONStringSink: JSONSink {
  var strings: [String] = []

  mutating func readElement(_ reader: inout JSONReader) throws(TensorError) { strings.append(try reader.readString()) }
}

/// The walk over the brackets, which finds the shape.
private enum NestedArrays {
  static func read<Sink: JSONSink>(_ reader: inout JSONReader, into sink: inout Sink) throws(TensorError) -> Shape {
    reader.skipWhitespace()
    guard reader.cursor < reader.end, reader.cursor.pointee == UInt8(ascii: "[") else {
      try sink.readElement(&reader)
      return .scalar
    }
    // Extents of each level, -1 until the first array of that level has ended; members so far of each open array.
    var extents: [Int] = []
    var counts: [Int] = []
    // The level whose arrays hold elements, once known.
    var leafLevel: Int?

    while true {
      // At a value: an array that opens, or the first of a run of elements.
      reader.skipWhitespace()
      if reader.cursor < reader.end && reader.cursor.pointee == UInt8(ascii: "[") {
        if counts.count == leafLevel { throw ragged(reader, counts, "expected an element found an array") }
        guard reader.depth + counts.count < JSONReader.largestDepth else {
          throw reader.problem("nested deeper than \(JSONReader.largestDepth)")
        }
        reader.cursor += 1
        counts.append(0)
        if extents.count < counts.count { extents.append(-1) }
        reader.skipWhitespace()
        guard reader.cursor < reader.end else { throw reader.failure("a value or ']'") }
        if reader.cursor.pointee != UInt8(ascii: "]") { continue }
      } else {
        if counts.count != leafLevel ?? counts.count {
          throw ragged(reader, counts, "expected an array found an element")
        }
        leafLevel = counts.count
        counts[counts.count - 1] = try readRun(&reader, into: &sink)
      }

      // At the end of an array, perhaps of several.
      while true {
        guard reader.cursor < reader.end, reader.cursor.pointee == UInt8(ascii: "]") else {
          throw reader.failure("',' or ']'")
        }
        let count = counts.removeLast()
        let level = counts.count
        if extents[level] != count {
          if extents[level] >= 0 { throw ragged(reader, counts, "expected \(extents[level]) found \(count)") }
          extents[level] = count
        }
        if count == 0 { leafLevel = level + 1 }
        reader.cursor += 1
        if counts.isEmpty { return try shape(extents, reader) }
        counts[level - 1] += 1
        reader.skipWhitespace()
        if reader.cursor < reader.end && reader.cursor.pointee == UInt8(ascii: ",") {
          reader.cursor += 1
          break
        }
      }
    }
  }

  /// Elements up to the one that no comma follows: the hot loop.
  @inline(__always)
  private static func readRun<Sink: JSONSink>(
    _ reader: inout JSONReader, into sink: inout Sink
  ) throws(TensorError) -> Int {
    var count = 0
    while true {
      try sink.readElement(&reader)
      count &+= 1
      reader.skipWhitespace()
      guard reader.cursor < reader.end, reader.cursor.pointee == UInt8(ascii: ",") else { return count }
      reader.cursor += 1
      reader.skipWhitespace()
    }
  }

  private static func shape(_ extents: [Int], _ reader: JSONReader) throws(TensorError) -> Shape {
    guard let shape = Shape(checking: extents) else { throw reader.problem("shape \(extents) is too large") }
    return shape
  }

  @inline(never)
  private static func ragged(_ reader: JSONReader, _ path: [Int], _ what: String) -> TensorError {
    let indices = path.map(String.init).joined(separator: ", ")
    return reader.problem("ragged at [\(indices)]: \(what)")
  }
}
