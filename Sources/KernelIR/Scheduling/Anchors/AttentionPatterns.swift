import GraphIR
import Tensors

/// What makes the weights of attention of scores: a softmax, perhaps with zeros for rows in which all scores are masked.
struct WeightPattern {
  let scores: ValueID
  let members: Set<Int>
  /// Rows of scores -∞ become zeros.
  private(set) var unseenIsZero = false

  init?(_ weights: ValueID, _ index: GraphIndex) {
    var value = weights
    var outer: Set<Int> = []
    var mask: ValueID?
    if let number = index.producer(of: value), case .reshape = index.node(number).operation {
      outer.insert(number)
      value = index.node(number).operands[0]
    }
    if let number = index.producer(of: value), case .select = index.node(number).operation {
      let node = index.node(number)
      guard index.uniformBits(node.operands[1]) == 0 else { return nil }
      if !index.isFalse(node.operands[0]) {
        guard let hidden = Self.hiddenMask(node.operands[0], index) else { return nil }
        mask = hidden
      }
      outer.insert(number)
      value = node.operands[2]
    }
    guard let softmax = SoftmaxPattern(result: value, index) else { return nil }
    scores = softmax.scores
    members = softmax.members.union(outer)
    if let mask {
      // Decided on the mask, which is what was added last.
      guard let number = index.producer(of: scores), case .binary(.add) = index.node(number).operation,
        index.node(number).operands.contains(mask)
      else { return nil }
      unseenIsZero = true
    }
  }

  /// m of max(m) = -∞ along the last axis.
  private static func hiddenMask(_ condition: ValueID, _ index: GraphIndex) -> ValueID? {
    var walk = BackwardWalk(index)
    guard let best = walk.unary(.isNegativeInfinite, making: condition) else { return nil }
    var value = best
    if let number = index.producer(of: value), case .reshape = index.node(number).operation {
      value = index.node(number).operands[0]
    }
    guard let number = index.producer(of: value), case .reduce(.maximum, let axes) = index.node(number).operation,
      let shape = index.shape(index.node(number).operands[0]), axes == [shape.rank - 1],
      index.shape(best)?.dimensions == shape.dimensions.dropLast() + [1]
    else { return nil }
    return index.node(number).operands[0]
  }
}

/// What lies between the product of queries and keys and the softmax: constant factors, a hyperbolic tangent between
/// them, then masks.
struct ScoreChain {
  struct Mask {
    var id: ValueID
    var form: AttentionKernel.Mask.Form
    /// Of the scores that it is for.
    var shape: Shape
  }

  private(set) var product: Int
  /// Times the product; before the hyperbolic tangent if there is one.
  private(set) var scale: Float = 1
  /// Times the hyperbolic tangent.
  private(set) var softcap: Float?
  private(set) var masks: [Mask] = []
  private(set) var members: Set<Int> = []

  private init(product: Int) { self.product = product }

  init?(_ scores: ValueID, _ index: GraphIndex) {
    guard let chain = Self.making(scores, index, depth: 0) else { return nil }
    self = chain
  }

  /// More steps are no attention.
  private static let maximumDepth = 10

  private static func making(_ value: ValueID, _ index: GraphIndex, depth: Int) -> ScoreChain? {
    guard depth < maximumDepth, let number = index.producer(of: value), let shape = index.shape(value),
      index.type(value) == .float32
    else { return nil }
    let node = index.node(number)
    func chain(_ operand: Int) -> ScoreChain? {
      guard let own = index.shape(node.operands[operand]), own.elementCount == shape.elementCount,
        own.dimensions.suffix(2) == shape.dimensions.suffix(2),
        var chain = making(node.operands[operand], index, depth: depth + 1)
      else { return nil }
      chain.members.insert(number)
      return chain
    }
    func factor(_ operand: Int) -> Float? { index.number(node.operands[operand]) }
    switch node.operation {
    case .dot: return ScoreChain(product: number)
    case .reshape: return chain(0)
    case .binary(.multiply):
      if let factor = factor(1) { return chain(0)?.scaled(factor) }
      return factor(0).flatMap { factor in chain(1)?.scaled(factor) }
    case .binary(.divide): return factor(1).flatMap { divisor in chain(0)?.scaled(1 / divisor) }
    case .unary(.hyperbolicTangent): return chain(0)?.capped()
    case .binary(.add):
      return chain(0)?.masked(by: node.operands[1], .added, shape)
        ?? chain(1)?.masked(by: node.operands[0], .added, shape)
    case .select:
      guard let bits = index.uniformBits(node.operands[1]) ?? index.uniformBits(node.operands[2]) else { return nil }
      let keeps = index.uniformBits(node.operands[1]) == nil
      let form = AttentionKernel.Mask.Form.selecting(keeps: keeps, otherwise: UInt32(truncatingIfNeeded: bits))
      return chain(keeps ? 1 : 2)?.masked(by: node.operands[0], form, shape)
    default: return nil
    }
  }

  private func scaled(_ factor: Float) -> ScoreChain? {
    guard masks.isEmpty else { return nil }
    var next = self
    if let softcap { next.softcap = softcap * factor } else { next.scale *= factor }
    return next
  }

  private func capped() -> ScoreChain? {
    guard masks.isEmpty, softcap == nil else { return nil }
    var next = self
    next.softcap = 1
    return next
  }

  private func masked(by id: ValueID, _ form: AttentionKernel.Mask.Form, _ shape: Shape) -> ScoreChain {
    var next = self
    next.masks.append(Mask(id: id, form: form, shape: shape))
    return next
  }

  // MARK: Parts of masks

  /// The masks as a kernel reads them: what -∞ is added to is selected by bools, and what hides all keys behind the
  /// query's own position is no mask at all.
  func maskParts(rows: Int, keys: Int, _ index: GraphIndex) -> (parts: [Mask], isCausal: Bool) {
    var parts: [Mask] = []
    var isCausal = false
    for part in masks.flatMap({ Self.parts(of: $0, index) }) {
      if CausalPattern(rows: rows, keys: keys, index: index).matches(part) {
        isCausal = true
      } else {
        parts.append(part)
      }
    }
    return (parts, isCausal)
  }

  private static func parts(of mask: Mask, _ index: GraphIndex) -> [Mask] {
    guard let number = index.producer(of: mask.id), index.constant(mask.id) == nil else { return [mask] }
    let node = index.node(number)
    func part(_ operand: Int, _ form: AttentionKernel.Mask.Form) -> [Mask] {
      parts(of: Mask(id: node.operands[operand], form: form, shape: mask.shape), index)
    }
    switch (node.operation, mask.form) {
    case (.select, .added):
      guard index.number(node.operands[2]) == -.infinity else { return [mask] }
      let selected = part(0, .selecting(keeps: true, otherwise: (-Float.infinity).bitPattern))
      return index.number(node.operands[1]) == 0 ? selected : part(1, .added) + selected
    case (.binary(.and), .selecting(keeps: true, _)): return part(0, mask.form) + part(1, mask.form)
    case (.binary(.or), .selecting(keeps: false, _)): return part(0, mask.form) + part(1, mask.form)
    case (.unary(.not), .selecting(let keeps, let otherwise)):
      return part(0, .selecting(keeps: !keeps, otherwise: otherwise))
    default: return [mask]
    }
  }
}

/// Masks that hide the keys behind a query's own position, and nothing else.
private struct CausalPattern {
  let rows: Int
  let keys: Int
  let index: GraphIndex

  /// e to such a power is 0, whatever the scores are that it was added to or stands among.
  private static let lowest: Float = -30000

  func matches(_ mask: ScoreChain.Mask) -> Bool {
    switch mask.form {
    case .added:
      guard let constant = matrix(mask.id), constant.elementType == .float32 else { return false }
      return constant.withElements(of: Float.self) { elements in
        isCausal { row, key in
          elements[row * keys + key] == 0 ? true : elements[row * keys + key] <= Self.lowest ? false : nil
        }
      }
    case .selecting(let keeps, let otherwise):
      guard Float(bitPattern: otherwise) <= Self.lowest else { return false }
      if let constant = matrix(mask.id), constant.elementType == .bool {
        return withExtendedLifetime(constant) {
          let bytes = constant.base.assumingMemoryBound(to: UInt8.self)
          return isCausal { row, key in (bytes[row * keys + key] != 0) == keeps }
        }
      }
      return comparesPositions(mask.id, keeps: keeps)
    }
  }

  /// A constant of one matrix of the scores' rows and columns.
  private func matrix(_ id: ValueID) -> Tensor? {
    guard let constant = index.constant(id), constant.shape.rank >= 2, constant.elementCount == rows * keys,
      constant.shape.dimensions.suffix(2) == [rows, keys]
    else { return nil }
    return constant
  }

  /// - Parameter sees: whether a row sees a key; nil for neither.
  private func isCausal(_ sees: (_ row: Int, _ key: Int) -> Bool?) -> Bool {
    (0..<rows).allSatisfy { row in (0..<keys).allSatisfy { sees(row, $0) == ($0 <= row) } }
  }

  /// key ≤ query, in any way to say it.
  private func comparesPositions(_ id: ValueID, keeps: Bool) -> Bool {
    guard let number = index.producer(of: id), case .compare(let comparison) = index.node(number).operation else {
      return false
    }
    let operands = index.node(number).operands
    switch (comparison, keeps) {
    case (.lessOrEqual, true), (.greater, false):
      return counts(operands[0], fromLast: 0) && counts(operands[1], fromLast: 1)
    case (.greaterOrEqual, true), (.less, false):
      return counts(operands[0], fromLast: 1) && counts(operands[1], fromLast: 0)
    default: return false
    }
  }

  /// Whether elements are their positions along an axis counted from the last, the only axis there is.
  private func counts(_ id: ValueID, fromLast: Int) -> Bool {
    guard let shape = index.shape(id), shape.rank > fromLast else { return false }
    let axis = shape.rank - 1 - fromLast
    guard shape[axis] == (fromLast == 0 ? keys : rows), shape.elementCount == shape[axis] else { return false }
    if let number = index.producer(of: id), case .iota(_, axis) = index.node(number).operation { return true }
    return index.integers(id) == Array(0..<shape[axis])
  }
}

extension GraphIndex {
  /// The one float32 that a constant repeats.
  fileprivate func number(_ id: ValueID) -> Float? {
    guard type(id) == .float32, let bits = uniformBits(id) else { return nil }
    return Float(bitPattern: UInt32(truncatingIfNeeded: bits))
  }

  /// A constant of bools, none of them set.
  fileprivate func isFalse(_ id: ValueID) -> Bool {
    guard let constant = constant(id), constant.elementType == .bool else { return false }
    return withExtendedLifetime(constant) {
      UnsafeBufferPointer(start: constant.base.assumingMemoryBound(to: UInt8.self), count: constant.elementCount)
        .allSatisfy { $0 == 0 }
    }
  }
}
