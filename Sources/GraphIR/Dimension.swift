/// A free extent of a model: a batch size, a sequence length, the size of a data-dependent result.
public struct Symbol: Hashable, Sendable, Codable {
  public let index: Int32
  public init(_ index: Int32) { self.index = index }
}

/// An extent: a constant, or an integer polynomial over atoms (symbols and opaque functions of other extents).
///
/// The form is normal: terms sorted and merged, no zero coefficients, a polynomial without atoms is `.constant`.
/// Equal forms are equal extents; different forms may still be equal at run time.
public enum Dimension: Hashable, Sendable {
  case constant(Int)
  case polynomial(Polynomial)

  public struct Polynomial: Hashable, Sendable {
    /// Sorted by `atoms`; the constant term, if any, has no atoms.
    public fileprivate(set) var terms: [Term]
  }

  public struct Term: Hashable, Sendable {
    public fileprivate(set) var coefficient: Int
    /// Sorted; an atom that appears twice is squared.
    public fileprivate(set) var atoms: [Atom]
  }

  public indirect enum Atom: Hashable, Sendable {
    case symbol(Symbol)
    /// Rounded towards minus infinity.
    case floorDivide(Dimension, Dimension)
    case modulo(Dimension, Dimension)
    case minimum(Dimension, Dimension)
    case maximum(Dimension, Dimension)
    /// The extent that broadcasting two unequal-looking extents gives: the one that is not 1.
    case broadcast(Dimension, Dimension)
  }

  public init(_ symbol: Symbol) { self = Self.atom(.symbol(symbol)) }

  public var constant: Int? {
    if case .constant(let value) = self { value } else { nil }
  }

  /// The symbol, when the extent is exactly one symbol.
  public var symbol: Symbol? {
    guard case .polynomial(let polynomial) = self, polynomial.terms.count == 1, polynomial.terms[0].coefficient == 1,
      polynomial.terms[0].atoms.count == 1, case .symbol(let symbol) = polynomial.terms[0].atoms[0]
    else { return nil }
    return symbol
  }

  static func atom(_ atom: Atom) -> Dimension {
    .polynomial(Polynomial(terms: [Term(coefficient: 1, atoms: [atom])]))
  }

  fileprivate var terms: [Term] {
    switch self {
    case .constant(0): []
    case .constant(let value): [Term(coefficient: value, atoms: [])]
    case .polynomial(let polynomial): polynomial.terms
    }
  }

  /// Sorts, merges and drops; wraps silently on overflow, since extents of that size are refused when bound.
  fileprivate static func normal(_ terms: [Term]) -> Dimension {
    var kept = merged(terms)
    kept.removeAll { $0.coefficient == 0 }
    if kept.isEmpty { return .constant(0) }
    if kept.count == 1 {
      return kept[0].atoms.isEmpty ? .constant(kept[0].coefficient) : .polynomial(Polynomial(terms: kept))
    }
    // The texts that terms are sorted by are long: each is made once, and none where there is nothing to sort.
    if kept.count == 2, let constant = kept.firstIndex(where: \.atoms.isEmpty) {
      if constant == 0 { kept.swapAt(0, 1) }
      return .polynomial(Polynomial(terms: kept))
    }
    let sorted = kept.map { (key: Self.order($0.atoms), term: $0) }.sorted { $0.key < $1.key }
    return .polynomial(Polynomial(terms: sorted.map(\.term)))
  }

  /// Each product of atoms once.
  private static func merged(_ terms: [Term]) -> [Term] {
    if terms.count > 16 {
      var coefficients: [[Atom]: Int] = [:]
      for term in terms { coefficients[term.atoms, default: 0] &+= term.coefficient }
      return coefficients.map { Term(coefficient: $0.value, atoms: $0.key) }
    }
    var merged: [Term] = []
    for term in terms {
      if let known = merged.firstIndex(where: { $0.atoms == term.atoms }) {
        merged[known].coefficient &+= term.coefficient
      } else {
        merged.append(term)
      }
    }
    return merged
  }

  /// Terms with atoms first, in the order of their text; the constant last.
  private static func order(_ atoms: [Atom]) -> String {
    atoms.isEmpty ? "~" : atoms.map(\.description).joined(separator: "*")
  }
}

// MARK: - Arithmetic

extension Dimension {
  public static func + (a: Dimension, b: Dimension) -> Dimension {
    if case .constant(let x) = a, case .constant(let y) = b { return .constant(x &+ y) }
    return normal(a.terms + b.terms)
  }

  public static func - (a: Dimension, b: Dimension) -> Dimension { a + b * .constant(-1) }

  public static func * (a: Dimension, b: Dimension) -> Dimension {
    if case .constant(let x) = a, case .constant(let y) = b { return .constant(x &* y) }
    var products: [Term] = []
    for x in a.terms {
      for y in b.terms {
        // The atoms of either are in order.
        let atoms =
          if x.atoms.isEmpty || y.atoms.isEmpty { x.atoms + y.atoms } else { sorted(x.atoms + y.atoms) }
        products.append(Term(coefficient: x.coefficient &* y.coefficient, atoms: atoms))
      }
    }
    return normal(products)
  }

  /// By their texts.
  private static func sorted(_ atoms: [Atom]) -> [Atom] {
    atoms.map { (key: $0.description, atom: $0) }.sorted { $0.key < $1.key }.map(\.atom)
  }

  /// Rounded towards minus infinity. A zero divisor gives 0, so that a bad model cannot trap here.
  public func floorDivided(by divisor: Dimension) -> Dimension {
    switch (self, divisor) {
    case (_, .constant(1)): return self
    case (_, .constant(0)): return .constant(0)
    case (.constant(let x), .constant(let y)):
      let (quotient, overflow) = x.dividedReportingOverflow(by: y)
      if overflow { return .constant(x) }
      return .constant((x % y != 0 && (x < 0) != (y < 0)) ? quotient - 1 : quotient)
    default: break
    }
    if self == divisor { return .constant(1) }
    if let exact = exactQuotient(by: divisor) { return exact }
    return Self.atom(.floorDivide(self, divisor))
  }

  /// `self / divisor` when every term is divisible: 4·N / 2, N·M / N.
  private func exactQuotient(by divisor: Dimension) -> Dimension? {
    let divisorTerms = divisor.terms
    guard divisorTerms.count == 1, let single = divisorTerms.first, single.coefficient != 0 else { return nil }
    var quotient: [Term] = []
    for term in terms {
      guard single.coefficient != -1 || term.coefficient != .min, term.coefficient % single.coefficient == 0
      else { return nil }
      var atoms = term.atoms
      for atom in single.atoms {
        guard let index = atoms.firstIndex(of: atom) else { return nil }
        atoms.remove(at: index)
      }
      quotient.append(Term(coefficient: term.coefficient / single.coefficient, atoms: atoms))
    }
    return Self.normal(quotient)
  }

  /// The remainder with the sign of the divisor, as `floorDivided` leaves it.
  public func modulo(_ divisor: Dimension) -> Dimension {
    if case .constant(let x) = self, case .constant(let y) = divisor {
      if y == 0 || y == -1 { return .constant(0) }
      let remainder = x % y
      return .constant(remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder)
    }
    if exactQuotient(by: divisor) != nil { return .constant(0) }
    return Self.atom(.modulo(self, divisor))
  }

  public static func minimum(_ a: Dimension, _ b: Dimension) -> Dimension {
    if case .constant(let x) = a, case .constant(let y) = b { return .constant(Swift.min(x, y)) }
    let difference = b - a
    if difference.isNonNegative { return a }
    if (a - b).isNonNegative { return b }
    let (first, second) = inOrder(a, b)
    return atom(.minimum(first, second))
  }

  public static func maximum(_ a: Dimension, _ b: Dimension) -> Dimension {
    if case .constant(let x) = a, case .constant(let y) = b { return .constant(Swift.max(x, y)) }
    if (a - b).isNonNegative { return a }
    if (b - a).isNonNegative { return b }
    let (first, second) = inOrder(a, b)
    return atom(.maximum(first, second))
  }

  /// NumPy broadcasting of two extents; nil when both are constants that cannot match.
  public static func broadcast(_ a: Dimension, _ b: Dimension) -> Dimension? {
    if a == b || b == .constant(1) { return a }
    if a == .constant(1) { return b }
    switch (a, b) {
    case (.constant, .constant): return nil
    // A constant other than 1 decides: the other side must be that or 1.
    case (.constant, _): return a
    case (_, .constant): return b
    default:
      if a.broadcasts(b) { return a }
      if b.broadcasts(a) { return b }
      let (first, second) = inOrder(a, b)
      return atom(.broadcast(first, second))
    }
  }

  /// `self` is what broadcasting `part` with something gave: broadcasting with `part` again changes nothing.
  private func broadcasts(_ part: Dimension) -> Bool {
    guard case .polynomial(let polynomial) = self, polynomial.terms.count == 1, polynomial.terms[0].coefficient == 1,
      polynomial.terms[0].atoms.count == 1, case .broadcast(let a, let b) = polynomial.terms[0].atoms[0]
    else { return false }
    return a == part || b == part || a.broadcasts(part) || b.broadcasts(part)
  }

  /// The operands of a commutative function in the order of their text, so that equal extents have equal forms.
  private static func inOrder(_ a: Dimension, _ b: Dimension) -> (Dimension, Dimension) {
    a.description <= b.description ? (a, b) : (b, a)
  }

  /// Rounded towards plus infinity.
  public func ceilingDivided(by divisor: Dimension) -> Dimension {
    (self + divisor - .constant(1)).floorDivided(by: divisor)
  }

  /// Product of extents: the number of elements.
  public static func product(_ dimensions: some Sequence<Dimension>) -> Dimension {
    dimensions.reduce(.constant(1), *)
  }
}

// MARK: - Bounds

extension Dimension {
  /// Larger expressions are not worth their time: type rules put a fresh symbol in their place.
  static let maximumSize = 64

  /// Surely ≥ 0, whatever the symbols are: symbols are extents, which are never negative.
  public var isNonNegative: Bool {
    switch self {
    case .constant(let value): value >= 0
    case .polynomial(let polynomial):
      polynomial.terms.allSatisfy { $0.coefficient > 0 && $0.atoms.allSatisfy(\.isNonNegative) }
    }
  }

  /// Surely > 0.
  public var isPositive: Bool { (self - .constant(1)).isNonNegative }

  /// More terms, factors and nested extents than `limit`. Takes O(limit).
  func isLarger(than limit: Int = maximumSize) -> Bool {
    var budget = limit
    return !fits(&budget)
  }

  fileprivate func fits(_ budget: inout Int) -> Bool {
    guard case .polynomial(let polynomial) = self else {
      budget -= 1
      return budget >= 0
    }
    for term in polynomial.terms {
      budget -= 1
      for atom in term.atoms where !atom.fits(&budget) { return false }
      if budget < 0 { return false }
    }
    return true
  }
}

extension Dimension.Atom {
  fileprivate var isNonNegative: Bool {
    switch self {
    case .symbol: true
    case .floorDivide(let a, let b): a.isNonNegative && b.isNonNegative
    case .modulo(_, let b): b.isNonNegative
    case .minimum(let a, let b), .broadcast(let a, let b): a.isNonNegative && b.isNonNegative
    case .maximum(let a, let b): a.isNonNegative || b.isNonNegative
    }
  }

  fileprivate func fits(_ budget: inout Int) -> Bool {
    switch self {
    case .symbol:
      budget -= 1
      return budget >= 0
    case .floorDivide(let a, let b), .modulo(let a, let b), .minimum(let a, let b), .maximum(let a, let b),
      .broadcast(let a, let b):
      budget -= 1
      return budget >= 0 && a.fits(&budget) && b.fits(&budget)
    }
  }
}

// MARK: - Substitution

extension Dimension {
  /// The extent under a binding. Symbols without a value stay.
  public func substituting(_ value: (Symbol) -> Dimension?) -> Dimension {
    guard case .polynomial(let polynomial) = self else { return self }
    return polynomial.terms.reduce(.constant(0)) { sum, term in
      sum + term.atoms.reduce(.constant(term.coefficient)) { $0 * $1.substituting(value) }
    }
  }

  /// Every symbol of the expression.
  public var symbols: Set<Symbol> {
    guard case .polynomial(let polynomial) = self else { return [] }
    return polynomial.terms.reduce(into: []) { set, term in
      for atom in term.atoms { set.formUnion(atom.symbols) }
    }
  }
}

extension Dimension.Atom {
  fileprivate func substituting(_ value: (Symbol) -> Dimension?) -> Dimension {
    switch self {
    case .symbol(let symbol): value(symbol) ?? .init(symbol)
    case .floorDivide(let a, let b): a.substituting(value).floorDivided(by: b.substituting(value))
    case .modulo(let a, let b): a.substituting(value).modulo(b.substituting(value))
    case .minimum(let a, let b): .minimum(a.substituting(value), b.substituting(value))
    case .maximum(let a, let b): .maximum(a.substituting(value), b.substituting(value))
    case .broadcast(let a, let b):
      // Extents that turn out not to match are reported by the kernel that meets them.
      .broadcast(a.substituting(value), b.substituting(value)) ?? .atom(self)
    }
  }

  public var symbols: Set<Symbol> {
    switch self {
    case .symbol(let symbol): [symbol]
    case .floorDivide(let a, let b), .modulo(let a, let b), .minimum(let a, let b), .maximum(let a, let b),
      .broadcast(let a, let b):
      a.symbols.union(b.symbols)
    }
  }
}

// MARK: - Text

extension Dimension: CustomStringConvertible {
  /// Symbols print as `s<index>`: `4*s0*s1+s2+1`, `floordiv(s0,2)`. The text form of a graph names its symbols.
  public var description: String { text { "s\($0.index)" } }

  /// Terms and factors in the order of their text, the constant last: the text does not depend on the numbering of
  /// symbols.
  public func text(_ name: (Symbol) -> String) -> String {
    if case .constant(let value) = self { return String(value) }
    let products = terms.map { term in
      (factors: term.atoms.map { $0.text(name) }.sorted().joined(separator: "*"), coefficient: term.coefficient)
    }
    var text = ""
    for product in products.sorted(by: { Self.precedes($0.factors, $1.factors) }) {
      let part: String
      switch (product.coefficient, product.factors) {
      case (let c, ""): part = String(c)
      case (1, let factors): part = factors
      case (-1, let factors): part = "-" + factors
      case (let c, let factors): part = "\(c)*" + factors
      }
      text += text.isEmpty || part.hasPrefix("-") ? part : "+" + part
    }
    return text
  }

  private static func precedes(_ a: String, _ b: String) -> Bool {
    if a.isEmpty || b.isEmpty { return !a.isEmpty }
    return a < b
  }
}

extension Dimension.Atom: CustomStringConvertible {
  public var description: String { text { "s\($0.index)" } }

  fileprivate func text(_ name: (Symbol) -> String) -> String {
    func call(_ function: String, _ a: Dimension, _ b: Dimension, isCommutative: Bool = true) -> String {
      let operands = [a.text(name), b.text(name)]
      return "\(function)(\((isCommutative ? operands.sorted() : operands).joined(separator: ",")))"
    }
    return switch self {
    case .symbol(let symbol): name(symbol)
    case .floorDivide(let a, let b): call("floordiv", a, b, isCommutative: false)
    case .modulo(let a, let b): call("mod", a, b, isCommutative: false)
    case .minimum(let a, let b): call("min", a, b)
    case .maximum(let a, let b): call("max", a, b)
    case .broadcast(let a, let b): call("broadcast", a, b)
    }
  }
}
