import ModelFiles
import Tensors

/// A `TypeProto`. Element types and shapes that the file leaves out are nil.
public indirect enum ONNXType: Hashable, Sendable {
  case tensor(ElementType?, dimensions: [ONNXDimension]?)
  case sparseTensor(ElementType?, dimensions: [ONNXDimension]?)
  case sequence(ONNXType)
  case optional(ONNXType)
  case map(key: ElementType?, value: ONNXType)
  case opaque(domain: String, name: String)
  /// An empty message.
  case unknown

  enum Field: Int, WireMessage {
    static var messageName: String { "TypeProto" }
    case tensorType = 1
    case sequenceType = 4
    case mapType = 5
    case opaqueType = 7
    case sparseTensorType = 8
    case optionalType = 9
  }

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    self = .unknown
    while let field = try reader.next() {
      switch field {
      case .tensorType:
        let (element, dimensions) = try Self.readTensorType(try reader.message(), context)
        self = .tensor(element, dimensions: dimensions)
      case .sparseTensorType:
        let (element, dimensions) = try Self.readTensorType(try reader.message(), context)
        self = .sparseTensor(element, dimensions: dimensions)
      case .sequenceType: self = .sequence(try Self.readElement(try reader.message(), context))
      case .optionalType: self = .optional(try Self.readElement(try reader.message(), context))
      case .mapType: self = try Self.readMap(try reader.message(), context)
      case .opaqueType: self = try Self.readOpaque(try reader.message())
      }
    }
  }

  private enum TensorField: Int, WireMessage {
    static var messageName: String { "TypeProto.Tensor" }
    case elemType = 1
    case shape = 2
  }

  private static func readTensorType(
    _ message: WireReader<TensorField>, _ context: ONNXParseContext
  ) throws(WireError) -> (ElementType?, [ONNXDimension]?) {
    var reader = message
    var element: ElementType?
    var dimensions: [ONNXDimension]?
    while let field = try reader.next() {
      switch field {
      case .elemType: element = try reader.elementType()
      case .shape: dimensions = try readShape(try reader.message(), context)
      }
    }
    return (element, dimensions)
  }

  private enum ShapeField: Int, WireMessage {
    static var messageName: String { "TensorShapeProto" }
    case dim = 1
  }

  private static func readShape(
    _ message: WireReader<ShapeField>, _ context: ONNXParseContext
  ) throws(WireError) -> [ONNXDimension] {
    var reader = message
    var dimensions: [ONNXDimension] = []
    while let field = try reader.next() {
      switch field {
      case .dim:
        try context.allow(ONNXDimension.self, in: reader)
        dimensions.append(try ONNXDimension(try reader.message()))
      }
    }
    return dimensions
  }

  private enum ElementField: Int, WireMessage {
    static var messageName: String { "TypeProto.Sequence" }
    case elemType = 1
  }

  private static func readElement(
    _ message: WireReader<ElementField>, _ context: ONNXParseContext
  ) throws(WireError) -> ONNXType {
    var reader = message
    var element = ONNXType.unknown
    while let field = try reader.next() {
      switch field {
      case .elemType: element = try ONNXType(try reader.message(), context)
      }
    }
    return element
  }

  private enum MapField: Int, WireMessage {
    static var messageName: String { "TypeProto.Map" }
    case keyType = 1
    case valueType = 2
  }

  private static func readMap(
    _ message: WireReader<MapField>, _ context: ONNXParseContext
  ) throws(WireError) -> ONNXType {
    var reader = message
    var key: ElementType?
    var value = ONNXType.unknown
    while let field = try reader.next() {
      switch field {
      case .keyType: key = try reader.elementType()
      case .valueType: value = try ONNXType(try reader.message(), context)
      }
    }
    return .map(key: key, value: value)
  }

  private enum OpaqueField: Int, WireMessage {
    static var messageName: String { "TypeProto.Opaque" }
    case domain = 1
    case name = 2
  }

  private static func readOpaque(_ message: WireReader<OpaqueField>) throws(WireError) -> ONNXType {
    var reader = message
    var domain = ""
    var name = ""
    while let field = try reader.next() {
      switch field {
      case .domain: domain = try reader.string()
      case .name: name = try reader.string()
      }
    }
    return .opaque(domain: domain, name: name)
  }
}

/// One extent of a declared shape. Declarations are claims: they are checked when the model runs.
public enum ONNXDimension: Hashable, Sendable {
  case unknown
  case value(Int)
  /// A name; the same name means the same extent.
  case parameter(String)

  enum Field: Int, WireMessage {
    static var messageName: String { "TensorShapeProto.Dimension" }
    case dimValue = 1
    case dimParam = 2
  }

  init(_ message: WireReader<Field>) throws(WireError) {
    var reader = message
    self = .unknown
    while let field = try reader.next() {
      switch field {
      case .dimValue:
        // Some exporters write -1 for "not known".
        let value = Int(try reader.int64())
        self = value < 0 ? .unknown : .value(value)
      case .dimParam:
        let name = try reader.string()
        // Paddle's exporter calls all unknown extents "?", which does not make them equal.
        self = name.isEmpty || name == "?" ? .unknown : .parameter(name)
      }
    }
  }
}

extension WireReader {
  /// A `TensorProto.DataType`; nil for UNDEFINED.
  mutating func elementType() throws(WireError) -> ElementType? {
    let code = try int32()
    if code == 0 { return nil }
    guard let type = UInt8(exactly: code).flatMap(ElementType.init(rawValue:)) else {
      throw error("unknown element type \(code)")
    }
    return type
  }
}
