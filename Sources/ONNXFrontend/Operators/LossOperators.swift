import GraphIR
import Tensors

/// Losses, and the optimizers of ai.onnx.preview.training.
enum LossOperators {
  static let table: [String: Lowering] = [
    "NegativeLogLikelihoodLoss": { c in [try loss(c, c.operand(0))] },
    "SoftmaxCrossEntropyLoss": { c in
      let logarithms = try c.builder.logSoftmax(c.operand(0), axes: [1])
      return [try loss(c, logarithms), logarithms]
    },
  ]

  static let trainingTable: [String: Lowering] = [
    "Adagrad": adagrad,
    "Adam": adam,
    "Momentum": momentum,
  ]

  private static func loss(_ c: LoweringContext, _ logarithms: ValueID) throws -> ValueID {
    let name = try c.string("reduction", "mean")
    guard let reduction = LossReduction(rawValue: name) else {
      throw c.invalid(found: "reduction '\(name)'", expected: "none, sum or mean")
    }
    guard try c.rank(logarithms) >= 2 else { throw c.invalid(found: "a vector", expected: "[N, C, d…]") }
    return try c.builder.negativeLogLikelihood(
      logarithms, target: c.operand(1), weights: c.optionalOperand(2), ignoredIndex: c.int("ignore_index"), reduction)
  }

  // MARK: Optimizers: (rate, step count, n parameters, n gradients, n of each state) → n new parameters, n of each
  // new state.

  private struct Optimizer {
    var c: LoweringContext
    var b: GraphBuilder { c.builder }
    var rate: ValueID { get throws { try c.operand(0) } }
    var step: ValueID { get throws { try c.operand(1) } }

    func constant(_ value: Double, like x: ValueID) throws -> ValueID { try b.scalar(value, like: x) }

    func attribute(_ name: String, _ fallback: Double) throws -> Double { try c.real(name, fallback) }

    /// gradient + norm_coefficient · parameter
    func regularized(_ gradient: ValueID, _ parameter: ValueID) throws -> ValueID {
      let coefficient = try attribute("norm_coefficient", 0)
      if coefficient == 0 { return gradient }
      return try b.add(gradient, b.multiply(parameter, constant(coefficient, like: parameter)))
    }

    /// a · x + k · y
    func mixed(_ a: Double, _ x: ValueID, _ k: Double, _ y: ValueID) throws -> ValueID {
      try b.add(b.multiply(x, constant(a, like: x)), b.multiply(y, constant(k, like: y)))
    }

    /// `update` for each parameter; it takes parameter, gradient and states, and gives parameter and states.
    func forEach(states: Int, _ update: ([ValueID]) throws -> [ValueID]) throws -> [ValueID] {
      let operands = Array(try c.operands().dropFirst(2))
      let kinds = states + 2
      guard !operands.isEmpty, operands.count % kinds == 0 else {
        throw c.invalid(found: "\(operands.count) tensors", expected: "a multiple of \(kinds)")
      }
      let count = operands.count / kinds
      let updates = try (0..<count).map { index in
        try update((0..<kinds).map { operands[$0 * count + index] })
      }
      return (0...states).flatMap { kind in updates.map { $0[kind] } }
    }
  }

  private static func adagrad(_ c: LoweringContext) throws -> [ValueID] {
    let o = Optimizer(c: c)
    let b = o.b
    let decay = try o.attribute("decay_factor", 0)
    let epsilon = try o.attribute("epsilon", 1e-6)
    let rate = try o.rate
    let slowdown = try b.multiply(b.convert(o.step, to: c.elementType(rate)), o.constant(decay, like: rate))
    let decayed = try b.divide(rate, b.add(slowdown, o.constant(1, like: rate)))
    return try o.forEach(states: 1) { v in
      let gradient = try o.regularized(v[1], v[0])
      let squares = try b.add(v[2], b.multiply(gradient, gradient))
      let scale = try b.add(b.unary(.squareRoot, squares), o.constant(epsilon, like: squares))
      let factor = try b.convert(decayed, to: c.elementType(gradient))
      return [try b.subtract(v[0], b.divide(b.multiply(factor, gradient), scale)), squares]
    }
  }

  private static func adam(_ c: LoweringContext) throws -> [ValueID] {
    let o = Optimizer(c: c)
    let b = o.b
    let alpha = try o.attribute("alpha", 0.9)
    let beta = try o.attribute("beta", 0.999)
    let epsilon = try o.attribute("epsilon", 1e-6)
    let coefficient = try o.attribute("norm_coefficient_post", 0)
    let rate = try o.rate
    // From the second step on, the momentums are corrected for having begun at zero.
    let step = try b.convert(o.step, to: c.elementType(rate))
    let one = try o.constant(1, like: rate)
    func remainder(_ base: Double) throws -> ValueID {
      try b.subtract(one, b.binary(.power, o.constant(base, like: rate), step))
    }
    let corrected = try b.divide(b.multiply(rate, b.unary(.squareRoot, remainder(beta))), remainder(alpha))
    let adjusted = try b.select(b.compare(.greater, o.step, o.constant(0, like: o.step)), corrected, rate)
    return try o.forEach(states: 2) { v in
      let gradient = try o.regularized(v[1], v[0])
      let first = try o.mixed(alpha, v[2], 1 - alpha, gradient)
      let second = try o.mixed(beta, v[3], 1 - beta, b.multiply(gradient, gradient))
      let scale = try b.add(b.unary(.squareRoot, second), o.constant(epsilon, like: second))
      let factor = try b.convert(adjusted, to: c.elementType(gradient))
      var parameter = try b.subtract(v[0], b.multiply(factor, b.divide(first, scale)))
      if coefficient != 0 { parameter = try b.multiply(parameter, o.constant(1 - coefficient, like: parameter)) }
      return [parameter, first, second]
    }
  }

  private static func momentum(_ c: LoweringContext) throws -> [ValueID] {
    let o = Optimizer(c: c)
    let b = o.b
    let alpha = try o.attribute("alpha", 0)
    let beta = try o.attribute("beta", 0)
    let mode = try c.string("mode", "standard")
    guard ["standard", "nesterov"].contains(mode) else {
      throw c.invalid(found: "mode '\(mode)'", expected: "standard or nesterov")
    }
    let rate = try o.rate
    // The first gradient counts whole.
    let weight = try b.select(
      b.compare(.greater, o.step, o.constant(0, like: o.step)), o.constant(beta, like: rate), o.constant(1, like: rate))
    return try o.forEach(states: 1) { v in
      let type = try c.elementType(v[0])
      let gradient = try o.regularized(v[1], v[0])
      let weighted = try b.multiply(gradient, b.convert(weight, to: type))
      let velocity = try b.add(b.multiply(v[2], o.constant(alpha, like: v[2])), weighted)
      let direction =
        mode == "standard" ? velocity : try b.add(gradient, b.multiply(velocity, o.constant(alpha, like: velocity)))
      return [try b.subtract(v[0], b.multiply(b.convert(rate, to: type), direction)), velocity]
    }
  }
}
