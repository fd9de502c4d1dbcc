import Tensors

/// An activation of a recurrent cell, with its parameters.
public enum RecurrentActivation: Hashable, Sendable {
  case sigmoid, tanh, relu, softsign, softplus
  case affine(alpha: Double, beta: Double)
  case leakyRelu(alpha: Double)
  case thresholdedRelu(alpha: Double)
  case scaledTanh(alpha: Double, beta: Double)
  case hardSigmoid(alpha: Double, beta: Double)
  case elu(alpha: Double)

  /// As an attribute of a composite.
  public var text: String { String(describing: self) }

  func apply(_ x: ValueID, _ b: GraphBuilder) throws -> ValueID {
    switch self {
    case .sigmoid: try b.unary(.logistic, x)
    case .tanh: try b.unary(.hyperbolicTangent, x)
    case .relu: try b.maximum(x, b.scalar(0, like: x))
    case .softsign: try b.softsign(x)
    case .softplus: try b.softplus(x)
    case .affine(let alpha, let beta):
      try b.add(b.multiply(x, b.scalar(alpha, like: x)), b.scalar(beta, like: x))
    case .leakyRelu(let alpha): try b.leakyRelu(x, alpha: alpha)
    case .thresholdedRelu(let alpha):
      try b.select(b.compare(.greaterOrEqual, x, b.scalar(alpha, like: x)), x, b.scalar(0, like: x))
    case .scaledTanh(let alpha, let beta):
      try b.multiply(
        b.unary(.hyperbolicTangent, b.multiply(x, b.scalar(beta, like: x))), b.scalar(alpha, like: x))
    case .hardSigmoid(let alpha, let beta): try b.hardSigmoid(x, alpha: alpha, beta: beta)
    case .elu(let alpha): try b.elu(x, alpha: alpha)
    }
  }
}

/// One direction of a recurrent layer. Gates lie one after the other in the weights' first axis, in ONNX's order.
public struct RecurrentLayer: Hashable, Sendable {
  public enum Cell: Hashable, Sendable {
    /// h' = f(x·Wᵀ + h·Rᵀ + b)
    case rnn
    /// Gates update z, reset r, hidden. `resetsAfterProduct`: r times (h·Rᵀ + b) instead of (r·h)·Rᵀ.
    case gru(resetsAfterProduct: Bool)
    /// Gates input, output, forget, cell. `couplesForget`: the forget gate is 1 - input.
    case lstm(couplesForget: Bool)

    public var name: String {
      switch self {
      case .rnn: "RNN"
      case .gru: "GRU"
      case .lstm: "LSTM"
      }
    }

    public var gateCount: Int {
      switch self {
      case .rnn: 1
      case .gru: 3
      case .lstm: 4
      }
    }

    public var defaultActivations: [RecurrentActivation] {
      switch self {
      case .rnn: [.tanh]
      case .gru: [.sigmoid, .tanh]
      case .lstm: [.sigmoid, .tanh, .tanh]
      }
    }
  }

  public var cell: Cell
  /// As many as `cell.defaultActivations`: for the gates, the candidate, and (LSTM) the output.
  public var activations: [RecurrentActivation]
  /// Bounds the gates, before their activations, to [-clip, clip].
  public var clip: Double?
  public var isReverse: Bool

  public init(_ cell: Cell, activations: [RecurrentActivation]? = nil, clip: Double? = nil, isReverse: Bool = false) {
    self.cell = cell
    self.activations = activations ?? cell.defaultActivations
    self.clip = clip
    self.isReverse = isReverse
  }

  var attributes: [String: Composite.Attribute] {
    var attributes: [String: Composite.Attribute] = [
      "activations": .text(activations.map(\.text).joined(separator: ";")), "reverse": .init(isReverse),
    ]
    if let clip { attributes["clip"] = .real(clip) }
    switch cell {
    case .rnn: break
    case .gru(let resetsAfterProduct): attributes["linear_before_reset"] = .init(resetsAfterProduct)
    case .lstm(let couplesForget): attributes["input_forget"] = .init(couplesForget)
    }
    return attributes
  }
}

/// Operands of one direction of a recurrent layer: T steps, batch B, I inputs, H units, G gates.
public struct RecurrentOperands {
  /// [T, B, I]
  public var x: ValueID
  /// [G·H, I]
  public var weights: ValueID
  /// [G·H, H]
  public var recurrentWeights: ValueID
  /// [2·G·H]: for the weights, then for the recurrent weights
  public var bias: ValueID?
  /// Integers [B]: how many steps of each sequence count. Later results are 0, states stay.
  public var lengths: ValueID?
  /// [B, H]; nil: zeros
  public var hidden: ValueID?
  /// [B, H], for an LSTM; nil: zeros
  public var cell: ValueID?
  /// [3·H], for an LSTM: what the input, output and forget gates see of the cell
  public var peepholes: ValueID?
  /// Scales [G·H] of recurrent weights that are int8: h is quantised before each product with them.
  public var recurrentScales: ValueID?
  /// x · Wᵀ [T, B, G·H], where it is not simply the product of the two.
  public var products: ValueID?

  public init(x: ValueID, weights: ValueID, recurrentWeights: ValueID) {
    self.x = x
    self.weights = weights
    self.recurrentWeights = recurrentWeights
  }
}

extension GraphBuilder {
  /// Runs one direction of a recurrent layer: → hidden states [T, B, H] in the order of x, the last hidden state
  /// [B, H], and (LSTM) the last cell [B, H].
  ///
  /// The product with the inputs of all steps is one matrix product before the loop.
  public func recurrence(_ layer: RecurrentLayer, _ o: RecurrentOperands) throws -> [ValueID] {
    let optional = [o.bias, o.lengths, o.hidden, o.cell, o.peepholes, o.products, o.recurrentScales]
    var attributes = layer.attributes
    // Which of the optional operands are there, in this order.
    attributes["operands"] = .integers(optional.map { $0 == nil ? 0 : 1 })
    let operands = [o.x, o.weights, o.recurrentWeights] + optional.compactMap(\.self)
    return try composite(Composite(layer.cell.name, attributes), operands) { b, p in
      var inner = RecurrentOperands(x: p[0], weights: p[1], recurrentWeights: p[2])
      var rest = p.dropFirst(3)
      func next(_ outer: ValueID?) -> ValueID? { outer == nil ? nil : rest.popFirst() }
      inner.bias = next(o.bias)
      inner.lengths = next(o.lengths)
      inner.hidden = next(o.hidden)
      inner.cell = next(o.cell)
      inner.peepholes = next(o.peepholes)
      inner.products = next(o.products)
      inner.recurrentScales = next(o.recurrentScales)
      return try b.recurrenceBody(layer, inner)
    }
  }

  private func recurrenceBody(_ layer: RecurrentLayer, _ o: RecurrentOperands) throws -> [ValueID] {
    let type = try elementType(of: o.x)
    let wide = type.accumulator
    let units = try constantExtent(of: o.recurrentWeights, 1, operation: layer.cell.name)
    let lengths = try o.lengths.map { try convert($0, to: .int64) }
    func reversed(_ x: ValueID) throws -> ValueID {
      guard layer.isReverse else { return x }
      if let lengths { return try one(.reverseSequence(batchAxis: 1, timeAxis: 0), [x, lengths]) }
      return try one(.reverse(axes: [0]), [x])
    }
    let gates = layer.cell.gateCount * units
    var projected =
      if let products = o.products {
        try reversed(products)
      } else {
        try dot(reversed(o.x), o.weights, DotDimensions(lhsContracting: [2], rhsContracting: [1]), result: wide)
      }
    var recurrentBias: ValueID?
    if let bias = try o.bias.map({ try convert($0, to: wide) }) {
      let own = try slice(bias, axis: 0, from: 0, to: gates)
      let recurrent = try slice(bias, axis: 0, from: gates, to: 2 * gates)
      // Only a GRU that resets behind the product multiplies the second bias with something.
      if layer.cell == .gru(resetsAfterProduct: true) { recurrentBias = recurrent }
      projected = try add(projected, recurrentBias == nil ? add(own, recurrent) : own)
    }
    func state(_ initial: ValueID?) throws -> ValueID {
      let shape = try self.shape([.of(o.x, 1), .constant(units)])
      return try initial.map { try reshape(convert($0, to: wide), shape) } ?? full(0, wide, shape: shape)
    }
    var carried = [try state(o.hidden)]
    if case .lstm = layer.cell { carried.append(try state(o.cell)) }
    let steps = RecurrentSteps(
      layer: layer, units: units, projected: projected, recurrentWeights: o.recurrentWeights,
      recurrentBias: recurrentBias, lengths: lengths, peepholes: try o.peepholes.map { try convert($0, to: wide) },
      recurrentScales: o.recurrentScales, states: carried)
    let results = try recurrentSteps(steps)
    return try ([reversed(results[0])] + results.dropFirst()).map { try convert($0, to: type) }
  }

  /// All steps, one after the other: → hidden states [T, B, H], last states. A composite, for which a backend may have a
  /// kernel; see `RecurrentSteps`.
  private func recurrentSteps(_ steps: RecurrentSteps) throws -> [ValueID] {
    try composite(steps.composite, steps.operands) { b, p in
      let inner = steps.replacingOperands(with: p)
      // What the loop's body needs, in this order; nil where absent.
      let optional = [inner.recurrentBias, inner.lengths, inner.peepholes, inner.recurrentScales]
      let captures = [inner.projected, inner.recurrentWeights] + optional.compactMap(\.self)
      let count = try b.scalarExtent(of: inner.projected, 0)
      let results = try b.countedLoop("step", count: count, carried: inner.states, captures: captures) { loop in
        var rest = loop.captures.dropFirst(2)
        func next(_ outer: ValueID?) -> ValueID? { outer == nil ? nil : rest.popFirst() }
        var step = RecurrentStep(
          layer: inner.layer, units: inner.units, builder: loop.builder,
          projected: try loop.element(of: loop.captures[0]), recurrentWeights: loop.captures[1],
          recurrentBias: next(optional[0]))
        let lengths = next(optional[1])
        let peepholes = next(optional[2])
        step.recurrentScales = next(optional[3])
        var states = try step.next(loop.carried, peepholes: peepholes)
        guard let lengths else { return (states, [states[0]]) }
        let body = loop.builder
        let runs = try body.compare(.less, loop.iteration, body.reshape(lengths, [-1, 1]))
        states = try zip(states, loop.carried).map { try body.select(runs, $0, $1) }
        return (states, [try body.select(runs, states[0], body.scalar(0, like: states[0]))])
      }
      guard let sequence = results.last else { preconditionFailure("the loop scans one value") }
      return [sequence] + results.dropLast()
    }
  }
}

/// The operands of the composite `RecurrentSteps`: the products with the inputs [T, B, G·H], biases included; R [G·H, H];
/// the second bias [G·H] of a GRU that resets behind the product; lengths int64 [B]; peepholes [3·H]; scales [G·H] if R
/// is int8; the first hidden state [B, H]; and the first cell [B, H] of an LSTM.
public struct RecurrentSteps {
  public static let name = "RecurrentSteps"

  var layer: RecurrentLayer
  var units: Int
  var projected: ValueID
  var recurrentWeights: ValueID
  var recurrentBias: ValueID?
  var lengths: ValueID?
  var peepholes: ValueID?
  var recurrentScales: ValueID?
  var states: [ValueID]

  private var optional: [ValueID?] { [recurrentBias, lengths, peepholes, recurrentScales] }
  fileprivate var operands: [ValueID] { [projected, recurrentWeights] + optional.compactMap(\.self) + states }

  fileprivate var composite: Composite {
    var attributes = layer.attributes
    attributes["cell"] = .text(layer.cell.name)
    attributes["units"] = .integer(units)
    attributes["operands"] = .integers(optional.map { $0 == nil ? 0 : 1 })
    attributes["plain"] = .init(isPlain)
    return Composite(Self.name, attributes)
  }

  /// As the papers have it, which is what kernels are for: usual activations, nothing clipped or coupled, all sequences
  /// of one length.
  private var isPlain: Bool {
    guard layer.clip == nil, lengths == nil else { return false }
    let isUsual = layer.activations == layer.cell.defaultActivations
    return switch layer.cell {
    case .rnn: isUsual || layer.activations == [.relu]
    case .gru: isUsual
    case .lstm(let couplesForget): isUsual && !couplesForget
    }
  }

  fileprivate func replacingOperands(with values: [ValueID]) -> RecurrentSteps {
    var copy = self
    var rest = values[...]
    func next(_ outer: ValueID?) -> ValueID? { outer == nil ? nil : rest.popFirst() }
    copy.projected = rest.removeFirst()
    copy.recurrentWeights = rest.removeFirst()
    copy.recurrentBias = next(recurrentBias)
    copy.lengths = next(lengths)
    copy.peepholes = next(peepholes)
    copy.recurrentScales = next(recurrentScales)
    copy.states = Array(rest)
    return copy
  }

  /// Whether a composite is one that kernels are made for.
  public static func isPlain(_ composite: Composite) -> Bool {
    composite.name == name && composite.attributes["plain"] == .init(true)
  }
}

/// One step of a recurrent cell, inside the loop.
private struct RecurrentStep {
  var layer: RecurrentLayer
  var units: Int
  var builder: GraphBuilder
  /// x·Wᵀ + b of this step, [B, G·H]
  var projected: ValueID
  /// [G·H, H]
  var recurrentWeights: ValueID
  /// [G·H]
  var recurrentBias: ValueID?
  /// [G·H], for weights of int8
  var recurrentScales: ValueID?

  /// The states after this step, [B, H] each.
  func next(_ states: [ValueID], peepholes: ValueID?) throws -> [ValueID] {
    switch layer.cell {
    case .rnn: [try activate(0, builder.add(projected, product(states[0], gates: 0..<1)))]
    case .gru(let resetsAfterProduct): [try gru(states[0], resetsAfterProduct)]
    case .lstm(let couplesForget): try lstm(states[0], states[1], peepholes, couplesForget)
    }
  }

  private func gru(_ hidden: ValueID, _ resetsAfterProduct: Bool) throws -> ValueID {
    let b = builder
    let candidate: ValueID
    let (update, reset): (ValueID, ValueID)
    if resetsAfterProduct {
      let all = try product(hidden, gates: 0..<3)
      update = try activate(0, b.add(gate(projected, 0), gate(all, 0)))
      reset = try activate(0, b.add(gate(projected, 1), gate(all, 1)))
      candidate = try activate(1, b.add(gate(projected, 2), b.multiply(reset, gate(all, 2))))
    } else {
      let both = try product(hidden, gates: 0..<2)
      update = try activate(0, b.add(gate(projected, 0), gate(both, 0)))
      reset = try activate(0, b.add(gate(projected, 1), gate(both, 1)))
      candidate = try activate(1, b.add(gate(projected, 2), product(b.multiply(reset, hidden), gates: 2..<3)))
    }
    // (1 - z)·candidate + z·hidden
    return try b.add(candidate, b.multiply(update, b.subtract(hidden, candidate)))
  }

  private func lstm(
    _ hidden: ValueID, _ cell: ValueID, _ peepholes: ValueID?, _ couplesForget: Bool
  ) throws -> [ValueID] {
    let b = builder
    let all = try b.add(projected, product(hidden, gates: 0..<4))
    func peeking(_ number: Int, at cell: ValueID, peephole: Int) throws -> ValueID {
      let own = try gate(all, number)
      guard let peepholes else { return own }
      let weights = try b.slice(peepholes, axis: 0, from: peephole * units, to: (peephole + 1) * units)
      return try b.add(own, b.multiply(weights, cell))
    }
    let input = try activate(0, peeking(0, at: cell, peephole: 0))
    let forget =
      couplesForget
      ? try b.subtract(b.scalar(1, like: input), input) : try activate(0, peeking(2, at: cell, peephole: 2))
    let candidate = try activate(1, gate(all, 3))
    let newCell = try b.add(b.multiply(forget, cell), b.multiply(input, candidate))
    let output = try activate(0, peeking(1, at: newCell, peephole: 1))
    // The cell itself goes in unclipped, as in ONNX Runtime.
    return [try b.multiply(output, layer.activations[2].apply(newCell, b)), newCell]
  }

  private func gate(_ gates: ValueID, _ number: Int) throws -> ValueID {
    try builder.slice(gates, axis: 1, from: number * units, to: (number + 1) * units)
  }

  /// hidden·Rᵀ + b for some neighbouring gates
  private func product(_ hidden: ValueID, gates: Range<Int>) throws -> ValueID {
    let b = builder
    let isWhole = gates == 0..<layer.cell.gateCount
    let bounds = (gates.lowerBound * units, gates.upperBound * units)
    let weights = isWhole ? recurrentWeights : try b.slice(recurrentWeights, axis: 0, from: bounds.0, to: bounds.1)
    let product =
      if let recurrentScales {
        try quantizedProduct(
          hidden, weights,
          isWhole ? recurrentScales : b.slice(recurrentScales, axis: 0, from: bounds.0, to: bounds.1))
      } else {
        try b.dot(
          hidden, b.convert(weights, to: b.elementType(of: hidden)),
          DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: b.elementType(of: hidden))
      }
    guard let recurrentBias else { return product }
    return try b.add(product, isWhole ? recurrentBias : b.slice(recurrentBias, axis: 0, from: bounds.0, to: bounds.1))
  }

  /// The rows of hidden as whole numbers up to 127 of their own steps, times int8 weights.
  private func quantizedProduct(_ hidden: ValueID, _ weights: ValueID, _ scales: ValueID) throws -> ValueID {
    let b = builder
    let largest = try b.reduce(.maximum, b.unary(.absolute, hidden), axes: [1], keepDimensions: true)
    let step = try b.divide(b.maximum(largest, b.scalar(1e-30, like: hidden)), b.scalar(127, like: hidden))
    let numbers = try b.convert(b.unary(.roundNearestEven, b.divide(hidden, step)), to: .int32)
    let sum = try b.dot(
      numbers, b.convert(weights, to: .int32), DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .int32)
    return try b.multiply(b.convert(sum, to: b.elementType(of: hidden)), b.multiply(step, scales))
  }

  /// The activation of gates, behind the clip.
  private func activate(_ number: Int, _ x: ValueID) throws -> ValueID {
    var x = x
    if let clip = layer.clip {
      x = try builder.minimum(builder.maximum(x, builder.scalar(-clip, like: x)), builder.scalar(clip, like: x))
    }
    return try layer.activations[number].apply(x, builder)
  }
}
