import Tensors

@testable import GraphIR

/// Makes regions with types given by hand, so that these tests do not depend on the type rules.
struct RegionMaker {
  private(set) var graph = Graph(name: "region", values: [], nodes: [], inputs: [], outputs: [], symbols: [])

  mutating func input(_ elementType: ElementType, _ shape: [Int] = []) -> ValueID {
    let id = append(
      Value(type: .tensor(TensorType(elementType, constant: shape)), origin: .input(graph.inputs.count)))
    graph.inputs.append(id)
    return id
  }

  mutating func constant(_ tensor: Tensor) -> ValueID {
    append(
      Value(
        type: .tensor(TensorType(tensor.elementType, constant: tensor.shape.dimensions)), origin: .constant,
        constant: tensor))
  }

  mutating func node(
    _ operation: GraphIR.Operation, _ operands: [ValueID], _ types: [ValueType], regions: [Graph] = []
  ) -> [ValueID] {
    let node = NodeID(graph.nodes.count)
    let results = types.enumerated().map { index, type in append(Value(type: type, origin: .result(node, index))) }
    graph.nodes.append(
      Node(operation: operation, operands: operands, results: results, regions: regions, source: nil))
    return results
  }

  func region(_ outputs: [ValueID]) -> Graph {
    var graph = graph
    graph.outputs = outputs
    return graph
  }

  private mutating func append(_ value: Value) -> ValueID {
    graph.values.append(value)
    return ValueID(graph.values.count - 1)
  }
}
