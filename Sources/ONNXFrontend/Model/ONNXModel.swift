import ModelFiles

/// A `ModelProto`: what the file says, before any meaning is given to it.
///
/// Small things are Swift values; weights and long attribute lists stay in the mapped file until asked for.
public struct ONNXModel: Sendable {
  public var source: ONNXSource
  public var irVersion = 0
  /// Version of each operator set by domain; the default domain is `""`, however the file spells it.
  public var opsetImports: [String: Int] = [:]
  public var producerName = ""
  public var producerVersion = ""
  public var domain = ""
  public var modelVersion = 0
  public var metadata: [(key: String, value: String)] = []
  public var graph: ONNXGraph
  public var functions: [ONNXFunction] = []

  /// Maps and parses the model at `path`; external data is looked for in its folder.
  public init(path: String) throws(ONNXError) {
    try self.init(ONNXSource(path: path))
  }

  /// Parses a model that is in memory already, under a name for errors. It cannot have external data unless `folder`
  /// is given.
  public init(bytes: some Collection<UInt8>, name: String, folder: String? = nil) throws(ONNXError) {
    let file: MappedFile
    do { file = try MappedFile(copying: bytes, path: name) } catch { throw .unreadable(error) }
    try self.init(ONNXSource(file: file, folder: folder))
  }

  init(_ source: ONNXSource) throws(ONNXError) {
    let file = source.file
    guard !Self.isLargeFilePointer(file.slice) else {
      throw .invalidModel(file: file.path, problem: "a Git LFS pointer instead of a model: run 'git lfs pull'")
    }
    let model: ONNXModel?
    do {
      model = try ONNXModel(WireReader(file.slice), ONNXParseContext(source))
    } catch {
      throw ONNXError(error)
    }
    guard let model else { throw .invalidModel(file: file.path, problem: "not an ONNX model: it has no graph") }
    self = model
  }

  private enum Field: Int, WireMessage {
    static var messageName: String { "ModelProto" }
    case irVersion = 1
    case producerName = 2
    case producerVersion = 3
    case domain = 4
    case modelVersion = 5
    case graph = 7
    case opsetImport = 8
    case metadataProps = 14
    case functions = 25
  }

  private init?(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    var graph: ONNXGraph?
    self.source = context.source
    self.graph = ONNXGraph()
    while let field = try reader.next() {
      switch field {
      case .irVersion: irVersion = Int(try reader.int64())
      case .producerName: producerName = try reader.string()
      case .producerVersion: producerVersion = try reader.string()
      case .domain: domain = try reader.string()
      case .modelVersion: modelVersion = Int(try reader.int64())
      case .graph: graph = try ONNXGraph(try reader.message(), context)
      case .opsetImport: try opsetImports.addOpset(try reader.message(), context)
      case .metadataProps:
        try context.allow((String, String).self, in: reader)
        metadata.append(try readEntry(try reader.message()))
      case .functions:
        try context.allow(ONNXFunction.self, in: reader)
        functions.append(try ONNXFunction(try reader.message(), context))
      }
    }
    guard let graph else { return nil }
    self.graph = graph
  }

  /// The newest versions that this reader was written for. Later ones are read alike: what they add shows as an unknown
  /// operator, type or attribute.
  static let knownIRVersion = 14
  static let knownOpsets = ["": 28, "ai.onnx.ml": 5]

  /// Versions that are later than the known ones.
  public var warnings: [String] {
    var warnings: [String] = []
    if irVersion > Self.knownIRVersion {
      warnings.append("IR version \(irVersion) is later than \(Self.knownIRVersion), the latest that apus knows")
    }
    for (domain, known) in Self.knownOpsets.sorted(by: { $0.key < $1.key }) {
      guard let version = opsetImports[domain], version > known else { continue }
      let name = domain.isEmpty ? "ai.onnx" : domain
      warnings.append(
        "version \(version) of operator set \(name) is later than \(known), the latest that apus knows: "
          + "operators are taken as version \(known) defines them")
    }
    return warnings
  }

  /// A repository cloned without Git LFS holds such text files in the place of models.
  private static func isLargeFilePointer(_ slice: FileSlice) -> Bool {
    slice.withUnsafeBytes { $0.starts(with: "version https://git-lfs".utf8) }
  }
}

/// A `FunctionProto`: an operator that the model defines by other operators.
public struct ONNXFunction: Sendable {
  public var name = ""
  public var domain = ""
  public var overload = ""
  public var inputs: [String] = []
  public var outputs: [String] = []
  /// Attributes without a default.
  public var attributeNames: [String] = []
  /// Attributes with a default.
  public var attributeDefaults: [ONNXAttribute] = []
  public var nodes: [ONNXNode] = []
  /// The function's own imports, as in `ONNXModel`.
  public var opsetImports: [String: Int] = [:]
  public var valueInfos: [ONNXValueInfo] = []

  enum Field: Int, WireMessage {
    static var messageName: String { "FunctionProto" }
    case name = 1
    case input = 4
    case output = 5
    case attribute = 6
    case node = 7
    case opsetImport = 9
    case domain = 10
    case attributeProto = 11
    case valueInfo = 12
    case overload = 13
  }

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    while let field = try reader.next() {
      switch field {
      case .name: name = try reader.string()
      case .domain: domain = canonicalDomain(try reader.string())
      case .overload: overload = try reader.string()
      case .input: try reader.append(to: &inputs, context)
      case .output: try reader.append(to: &outputs, context)
      case .attribute: try reader.append(to: &attributeNames, context)
      case .attributeProto:
        try context.allow(ONNXAttribute.self, in: reader)
        attributeDefaults.append(try ONNXAttribute(try reader.message(), context))
      case .node:
        try context.allow(ONNXNode.self, in: reader)
        nodes.append(try ONNXNode(try reader.message(), context))
      case .opsetImport: try opsetImports.addOpset(try reader.message(), context)
      case .valueInfo:
        try context.allow(ONNXValueInfo.self, in: reader)
        valueInfos.append(try ONNXValueInfo(try reader.message(), context))
      }
    }
  }
}

// MARK: Small messages

enum OperatorSetField: Int, WireMessage {
  static var messageName: String { "OperatorSetIdProto" }
  case domain = 1
  case version = 2
}

enum EntryField: Int, WireMessage {
  static var messageName: String { "StringStringEntryProto" }
  case key = 1
  case value = 2
}

func readEntry(_ message: WireReader<EntryField>) throws(WireError) -> (key: String, value: String) {
  var reader = message
  var entry = (key: "", value: "")
  while let field = try reader.next() {
    switch field {
    case .key: entry.key = try reader.string()
    case .value: entry.value = try reader.string()
    }
  }
  return entry
}

/// `ai.onnx` and the empty string name the same operator set.
func canonicalDomain(_ domain: String) -> String { domain == "ai.onnx" ? "" : domain }

extension [String: Int] {
  fileprivate mutating func addOpset(
    _ message: WireReader<OperatorSetField>, _ context: ONNXParseContext
  ) throws(WireError) {
    var reader = message
    var domain = ""
    var version = 0
    try context.allow((String, Int).self, in: reader)
    while let field = try reader.next() {
      switch field {
      case .domain: domain = canonicalDomain(try reader.string())
      case .version: version = Int(try reader.int64())
      }
    }
    self[domain] = version
  }
}

extension WireReader {
  /// Appends the current string field to a list of names.
  mutating func append(to names: inout [String], _ context: ONNXParseContext) throws(WireError) {
    try context.allow(String.self, in: self)
    names.append(try string())
  }
}
