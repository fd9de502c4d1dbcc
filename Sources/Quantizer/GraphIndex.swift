import ONNXFrontend
import Tensors

/// Who reads and writes what in a model's graph.
struct GraphIndex {
  let model: ONNXModel
  /// Version of the default operator set.
  let opset: Int
  /// Nodes that read a value, once for each input.
  private(set) var readers: [String: [Int]] = [:]
  private(set) var writer: [String: Int] = [:]
  /// Outputs of the graph, and what branches and bodies read: these keep their values.
  private(set) var kept: Set<String> = []
  private(set) var names: Set<String> = []
  private let constants: [String: ONNXTensor]

  /// QuantizeLinear is that old.
  private static let firstOpset = 10

  init(_ model: ONNXModel) throws {
    self.model = model
    opset = model.opsetImports[""] ?? 1
    guard opset >= Self.firstOpset else {
      throw QuantizationError(
        "\(model.source.file.path): operator set \(opset) has no QuantizeLinear, expected \(Self.firstOpset) or later: "
          + "convert the model with onnx.version_converter first")
    }
    let graph = model.graph
    var constants = Dictionary(graph.initializers.map { ($0.name, $0) }) { first, _ in first }
    kept.formUnion(graph.outputs.map(\.name))
    names.formUnion(graph.inputs.map(\.name) + graph.initializers.map(\.name))
    for (number, node) in graph.nodes.enumerated() {
      for input in node.inputs { readers[input, default: []].append(number) }
      for output in node.outputs { writer[output] = number }
      names.formUnion(node.outputs)
      if node.opType == "Constant", node.domain.isEmpty, let tensor = try node.tensor("value"),
        let output = node.outputs.first
      {
        constants[output] = tensor
      }
      for attribute in node.attributes { Self.addReads(of: attribute, to: &kept) }
    }
    self.constants = constants
  }

  private static func addReads(of attribute: ONNXAttribute, to names: inout Set<String>) {
    var graphs: [ONNXGraph] = []
    if case .graph(let graph) = attribute.value { graphs = [graph] }
    if case .graphs(let several) = attribute.value { graphs = several }
    for graph in graphs {
      for node in graph.nodes {
        names.formUnion(node.inputs)
        for attribute in node.attributes { addReads(of: attribute, to: &names) }
      }
      names.formUnion(graph.outputs.map(\.name))
    }
  }

  func isConstant(_ name: String) -> Bool { constants[name] != nil }

  /// The value of a float32 constant; nil for everything else.
  func floats(_ name: String) throws -> Tensor? {
    guard let constant = constants[name], constant.elementType == .float32 else { return nil }
    return try constant.tensor()
  }

  /// The only node that reads a value, if there is nothing else that wants it.
  func soleReader(_ name: String) -> (number: Int, node: ONNXNode)? {
    guard !kept.contains(name), let readers = readers[name], readers.count == 1 else { return nil }
    return (readers[0], model.graph.nodes[readers[0]])
  }

  /// Products with constant float32 weights, whether they can be quantised or not.
  var candidateCount: Int {
    model.graph.nodes.count { node in
      ["Conv", "Gemm", "MatMul"].contains(node.opType) && node.domain.isEmpty && node.inputs.count > 1
        && constants[node.inputs[1]]?.elementType == .float32
    }
  }
}
