import ModelFiles

/// A `GraphProto`: the model's graph, or the body of a control-flow operator.
public struct ONNXGraph: Sendable {
  public var name = ""
  public var nodes: [ONNXNode] = []
  public var initializers: [ONNXTensor] = []
  public var sparseInitializers: [ONNXSparseTensor] = []
  public var inputs: [ONNXValueInfo] = []
  public var outputs: [ONNXValueInfo] = []
  public var valueInfos: [ONNXValueInfo] = []

  enum Field: Int, WireMessage {
    static var messageName: String { "GraphProto" }
    case node = 1
    case name = 2
    case initializer = 5
    case input = 11
    case output = 12
    case valueInfo = 13
    case sparseInitializer = 15
  }

  /// Names of all initializers, sparse ones too.
  public var initializerNames: Set<String> { Set(initializers.map(\.name) + sparseInitializers.map(\.name)) }

  init() {}

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case .node:
        try context.allow(ONNXNode.self, in: reader)
        nodes.append(try ONNXNode(try reader.message(), context))
      case .name: name = try reader.string()
      case .initializer:
        try context.allow(ONNXTensor.self, in: reader)
        initializers.append(try ONNXTensor(try reader.message(), context))
      case .sparseInitializer:
        try context.allow(ONNXSparseTensor.self, in: reader)
        sparseInitializers.append(try ONNXSparseTensor(try reader.message(), context))
      case .input: try reader.append(to: &inputs, context)
      case .output: try reader.append(to: &outputs, context)
      case .valueInfo: try reader.append(to: &valueInfos, context)
      }
    }
  }
}

/// A `ValueInfoProto`: a name and, unless the exporter left it out, a type.
public struct ONNXValueInfo: Sendable {
  public var name = ""
  public var type: ONNXType?

  enum Field: Int, WireMessage {
    static var messageName: String { "ValueInfoProto" }
    case name = 1
    case type = 2
  }

  public init(name: String, type: ONNXType? = nil) {
    self.name = name
    self.type = type
  }

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case .name: name = try reader.string()
      case .type: type = try ONNXType(try reader.message(), context)
      }
    }
  }
}

extension WireReader {
  fileprivate mutating func append(
    to values: inout [ONNXValueInfo], _ context: ONNXParseContext
  ) throws(WireError) {
    try context.allow(ONNXValueInfo.self, in: self)
    values.append(try ONNXValueInfo(try message(), context))
  }
}
