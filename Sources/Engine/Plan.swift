import GraphIR
import Interpreter
import Passes
import Tensors

/// A graph bound to the shapes of its inputs: folded, scheduled, with a place in the arena for every result whose
/// shape is known before the run and whose life ends within it.
package final class Plan {
  let graph: Graph
  let memory: MemoryPlan
  /// For each node, the buffer of each result in `memory`; nil lives on the heap.
  private let buffers: [[Int?]]
  /// For each node, the values that nobody reads after it.
  private let dying: [[Int]]

  /// What the arena and a plan's storages in it are for: a session makes them once and uses them for every run.
  struct Placement {
    let slots: [[TensorStorage?]]
  }

  /// Binds `graph` to the shapes of these inputs. Throws `EngineError.invalidInput` when they contradict it.
  init(_ symbolic: Graph, inputs: [RuntimeValue]) throws {
    let shapes = inputs.map { $0.tensor?.shape.dimensions.map(String.init).joined(separator: "x") ?? "_" }
    graph = try GraphDump.tracing(.bound, [symbolic.name, shapes.joined(separator: ",")])
      .run(Self.bind(symbolic, inputs))
    (memory, buffers) = Self.place(graph)
    dying = Self.deaths(graph)
  }

  // MARK: Memory

  /// Values that share the storage of another one, by the operation that makes them; the rest own theirs.
  private static func sharesOperand(_ operation: Operation) -> Bool {
    if case .reshape = operation { true } else { false }
  }

  /// Operations that may keep their operands beyond the node: what they read lives on the heap.
  private static func keepsOperands(_ operation: Operation) -> Bool {
    switch operation {
    case .if, .loop, .composite, .sequenceConstruct, .sequenceInsert, .sequenceErase, .sequenceAt,
      .sequenceConcatenate, .sequenceSplit, .optional, .optionalGetElement, .zipMap:
      true
    default: false
    }
  }

  private static func place(_ graph: Graph) -> (MemoryPlan, [[Int?]]) {
    // The value whose storage each value shares, itself for most.
    var root = Array(graph.values.indices)
    for node in graph.nodes where sharesOperand(node.operation) {
      root[Int(node.results[0].index)] = root[Int(node.operands[0].index)]
    }
    var onHeap = Set(graph.outputs.map { root[Int($0.index)] })
    var last = [Int](repeating: -1, count: graph.values.count)
    for (step, node) in graph.nodes.enumerated() {
      for operand in node.operands {
        last[root[Int(operand.index)]] = step
        if keepsOperands(node.operation) { onHeap.insert(root[Int(operand.index)]) }
      }
    }
    var buffers: [MemoryPlan.Buffer] = []
    let slots = graph.nodes.enumerated().map { step, node in
      node.results.map { result -> Int? in
        let index = Int(result.index)
        guard root[index] == index, !onHeap.contains(index), !keepsOperands(node.operation),
          case .tensor(let type) = graph[result].type, type.elementType != .string, let shape = type.constantShape,
          let byteCount = type.elementType.byteCount(of: shape.elementCount)
        else { return nil }
        buffers.append(MemoryPlan.Buffer(byteCount: byteCount, first: step, last: max(last[index], step)))
        return buffers.count - 1
      }
    }
    return (MemoryPlan(buffers), slots)
  }

  private static func deaths(_ graph: Graph) -> [[Int]] {
    var uses = graph.useCounts
    return graph.nodes.map { node in
      var dying = node.results.filter { uses[Int($0.index)] == 0 }.map { Int($0.index) }
      for operand in node.operands {
        uses[Int(operand.index)] -= 1
        if uses[Int(operand.index)] == 0 { dying.append(Int(operand.index)) }
      }
      return dying
    }
  }

  func placement(in arena: TensorStorage) -> Placement {
    Placement(
      slots: zip(graph.nodes, buffers).map { node, buffers in
        zip(node.results, buffers).map { result, buffer in
          guard let buffer, let type = graph[result].type.tensor, let shape = type.constantShape else { return nil }
          return TensorStorage(
            borrowing: arena.base + memory.offsets[buffer],
            byteCount: type.elementType.byteCount(of: shape.elementCount) ?? 0, owner: arena)
        }
      })
  }

  // MARK: Running

  /// Outputs for inputs of the shapes that the plan is bound to. `workspace` is the session's, reused between runs.
  func run(
    _ inputs: [RuntimeValue], _ placement: Placement, _ context: EvaluationContext,
    workspace: inout [RuntimeValue?]
  ) throws -> [RuntimeValue] {
    workspace.removeAll(keepingCapacity: true)
    workspace.append(contentsOf: repeatElement(nil, count: graph.values.count))
    for (id, input) in zip(graph.inputs, inputs) { workspace[Int(id.index)] = input }
    for (step, node) in graph.nodes.enumerated() {
      context.slots = placement.slots[step]
      let operands = node.operands.map { value($0, workspace) }
      let results = try Interpreter.evaluate(node, operands, context)
      for (id, result) in zip(node.results, results) { workspace[Int(id.index)] = result }
      for index in dying[step] { workspace[index] = nil }
    }
    context.slots = []
    defer { workspace.removeAll(keepingCapacity: true) }
    return graph.outputs.map { value($0, workspace) }
  }

  private func value(_ id: ValueID, _ workspace: [RuntimeValue?]) -> RuntimeValue {
    if let value = workspace[Int(id.index)] { return value }
    guard let constant = graph[id].constant else { preconditionFailure("\(id) is used before it is computed") }
    return .tensor(constant)
  }
}
