import Tensors

/// The parsed equation of an Einstein summation, with every axis of every operand labelled.
struct EinsteinEquation {
  enum Label: Hashable {
    case letter(Character)
    /// An axis that an ellipsis covers, counted from the right: ellipses broadcast.
    case ellipsis(Int)
  }

  var operands: [[Label]]
  var result: [Label]

  /// Nil when the equation is malformed or does not fit the ranks.
  init?(_ equation: String, ranks: [Int]) {
    let sides = equation.filter { !$0.isWhitespace }.components(separatedBy: "->")
    let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard sides.count <= 2, terms.count == ranks.count else { return nil }
    var operands: [[Label]] = []
    var ellipsisRank = 0
    for (term, rank) in zip(terms, ranks) {
      let letters = term.replacing("...", with: "").count
      let covered = term.contains("...") ? rank - letters : 0
      guard covered >= 0, letters + covered == rank, let labels = Self.labels(term, ellipsisRank: covered) else {
        return nil
      }
      ellipsisRank = max(ellipsisRank, covered)
      operands.append(labels)
    }
    self.operands = operands
    if sides.count == 2 {
      guard let labels = Self.labels(sides[1], ellipsisRank: ellipsisRank), Set(labels).count == labels.count,
        Set(labels).isSubset(of: operands.joined())
      else { return nil }
      result = labels
    } else {
      // Without an arrow: the ellipsis, then every letter that appears once, in alphabetical order.
      let counts = operands.joined().reduce(into: [Label: Int]()) { $0[$1, default: 0] += 1 }
      let once = counts.compactMap { label, count -> Character? in
        if case .letter(let letter) = label, count == 1 { letter } else { nil }
      }
      result = (0..<ellipsisRank).reversed().map(Label.ellipsis) + once.sorted().map(Label.letter)
    }
  }

  private static func labels(_ term: String, ellipsisRank: Int) -> [Label]? {
    var labels: [Label] = []
    var rest = term[...]
    var sawEllipsis = false
    while let first = rest.first {
      if rest.hasPrefix("...") {
        if sawEllipsis { return nil }
        sawEllipsis = true
        labels += (0..<ellipsisRank).reversed().map(Label.ellipsis)
        rest = rest.dropFirst(3)
      } else {
        guard first.isLetter, first.isASCII else { return nil }
        labels.append(.letter(first))
        rest = rest.dropFirst()
      }
    }
    return labels
  }
}

extension String {
  fileprivate func components(separatedBy separator: String) -> [String] {
    split(separator: separator, omittingEmptySubsequences: false).map(String.init)
  }
}

extension GraphBuilder {
  private struct Term {
    var value: ValueID
    var labels: [EinsteinEquation.Label]
  }

  /// NumPy's `einsum`: operands are contracted two at a time, left to right.
  public func einsteinSummation(_ equation: String, _ operands: [ValueID]) throws -> ValueID {
    guard let parsed = EinsteinEquation(equation, ranks: try operands.map { try rank(of: $0) }) else {
      throw GraphError(
        operation: "einsum", source: source,
        found: "'\(equation)' for operands of ranks \(try operands.map { try rank(of: $0) })",
        expected: "an equation such as 'ij,jk->ik' that names every axis")
    }
    var terms = zip(operands, parsed.operands).map { Term(value: $0, labels: $1) }
    for index in terms.indices { terms[index] = try diagonal(terms[index]) }
    var product = terms.removeFirst()
    while true {
      let needed = terms.reduce(into: Set(parsed.result)) { $0.formUnion($1.labels) }
      product = try summing(product, keeping: needed)
      if terms.isEmpty { break }
      let next = terms.removeFirst()
      let neededLater = terms.reduce(into: Set(parsed.result)) { $0.formUnion($1.labels) }
      product = try contract(product, next, keeping: neededLater)
    }
    let positions = parsed.result.compactMap { product.labels.firstIndex(of: $0) }
    return try transpose(product.value, positions)
  }

  /// Axes with the same label become one: the two are moved last, merged, and every (n + 1)-th element is kept.
  private func diagonal(_ term: Term) throws -> Term {
    var term = term
    while let (first, second) = repeatedAxes(term.labels) {
      let rest = term.labels.indices.filter { $0 != first && $0 != second }
      let moved = try transpose(term.value, rest + [first, second])
      let n = try extent(of: term.value, first)
      let merged = try reshape(moved, to: rest.indices.map { .of(moved, $0) } + [.elements(multiply(n, n))])
      let rank = rest.count + 1
      let strides = try shape(rest.map { _ in 1 } + [.elements(add(n, indices([1])))])
      term.value = try one(
        .slice,
        [
          merged, indices(Array(repeating: 0, count: rank)), indices(Array(repeating: .max, count: rank)), strides,
        ])
      term.labels = rest.map { term.labels[$0] } + [term.labels[first]]
    }
    return term
  }

  private func repeatedAxes(_ labels: [EinsteinEquation.Label]) -> (Int, Int)? {
    for (index, label) in labels.enumerated() {
      if let other = labels[(index + 1)...].firstIndex(of: label) { return (index, other) }
    }
    return nil
  }

  private func summing(_ term: Term, keeping needed: Set<EinsteinEquation.Label>) throws -> Term {
    let axes = term.labels.indices.filter { !needed.contains(term.labels[$0]) }
    if axes.isEmpty { return term }
    return Term(value: try reduce(.sum, term.value, axes: axes), labels: term.labels.filter(needed.contains))
  }

  private func contract(_ lhs: Term, _ rhs: Term, keeping needed: Set<EinsteinEquation.Label>) throws -> Term {
    let lhs = try withoutBroadcastAxes(lhs, beside: rhs)
    let narrowed = try withoutBroadcastAxes(rhs, beside: lhs)
    let rhs = try summing(narrowed, keeping: needed.union(lhs.labels))
    let shared = lhs.labels.filter(rhs.labels.contains)
    let batch = shared.filter(needed.contains)
    let contracted = shared.filter { !needed.contains($0) }
    func axes(_ labels: [EinsteinEquation.Label], of term: Term) -> [Int] {
      labels.compactMap { term.labels.firstIndex(of: $0) }
    }
    let dimensions = DotDimensions(
      lhsBatch: axes(batch, of: lhs), rhsBatch: axes(batch, of: rhs), lhsContracting: axes(contracted, of: lhs),
      rhsContracting: axes(contracted, of: rhs))
    let free = (lhs.labels + rhs.labels).filter { !shared.contains($0) }
    return Term(
      value: try dot(lhs.value, rhs.value, dimensions, result: elementType(of: lhs.value)), labels: batch + free)
  }

  /// Drops axes of extent 1 that the other term has with another extent: they broadcast.
  private func withoutBroadcastAxes(_ term: Term, beside other: Term) throws -> Term {
    guard let shape = type(of: term.value).tensor?.shape, let otherShape = type(of: other.value).tensor?.shape else {
      return term
    }
    let dropped = term.labels.indices.filter { axis in
      guard let beside = other.labels.firstIndex(of: term.labels[axis]) else { return false }
      return shape[axis] == .constant(1) && otherShape[beside] != .constant(1)
    }
    if dropped.isEmpty { return term }
    return Term(
      value: try removeDimensions(term.value, axes: dropped),
      labels: term.labels.indices.filter { !dropped.contains($0) }.map { term.labels[$0] })
  }
}
