import GraphIR
import Tensors

/// A graph with what scheduling asks of it again and again. Nodes and values go by their positions.
struct GraphIndex {
  let graph: Graph
  /// The node that makes each value; nil for inputs and constants.
  let producer: [Int?]
  /// The nodes that read the elements of each value, in order, one entry for each operand. Nodes that no output needs do
  /// not count, nor do parameters whose values are known.
  let consumers: [[Int]]
  let isOutput: [Bool]
  /// Of tensors whose extents are all known and that have elements.
  let shapes: [Shape?]

  init(_ graph: Graph) {
    self.graph = graph
    var producer = [Int?](repeating: nil, count: graph.values.count)
    var consumers = [[Int]](repeating: [], count: graph.values.count)
    for (index, node) in graph.nodes.enumerated() {
      for result in node.results { producer[Int(result.index)] = index }
    }
    let isLive = Self.liveNodes(graph, producer)
    for (index, node) in graph.nodes.enumerated() where isLive[index] {
      for operand in node.operands where !Self.isKnown(operand, graph) { consumers[Int(operand.index)].append(index) }
    }
    var isOutput = [Bool](repeating: false, count: graph.values.count)
    for output in graph.outputs { isOutput[Int(output.index)] = true }
    self.producer = producer
    self.consumers = consumers
    self.isOutput = isOutput
    shapes = graph.values.map { value in
      guard let shape = value.type.tensor?.constantShape, shape.elementCount > 0 else { return nil }
      return shape
    }
  }

  /// A value that is computed although its elements are known: what shapes are made of.
  static func isKnown(_ id: ValueID, _ graph: Graph) -> Bool {
    graph[id].constant == nil && graph.constantValue(of: id) != nil
  }

  private static func liveNodes(_ graph: Graph, _ producer: [Int?]) -> [Bool] {
    var isLive = [Bool](repeating: false, count: graph.nodes.count)
    var stack = graph.outputs.compactMap { producer[Int($0.index)] }
    while let node = stack.popLast() {
      if isLive[node] { continue }
      isLive[node] = true
      for operand in graph.nodes[node].operands where !isKnown(operand, graph) {
        if let next = producer[Int(operand.index)] { stack.append(next) }
      }
    }
    return isLive
  }

  func node(_ index: Int) -> Node { graph.nodes[index] }
  func producer(of id: ValueID) -> Int? { producer[Int(id.index)] }
  func consumers(of id: ValueID) -> [Int] { consumers[Int(id.index)] }
  func isOutput(_ id: ValueID) -> Bool { isOutput[Int(id.index)] }
  func shape(_ id: ValueID) -> Shape? { shapes[Int(id.index)] }
  func type(_ id: ValueID) -> ElementType? { graph[id].type.elementType }
  func constant(_ id: ValueID) -> Tensor? { graph[id].constant }

  /// The elements of a small integer operand that is known whatever the inputs are.
  func integers(_ id: ValueID) -> [Int]? {
    guard let tensor = graph.constantValue(of: id) else { return nil }
    switch tensor.elementType {
    case .int64: return tensor.elements(of: Int64.self).map(Int.init)
    case .int32: return tensor.elements(of: Int32.self).map(Int.init)
    default: return nil
    }
  }

  /// The one element that a constant repeats, in the bits of its compute type; see `Expression.constantBits`.
  func uniformBits(_ id: ValueID) -> UInt64? {
    guard let constant = constant(id), constant.elementCount > 0 else { return nil }
    return constant.uniformComputeBits
  }

  /// What nodes do, for profiles: their sources, each once.
  func source(of nodes: Set<Int>) -> String {
    var sources: [String] = []
    for number in nodes.sorted() {
      if let source = node(number).source, !sources.contains(source) { sources.append(source) }
    }
    return sources.joined(separator: " + ")
  }

  /// Reads of a value that no node of `inside` does.
  func isReadOutside(_ id: ValueID, of inside: Set<Int>) -> Bool {
    isOutput(id) || consumers(of: id).contains { !inside.contains($0) }
  }
}

extension Tensor {
  /// All elements of at most 64 as one, in the bits of the compute type.
  fileprivate var uniformComputeBits: UInt64? {
    guard elementCount <= 64, let type = LoopKernel.computeType(elementType),
      let wide = try? elementType == type ? self : converted(to: type)
    else { return nil }
    func uniform<Element: TensorElement>(_: Element.Type, _ bits: (Element) -> UInt64) -> UInt64? {
      let all = wide.withElements(of: Element.self) { elements in elements.map(bits) }
      return all.dropFirst().allSatisfy { $0 == all[0] } ? all[0] : nil
    }
    switch type {
    case .float32: return uniform(Float.self) { UInt64($0.bitPattern) }
    case .float64: return uniform(Double.self) { $0.bitPattern }
    case .int32: return uniform(Int32.self) { UInt64(bitPattern: Int64($0)) }
    case .int64: return uniform(Int64.self) { UInt64(bitPattern: $0) }
    case .uint32: return uniform(UInt32.self) { UInt64($0) }
    case .uint64: return uniform(UInt64.self) { $0 }
    case .bool:
      return withExtendedLifetime(wide) {
        let bytes = UnsafeBufferPointer(start: wide.base.assumingMemoryBound(to: UInt8.self), count: elementCount)
        return bytes.dropFirst().allSatisfy { ($0 == 0) == (bytes[0] == 0) } ? (bytes[0] == 0 ? 0 : 1) : nil
      }
    default: return nil
    }
  }
}
