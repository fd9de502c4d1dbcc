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
      let index = isTrue ? 0 : 1
      return try run(
        region(node, index, of: 2, inputs: operands.count - 1), index, Array(operands.dropFirst()), context)
    case .loop(let carried):
      return try Loop(node, operands, carried: carried).run(context)
    case .composite:
      return try run(region(node, 0, of: 1, inputs: operands.count), 0, operands, context)
    default:
      preconditionFailure("not a control flow primitive: \(node.operation)")
    }
  }

  /// Runs region `index` of a node. The memory that the plan has for the node's results, and the way in which its
  /// regions are run, are not for the region's own nodes.
  static func run(
    _ region: Graph, _ index: Int, uses: [Int]? = nil, _ inputs: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    let (slots, runner) = (context.slots, context.regionRunner)
    (context.slots, context.regionRunner) = ([], nil)
    defer { (context.slots, context.regionRunner) = (slots, runner) }
    if let outputs = try runner?.run(region: index, inputs, context) { return outputs }
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
