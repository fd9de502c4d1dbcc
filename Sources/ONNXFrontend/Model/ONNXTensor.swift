import ModelFiles
import Tensors

/// A `TensorProto`: what the tensor is and where its elements lie. `tensor()` makes them a `Tensor`.
public struct ONNXTensor: Sendable {
  public var source: ONNXSource
  public var name = ""
  /// Extents as the file claims them: not checked yet.
  public var dims: [Int] = []
  /// Nil for UNDEFINED.
  public var elementType: ElementType?
  public var data: Data = .none
  /// Where the message begins in the file.
  let offset: Int

  /// Where the elements lie.
  public enum Data: Sendable {
    /// Nowhere: right for a tensor without elements only.
    case none
    /// `raw_data`: little-endian, side by side.
    case raw(FileSlice)
    /// One of the `*_data` fields.
    case typed(TypedField, RepeatedField)
    /// A file beside the model.
    indirect case external(ONNXExternalData)
  }

  /// Fields that hold elements by type, with their field numbers.
  public enum TypedField: Int, Sendable {
    case floatData = 4
    case int32Data = 5
    case stringData = 6
    case int64Data = 7
    case doubleData = 10
    case uint64Data = 11

    /// As ONNX writes it.
    public var name: String { snakeCase("\(self)") }
  }

  enum Field: Int, WireMessage {
    static var messageName: String { "TensorProto" }
    case dims = 1
    case dataType = 2
    case segment = 3
    case floatData = 4
    case int32Data = 5
    case stringData = 6
    case int64Data = 7
    case name = 8
    case rawData = 9
    case doubleData = 10
    case uint64Data = 11
    case externalData = 13
    case dataLocation = 14
  }

  /// More axes than any array library has.
  static let rankLimit = 256

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    self.source = context.source
    self.offset = reader.slice.offset
    var extents: RepeatedField?
    var raw: FileSlice?
    var typed: (TypedField, RepeatedField)?
    var external = ONNXExternalData()
    var isExternal = false
    while let field = try reader.next() {
      switch field {
      case .dims:
        try reader.repeated(.varint, into: &extents)
        if let extents, extents.count > Self.rankLimit { throw reader.error("more than \(Self.rankLimit) dimensions") }
      case .dataType: elementType = try reader.elementType()
      case .segment: throw reader.error("tensors in segments are not supported")
      case .floatData: try reader.elements(.floatData, .fixed32, into: &typed)
      case .int32Data: try reader.elements(.int32Data, .varint, into: &typed)
      case .stringData: try reader.elements(.stringData, .bytes, into: &typed)
      case .int64Data: try reader.elements(.int64Data, .varint, into: &typed)
      case .doubleData: try reader.elements(.doubleData, .fixed64, into: &typed)
      case .uint64Data: try reader.elements(.uint64Data, .varint, into: &typed)
      case .name: name = try reader.string()
      case .rawData: raw = try reader.bytes()
      case .externalData:
        let entry = try readEntry(try reader.message())
        if let problem = external.set(entry.key, to: entry.value) { throw reader.error(problem) }
      case .dataLocation: isExternal = try reader.int32() == 1
      }
    }
    dims = try extents?.integers() ?? []
    if isExternal {
      data = .external(external)
    } else if let raw, raw.count > 0 || typed == nil {
      if let typed { throw reader.error("both raw_data and \(typed.0.name) hold elements") }
      data = .raw(raw)
    } else if let typed {
      data = .typed(typed.0, typed.1)
    }
  }
}

/// Where a tensor's elements lie in a file beside the model.
public struct ONNXExternalData: Hashable, Sendable {
  /// Path relative to the model's folder.
  public var location = ""
  public var offset = 0
  /// Nil: to the end of the file.
  public var length: Int?
  /// SHA-1 of the whole file in hexadecimal digits; empty where the exporter gave none.
  public var checksum = ""

  /// Takes one entry of `external_data`; returns what is wrong with it.
  mutating func set(_ key: String, to value: String) -> String? {
    switch key {
    case "location": location = value
    case "checksum": checksum = value
    case "offset":
      guard let number = Int(value), number >= 0 else { return "invalid offset '\(value)'" }
      offset = number
    case "length":
      guard let number = Int(value), number >= 0 else { return "invalid length '\(value)'" }
      length = number
    default: break  // `basepath` and private keys say nothing that is needed to find the bytes.
    }
    return nil
  }
}

extension WireReader<ONNXTensor.Field> {
  /// Adds to the elements of a typed field; a tensor has only one with elements in it.
  fileprivate mutating func elements(
    _ field: ONNXTensor.TypedField, _ kind: RepeatedField.Kind,
    into typed: inout (ONNXTensor.TypedField, RepeatedField)?
  ) throws(WireError) {
    var all = typed?.0 == field ? typed?.1 : nil
    try repeated(kind, into: &all)
    guard let all, all.count > 0 else { return }
    if let other = typed?.0, other != field { throw error("both \(other.name) and \(field.name) hold elements") }
    typed = (field, all)
  }
}
