import Tensors

/// A value of one graph: an index into `Graph.values`.
public struct ValueID: Hashable, Sendable, CustomStringConvertible {
  public let index: Int32
  public init(_ index: Int) { self.index = Int32(index) }
  public var description: String { "%\(index)" }
}

/// A node of one graph: an index into `Graph.nodes`.
public struct NodeID: Hashable, Sendable {
  public let index: Int32
  public init(_ index: Int) { self.index = Int32(index) }
}

public struct Value: Sendable {
  public enum Origin: Hashable, Sendable {
    case input(Int)
    case constant
    case result(NodeID, Int)
  }

  public var type: ValueType
  public var origin: Origin
  /// The elements of a constant.
  public var constant: Tensor?
  /// The elements of a small integer tensor as extents, where they are known: what `Shape` and arithmetic on it give.
  public var elements: [Dimension]?
  /// A name from the file, for errors, dumps and outputs; need not be unique.
  public var name: String?
}

public struct Node: Sendable {
  public var operation: Operation
  public var operands: [ValueID]
  public var results: [ValueID]
  /// Branches, loop bodies, decompositions. Closed: what they use from outside comes in as operands.
  public var regions: [Graph]
  /// Where the node came from in the file, for errors and profiles: "Conv 'stem/conv1'".
  public var source: String?
}

/// What is known of a symbol.
public struct SymbolInfo: Hashable, Sendable {
  /// The name that the model gives, or one made up. Unique within a graph.
  public var name: String

  public init(name: String) { self.name = name }
}

/// A graph in execution order: a node's operands come before it.
///
/// Made by `GraphBuilder`. Regions are graphs too and share the symbols of the outermost graph, which alone lists
/// them.
public struct Graph: Sendable {
  public var name: String
  public internal(set) var values: [Value]
  public internal(set) var nodes: [Node]
  public internal(set) var inputs: [ValueID]
  public internal(set) var outputs: [ValueID]
  public internal(set) var symbols: [SymbolInfo]

  /// A graph that nothing has checked: for tests of the verifier.
  package init(
    name: String, values: [Value], nodes: [Node], inputs: [ValueID], outputs: [ValueID], symbols: [SymbolInfo]
  ) {
    self.name = name
    self.values = values
    self.nodes = nodes
    self.inputs = inputs
    self.outputs = outputs
    self.symbols = symbols
  }

  // Inlined, so that a reader of one field does not copy the others.
  @inlinable public subscript(id: ValueID) -> Value { values[Int(id.index)] }
  @inlinable public subscript(id: NodeID) -> Node { nodes[Int(id.index)] }

  @inlinable public func type(of id: ValueID) -> ValueType { values[Int(id.index)].type }

  /// The tensor that `id` is whatever the inputs are: a constant, or a small integer or bool tensor that the type
  /// rules could compute.
  public func constantValue(of id: ValueID) -> Tensor? {
    if let constant = values[Int(id.index)].constant { return constant }
    guard let elements = values[Int(id.index)].elements, let type = type(of: id).tensor,
      let shape = type.constantShape
    else { return nil }
    return SymbolicElements.tensor(elements, type.elementType, shape)
  }

  /// How often each value is used by nodes and as an output.
  public var useCounts: [Int] {
    var counts = [Int](repeating: 0, count: values.count)
    for node in nodes {
      for operand in node.operands { counts[Int(operand.index)] += 1 }
    }
    for output in outputs { counts[Int(output.index)] += 1 }
    return counts
  }

  /// One thing that brings values into being.
  public enum Definition: Sendable {
    case input(ValueID)
    case constant(ValueID)
    case node(NodeID)
  }

  /// Inputs, constants and nodes in the order in which they were added: adding them again in this order gives the same
  /// ids.
  public var definitions: [Definition] {
    var definitions: [Definition] = []
    definitions.reserveCapacity(values.count)
    var nextNode = 0
    for index in values.indices {
      switch values[index].origin {
      case .input: definitions.append(.input(ValueID(index)))
      case .constant: definitions.append(.constant(ValueID(index)))
      case .result(let node, _):
        while nextNode <= Int(node.index) {
          definitions.append(.node(NodeID(nextNode)))
          nextNode += 1
        }
      }
    }
    // Nodes without results leave no value behind.
    while nextNode < nodes.count {
      definitions.append(.node(NodeID(nextNode)))
      nextNode += 1
    }
    return definitions
  }
}
