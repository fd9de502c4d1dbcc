import GraphIR
import Tensors

/// Primitives on strings.
///
/// Texts are sequences of Unicode scalars here, as in Python and ONNX Runtime: never of Swift's characters, for which
/// different spellings of one letter are equal.
enum Strings {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    for operand in x where operand.elementType != .string {
      throw EvaluationError(node, operand.elementType.name, expected: "strings")
    }
    switch node.operation {
    case .stringConcatenate:
      return [try concatenate(x[0], x[1], node, context)]
    case .stringSplit(let delimiter, let maximumSplits):
      return try split(x[0], delimiter: delimiter, maximumSplits: maximumSplits, node, context)
    case .regexFullMatch(let pattern):
      return [try fullMatch(x[0], pattern: pattern, node, context)]
    case .stringNormalize(let normalization):
      return [try normalize(x[0], normalization, node)]
    case .tokenize(let tokenization):
      return [try tokenize(x[0], tokenization, node, context)]
    default:
      throw EvaluationError(node, "\(node.operation)", expected: "a primitive of this family")
    }
  }

  private static func concatenate(
    _ a: Tensor, _ b: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let broadcast = try Elementwise.broadcastShape([a.shape, b.shape], node)
    let shape = try context.checkedShape(broadcast.dimensions, of: .string, for: node)
    let (lefts, rights) = (a.strings, b.strings)
    var results: [String] = []
    results.reserveCapacity(shape.elementCount)
    let nest = LoopNest(result: shape, operands: [a.shape, b.shape])
    nest.forEachRow { offsets in
      for index in 0..<nest.innerExtent {
        results.append(lefts[offsets[1] + index * nest.innerSteps[1]] + rights[offsets[2] + index * nest.innerSteps[2]])
      }
    }
    return Tensor(shape, strings: results)
  }
}
