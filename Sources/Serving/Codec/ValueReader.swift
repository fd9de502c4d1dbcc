import Engine
import GraphIR
import Tensors

/// Reads a value for one input of a model from JSON, and says what is wrong with one that does not fit.
///
/// | type of the input | JSON |
/// |---|---|
/// | tensor | nested arrays of its shape |
/// | sequence | an array of its elements |
/// | optional | `null`, or the value |
/// | map | an object; integer keys in quotes |
public struct ValueReader: Sendable {
  public let port: Port
  /// What a tensor must have: extents, -1 where they are free; nil where the rank is free too.
  let expected: (elementType: ElementType, extents: [Int]?)?
  /// Elements of the last value, so that memory need not grow while the next one is read.
  let hint: Int

  public init(_ port: Port) {
    self.port = port
    switch port.type {
    case .tensor(let type):
      let extents = type.shape.map { $0.constant ?? -1 }
      expected = (type.elementType, extents)
      hint = extents.reduce(1) { $1 > 0 && $0 < 1 << 20 ? $0 * $1 : $0 }
    case .unrankedTensor(let type):
      expected = (type, nil)
      hint = 0
    case .sequence, .optional, .map:
      expected = nil
      hint = 0
    }
  }

  /// Throws `TensorError` for text that is no such value, `EngineError.invalidInput` for a tensor of another shape.
  public func read(_ reader: inout JSONReader) throws -> RuntimeValue {
    guard let expected else { return try Self.read(&reader, port.type) }
    let tensor = try JSONTensorDecoder.decode(&reader, as: expected.elementType, expectedCount: hint)
    return .tensor(try fit(tensor))
  }

  /// The tensor, if it has the shape of the input. Arrays without elements tell less than the whole shape: `[]` is
  /// taken as a batch of none.
  func fit(_ tensor: Tensor) throws(EngineError) -> Tensor {
    guard let expected, let extents = expected.extents else { return tensor }
    let found = tensor.shape.dimensions
    if found.count == extents.count {
      for axis in extents.indices where extents[axis] >= 0 && extents[axis] != found[axis] { throw mismatch(tensor) }
      return tensor
    }
    guard found.last == 0, found.count < extents.count, Self.agree(found, extents.prefix(found.count)),
      let shape = Shape(checking: found + extents.suffix(extents.count - found.count).map { max($0, 0) })
    else { throw mismatch(tensor) }
    return tensor.reshaped(shape)
  }

  private static func agree(_ found: [Int], _ expected: ArraySlice<Int>) -> Bool {
    zip(found, expected).allSatisfy { $1 < 0 || $0 == $1 }
  }

  private func mismatch(_ tensor: Tensor) -> EngineError {
    let found = tensor.shape.dimensions.map(String.init).joined(separator: ", ")
    return .invalidInput(port.name, found: "\(tensor.elementType.name)[\(found)]", expected: port.description)
  }

  /// A value inside a sequence, optional or map, whose type bounds the recursion.
  private static func read(_ reader: inout JSONReader, _ type: ValueType) throws -> RuntimeValue {
    switch type {
    case .tensor(let type): return .tensor(try JSONTensorDecoder.decode(&reader, as: type.elementType))
    case .unrankedTensor(let type): return .tensor(try JSONTensorDecoder.decode(&reader, as: type))
    case .optional(let type): return .optional(reader.readNull() ? nil : try read(&reader, type))
    case .sequence(let type):
      var values: [RuntimeValue] = []
      try reader.beginArray()
      while try reader.nextElement() { values.append(try read(&reader, type)) }
      return .sequence(values)
    case .map(let keyType, let type):
      var keys: [String] = []
      var values: [RuntimeValue] = []
      try reader.beginObject()
      while let key = try reader.nextKey() {
        keys.append(key)
        values.append(try read(&reader, type))
      }
      return .map(keys: try Self.keys(keys, keyType, reader), values: values)
    }
  }

  private static func keys(_ keys: [String], _ type: ElementType, _ reader: JSONReader) throws(TensorError) -> Tensor {
    if type == .string { return Tensor([keys.count], strings: keys) }
    let numbers = keys.compactMap { Int64($0) }
    guard numbers.count == keys.count else { throw reader.problem("a key of the map is no integer") }
    return try Tensor([numbers.count], numbers).converted(to: type)
  }

  // MARK: - Bytes

  /// The tensor whose elements are `bytes`, little-endian and row-major; one free extent follows from their count.
  public func read(raw bytes: UnsafeRawBufferPointer) throws -> Tensor {
    guard let (type, extents) = expected, let extents, type.bitWidth > 0 else {
      throw EngineError.invalidInput(port.name, found: "raw bytes", expected: port.description)
    }
    let free = extents.indices.filter { extents[$0] < 0 }
    guard free.count <= 1 else {
      throw EngineError.invalidInput(
        port.name, found: "raw bytes, which leave more than one extent open", expected: port.description)
    }
    let (elementCount, rest) = (bytes.count * 8).quotientAndRemainder(dividingBy: type.bitWidth)
    guard rest == 0, let shape = Self.shape(extents, free.first, elementCount),
      type.byteCount(of: shape.elementCount) == bytes.count
    else {
      throw EngineError.invalidInput(port.name, found: "\(bytes.count) bytes", expected: port.description)
    }
    let tensor = try Tensor(type, shape, zeroed: false)
    UnsafeMutableRawBufferPointer(start: tensor.base, count: bytes.count).copyMemory(from: bytes)
    return tensor
  }

  private static func shape(_ extents: [Int], _ free: Int?, _ elementCount: Int) -> Shape? {
    guard let free else { return Shape(checking: extents) }
    var extents = extents
    extents[free] = 1
    guard let one = Shape(checking: extents), one.elementCount > 0 else { return nil }
    extents[free] = elementCount / one.elementCount
    return Shape(checking: extents)
  }
}
