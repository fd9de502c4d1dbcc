import Tensors

/// What a rule says of one result.
public struct InferredResult {
  public var type: ValueType
  /// See `Value.elements`.
  public var elements: [Dimension]?

  public init(_ type: ValueType, elements: [Dimension]? = nil) {
    self.type = type
    self.elements = elements
  }
}

/// Result types and symbolic values of every primitive, one file for each family. A rule refuses what can never run
/// with a `GraphError`; what only a run can tell is left to the run.
public enum TypeRules {
  static func infer(
    _ operation: Operation, operands: [Value], regions: [Graph], builder: GraphBuilder
  ) throws -> [InferredResult] {
    let node = Candidate(operation: operation, operands: operands, regions: regions, builder: builder)
    let expectedRegions =
      switch operation {
      case .if: 2
      case .loop, .composite: 1
      default: 0
      }
    try node.require(
      regions.count == expectedRegions, found: "\(regions.count) regions", expected: "\(expectedRegions)")
    return try infer(node).map { try bounded($0, node) }
  }

  private static func infer(_ node: Candidate) throws -> [InferredResult] {
    switch node.operation {
    case .unary(let function): try unary(function, node)
    case .binary(let function): try binary(function, node)
    case .compare(let comparison): try compare(comparison, node)
    case .select: try select(node)
    case .convert(let type, _): try convert(to: type, node)
    case .bitcast(let type): try bitcast(to: type, node)

    case .shape: try shape(node)
    case .reshape(let zeroCopies): try reshape(zeroCopies: zeroCopies, node)
    case .broadcast: try broadcast(node)
    case .transpose(let permutation): try transpose(permutation, node)
    case .slice: try slice(node)
    case .concatenate(let axis): try concatenate(axis: axis, node)
    case .pad: try pad(node)
    case .reverse(let axes): try reverse(axes: axes, node)
    case .reverseSequence(let batchAxis, let timeAxis):
      try reverseSequence(batchAxis: batchAxis, timeAxis: timeAxis, node)

    case .gather(let axis, let batchDimensions): try gather(axis: axis, batchDimensions: batchDimensions, node)
    case .gatherND(let batchDimensions): try gatherND(batchDimensions: batchDimensions, node)
    case .gatherElements(let axis): try gatherElements(axis: axis, node)
    case .scatterND(let combiner): try scatterND(combiner, node)
    case .scatterElements(let axis, let combiner): try scatterElements(axis: axis, combiner, node)

    case .iota(let type, let axis): try iota(type, axis: axis, node)
    case .range: try range(node)
    case .random(_, let type, _): try random(type, node)

    case .reduce(let reduction, let axes): try reduce(reduction, axes: axes, node)
    case .argReduce(_, let axis, _): try argReduce(axis: axis, node)
    case .cumulative(let cumulation, let axis, let exclusive, let reverse):
      try cumulative(cumulation, axis: axis, exclusive: exclusive, reverse: reverse, node)

    case .sort(let axis, _): try sort(axis: axis, node)
    case .topK(let axis, _, _): try topK(axis: axis, node)
    case .unique(let axis, _): try unique(axis: axis, node)
    case .nonZero: try nonZero(node)

    case .dot(let dimensions, let result): try dot(dimensions, result: result, node)
    case .convolution(let convolution, let result): try self.convolution(convolution, result: result, node)
    case .transposedConvolution(let convolution, let outputPadding):
      try transposedConvolution(convolution, outputPadding: outputPadding, node)
    case .reduceWindow(let reduction, let window): try reduceWindow(reduction, window, node)
    case .maxPoolWithIndices(let window, _): try maxPoolWithIndices(window, node)

    case .resize(let resize): try self.resize(resize, node)
    case .gridSample: try gridSample(node)
    case .roiAlign(let align): try roiAlign(align, node)
    case .nonMaxSuppression: try nonMaxSuppression(node)

    case .quantize(let axis, let type, _): try quantize(axis, to: type, node)
    case .dequantize(let axis, let type): try dequantize(axis, to: type, node)
    case .fft(let axis, _): try fft(axis: axis, node)
    case .determinant: try determinant(node)
    case .inverse: try inverse(node)

    case .stringConcatenate: try stringConcatenate(node)
    case .stringSplit: try stringSplit(node)
    case .regexFullMatch: try regexFullMatch(node)
    case .stringNormalize(let normalization): try stringNormalize(normalization, node)
    case .tokenize: try tokenize(node)

    case .treeEnsemble(let ensemble): try treeEnsemble(ensemble, node)
    case .lookUp: try lookUp(node)
    case .countNGrams(let count): try countNGrams(count, node)
    case .zipMap: try zipMap(node)
    case .mapValues: try mapValues(node)

    case .if: try conditional(node)
    case .loop(let carried): try loop(carried: carried, node)
    case .composite: try composite(node)

    case .sequenceConstruct: try sequenceConstruct(node)
    case .sequenceEmpty(let type): try sequenceEmpty(type, node)
    case .sequenceAt: try sequenceAt(node)
    case .sequenceInsert: try sequenceInsert(node)
    case .sequenceErase: try sequenceErase(node)
    case .sequenceLength: try sequenceLength(node)
    case .sequenceConcatenate(let axis, let newAxis): try sequenceConcatenate(axis: axis, newAxis: newAxis, node)
    case .sequenceSplit(let axis, let keepDimension):
      try sequenceSplit(axis: axis, keepDimension: keepDimension, node)
    case .optional(let type, let ofSequence): try optional(type, ofSequence: ofSequence, node)
    case .optionalHasElement: try optionalHasElement(node)
    case .optionalGetElement: try optionalGetElement(node)
    }
  }

  /// Refuses extents that no memory holds; forgets expressions that grew too large to be useful.
  private static func bounded(_ result: InferredResult, _ node: Candidate) throws -> InferredResult {
    var result = result
    if case .tensor(var type) = result.type {
      try node.require(
        type.rank <= Candidate.maximumRank, found: "a result of rank \(type.rank)",
        expected: "at most \(Candidate.maximumRank) axes")
      var isConstant = true
      for axis in type.shape.indices {
        if let extent = type.shape[axis].constant {
          try node.require(
            extent >= 0 && extent <= maximumExtent, found: "a result of shape \(node.text(type.shape))",
            expected: "extents from 0 to \(maximumExtent)")
        } else {
          isConstant = false
          if type.shape[axis].isLarger() { type.shape[axis] = node.fresh() }
        }
      }
      if isConstant {
        try node.require(
          type.constantShape != nil, found: "a result of shape \(node.text(type.shape))",
          expected: "fewer than 2^63 elements")
      }
      result.type = .tensor(type)
    }
    if let elements = result.elements, !isTracked(elements, result.type) { result.elements = nil }
    return result
  }

  /// Known elements are worth keeping when they are few and small, and when their number is the type's: a reshape may
  /// have a symbolic shape of as many.
  private static func isTracked(_ elements: [Dimension], _ type: ValueType) -> Bool {
    guard let type = type.tensor, SymbolicElements.tracks(type.elementType) else { return false }
    return elements.count <= SymbolicElements.maximumCount && elements.count == type.constantShape?.elementCount
      && !elements.contains { $0.isLarger() }
  }

  /// More elements along one axis than any address space holds.
  static let maximumExtent = 1 << 48
}
