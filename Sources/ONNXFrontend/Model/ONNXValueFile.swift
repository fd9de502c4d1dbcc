import ModelFiles
import Tensors

/// Files that hold one value: `TensorProto`, `SequenceProto`, `OptionalProto` or `MapProto`, as in the data sets of
/// ONNX's conformance suite. Nothing in such a file says which: the graph's declared type does.
public enum ONNXValueFile {
  public static func read(path: String, as type: ONNXType) throws(ONNXError) -> RuntimeValue {
    try read(ONNXSource(path: path), as: type)
  }

  public static func read(
    bytes: some Collection<UInt8>, name: String, as type: ONNXType
  ) throws(ONNXError) -> RuntimeValue {
    let file: MappedFile
    do { file = try MappedFile(copying: bytes, path: name) } catch { throw .unreadable(error) }
    return try read(ONNXSource(file: file, folder: nil), as: type)
  }

  /// A `TensorProto` on its own.
  public static func readTensor(path: String) throws(ONNXError) -> Tensor {
    let value = try read(path: path, as: .tensor(nil, dimensions: nil))
    guard case .tensor(let tensor) = value else {
      throw .invalidModel(file: path, problem: "not a tensor")
    }
    return tensor
  }

  private static func read(_ source: ONNXSource, as type: ONNXType) throws(ONNXError) -> RuntimeValue {
    let context = ONNXParseContext(source)
    let slice = source.file.slice
    do {
      switch type {
      case .tensor: return .tensor(try ONNXTensor(WireReader(slice), context).tensor())
      case .sparseTensor: return .tensor(try ONNXSparseTensor(WireReader(slice), context).tensor())
      case .sequence: return .sequence(try readSequence(WireReader(slice), context))
      case .optional: return try readOptional(WireReader(slice), context)
      case .map: return try readMap(WireReader(slice), context)
      case .opaque, .unknown:
        throw ONNXError.invalidModel(file: source.file.path, problem: "values of type \(type) cannot be read")
      }
    } catch let error as WireError {
      throw ONNXError(error)
    } catch let error as ONNXError {
      throw error
    } catch {
      throw .invalidModel(file: source.file.path, problem: "\(error)")
    }
  }

  private enum SequenceField: Int, WireMessage {
    static var messageName: String { "SequenceProto" }
    case elemType = 2
    case tensorValues = 3
    case sparseTensorValues = 4
    case sequenceValues = 5
    case mapValues = 6
    case optionalValues = 7
  }

  private static func readSequence(
    _ message: WireReader<SequenceField>, _ context: ONNXParseContext
  ) throws -> [RuntimeValue] {
    var reader = message
    var values: [RuntimeValue] = []
    while let field = try reader.next() {
      if field != .elemType { try context.allow(RuntimeValue.self, in: reader) }
      switch field {
      case .elemType: try reader.skip()
      case .tensorValues:
        try context.allow(Tensor.self, in: reader)
        values.append(.tensor(try ONNXTensor(try reader.message(), context).tensor()))
      case .sparseTensorValues:
        try context.allow(Tensor.self, in: reader)
        values.append(.tensor(try ONNXSparseTensor(try reader.message(), context).tensor()))
      case .sequenceValues: values.append(.sequence(try readSequence(try reader.message(), context)))
      case .mapValues: values.append(try readMap(try reader.message(), context))
      case .optionalValues: values.append(try readOptional(try reader.message(), context))
      }
    }
    return values
  }

  private enum OptionalField: Int, WireMessage {
    static var messageName: String { "OptionalProto" }
    case elemType = 2
    case tensorValue = 3
    case sparseTensorValue = 4
    case sequenceValue = 5
    case mapValue = 6
    case optionalValue = 7
  }

  private static func readOptional(
    _ message: WireReader<OptionalField>, _ context: ONNXParseContext
  ) throws -> RuntimeValue {
    var reader = message
    var value: RuntimeValue?
    while let field = try reader.next() {
      switch field {
      case .elemType: try reader.skip()
      case .tensorValue: value = .tensor(try ONNXTensor(try reader.message(), context).tensor())
      case .sparseTensorValue: value = .tensor(try ONNXSparseTensor(try reader.message(), context).tensor())
      case .sequenceValue: value = .sequence(try readSequence(try reader.message(), context))
      case .mapValue: value = try readMap(try reader.message(), context)
      case .optionalValue: value = try readOptional(try reader.message(), context)
      }
    }
    return .optional(value)
  }

  private enum MapField: Int, WireMessage {
    static var messageName: String { "MapProto" }
    case keyType = 2
    case keys = 3
    case stringKeys = 4
    case values = 5
  }

  private static func readMap(_ message: WireReader<MapField>, _ context: ONNXParseContext) throws -> RuntimeValue {
    var reader = message
    var keyType: ElementType?
    var keys: RepeatedField?
    var stringKeys: [String] = []
    var values: [RuntimeValue] = []
    while let field = try reader.next() {
      switch field {
      case .keyType: keyType = try reader.elementType()
      case .keys: try reader.repeated(.varint, into: &keys)
      case .stringKeys: try reader.append(to: &stringKeys, context)
      case .values: values = try readSequence(try reader.message(), context)
      }
    }
    let isString = keyType == .string || (keyType == nil && keys == nil)
    let count = isString ? stringKeys.count : keys?.count ?? 0
    guard count == values.count else { throw reader.error("\(count) keys for \(values.count) values") }
    if isString { return .map(keys: Tensor([count], strings: stringKeys), values: values) }
    let numbers: [Int64] = try keys?.integers() ?? []
    guard numbers.count == count else { throw reader.error("the file changed while it was read") }
    return .map(keys: Tensor([count], numbers), values: values)
  }
}
