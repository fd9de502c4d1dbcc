import ModelFiles

/// An `AttributeProto`.
public struct ONNXAttribute: Sendable {
  public var name = ""
  /// Nil when the file gives no type and no value, or a type that is newer than this reader.
  public var kind: Kind?
  /// Inside a function: the attribute of the function's caller that this one stands for; else empty.
  public var refAttrName = ""
  public var value: Value = .none

  /// `AttributeProto.AttributeType`.
  public enum Kind: Int32, Sendable {
    case float = 1
    case int = 2
    case string = 3
    case tensor = 4
    case graph = 5
    case floats = 6
    case ints = 7
    case strings = 8
    case tensors = 9
    case graphs = 10
    case sparseTensor = 11
    case sparseTensors = 12
    case typeProto = 13
    case typeProtos = 14

    /// As ONNX writes it.
    public var name: String { snakeCase("\(self)").uppercased() }
  }

  /// Lists of numbers and strings stay in the file (nil: empty), `ONNXNode`'s accessors decode them.
  public enum Value: Sendable {
    case none
    case float(Float)
    case int(Int)
    case string(FileSlice)
    indirect case tensor(ONNXTensor)
    indirect case graph(ONNXGraph)
    indirect case floats(RepeatedField?)
    indirect case ints(RepeatedField?)
    indirect case strings(RepeatedField?)
    case tensors([ONNXTensor])
    case graphs([ONNXGraph])
    indirect case sparseTensor(ONNXSparseTensor)
    case sparseTensors([ONNXSparseTensor])
    indirect case type(ONNXType)
    case types([ONNXType])
  }

  enum Field: Int, WireMessage {
    static var messageName: String { "AttributeProto" }
    case name = 1
    case float = 2
    case int = 3
    case string = 4
    case tensor = 5
    case graph = 6
    case floats = 7
    case ints = 8
    case strings = 9
    case tensors = 10
    case graphs = 11
    case typeProto = 14
    case typeProtos = 15
    case type = 20
    case refAttrName = 21
    case sparseTensor = 22
    case sparseTensors = 23
  }

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    var parts = Parts()
    var declared: Int32?
    while let field = try reader.next() {
      switch field {
      case .name: name = try reader.string()
      case .type: declared = try reader.int32()
      case .refAttrName: refAttrName = try reader.string()
      default: try parts.read(field, from: &reader, context)
      }
    }
    // Models of the first IR versions give no type.
    if let declared, declared != 0 { kind = Kind(rawValue: declared) } else { kind = parts.populated }
    if let kind, refAttrName.isEmpty {
      guard let value = parts.value(kind, emptyBytes: FileSlice(file: reader.file, offset: 0, count: 0)) else {
        throw reader.error("attribute '\(name)' is declared \(kind.name) and holds no value of that type")
      }
      self.value = value
    }
  }

  /// One variable for every value field; the declared type then says which of them is meant.
  private struct Parts {
    var populated: Kind?
    var float: Float = 0
    var int = 0
    var string: FileSlice?
    var tensor: ONNXTensor?
    var graph: ONNXGraph?
    var floats: RepeatedField?
    var ints: RepeatedField?
    var strings: RepeatedField?
    var tensors: [ONNXTensor] = []
    var graphs: [ONNXGraph] = []
    var sparseTensor: ONNXSparseTensor?
    var sparseTensors: [ONNXSparseTensor] = []
    var type: ONNXType?
    var types: [ONNXType] = []

    mutating func read(
      _ field: Field, from reader: inout WireReader<Field>, _ context: ONNXParseContext
    ) throws(WireError) {
      switch field {
      case .float:
        float = try reader.float()
        populated = .float
      case .int:
        int = Int(try reader.int64())
        populated = .int
      case .string:
        string = try reader.bytes()
        populated = .string
      case .tensor:
        tensor = try ONNXTensor(try reader.message(), context)
        populated = .tensor
      case .graph:
        graph = try ONNXGraph(try reader.message(), context)
        populated = .graph
      case .floats:
        try reader.repeated(.fixed32, into: &floats)
        populated = .floats
      case .ints:
        try reader.repeated(.varint, into: &ints)
        populated = .ints
      case .strings:
        try reader.repeated(.bytes, into: &strings)
        populated = .strings
      case .tensors:
        try context.allow(ONNXTensor.self, in: reader)
        tensors.append(try ONNXTensor(try reader.message(), context))
        populated = .tensors
      case .graphs:
        try context.allow(ONNXGraph.self, in: reader)
        graphs.append(try ONNXGraph(try reader.message(), context))
        populated = .graphs
      case .sparseTensor:
        sparseTensor = try ONNXSparseTensor(try reader.message(), context)
        populated = .sparseTensor
      case .sparseTensors:
        try context.allow(ONNXSparseTensor.self, in: reader)
        sparseTensors.append(try ONNXSparseTensor(try reader.message(), context))
        populated = .sparseTensors
      case .typeProto:
        type = try ONNXType(try reader.message(), context)
        populated = .typeProto
      case .typeProtos:
        try context.allow(ONNXType.self, in: reader)
        types.append(try ONNXType(try reader.message(), context))
        populated = .typeProtos
      case .name, .type, .refAttrName: try reader.skip()
      }
    }

    /// Scalars, strings and lists default to zero and empty, which writers of proto3 leave out.
    func value(_ kind: Kind, emptyBytes: FileSlice) -> Value? {
      switch kind {
      case .float: .float(float)
      case .int: .int(int)
      case .string: .string(string ?? emptyBytes)
      case .tensor: tensor.map { .tensor($0) }
      case .graph: graph.map { .graph($0) }
      case .floats: .floats(floats)
      case .ints: .ints(ints)
      case .strings: .strings(strings)
      case .tensors: .tensors(tensors)
      case .graphs: .graphs(graphs)
      case .sparseTensor: sparseTensor.map { .sparseTensor($0) }
      case .sparseTensors: .sparseTensors(sparseTensors)
      case .typeProto: type.map { .type($0) }
      case .typeProtos: .types(types)
      }
    }
  }
}
