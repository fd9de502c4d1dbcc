import GraphIR
import Interpreter
import Tensors

/// Evaluates, while a graph is built, the values that follow from constants alone.
struct ConstantFolder {
  private let graph: Graph
  private var folded: [ValueID: RuntimeValue] = [:]
  private var unknown: Set<ValueID> = []

  /// Parameters are small; anything larger is data and waits for the passes.
  static let maximumElementCount = 1 << 20

  init(_ graph: Graph) { self.graph = graph }

  /// The value, or nil when it depends on graph inputs.
  mutating func fold(_ id: ValueID) throws -> Tensor? { try value(id)?.tensor }

  private mutating func value(_ id: ValueID) throws -> RuntimeValue? {
    if let known = folded[id] { return known }
    if unknown.contains(id) { return nil }
    let result = try compute(id)
    if let result { folded[id] = result } else { unknown.insert(id) }
    return result
  }

  private mutating func compute(_ id: ValueID) throws -> RuntimeValue? {
    let value = graph[id]
    if let constant = value.constant { return .tensor(constant) }
    if let elements = value.elements, case .tensor(let type) = value.type, let shape = type.constantShape {
      let extents = elements.compactMap(\.constant)
      if extents.count == elements.count, extents.count == shape.elementCount {
        return .tensor(try Tensor(shape, extents.map(Int64.init)).converted(to: type.elementType))
      }
    }
    guard case .result(let nodeID, let index) = value.origin else { return nil }
    if case .tensor(let type) = value.type, let shape = type.constantShape,
      shape.elementCount > Self.maximumElementCount
    {
      return nil
    }
    let node = graph[nodeID]
    if case .random = node.operation { return nil }
    var operands: [RuntimeValue] = []
    for operand in node.operands {
      guard let value = try self.value(operand) else { return nil }
      operands.append(value)
    }
    return try Interpreter.evaluate(node, operands, EvaluationContext())[index]
  }

  /// The graph inputs that a value depends on: those whose elements matter, and those of which only the shape does.
  func roots(of id: ValueID) -> (values: [String], shapes: [String]) {
    var values: Set<String> = []
    var shapes: Set<String> = []
    var visited: Set<ValueID> = []
    var pending: [(id: ValueID, shapeOnly: Bool)] = [(id, false)]
    while let (id, shapeOnly) = pending.popLast() {
      guard visited.insert(id).inserted else { continue }
      switch graph[id].origin {
      case .input:
        guard let name = graph[id].name else { continue }
        if shapeOnly { shapes.insert(name) } else { values.insert(name) }
      case .constant: continue
      case .result(let node, _):
        let isShape = graph[node].operation == .shape
        pending += graph[node].operands.map { ($0, shapeOnly || isShape) }
      }
    }
    return (values.sorted(), shapes.sorted())
  }
}
