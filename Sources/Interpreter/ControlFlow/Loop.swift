import GraphIR
import Tensors

/// One execution of a `loop` node.
struct Loop {
  private let node: Node
  private let body: Graph
  private let tripCount: Int64
  private let condition: Bool
  private let carried: [RuntimeValue]
  private let captures: ArraySlice<RuntimeValue>

  init(_ node: Node, _ operands: [RuntimeValue], carried: Int) throws {
    guard operands.count >= 2 + carried, carried >= 0, let trips = operands[0].tensor, trips.elementType == .int64,
      trips.elementCount == 1
    else {
      throw EvaluationError(
        node, operands.map(\.summary).joined(separator: ", "),
        expected: "int64 trip count, bool condition and \(carried) carried values")
    }
    self.node = node
    body = try ControlFlow.region(node, 0, of: 1, inputs: operands.count)
    guard body.outputs.count > carried else {
      throw EvaluationError(node, "a body with \(body.outputs.count) outputs", expected: "\(carried + 1) or more")
    }
    tripCount = trips.withElements(of: Int64.self) { $0[0] }
    condition = try ControlFlow.condition(node, operands, 1)
    self.carried = Array(operands[2..<(2 + carried)])
    captures = operands[(2 + carried)...]
  }

  func run(_ context: EvaluationContext) throws -> [RuntimeValue] {
    let call = LoopCall(tripCount: tripCount, condition: condition, carried: carried, captures: Array(captures))
    if let results = try context.regionRunner?.run(loop: call, context) { return results }
    let uses = body.useCounts
    let scannedCount = body.outputs.count - 1 - carried.count
    // Kept one by one and joined once, at the end.
    var scanned = [[Tensor]](repeating: [], count: scannedCount)
    var state = carried
    var keepsGoing = condition
    var iteration: Int64 = 0
    while keepsGoing && iteration < tripCount {
      // A body without nodes looks at no deadline of its own.
      try context.checkDeadline()
      let inputs =
        [.tensor(Tensor(scalar: iteration)), .tensor(Tensor(scalar: keepsGoing))] + state + captures
      let outputs = try ControlFlow.run(body, 0, uses: uses, inputs, context)
      keepsGoing = try ControlFlow.condition(node, outputs, 0)
      state = Array(outputs[1..<(1 + carried.count)])
      for index in 0..<scannedCount {
        let value = outputs[1 + carried.count + index]
        guard let tensor = value.tensor else {
          throw EvaluationError(node, "\(value.summary) as scanned output \(index)", expected: "a tensor")
        }
        scanned[index].append(tensor)
      }
      iteration += 1
    }
    return try state
      + scanned.enumerated().map { index, tensors in
        let result = carried.count + index
        if tensors.isEmpty { return .tensor(try empty(index, context, result: result)) }
        return .tensor(try TensorJoin(node, tensors, newAxis: 0).run(context, result: result))
      }
  }

  /// What no iteration stacks up to: the extents that the body's type tells, 0 for the others.
  private func empty(_ index: Int, _ context: EvaluationContext, result: Int) throws -> Tensor {
    let type = body.type(of: body.outputs[1 + carried.count + index])
    guard let elementType = type.elementType else {
      throw EvaluationError(node, "scanned output of type \(type)", expected: "a tensor")
    }
    let extents = [0] + (type.tensor?.shape.map { max(0, $0.constant ?? 0) } ?? [])
    guard let shape = Shape(checking: extents) else {
      throw EvaluationError(node, "scanned output \(extents)", expected: "a tensor that fits in memory")
    }
    return try context.makeTensor(elementType, shape, result: result)
  }
}
