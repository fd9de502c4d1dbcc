import GraphIR
import Tensors

extension Rewriter {
  func simplifiedUnary(_ function: UnaryFunction, _ x: ValueID) throws -> ValueID? {
    if let inner = producer(x) {
      switch (function, inner.operation) {
      case (.negate, .unary(.negate)), (.not, .unary(.not)): return inner.operands[0]
      case (.absolute, .unary(.negate)): return try one(.unary(.absolute), [inner.operands[0]])
      case (_, .unary(function)) where function.isIdempotent: return x
      default: break
      }
    }
    return try beforeBroadcast(.unary(function), x)
  }

  func simplifiedBinary(_ function: BinaryFunction, _ a: ValueID, _ b: ValueID) throws -> ValueID? {
    if let isNeutral = function.neutralRight, let type = elementType(a), let value = uniform(b),
      isNeutral(value, type), keepsShape(a, with: b)
    {
      return a
    }
    if function.isSymmetric, let isNeutral = function.neutralRight, let type = elementType(b), let value = uniform(a),
      isNeutral(value, type), keepsShape(b, with: a)
    {
      return b
    }
    switch function {
    case .power:
      if uniform(b) == 2, elementType(a)?.isFloat == true, keepsShape(a, with: b) {
        return try one(.binary(.multiply), [a, a])
      }
    case .maximum, .minimum:
      if a == b { return a }
      if let merged = try mergedBound(function, a, b) ?? mergedBound(function, b, a) { return merged }
    case .and, .or:
      if a == b { return a }
    default: break
    }
    return try withoutBroadcasts(Step(operation: .binary(function), operands: [a, b]))
  }

  /// max(max(x, c), d) → max(x, max(c, d)); max(clip(x), d) → clip(x) where d is below the clip's range.
  private func mergedBound(_ function: BinaryFunction, _ x: ValueID, _ bound: ValueID) throws -> ValueID? {
    guard self[bound].constant != nil, let inner = producer(x), case .binary(let innerFunction) = inner.operation,
      let (value, innerBound) = boundedOperand(inner)
    else { return nil }
    if innerFunction == function {
      // Which of two zeros wins depends on the order.
      if uniform(bound) == 0, uniform(innerBound) == 0, bound != innerBound { return nil }
      let merged = try one(.binary(function), [innerBound, bound])
      return self[merged].constant == nil ? nil : try one(.binary(function), [value, merged])
    }
    guard innerFunction == (function == .maximum ? .minimum : .maximum), let outermost = uniform(bound),
      let outer = uniform(innerBound), keepsShape(x, with: bound), let innermost = producer(value),
      case .binary(function) = innermost.operation, let (_, first) = boundedOperand(innermost),
      let inside = uniform(first)
    else { return nil }
    let changesNothing =
      function == .maximum ? outermost <= min(inside, outer) : outermost >= max(inside, outer)
    // Equal zeros may differ in sign.
    return changesNothing && outermost != 0 || changesNothing && outermost == inside ? x : nil
  }

  /// The operand of a maximum or minimum that is not constant, and the one that is.
  private func boundedOperand(_ node: Node) -> (value: ValueID, bound: ValueID)? {
    let (a, b) = (node.operands[0], node.operands[1])
    if self[b].constant != nil { return (a, b) }
    return self[a].constant == nil ? nil : (b, a)
  }

  func simplifiedSelect(_ step: Step) throws -> ValueID? {
    let (predicate, onTrue, onFalse) = (step.operands[0], step.operands[1], step.operands[2])
    if let value = uniform(predicate) {
      let taken = value != 0 ? onTrue : onFalse
      if let shapes = shapes(step.operands), let result = broadcastShape(shapes), shape(taken) == result {
        return taken
      }
    }
    if onTrue == onFalse, keepsShape(onTrue, with: predicate) { return onTrue }
    if let inner = producer(predicate), case .unary(.not) = inner.operation {
      return try one(.select, [inner.operands[0], onFalse, onTrue])
    }
    return try withoutBroadcasts(step)
  }

  // MARK: Broadcasts

  private func shapes(_ operands: [ValueID]) -> [[Dimension]]? {
    let shapes = operands.compactMap { shape($0) }
    return shapes.count == operands.count ? shapes : nil
  }

  /// Elementwise nodes broadcast by themselves: an operand needs no broadcast that does not decide the shape.
  func withoutBroadcasts(_ step: Step) throws -> ValueID? {
    guard var shapes = shapes(step.operands), let result = broadcastShape(shapes) else { return nil }
    var operands = step.operands
    for index in operands.indices {
      guard let inner = producer(operands[index]), case .broadcast = inner.operation,
        let own = shape(inner.operands[0])
      else { continue }
      var others = shapes
      others[index] = own
      if broadcastShape(others) == result { (operands[index], shapes) = (inner.operands[0], others) }
    }
    return operands == step.operands ? nil : try one(step.operation, operands)
  }

  /// f(broadcast(x)) → broadcast(f(x))
  func beforeBroadcast(_ operation: Operation, _ x: ValueID) throws -> ValueID? {
    guard let inner = producer(x), case .broadcast = inner.operation else { return nil }
    return try one(.broadcast, [one(operation, [inner.operands[0]]), inner.operands[1]])
  }
}

extension UnaryFunction {
  /// f(f(x)) = f(x)
  fileprivate var isIdempotent: Bool {
    switch self {
    case .absolute, .sign, .ceil, .floor, .roundNearestEven: true
    default: false
    }
  }
}

extension BinaryFunction {
  /// Tells the numbers c with f(x, c) = x for every x of a type.
  fileprivate var neutralRight: ((_ c: Double, _ type: ElementType) -> Bool)? {
    switch self {
    // -0 + 0 is 0, but x + -0 is x.
    case .add: { c, type in c == 0 && (type.isInteger || type.isFloat && c.sign == .minus) }
    case .subtract: { c, type in c == 0 && (type.isInteger || type.isFloat && c.sign == .plus) }
    case .multiply, .divide: { c, type in c == 1 && type.isNumeric }
    case .power: { c, type in c == 1 && type.isNumeric }
    case .and: { c, type in c == 1 && type == .bool }
    case .or, .exclusiveOr: { c, _ in c == 0 }
    case .shiftLeft, .shiftRight: { c, _ in c == 0 }
    default: nil
    }
  }

  fileprivate var isSymmetric: Bool {
    switch self {
    case .add, .multiply, .and, .or, .exclusiveOr: true
    default: false
    }
  }
}
