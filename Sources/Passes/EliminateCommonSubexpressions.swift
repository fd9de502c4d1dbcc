import GraphIR

extension Pass {
  /// Nodes of the same operation with the same operands become one. Nodes with regions and random numbers stay.
  public static let eliminateCommonSubexpressions = Pass(
    Rule(
      name: "eliminate-common-subexpressions",
      rewrite: { rewriter, step in SharedNode(step).flatMap { rewriter.known[$0] } },
      finish: { rewriter, step, results in
        if let key = SharedNode(step) { rewriter.known[key] = results }
        return nil
      }))
}

/// What makes two nodes compute the same.
struct SharedNode: Hashable {
  var operation: Operation
  var operands: [ValueID]

  init?(_ step: Step) {
    if !step.regions.isEmpty { return nil }
    if case .random = step.operation { return nil }
    operation = step.operation
    operands = step.operands
    if case .binary(let function) = operation, function.isCommutative, operands[1].index < operands[0].index {
      operands.swapAt(0, 1)
    }
  }
}

extension BinaryFunction {
  /// Bit for bit, except for which of two NaNs comes out.
  fileprivate var isCommutative: Bool {
    switch self {
    case .add, .multiply, .and, .or, .exclusiveOr: true
    default: false
    }
  }
}
