import ModelFiles
import Tensors

extension ONNXTensor {
  /// The elements. Borrowed from the mapped file where they lie there as memory wants them; else copied, large ones when
  /// they are read. Every size is checked against the file before anything is allocated.
  public func tensor() throws(ONNXError) -> Tensor {
    guard let type = elementType else { throw invalid("its element type is undefined") }
    guard let shape = Shape(checking: dims), let byteCount = type.byteCount(of: shape.elementCount) else {
      throw invalid("its dimensions \(dims) are negative or too large")
    }
    do {
      switch data {
      case .none:
        guard shape.elementCount == 0 else { throw countMismatch(type, shape, found: "no data") }
        return try Tensor(type, shape)
      case .raw(let slice):
        return try decodeRaw(slice, type, shape)
      case .external(let location):
        return try decodeRaw(try map(location, byteCount: rawByteCount(type, shape)), type, shape)
      case .typed(let field, let elements):
        return try decode(elements, of: field, type, shape, byteCount: byteCount)
      }
    } catch let error as ONNXError {
      throw error
    } catch let error as WireError {
      throw ONNXError(error)
    } catch let error as TensorError {
      throw ONNXError(error, file: source.file.path)
    } catch {
      throw invalid("\(error)")
    }
  }

  // MARK: Raw bytes

  /// Bytes of the elements in `raw_data` and external files, where 6-bit floats lie four in three bytes.
  private func rawByteCount(_ type: ElementType, _ shape: Shape) -> Int {
    let count = shape.elementCount
    switch type {
    case .float6E2M3, .float6E3M2: return count / 4 * 3 + (count % 4 * 6 + 7) / 8
    default: return type.byteCount(of: count) ?? .max
    }
  }

  private func decodeRaw(_ slice: FileSlice, _ type: ElementType, _ shape: Shape) throws -> Tensor {
    guard type != .string else { throw invalid("a string tensor must hold its elements in string_data") }
    guard slice.count == rawByteCount(type, shape) else {
      throw countMismatch(type, shape, found: "\(slice.count) bytes of raw data")
    }
    switch type {
    case .float6E2M3, .float6E3M2: return try unpack6Bit(slice, type, shape)
    case .bool where slice.withUnsafeBytes({ $0.contains { $0 > 1 } }):
      // Swift's Bool allows no other bytes than 0 and 1.
      let tensor = try Tensor(type, shape, zeroed: false)
      slice.withUnsafeBytes { source in
        for (index, byte) in source.enumerated() {
          tensor.base.storeBytes(of: byte == 0 ? 0 : 1, toByteOffset: index, as: UInt8.self)
        }
      }
      return tensor
    default: return try borrowOrCopy(slice, type, shape)
    }
  }

  private func borrowOrCopy(_ slice: FileSlice, _ type: ElementType, _ shape: Shape) throws(TensorError) -> Tensor {
    if slice.count > 0, slice.isAligned(to: Self.alignment(of: type)) {
      let storage = TensorStorage(
        borrowing: UnsafeMutableRawPointer(mutating: slice.base), byteCount: slice.count, owner: slice.file,
        isFileMapping: slice.file.isMapping)
      return Tensor(type, shape, storage: storage)
    }
    if slice.count >= Tensor.minimumDerivedByteCount {
      return try Tensor(
        aligning: UnsafeRawBufferPointer(start: slice.base, count: slice.count), type, shape, owner: slice.file,
        isFileMapping: slice.file.isMapping)
    }
    let tensor = try Tensor(type, shape, zeroed: false)
    UnsafeMutableRawBufferPointer(start: tensor.base, count: slice.count).copyMemory(
      from: UnsafeRawBufferPointer(start: slice.base, count: slice.count))
    return tensor
  }

  /// What Swift and plain vector loads need; complex numbers are aligned like their parts.
  private static func alignment(of type: ElementType) -> Int {
    switch type {
    case .complex64: 4
    case .complex128: 8
    default: max(1, type.bitWidth / 8)
    }
  }

  /// Four elements in three bytes, lowest bits first, to one byte each.
  private func unpack6Bit(_ slice: FileSlice, _ type: ElementType, _ shape: Shape) throws(TensorError) -> Tensor {
    let tensor = try Tensor(type, shape, zeroed: false)
    slice.withUnsafeBytes { source in
      for index in 0..<shape.elementCount {
        let (byte, shift) = (index * 6 / 8, index * 6 % 8)
        let high = shift > 2 ? UInt16(source[byte + 1]) << 8 : 0
        let bits = (high | UInt16(source[byte])) >> UInt16(shift) & 0x3F
        tensor.base.storeBytes(of: UInt8(bits), toByteOffset: index, as: UInt8.self)
      }
    }
    return tensor
  }

  private func map(_ location: ONNXExternalData, byteCount: Int) throws(ONNXError) -> FileSlice {
    func refusal(_ problem: String) -> ONNXError {
      .externalData(file: source.file.path, tensor: name, problem: problem)
    }
    if let length = location.length, length != byteCount {
      throw refusal("its length is \(length) bytes, but the tensor takes \(byteCount)")
    }
    let file = try source.externalFile(location.location, tensor: name)
    if !location.checksum.isEmpty {
      try source.verify(file, location.location, checksum: location.checksum, tensor: name)
    }
    guard location.offset <= file.byteCount, byteCount <= file.byteCount - location.offset else {
      throw refusal(
        "\(byteCount) bytes at \(location.offset) do not lie within '\(location.location)' of \(file.byteCount) bytes")
    }
    return FileSlice(file: file, offset: location.offset, count: byteCount)
  }

  // MARK: Typed fields

  private func decode(
    _ elements: RepeatedField, of field: TypedField, _ type: ElementType, _ shape: Shape, byteCount: Int
  ) throws -> Tensor {
    guard field == Self.typedField(of: type) else {
      throw invalid(
        "its elements of type \(type.name) lie in \(field.name), expected \(Self.typedField(of: type).name)")
    }
    guard elements.count == Self.entryCount(type, shape) else {
      throw countMismatch(type, shape, found: "\(elements.count) entries of \(field.name)")
    }
    switch field {
    case .floatData, .doubleData:
      if let slice = try elements.contiguous() { return try borrowOrCopy(slice, type, shape) }
      let tensor = try Tensor(type, shape, zeroed: false)
      try elements.copyFixed(to: UnsafeMutableRawBufferPointer(start: tensor.base, count: byteCount))
      return tensor
    case .stringData: return try decodeStrings(elements, shape)
    case .int32Data, .int64Data, .uint64Data:
      let tensor = try Tensor(type, shape)
      switch type {
      case .bool: try store(elements, tensor, UInt8.self) { $0 == 0 ? 0 : 1 }
      case .float6E2M3, .float6E3M2: try store(elements, tensor, UInt8.self) { UInt8(truncatingIfNeeded: $0) & 0x3F }
      case .int64, .uint64: try store(elements, tensor, UInt64.self) { $0 }
      case .int32, .uint32: try store(elements, tensor, UInt32.self) { UInt32(truncatingIfNeeded: $0) }
      case .int16, .uint16, .float16, .bfloat16:
        try store(elements, tensor, UInt16.self) { UInt16(truncatingIfNeeded: $0) }
      default: try store(elements, tensor, UInt8.self) { UInt8(truncatingIfNeeded: $0) }
      }
      return tensor
    }
  }

  /// Writes the entries' low bits side by side: negative numbers are two's complement already.
  private func store<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ elements: RepeatedField, _ tensor: Tensor, _: Bits.Type, _ convert: (UInt64) -> Bits
  ) throws(WireError) {
    let target = tensor.base
    let limit = tensor.byteCount
    var offset = 0
    try elements.forEachVarint { entry in
      // The file may have grown entries since they were counted.
      guard offset + MemoryLayout<Bits>.size <= limit else { return }
      target.storeBytes(of: convert(entry), toByteOffset: offset, as: Bits.self)
      offset += MemoryLayout<Bits>.size
    }
  }

  private func decodeStrings(_ elements: RepeatedField, _ shape: Shape) throws -> Tensor {
    // An empty string is 2 bytes in the file and 16 in memory.
    guard elements.count <= source.allocationLimit / MemoryLayout<String>.stride else {
      throw invalid("it has more strings than a file of its size may have")
    }
    var strings: [String] = []
    strings.reserveCapacity(elements.count)
    try elements.forEachBytes { strings.append($0.string) }
    guard strings.count == shape.elementCount else { throw invalid("the file changed while it was read") }
    return Tensor(shape, strings: strings)
  }

  /// Which field holds elements of a type (comments of `TensorProto` in `onnx.proto`).
  static func typedField(of type: ElementType) -> TypedField {
    switch type {
    case .float32, .complex64: .floatData
    case .float64, .complex128: .doubleData
    case .int64: .int64Data
    case .uint32, .uint64: .uint64Data
    case .string: .stringData
    case .int32, .int16, .int8, .uint16, .uint8, .bool, .float16, .bfloat16, .float8E4M3FN, .float8E4M3FNUZ,
      .float8E5M2, .float8E5M2FNUZ, .float8E8M0, .float6E2M3, .float6E3M2, .int4, .uint4, .float4E2M1, .int2, .uint2:
      .int32Data
    }
  }

  /// Entries of the typed field: two for a complex number, one for two 4-bit or four 2-bit numbers. Nil: too many.
  private static func entryCount(_ type: ElementType, _ shape: Shape) -> Int? {
    switch type {
    case .complex64, .complex128:
      let (count, overflow) = shape.elementCount.multipliedReportingOverflow(by: 2)
      return overflow ? nil : count
    default: return type.isPacked ? type.byteCount(of: shape.elementCount) : shape.elementCount
    }
  }

  // MARK: Errors

  private func countMismatch(_ type: ElementType, _ shape: Shape, found: String) -> ONNXError {
    let expected =
      switch data {
      case .typed: "\(Self.entryCount(type, shape) ?? .max) entries"
      default: "\(rawByteCount(type, shape)) bytes"
      }
    return invalid("it has \(found), but \(type.name)\(shape) takes \(expected)")
  }

  func invalid(_ problem: String) -> ONNXError {
    .malformed(file: source.file.path, offset: offset, problem: "tensor '\(name)': \(problem)")
  }
}
