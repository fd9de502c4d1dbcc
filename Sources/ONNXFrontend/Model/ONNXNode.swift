import ModelFiles

/// A `NodeProto`: one application of an operator.
public struct ONNXNode: Sendable {
  public var source: ONNXSource
  /// Names of values; empty where an optional input or output is left out.
  public var inputs: [String] = []
  public var outputs: [String] = []
  /// Often empty: errors use `label`.
  public var name = ""
  public var opType = ""
  /// The default domain is `""`, however the file spells it.
  public var domain = ""
  public var overload = ""
  public var attributes: [ONNXAttribute] = []

  enum Field: Int, WireMessage {
    static var messageName: String { "NodeProto" }
    case input = 1
    case output = 2
    case name = 3
    case opType = 4
    case attribute = 5
    case domain = 7
    case overload = 8
  }

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    self.source = context.source
    while let field = try reader.next() {
      switch field {
      case .input: try reader.append(to: &inputs, context)
      case .output: try reader.append(to: &outputs, context)
      case .name: name = try reader.string()
      case .opType: opType = try reader.string()
      case .attribute:
        try context.allow(ONNXAttribute.self, in: reader)
        attributes.append(try ONNXAttribute(try reader.message(), context))
      case .domain: domain = canonicalDomain(try reader.string())
      case .overload: overload = try reader.string()
      }
    }
  }

  /// What errors call the node: its name, or the first value that it makes.
  public var label: String {
    name.isEmpty ? outputs.first { !$0.isEmpty } ?? opType : name
  }

  /// An error about this node.
  public func error(found: String, expected: String) -> ONNXError {
    .invalidNode(file: source.file.path, node: label, operator: opType, found: found, expected: expected)
  }
}

/// Attributes by name. An attribute that is absent is nil; one of another type than the one asked for is an error.
extension ONNXNode {
  public func attribute(_ name: String) -> ONNXAttribute? { attributes.first { $0.name == name } }

  public func int(_ name: String) throws(ONNXError) -> Int? {
    guard let attribute = attribute(name) else { return nil }
    guard case .int(let value) = attribute.value else { throw mismatch(attribute, .int) }
    return value
  }

  public func int(_ name: String, default fallback: Int) throws(ONNXError) -> Int { try int(name) ?? fallback }

  /// An integer that must be 0 or 1.
  public func bool(_ name: String, default fallback: Bool) throws(ONNXError) -> Bool {
    guard let value = try int(name) else { return fallback }
    guard value == 0 || value == 1 else { throw error(found: "\(name) = \(value)", expected: "0 or 1") }
    return value == 1
  }

  public func float(_ name: String) throws(ONNXError) -> Float? {
    guard let attribute = attribute(name) else { return nil }
    guard case .float(let value) = attribute.value else { throw mismatch(attribute, .float) }
    return value
  }

  public func float(_ name: String, default fallback: Float) throws(ONNXError) -> Float {
    try float(name) ?? fallback
  }

  /// Bytes that are not UTF-8 become U+FFFD.
  public func string(_ name: String) throws(ONNXError) -> String? {
    guard let attribute = attribute(name) else { return nil }
    guard case .string(let value) = attribute.value else { throw mismatch(attribute, .string) }
    return value.string
  }

  public func string(_ name: String, default fallback: String) throws(ONNXError) -> String {
    try string(name) ?? fallback
  }

  public func ints(_ name: String) throws(ONNXError) -> [Int]? {
    guard let attribute = attribute(name) else { return nil }
    guard case .ints(let values) = attribute.value else { throw mismatch(attribute, .ints) }
    return try decode(values) { field throws(WireError) in try field.integers() } ?? []
  }

  public func floats(_ name: String) throws(ONNXError) -> [Float]? {
    guard let attribute = attribute(name) else { return nil }
    guard case .floats(let values) = attribute.value else { throw mismatch(attribute, .floats) }
    return try decode(values) { field throws(WireError) in try field.floats() } ?? []
  }

  public func strings(_ name: String) throws(ONNXError) -> [String]? {
    guard let attribute = attribute(name) else { return nil }
    guard case .strings(let values) = attribute.value else { throw mismatch(attribute, .strings) }
    return try decode(values) { field throws(WireError) in
      var strings: [String] = []
      strings.reserveCapacity(field.count)
      try field.forEachBytes { strings.append($0.string) }
      return strings
    } ?? []
  }

  public func tensor(_ name: String) throws(ONNXError) -> ONNXTensor? {
    guard let attribute = attribute(name) else { return nil }
    guard case .tensor(let value) = attribute.value else { throw mismatch(attribute, .tensor) }
    return value
  }

  public func sparseTensor(_ name: String) throws(ONNXError) -> ONNXSparseTensor? {
    guard let attribute = attribute(name) else { return nil }
    guard case .sparseTensor(let value) = attribute.value else { throw mismatch(attribute, .sparseTensor) }
    return value
  }

  public func graph(_ name: String) throws(ONNXError) -> ONNXGraph? {
    guard let attribute = attribute(name) else { return nil }
    guard case .graph(let value) = attribute.value else { throw mismatch(attribute, .graph) }
    return value
  }

  public func type(_ name: String) throws(ONNXError) -> ONNXType? {
    guard let attribute = attribute(name) else { return nil }
    guard case .type(let value) = attribute.value else { throw mismatch(attribute, .typeProto) }
    return value
  }

  private func mismatch(_ attribute: ONNXAttribute, _ expected: ONNXAttribute.Kind) -> ONNXError {
    let found =
      attribute.refAttrName.isEmpty
      ? "attribute \(attribute.name) of type \(attribute.kind.map { $0.name } ?? "unknown")"
      : "attribute \(attribute.name) that refers to \(attribute.refAttrName) outside of a function"
    return error(found: found, expected: expected.name)
  }

  private func decode<Result>(
    _ field: RepeatedField?, _ body: (RepeatedField) throws(WireError) -> Result
  ) throws(ONNXError) -> Result? {
    guard let field else { return nil }
    do { return try body(field) } catch { throw ONNXError(error) }
  }
}
