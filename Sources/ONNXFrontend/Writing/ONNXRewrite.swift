import ModelFiles
import Tensors

/// A model with other nodes and constants in its graph. Everything else is copied from the file, byte for byte.
public struct ONNXRewrite {
  /// A node of the result, in order.
  public enum Item {
    /// Node number `index` of the file, reading and writing these values.
    case original(Int, inputs: [String], outputs: [String])
    case new(NewNode)
  }

  public struct NewNode {
    public var opType: String
    public var inputs: [String]
    public var outputs: [String]
    public var integers: [String: Int]

    public init(_ opType: String, inputs: [String], outputs: [String], integers: [String: Int] = [:]) {
      (self.opType, self.inputs, self.outputs, self.integers) = (opType, inputs, outputs, integers)
    }
  }

  public let model: ONNXModel
  public var items: [Item]
  /// Initialisers of the file that are left out.
  public var droppedConstants: Set<String> = []
  public var newConstants: [(name: String, tensor: Tensor)] = []

  /// The model as it is.
  public init(_ model: ONNXModel) {
    self.model = model
    items = model.graph.nodes.enumerated().map { .original($0, inputs: $1.inputs, outputs: $1.outputs) }
  }

  /// Protobuf does not take more in one message.
  private static let largestByteCount = Int(Int32.max)

  /// The file's bytes. Weights that lie beside the model are taken in. Throws `ONNXError`.
  public func encoded() throws(ONNXError) -> [UInt8] {
    let bytes: [UInt8]
    do {
      bytes = try encode()
    } catch let error as ONNXError {
      throw error
    } catch let error as WireError {
      throw ONNXError(error)
    } catch {
      throw .invalidModel(file: model.source.file.path, problem: "\(error)")
    }
    guard bytes.count <= Self.largestByteCount else {
      throw .invalidModel(
        file: model.source.file.path, problem: "the result has \(bytes.count) bytes, more than 2 GiB in one file")
    }
    return bytes
  }

  private func encode() throws -> [UInt8] {
    var writer = WireWriter()
    for record in try model.source.file.slice.records(of: ModelField.self) {
      guard record.number == ModelField.graph.rawValue, let graph = record.content else {
        writer.copy(record.whole)
        continue
      }
      try writer.message(record.number) { try writeGraph(graph, &$0) }
    }
    return writer.bytes
  }

  private func writeGraph(_ graph: FileSlice, _ writer: inout WireWriter) throws {
    var nodes: [FileSlice] = []
    var others: [WireRecord] = []
    for record in try graph.records(of: ONNXGraph.Field.self) {
      if record.number == ONNXGraph.Field.node.rawValue, let node = record.content {
        nodes.append(node)
      } else {
        others.append(record)
      }
    }
    for item in items {
      switch item {
      case .original(let index, let inputs, let outputs):
        try writer.message(ONNXGraph.Field.node.rawValue) {
          for record in try nodes[index].records(of: ONNXNode.Field.self) {
            switch ONNXNode.Field(rawValue: record.number) {
            case .input, .output: break
            default: $0.copy(record.whole)
            }
          }
          Self.write(inputs, outputs, &$0)
        }
      case .new(let node): writer.message(ONNXGraph.Field.node.rawValue) { Self.write(node, &$0) }
      }
    }
    var constants = model.graph.initializers.makeIterator()
    var inputs = model.graph.inputs.makeIterator()
    for record in others {
      switch ONNXGraph.Field(rawValue: record.number) {
      case .initializer:
        guard let constant = constants.next(), !droppedConstants.contains(constant.name) else { continue }
        if case .external = constant.data {
          try write(constant.name, constant.tensor(), &writer)
        } else {
          writer.copy(record.whole)
        }
      case .input:
        // Old files list constants among the inputs.
        guard let input = inputs.next(), !droppedConstants.contains(input.name) else { continue }
        writer.copy(record.whole)
      default: writer.copy(record.whole)
      }
    }
    for constant in newConstants { try write(constant.name, constant.tensor, &writer) }
  }

  private static func write(_ inputs: [String], _ outputs: [String], _ writer: inout WireWriter) {
    for input in inputs { writer.string(ONNXNode.Field.input.rawValue, input) }
    for output in outputs { writer.string(ONNXNode.Field.output.rawValue, output) }
  }

  private static func write(_ node: NewNode, _ writer: inout WireWriter) {
    write(node.inputs, node.outputs, &writer)
    if let name = node.outputs.first { writer.string(ONNXNode.Field.name.rawValue, "\(name)_\(node.opType)") }
    writer.string(ONNXNode.Field.opType.rawValue, node.opType)
    for (name, value) in node.integers.sorted(by: { $0.key < $1.key }) {
      writer.message(ONNXNode.Field.attribute.rawValue) {
        $0.string(ONNXAttribute.Field.name.rawValue, name)
        $0.integer(ONNXAttribute.Field.int.rawValue, value)
        $0.integer(ONNXAttribute.Field.type.rawValue, Int(ONNXAttribute.Kind.int.rawValue))
      }
    }
  }

  private func write(_ name: String, _ tensor: Tensor, _ writer: inout WireWriter) throws {
    guard tensor.elementType != .string else {
      throw ONNXError.invalidModel(
        file: model.source.file.path, problem: "the constant '\(name)' of strings cannot be written")
    }
    writer.message(ONNXGraph.Field.initializer.rawValue) {
      for extent in tensor.shape.dimensions { $0.integer(ONNXTensor.Field.dims.rawValue, extent) }
      $0.integer(ONNXTensor.Field.dataType.rawValue, Int(tensor.elementType.rawValue))
      $0.string(ONNXTensor.Field.name.rawValue, name)
      $0.bytes(ONNXTensor.Field.rawData.rawValue, UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
    }
  }
}

private enum ModelField: Int, WireMessage {
  static var messageName: String { "ModelProto" }
  case graph = 7
}
