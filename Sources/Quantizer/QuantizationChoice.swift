import ONNXFrontend

/// Which values become integers.
///
/// What products read and give; what lies between them and only moves numbers, with the same scale; and sums and means
/// of such values.
struct QuantizationChoice {
  private(set) var values: Set<String> = []
  /// For a value that is another one's elements, moved: that one, whose scale it has.
  private var sources: [String: String] = [:]

  /// Operators that move the elements of their first input.
  private static let movements: Set<String> = [
    "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Gather", "Split",
    "DepthToSpace", "SpaceToDepth", "Expand", "Tile",
  ]
  /// Operators that runtimes do on integers with a scale for each input and the result.
  private static let arithmetic: Set<String> = ["Add", "Mul", "Concat", "AveragePool", "GlobalAveragePool"]

  init(_ index: GraphIndex, _ products: [QuantizedProduct]) {
    values.formUnion(products.map(\.input))
    values.formUnion(products.map(\.result).filter { !index.kept.contains($0) })
    var count = -1
    while values.count != count {
      count = values.count
      for node in index.model.graph.nodes where node.domain.isEmpty { extend(over: node, index) }
    }
    values = values.filter { !index.isConstant($0) && !index.kept.contains($0) }
  }

  private mutating func extend(over node: ONNXNode, _ index: GraphIndex) {
    guard let input = node.inputs.first, !index.isConstant(input) else { return }
    let outputs = node.outputs.filter { !$0.isEmpty && !index.kept.contains($0) }
    if Self.movements.contains(node.opType) {
      if outputs.contains(where: values.contains) { values.insert(input) }
      guard values.contains(input), !index.kept.contains(input) else { return }
      values.formUnion(outputs)
      for output in outputs { sources[output] = input }
    } else if Self.arithmetic.contains(node.opType) {
      let inputs = node.inputs.filter { !$0.isEmpty && !index.isConstant($0) }
      if outputs.contains(where: values.contains), inputs.contains(where: values.contains) { values.formUnion(inputs) }
      if inputs.allSatisfy(values.contains) { values.formUnion(outputs) }
    }
  }

  /// The value whose scale this one has.
  func root(of value: String) -> String {
    var root = value
    while let source = sources[root], values.contains(source) { root = source }
    return root
  }

  /// Values that have a scale of their own.
  var roots: [String] { Set(values.map(root)).sorted() }
}
