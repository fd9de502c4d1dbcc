import Tensors

extension TypeRules {
  static func reduce(_ reduction: Reduction, axes: [Int], _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    let elementType: ElementType
    switch reduction {
    case .sum, .product, .mean:
      elementType = try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
    case .maximum, .minimum:
      elementType = try node.elementType(0, { $0.isNumeric || $0 == .bool }, "real numbers or bool")
    case .and, .or: elementType = try node.elementType(0, { $0 == .bool }, "bool")
    }
    let operand = try node.tensor(0)
    try node.requireAxes(axes, rank: operand.rank)
    let kept = operand.shape.indices.filter { !axes.contains($0) }
    return node.result(
      elementType, kept.map { operand.shape[$0] },
      elements: reducedElements(reduction, elementType, kept: kept, axes: axes, node))
  }

  private static func reducedElements(
    _ reduction: Reduction, _ elementType: ElementType, kept: [Int], axes: [Int], _ node: Candidate
  ) -> [Dimension]? {
    guard let known = node.elements(0) else { return nil }
    // The kept axes outside, the reduced ones inside: each result reduces one run.
    let order = kept + axes
    let strides = known.shape.strides
    let elements = SymbolicElements.strided(
      known.elements, shape: order.map { known.shape[$0] }, strides: order.map { strides[$0] })
    let length = axes.reduce(1) { $0 * known.shape[$1] }
    guard length > 0 else { return nil }
    let results = stride(from: 0, to: elements.count, by: length).map { start in
      reduced(reduction, elements[start..<start + length])
    }
    return wrapped(results, to: elementType)
  }

  private static func reduced(_ reduction: Reduction, _ elements: ArraySlice<Dimension>) -> Dimension? {
    guard var result = elements.first else { return nil }
    for element in elements.dropFirst() {
      switch reduction {
      case .sum: result = result + element
      case .product: result = result * element
      case .maximum, .or: result = .maximum(result, element)
      case .minimum, .and: result = .minimum(result, element)
      case .mean: return nil
      }
      if result.isLarger() { return nil }
    }
    return reduction == .mean ? nil : result
  }

  static func argReduce(axis: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.requireOperands(1)
    _ = try node.elementType(0, \.isNumeric, "real numbers")
    let operand = try node.tensor(0)
    try node.requireAxis(axis, rank: operand.rank)
    var shape = operand.shape
    shape.remove(at: axis)
    return node.result(.int64, shape)
  }

  static func cumulative(
    _ cumulation: Cumulation, axis: Int, exclusive: Bool, reverse: Bool, _ node: Candidate
  ) throws -> [InferredResult] {
    try node.requireOperands(1)
    let elementType = try node.elementType(0, { $0.isNumeric || $0.kind == .complex }, "numbers")
    let operand = try node.tensor(0)
    try node.requireAxis(axis, rank: operand.rank)
    var elements: [Dimension]?
    if operand.rank == 1, let known = node.elements(0) {
      elements = cumulated(cumulation, known.elements, exclusive: exclusive, reverse: reverse)
        .flatMap { wrapped($0, to: elementType) }
    }
    return node.result(elementType, operand.shape, elements: elements)
  }

  private static func cumulated(
    _ cumulation: Cumulation, _ elements: [Dimension], exclusive: Bool, reverse: Bool
  ) -> [Dimension]? {
    var running = Dimension.constant(cumulation == .sum ? 0 : 1)
    var results: [Dimension] = []
    for element in reverse ? elements.reversed() : elements {
      let next = cumulation == .sum ? running + element : running * element
      if next.isLarger() { return nil }
      results.append(exclusive ? running : next)
      running = next
    }
    return reverse ? results.reversed() : results
  }
}
