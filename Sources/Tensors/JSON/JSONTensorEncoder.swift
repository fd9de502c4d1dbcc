/// Writes a tensor as nested arrays, `[[1.0,2.0],[3.0,4.0]]`; a scalar as a bare value. A writer that is spaced puts a
/// blank behind each comma.
///
/// Narrow floats are written as the float32 they stand for, complex numbers as `[re,im]`.
public enum JSONTensorEncoder {
  /// Arrays without elements still take two bytes each; more of them than this are refused.
  private static let largestEmptyCount = 1 << 20

  public static func encode(_ tensor: Tensor, into writer: inout JSONWriter) throws(TensorError) {
    let tensor = try tensor.widened()
    if tensor.elementCount == 0 {
      let outer = Shape(checking: Array(tensor.shape.dimensions.prefix { $0 > 0 }))
      guard let outer, outer.elementCount <= largestEmptyCount else {
        throw .malformed(source: "tensor \(tensor.shape)", problem: "too many empty arrays to write as JSON")
      }
    }
    switch tensor.elementType {
    case .float32: nest(tensor, Float.self, &writer) { $1.append($0) }
    case .float64: nest(tensor, Double.self, &writer) { $1.append($0) }
    case .int8: nest(tensor, Int8.self, &writer) { $1.append(integer: $0) }
    case .int16: nest(tensor, Int16.self, &writer) { $1.append(integer: $0) }
    case .int32: nest(tensor, Int32.self, &writer) { $1.append(integer: $0) }
    case .int64: nest(tensor, Int64.self, &writer) { $1.append(integer: $0) }
    case .uint8: nest(tensor, UInt8.self, &writer) { $1.append(integer: $0) }
    case .uint16: nest(tensor, UInt16.self, &writer) { $1.append(integer: $0) }
    case .uint32: nest(tensor, UInt32.self, &writer) { $1.append(integer: $0) }
    case .uint64: nest(tensor, UInt64.self, &writer) { $1.append(integer: $0) }
    case .bool: nest(tensor, Bool.self, &writer) { $1.append($0) }
    case .complex64: nest(tensor, Complex64.self, &writer) { pair($0, &$1) { $1.append($0) } }
    case .complex128: nest(tensor, Complex128.self, &writer) { pair($0, &$1) { $1.append($0) } }
    case .string: tensor.strings.withUnsafeBufferPointer { nest(tensor.shape, $0, &writer) { $1.append(string: $0) } }
    default: throw .unsupportedType(tensor.elementType, operation: "JSON")
    }
  }

  /// The text as an array of bytes.
  public static func encode(_ tensor: Tensor) throws(TensorError) -> [UInt8] {
    var writer = JSONWriter(capacity: 64 + min(tensor.elementCount, 1 << 24) * 8)
    try encode(tensor, into: &writer)
    return writer.array()
  }

  @inline(__always)
  private static func nest<Element: TensorElement>(
    _ tensor: Tensor, _ type: Element.Type, _ writer: inout JSONWriter, _ write: (Element, inout JSONWriter) -> Void
  ) {
    tensor.withElements(of: type) { nest(tensor.shape, $0, &writer, write) }
  }

  @inline(__always)
  private static func nest<Element>(
    _ shape: Shape, _ elements: UnsafeBufferPointer<Element>, _ writer: inout JSONWriter,
    _ write: (Element, inout JSONWriter) -> Void
  ) {
    guard let rowCount = shape.dimensions.last else {
      write(elements[0], &writer)
      return
    }
    let rank = shape.rank
    // Members written so far of each open array but the innermost, which is written in one go.
    var counts = [Int](repeating: 0, count: rank)
    var open = 1
    var next = 0
    writer.append(byte: UInt8(ascii: "["))
    while open > 0 {
      let axis = open - 1
      if axis == rank - 1 {
        for column in 0..<rowCount {
          if column > 0 { writer.appendComma() }
          write(elements[next], &writer)
          next &+= 1
        }
      } else if counts[axis] < shape[axis] {
        if counts[axis] > 0 { writer.appendComma() }
        writer.append(byte: UInt8(ascii: "["))
        open += 1
        continue
      }
      writer.append(byte: UInt8(ascii: "]"))
      counts[axis] = 0
      open -= 1
      if open > 0 { counts[open - 1] += 1 }
    }
  }

  private static func pair<Real: ComplexComponent>(
    _ value: Complex<Real>, _ writer: inout JSONWriter, _ write: (Real, inout JSONWriter) -> Void
  ) {
    writer.append(byte: UInt8(ascii: "["))
    write(value.real, &writer)
    writer.appendComma()
    write(value.imaginary, &writer)
    writer.append(byte: UInt8(ascii: "]"))
  }
}
