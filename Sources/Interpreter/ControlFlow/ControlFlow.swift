import GraphIR
import Tensors

/// Nodes with regions: branches, loops, composites.
enum ControlFlow {
  static func evaluate(
    _ node: Node, _ operands: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    switch node.operation {
    case .if:
      let isTrue = try condition(node, operands, 0)
      let region = try region(node, isTrue ? 0 : 1, of: 2, inputs: operands.count - 1)
      return try run(region, Array(operands.dropFirst()), context)
    case .loop(let carried):
      return try Loop(node, operands, carried: carried).run(context)
    case .composite:
      return try run(region(node, 0, of: 1, inputs: operands.count), operands, context)
    default:
      preconditionFailure("not a control flow primitive: \(node.operation)")
    }
  }

  /// Runs a region. The memory that the plan has for the node's results is not for those of the region's nodes.
  static func run(
    _ region: Graph, uses: [Int]? = nil, _ inputs: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    let slots = context.slots
    context.slots = []
    defer { context.slots = slots }
    return try Interpreter.run(region, uses: uses ?? region.useCounts, inputs: inputs, context: context)
  }

  /// A bool tensor of one element.
  static func condition(_ node: Node, _ operands: [RuntimeValue], _ index: Int) throws -> Bool {
    guard index < operands.count, let tensor = operands[index].tensor, tensor.elementType == .bool,
      tensor.elementCount == 1
    else {
      throw EvaluationError(
        node, index < operands.count ? operands[index].summary : "\(operands.count) operands",
        expected: "one bool as condition")
    }
    return tensor.withElements(of: Bool.self) { $0[0] }
  }

  static func region(_ node: Node, _ index: Int, of count: Int, inputs: Int) throws -> Graph {
    guard node.regions.count == count, node.regions[index].inputs.count == inputs else {
      throw EvaluationError(
        node, "\(node.regions.count) regions with \(node.regions.map(\.inputs.count)) inputs",
        expected: "\(count) with \(inputs) inputs")
    }
    return node.regions[index]
  }
}

extension RuntimeValue {
  /// Kind and shape, for errors.
  var summary: String {
    switch self {
    case .tensor(let tensor): "\(tensor.elementType.name)\(tensor.shape)"
    case .sequence(let elements): "a sequence of \(elements.count)"
    case .optional(let value): value.map { "an optional \($0.summary)" } ?? "an empty optional"
    case .map(_, let values): "a map of \(values.count)"
    }
  }
}
