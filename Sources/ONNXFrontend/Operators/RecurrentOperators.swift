import GraphIR
import Tensors

/// RNN, GRU and LSTM: (x, weights, recurrent weights, bias?, lengths?, hidden?, cell?, peepholes?), all but x and the
/// lengths with an axis for the directions.
enum RecurrentOperators {
  static let table: [String: Lowering] = [
    "RNN": { c in try recurrent(c, .rnn) },
    "GRU": { c in try recurrent(c, .gru(resetsAfterProduct: c.flag("linear_before_reset"))) },
    "LSTM": { c in try recurrent(c, .lstm(couplesForget: c.flag("input_forget"))) },
  ]

  /// What an LSTM of quantised weights has in place of operands 1 and 2.
  struct QuantizedWeights {
    /// [D, 4·H, I]
    var weights: ValueID
    /// [D, 4·H, H], int8 if there are scales
    var recurrentWeights: ValueID
    /// [4·H] of a direction
    var recurrentScales: ((_ direction: Int) throws -> ValueID)?
    /// x [T, B, I] times the weights of a direction: [T, B, 4·H]
    var products: (_ x: ValueID, _ direction: Int) throws -> ValueID
  }

  static func lstm(_ c: LoweringContext, _ weights: QuantizedWeights) throws -> [ValueID] {
    try recurrent(c, .lstm(couplesForget: c.flag("input_forget")), weights)
  }

  private static func recurrent(
    _ c: LoweringContext, _ cell: RecurrentLayer.Cell, _ quantized: QuantizedWeights? = nil
  ) throws -> [ValueID] {
    let b = c.builder
    let directions: [Bool]
    // GRU-1 misspells its default.
    switch try c.string("direction", "forward") {
    case "forward", "foward": directions = [false]
    case "reverse": directions = [true]
    case "bidirectional": directions = [false, true]
    case let other: throw c.invalid(found: "direction '\(other)'", expected: "forward, reverse or bidirectional")
    }
    let activations = try self.activations(c, cell, directions: directions.count)
    let clip = try c.float("clip").map(Double.init)
    let batchFirst = try c.flag("layout")
    let (weights, recurrentWeights) = (
      try quantized?.weights ?? c.operand(1), try quantized?.recurrentWeights ?? c.operand(2)
    )
    guard try c.rank(c.operand(0)) == 3, try c.rank(weights) == 3, try c.rank(recurrentWeights) == 3 else {
      throw c.invalid(found: "operands of other ranks", expected: "X, W and R of rank 3")
    }
    try c.extent(recurrentWeights, 2)
    let x = try batchFirst ? b.transpose(c.operand(0), [1, 0, 2]) : c.operand(0)

    /// The part of an operand that belongs to a direction.
    func part(of all: ValueID, _ direction: Int, axis: Int = 0) throws -> ValueID {
      try b.removeDimensions(b.slice(all, axis: axis, from: direction, to: direction + 1), axes: [axis])
    }
    func part(_ index: Int, _ direction: Int, axis: Int = 0) throws -> ValueID? {
      try c.optionalOperand(index).map { try part(of: $0, direction, axis: axis) }
    }
    var results: [[ValueID]] = []
    for (direction, isReverse) in directions.enumerated() {
      var operands = RecurrentOperands(
        x: x, weights: try part(of: weights, direction), recurrentWeights: try part(of: recurrentWeights, direction))
      operands.bias = try part(3, direction)
      operands.lengths = try c.optionalOperand(4)
      operands.hidden = try part(5, direction, axis: batchFirst ? 1 : 0)
      if case .lstm = cell {
        operands.cell = try part(6, direction, axis: batchFirst ? 1 : 0)
        operands.peepholes = try part(7, direction)
      }
      operands.products = try quantized?.products(x, direction)
      operands.recurrentScales = try quantized?.recurrentScales?(direction)
      let layer = RecurrentLayer(cell, activations: activations[direction], clip: clip, isReverse: isReverse)
      results.append(try b.recurrence(layer, operands))
    }
    /// Result `index` of all directions along a new axis.
    func stacked(_ index: Int, axis: Int) throws -> ValueID {
      try b.concatenate(results.map { try b.expandDimensions($0[index], axes: [axis]) }, axis: axis)
    }
    // [T, D, B, H] and [D, B, H], or [B, T, D, H] and [B, D, H].
    var outputs = [try stacked(0, axis: batchFirst ? 2 : 1)]
    if batchFirst { outputs[0] = try b.transpose(outputs[0], [1, 0, 2, 3]) }
    for index in results[0].indices.dropFirst() { outputs.append(try stacked(index, axis: batchFirst ? 1 : 0)) }
    return outputs
  }

  /// Activations of each direction. Alphas and betas are taken, in order, by those that have such a parameter.
  private static func activations(
    _ c: LoweringContext, _ cell: RecurrentLayer.Cell, directions: Int
  ) throws -> [[RecurrentActivation]] {
    let defaults = cell.defaultActivations
    guard let names = try c.strings("activations"), !names.isEmpty else {
      return Array(repeating: defaults, count: directions)
    }
    // RNN's default names both directions even when there is one.
    guard names.count >= defaults.count * directions else {
      throw c.invalid(found: "activations \(names)", expected: "\(defaults.count * directions) names")
    }
    var alphas = (try c.floats("activation_alpha") ?? [])[...]
    var betas = (try c.floats("activation_beta") ?? [])[...]
    func alpha(_ fallback: Double) -> Double { alphas.popFirst().map(Double.init) ?? fallback }
    func beta(_ fallback: Double) -> Double { betas.popFirst().map(Double.init) ?? fallback }
    let all = try names.prefix(defaults.count * directions).map { name -> RecurrentActivation in
      switch name.lowercased() {
      case "sigmoid": .sigmoid
      case "tanh": .tanh
      case "relu": .relu
      case "softsign": .softsign
      case "softplus": .softplus
      case "affine": .affine(alpha: alpha(1), beta: beta(0))
      case "leakyrelu": .leakyRelu(alpha: alpha(0.01))
      case "thresholdedrelu": .thresholdedRelu(alpha: alpha(1))
      case "scaledtanh": .scaledTanh(alpha: alpha(1), beta: beta(1))
      case "hardsigmoid": .hardSigmoid(alpha: alpha(0.2), beta: beta(0.5))
      case "elu": .elu(alpha: alpha(1))
      default: throw c.invalid(found: "activation '\(name)'", expected: "one that the operator's specification names")
      }
    }
    return (0..<directions).map { Array(all[($0 * defaults.count)..<(($0 + 1) * defaults.count)]) }
  }
}
