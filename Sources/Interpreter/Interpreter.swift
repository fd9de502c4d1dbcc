import GraphIR
import Tensors

/// Plain Swift meaning of every primitive: the oracle that each backend is tested against, and the fallback on any
/// CPU. Start here: `evaluate` dispatches one node to its family, `run` executes a whole graph or region.
public enum Interpreter {
  /// Results of one node. Types were checked when the graph was built; shapes are checked here, since only a run
  /// knows them.
  public static func evaluate(
    _ node: Node, _ operands: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    try context.checkDeadline()
    switch node.operation {
    case .if, .loop, .composite:
      return try ControlFlow.evaluate(node, operands, context)
    case .sequenceConstruct, .sequenceEmpty, .sequenceAt, .sequenceInsert, .sequenceErase, .sequenceLength,
      .sequenceConcatenate, .sequenceSplit, .optional, .optionalHasElement, .optionalGetElement:
      return try Sequences.evaluate(node, operands, context)
    case .zipMap, .mapValues:
      return try ClassicalModels.evaluate(node, operands, context)
    default:
      let tensors = try operands.enumerated().map { index, operand in
        guard let tensor = operand.tensor else {
          throw EvaluationError(node, "operand \(index) is not a tensor", expected: "a tensor")
        }
        return tensor
      }
      return try evaluate(node, tensors, context).map(RuntimeValue.tensor)
    }
  }

  /// Nodes that take and give tensors only.
  private static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .unary, .binary, .compare, .select, .convert, .bitcast:
      try Elementwise.evaluate(node, x, context)
    case .shape, .reshape, .broadcast, .transpose, .slice, .concatenate, .pad, .reverse, .reverseSequence:
      try DataMovement.evaluate(node, x, context)
    case .gather, .gatherND, .gatherElements, .scatterND, .scatterElements:
      try Indexing.evaluate(node, x, context)
    case .iota, .range, .random:
      try Generators.evaluate(node, x, context)
    case .reduce, .argReduce, .cumulative:
      try Reductions.evaluate(node, x, context)
    case .sort, .topK, .unique, .nonZero:
      try Ordering.evaluate(node, x, context)
    case .stringConcatenate, .stringSplit, .regexFullMatch, .stringNormalize, .tokenize:
      try Strings.evaluate(node, x, context)
    case .treeEnsemble, .lookUp, .countNGrams:
      try ClassicalModels.evaluate(node, x, context)
    case .dot, .convolution, .transposedConvolution:
      try Contractions.evaluate(node, x, context)
    case .reduceWindow, .maxPoolWithIndices:
      try Windows.evaluate(node, x, context)
    case .resize, .gridSample, .roiAlign, .nonMaxSuppression:
      try Images.evaluate(node, x, context)
    case .quantize, .dequantize:
      try Quantization.evaluate(node, x, context)
    case .fft, .determinant, .inverse:
      try LinearAlgebra.evaluate(node, x, context)
    case .if, .loop, .composite, .sequenceConstruct, .sequenceEmpty, .sequenceAt, .sequenceInsert, .sequenceErase,
      .sequenceLength, .sequenceConcatenate, .sequenceSplit, .optional, .optionalHasElement, .optionalGetElement,
      .zipMap, .mapValues:
      preconditionFailure("dispatched above")
    }
  }
}
