import GraphIR
import Testing

/// An expression twice: as the algebra builds it, and as what it should be worth.
private struct Expression {
  var dimension: Dimension
  var value: @Sendable ([Int]) -> Int

  static let symbolCount = 3

  static func random(depth: Int, using generator: inout SeededGenerator) -> Expression {
    if depth == 0 || Int.random(in: 0..<5, using: &generator) == 0 {
      if Bool.random(using: &generator) {
        let constant = Int.random(in: -4...9, using: &generator)
        return Expression(dimension: .constant(constant)) { _ in constant }
      }
      let symbol = Int.random(in: 0..<symbolCount, using: &generator)
      return Expression(dimension: Dimension(Symbol(Int32(symbol)))) { $0[symbol] }
    }
    let a = random(depth: depth - 1, using: &generator)
    let b = random(depth: depth - 1, using: &generator)
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: return Expression(dimension: a.dimension + b.dimension) { a.value($0) &+ b.value($0) }
    case 1: return Expression(dimension: a.dimension - b.dimension) { a.value($0) &- b.value($0) }
    case 2: return Expression(dimension: a.dimension * b.dimension) { a.value($0) &* b.value($0) }
    case 3:
      // Divisors are never 0: N·M / N is M only then.
      let c = Int.random(in: 1...5, using: &generator)
      return Expression(dimension: a.dimension.floorDivided(by: .constant(c))) { floorDivide(a.value($0), c) }
    case 4:
      let c = Int.random(in: 1...5, using: &generator)
      return Expression(dimension: a.dimension.modulo(.constant(c))) { a.value($0) - floorDivide(a.value($0), c) * c }
    case 5: return Expression(dimension: .minimum(a.dimension, b.dimension)) { min(a.value($0), b.value($0)) }
    default: return Expression(dimension: .maximum(a.dimension, b.dimension)) { max(a.value($0), b.value($0)) }
    }
  }

  private static func floorDivide(_ x: Int, _ y: Int) -> Int {
    x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0)
  }
}

@Suite struct DimensionTests {
  @Test(arguments: 0..<2000) func expressionsAreWorthWhatTheySay(seed: Int) {
    var generator = SeededGenerator(seed: seed)
    let expression = Expression.random(depth: 3, using: &generator)
    for _ in 0..<8 {
      let extents = (0..<Expression.symbolCount).map { _ in Int.random(in: 0...20, using: &generator) }
      let value = expression.dimension.substituting { .constant(extents[Int($0.index)]) }
      #expect(value == .constant(expression.value(extents)), "\(expression.dimension) for \(extents)")
      if expression.dimension.isNonNegative { #expect(expression.value(extents) >= 0, "\(expression.dimension)") }
      if expression.dimension.isPositive { #expect(expression.value(extents) > 0, "\(expression.dimension)") }
    }
  }

  /// Substituting step by step, with another expression in between, comes to the same.
  @Test(arguments: 0..<500) func substitutionComposes(seed: Int) {
    var generator = SeededGenerator(seed: seed)
    let expression = Expression.random(depth: 3, using: &generator)
    let first = expression.dimension.substituting { $0.index == 0 ? Dimension(Symbol(1)) + .constant(2) : nil }
    let extents = [0, 5, 7]
    let stepwise = first.substituting { .constant(extents[Int($0.index)]) }
    #expect(stepwise == .constant(expression.value([7, 5, 7])), "\(expression.dimension)")
  }

  @Test func formIsNormal() {
    let n = Dimension(Symbol(0))
    let m = Dimension(Symbol(1))
    #expect(n + m - n == m)
    #expect((n + .constant(1)) * (n - .constant(1)) == n * n - .constant(1))
    #expect((n * m).floorDivided(by: n) == m)
    #expect(n - n == .constant(0))
    #expect(Dimension.minimum(n, n + m) == n)
    #expect(Dimension.maximum(n, .constant(0)) == n)
    #expect(Dimension.maximum(n, m) == Dimension.maximum(m, n))
    #expect((n * .constant(4)).modulo(.constant(2)) == .constant(0))
  }

  @Test func broadcastingDecidesWhereItCan() {
    let n = Dimension(Symbol(0))
    let m = Dimension(Symbol(1))
    #expect(Dimension.broadcast(n, .constant(1)) == n)
    #expect(Dimension.broadcast(n, .constant(7)) == .constant(7))
    #expect(Dimension.broadcast(.constant(0), n) == .constant(0))
    #expect(Dimension.broadcast(.constant(2), .constant(3)) == nil)
    #expect(Dimension.broadcast(n, m) == Dimension.broadcast(m, n))
    #expect(Dimension.broadcast(n, Dimension.broadcast(n, m) ?? n) == Dimension.broadcast(n, m))
  }

  @Test func extremeConstantsDoNotTrap() {
    let extremes = [Int.min, Int.min + 1, -1, 0, 1, Int.max].map(Dimension.constant)
    let n = Dimension(Symbol(0))
    for a in extremes + [n] {
      for b in extremes + [n] {
        _ = (a + b, a - b, a * b, a.floorDivided(by: b), a.modulo(b), a.ceilingDivided(by: b))
        _ = (Dimension.minimum(a, b), Dimension.maximum(a, b), Dimension.broadcast(a, b))
        _ = ((a * n + b).floorDivided(by: b), (a * n).floorDivided(by: b), (a * n).modulo(b * n))
      }
    }
  }

  /// A chain that doubles its expression at each step stays small.
  @Test func growingExpressionsAreCutOff() throws {
    let builder = GraphBuilder(name: "main")
    let n = Dimension(builder.symbol(named: "N"))
    var x = builder.input("x", .tensor(.init(.float32, [n])))
    for _ in 0..<60 {
      // Halving rounds, so that nothing cancels.
      let half = try builder.slice(x, axis: 0, from: 0, to: .max, step: 3)
      let other = try builder.slice(x, axis: 0, from: 5)
      x = try builder.concatenate([half, other], axis: 0)
    }
    let text = builder.type(of: x).text(symbols: builder.symbols)
    #expect(text.utf8.count < 2000, "\(text)")
  }
}
