import Tensors

/// `constant` + Σ axis·coefficient over the axes of a cluster.
struct Affine: Hashable {
  struct Term: Hashable {
    var axis: Int
    var coefficient: Int
  }

  var constant: Int
  /// Sorted by axis; no coefficient is 0.
  private(set) var terms: [Term]

  init(constant: Int = 0) {
    self.constant = constant
    terms = []
  }

  init(axis: Int) {
    constant = 0
    terms = [Term(axis: axis, coefficient: 1)]
  }

  /// The axis, when the form is exactly that.
  var axis: Int? { constant == 0 && terms.count == 1 && terms[0].coefficient == 1 ? terms[0].axis : nil }

  func coefficient(of axis: Int) -> Int { terms.first { $0.axis == axis }?.coefficient ?? 0 }

  static func + (a: Affine, b: Affine) -> Affine {
    var sum = a
    sum.constant += b.constant
    for term in b.terms { sum.add(term.coefficient, axis: term.axis) }
    return sum
  }

  static func * (a: Affine, factor: Int) -> Affine {
    if factor == 0 { return Affine() }
    var product = a
    product.constant *= factor
    for index in product.terms.indices { product.terms[index].coefficient *= factor }
    return product
  }

  static func + (a: Affine, constant: Int) -> Affine { a + Affine(constant: constant) }

  private mutating func add(_ coefficient: Int, axis: Int) {
    guard let index = terms.firstIndex(where: { $0.axis >= axis }) else {
      return terms.append(Term(axis: axis, coefficient: coefficient))
    }
    if terms[index].axis == axis {
      terms[index].coefficient += coefficient
      if terms[index].coefficient == 0 { terms.remove(at: index) }
    } else {
      terms.insert(Term(axis: axis, coefficient: coefficient), at: index)
    }
  }

  /// With another form in place of an axis.
  func replacing(_ axis: Int, by form: Affine) -> Affine {
    let coefficient = coefficient(of: axis)
    if coefficient == 0 { return self }
    var rest = self
    rest.terms.removeAll { $0.axis == axis }
    return rest + form * coefficient
  }

  /// The least and the greatest value; extents by axis.
  func range(_ extents: [Int]) -> ClosedRange<Int> {
    var (low, high) = (constant, constant)
    for term in terms {
      let reach = term.coefficient * (extents[term.axis] - 1)
      if reach < 0 { low += reach } else { high += reach }
    }
    return low...high
  }

  enum Division {
    case parts(quotient: Affine, remainder: Affine)
    /// Not affine unless `axis` is cut into two, the inner one of extent `inner`.
    case needsSplit(axis: Int, inner: Int)
    case impossible
  }

  /// Quotient and remainder (from 0 on) as affine forms.
  func divided(by divisor: Int, _ extents: [Int]) -> Division {
    if divisor == 1 { return .parts(quotient: self, remainder: Affine()) }
    let remainderConstant = ((constant % divisor) + divisor) % divisor
    var quotient = Affine(constant: (constant - remainderConstant) / divisor)
    var remainder = Affine(constant: remainderConstant)
    for term in terms {
      if term.coefficient % divisor == 0 {
        quotient.add(term.coefficient / divisor, axis: term.axis)
      } else {
        remainder.add(term.coefficient, axis: term.axis)
      }
    }
    let range = remainder.range(extents)
    if range.lowerBound >= 0, range.upperBound < divisor { return .parts(quotient: quotient, remainder: remainder) }
    for term in remainder.terms where term.coefficient > 0 && divisor % term.coefficient == 0 {
      let inner = divisor / term.coefficient
      if extents[term.axis] > inner, extents[term.axis] % inner == 0 {
        return .needsSplit(axis: term.axis, inner: inner)
      }
    }
    return .impossible
  }

  enum Unraveling {
    case forms([Affine])
    case needsSplit(axis: Int, inner: Int)
    case impossible
  }

  /// The position in a dense buffer as forms along the axes of its shape.
  func unraveled(_ shape: Shape, _ extents: [Int]) -> Unraveling {
    var rest = self
    var forms = [Affine](repeating: Affine(), count: shape.rank)
    let axes = shape.dimensions.indices.filter { shape[$0] > 1 }
    for axis in axes.dropFirst().reversed() {
      switch rest.divided(by: shape[axis], extents) {
      case .parts(let quotient, let remainder): (rest, forms[axis]) = (quotient, remainder)
      case .needsSplit(let axis, let inner): return .needsSplit(axis: axis, inner: inner)
      case .impossible: return .impossible
      }
    }
    if let first = axes.first { forms[first] = rest }
    return .forms(forms)
  }
}
