/// NumPy's file format for one array: versions 1, 2 and 3, either byte order, C and Fortran order.
///
/// Specification: numpy.lib.format ("NEP 1"). All numeric types, bool and strings (`<U`, `|S`) are read; structured
/// types, objects (pickles are programs) and raw bytes (`|V`, how ml_dtypes' bfloat16 is saved) are refused.
public enum NPY {
  /// Reads an array from a whole file's bytes. `source` names it in errors.
  public static func read(bytes: UnsafeRawBufferPointer, source: String) throws(TensorError) -> Tensor {
    let header = try NPYHeader(bytes, source: source)
    guard let shape = Shape(checking: header.dimensions) else {
      throw .malformed(source: source, problem: "shape \(header.dimensions) is not possible")
    }
    let (needed, overflow) = shape.elementCount.multipliedReportingOverflow(by: header.itemByteCount)
    let data = UnsafeRawBufferPointer(rebasing: bytes[header.dataOffset...])
    guard !overflow, needed <= data.count else {
      throw .malformed(
        source: source,
        problem: "shape \(shape) of '\(header.description)' does not fit the \(data.count) bytes that follow the header"
      )
    }
    var tensor: Tensor
    if header.elementType == .string {
      tensor = try strings(data, shape, header, source)
    } else {
      tensor = try Tensor(header.elementType, shape, zeroed: false)
      let target = UnsafeMutableRawBufferPointer(start: tensor.base, count: needed)
      if needed > 0 { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: data[..<needed])) }
      if header.isBigEndian { swapBytes(target, width: header.componentByteCount) }
      if header.elementType == .bool {
        // Any byte may stand in a file; `Bool` has two.
        for index in target.indices where target[index] > 1 { target[index] = 1 }
      }
    }
    return header.isFortranOrder && shape.rank > 1 ? try transposed(tensor) : tensor
  }

  /// Version 1 (or 2 for a shape of thousands of axes), little-endian, C order, data at a multiple of 64 bytes.
  ///
  /// Types that NumPy has not are widened: narrow floats to float32, int4 and int2 to int8, uint4 and uint2 to uint8.
  /// float16 is written as such; strings as `<U` of the longest.
  public static func write(_ tensor: Tensor) throws(TensorError) -> [UInt8] {
    let tensor = tensor.elementType == .float16 ? tensor : try tensor.widened()
    let strings = tensor.elementType == .string ? tensor.strings : []
    // NumPy has no strings of width zero.
    let width = max(strings.reduce(0) { max($0, $1.unicodeScalars.count) }, 1)
    let type = tensor.elementType == .string ? "<U\(width)" : try description(of: tensor.elementType)
    let (dataByteCount, overflow) = strings.count.multipliedReportingOverflow(by: 4 * width)
    guard !overflow, dataByteCount < 1 << 46 else { throw .outOfMemory(bytes: Int.max) }

    var bytes = header(type, tensor.shape)
    bytes.reserveCapacity(bytes.count + tensor.byteCount + dataByteCount)
    withExtendedLifetime(tensor.storage) {
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
    }
    for string in strings {
      var count = 0
      for scalar in string.unicodeScalars {
        withUnsafeBytes(of: scalar.value.littleEndian) { bytes.append(contentsOf: $0) }
        count += 1
      }
      bytes.append(contentsOf: repeatElement(0, count: 4 * (width - count)))
    }
    return bytes
  }

  private static func header(_ type: String, _ shape: Shape) -> [UInt8] {
    let extents = shape.dimensions.map(String.init).joined(separator: ", ") + (shape.rank == 1 ? "," : "")
    let text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }"
    let lengthByteCount = text.utf8.count < 60_000 ? 2 : 4
    let prefix = 8 + lengthByteCount
    let total = (prefix + text.utf8.count + 1 + 63) / 64 * 64
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [lengthByteCount == 2 ? 1 : 2, 0]
    let length = UInt32(total - prefix)
    withUnsafeBytes(of: length.littleEndian) { bytes.append(contentsOf: $0.prefix(lengthByteCount)) }
    bytes.append(contentsOf: text.utf8)
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: total - 1 - bytes.count))
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  private static func description(of type: ElementType) throws(TensorError) -> String {
    guard let entry = NPYHeader.types.first(where: { $0.type == type }) else {
      throw .unsupportedType(type, operation: "npy")
    }
    return (type.bitWidth == 8 ? "|" : "<") + entry.code
  }

  private static func strings(
    _ data: UnsafeRawBufferPointer, _ shape: Shape, _ header: NPYHeader, _ source: String
  ) throws(TensorError) -> Tensor {
    guard header.itemByteCount > 0 || shape.elementCount == 0 else {
      throw .malformed(source: source, problem: "strings of no width in '\(header.description)'")
    }
    var strings: [String] = []
    strings.reserveCapacity(shape.elementCount)
    for index in 0..<shape.elementCount {
      let first = index * header.itemByteCount
      let item = UnsafeRawBufferPointer(rebasing: data[first..<first + header.itemByteCount])
      guard let string = header.isUnicode ? unicode(item, header.isBigEndian) : utf8(item) else {
        throw .malformed(source: source, problem: "string \(index) is not valid Unicode")
      }
      strings.append(string)
    }
    return Tensor(shape, strings: strings)
  }

  /// UTF-32 code units up to the zeros at the end.
  private static func unicode(_ item: UnsafeRawBufferPointer, _ isBigEndian: Bool) -> String? {
    var count = item.count / 4
    func unit(_ index: Int) -> UInt32 {
      let unit = item.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      return isBigEndian ? UInt32(bigEndian: unit) : UInt32(littleEndian: unit)
    }
    while count > 0 && unit(count - 1) == 0 { count -= 1 }
    var string = ""
    for index in 0..<count {
      guard let scalar = Unicode.Scalar(unit(index)) else { return nil }
      string.unicodeScalars.append(scalar)
    }
    return string
  }

  /// Bytes up to the zeros at the end, as UTF-8.
  private static func utf8(_ item: UnsafeRawBufferPointer) -> String? {
    var count = item.count
    while count > 0 && item[count - 1] == 0 { count -= 1 }
    return String(validating: item[..<count], as: UTF8.self)
  }

  private static func swapBytes(_ bytes: UnsafeMutableRawBufferPointer, width: Int) {
    guard width > 1 else { return }
    var item = 0
    while item + width <= bytes.count {
      for index in 0..<width / 2 { bytes.swapAt(item + index, item + width - 1 - index) }
      item += width
    }
  }

  /// From Fortran order (first axis fastest) to ours.
  private static func transposed(_ tensor: Tensor) throws(TensorError) -> Tensor {
    let shape = tensor.shape
    // Step in the source along each axis.
    var steps: [Int] = []
    var step = 1
    for extent in shape.dimensions {
      steps.append(step)
      step = step &* max(extent, 1)
    }
    var order = [Int](repeating: 0, count: shape.elementCount)
    var position = [Int](repeating: 0, count: shape.rank)
    var source = 0
    for target in order.indices {
      order[target] = source
      // Count up, last axis fastest.
      for axis in position.indices.reversed() {
        position[axis] += 1
        source += steps[axis]
        if position[axis] < shape[axis] { break }
        source -= steps[axis] * shape[axis]
        position[axis] = 0
      }
    }
    if tensor.elementType == .string {
      let strings = tensor.strings
      return Tensor(shape, strings: order.map { strings[$0] })
    }
    let result = try Tensor(tensor.elementType, shape, zeroed: false)
    let width = tensor.elementType.bitWidth / 8
    withExtendedLifetime((tensor, result)) {
      for (target, source) in order.enumerated() {
        (result.base + target * width).copyMemory(from: tensor.base + source * width, byteCount: width)
      }
    }
    return result
  }
}
