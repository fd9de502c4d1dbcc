import GraphIR
import Tensors

/// Finds softmax(scale · Q Kᵀ + mask) V from its second product: operands and result with heads where they lie.
struct AttentionAnchor {
  let index: GraphIndex
  let target: ScheduleTarget
  let number: Int
  private let query: Matrices
  private let key: Matrices
  private let value: Matrices
  private let mask: ValueID?
  private let scale: Float
  /// [batch…, S, T]
  private let scores: Shape
  /// The nodes before the second product.
  private let inner: Set<Int>

  /// An operand: one matrix for each position of the batch axes.
  private struct Matrices {
    var id: ValueID
    /// Its axes in the order batch…, rows, columns.
    var axes: [Int]
    var columns: Int

    /// nil when rows or columns are not one axis each.
    init?(_ id: ValueID, batch: [Int], contracting: [Int], contractsColumns: Bool, _ index: GraphIndex) {
      guard let shape = index.shape(id), index.type(id) == .float32, contracting.count == 1,
        shape.rank == batch.count + 2,
        let free = shape.dimensions.indices.first(where: { !(batch + contracting).contains($0) })
      else { return nil }
      self.id = id
      axes = batch + (contractsColumns ? [free, contracting[0]] : [contracting[0], free])
      columns = shape[axes[axes.count - 1]]
    }
  }

  /// nil when the product is no attention.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard target.kernels.contains(.attention), case .dot(let second, .float32) = node.operation,
      let scores = index.shape(node.operands[0]), (3...4).contains(scores.rank),
      second.lhsBatch == Array(0..<(scores.rank - 2)), second.lhsContracting == [scores.rank - 1],
      let softmax = SoftmaxPattern(result: node.operands[0], index),
      let chain = ScoreChain(softmax.scores, index)
    else { return nil }
    let product = index.node(chain.product)
    guard case .dot(let first, .float32) = product.operation, index.shape(product.results[0]) == scores,
      let query = Matrices(
        product.operands[0], batch: first.lhsBatch, contracting: first.lhsContracting, contractsColumns: true, index),
      let key = Matrices(
        product.operands[1], batch: first.rhsBatch, contracting: first.rhsContracting, contractsColumns: true, index),
      let value = Matrices(
        node.operands[1], batch: second.rhsBatch, contracting: second.rhsContracting, contractsColumns: false, index),
      chain.mask.map({ index.type($0) == .float32 }) ?? true
    else { return nil }
    self.index = index
    self.target = target
    self.number = number
    (self.query, self.key, self.value) = (query, key, value)
    (mask, scale) = (chain.mask, chain.scale)
    self.scores = scores
    inner = softmax.members.union(chain.members).union([chain.product])
    // Nobody else sees the scores.
    let all = inner.union([number])
    guard inner.allSatisfy({ !index.isReadOutside(index.node($0).results[0], of: all) }) else { return nil }
  }

  /// Strides in the order batch…, rows, columns; without heads there is one batch axis.
  private func layout(_ strides: [Int]) -> AttentionKernel.Layout {
    AttentionKernel.Layout(
      batchStride: strides[0], headStride: strides.count == 4 ? strides[1] : 0,
      rowStride: strides[strides.count - 2])
  }

  func anchor(taken: Set<Int>) -> Anchor? {
    guard let query = operand(query, taken), let key = operand(key, taken), let value = operand(value, taken) else {
      return nil
    }
    // The kernel has no epilogue: only what moves the result follows.
    var moving = target
    moving.hasTerm = { _ in false }
    let accumulators = Accumulators(number, index, moving)
    guard let grown = accumulators.grown(taken: taken, accepts: { result($0) != nil }), let result = result(grown)
    else { return nil }
    let heads = scores.rank == 4 ? scores[1] : 1
    let kernel = AttentionKernel(
      heads: heads, keyHeads: heads, headSize: self.query.columns, valueSize: self.value.columns, scale: scale,
      isCausal: false, query: layout(query.strides), key: layout(key.strides), value: layout(value.strides),
      result: result, mask: mask.flatMap(layout(ofMask:)))
    let step = grown.step(
      .attention(kernel), ([query, key, value].map(\.root) + [mask].compactMap(\.self)).map(ScheduleValue.value),
      parameters: [scores[0], scores[scores.rank - 2], scores[scores.rank - 1]], operations: operations(kernel),
      bytes: bytes(kernel))
    return step.map { Anchor(members: grown.members.union(inner), steps: [$0]) }
  }

  private func operations(_ kernel: AttentionKernel) -> Double {
    Double(scores.elementCount) * Double(2 * kernel.headSize + 2 * kernel.valueSize + 16)
  }

  private func bytes(_ kernel: AttentionKernel) -> Double {
    let (rows, keys) = (scores[scores.rank - 2], scores[scores.rank - 1])
    return 4 * Double(scores[0] * kernel.heads * (rows + keys)) * Double(kernel.headSize + kernel.valueSize)
  }

  /// Where an operand lies, with its strides in order, if each of its rows lies in one piece.
  private func operand(_ matrices: Matrices, _ taken: Set<Int>) -> StridedOperand? {
    StridedOperand.all(matrices.id, index, taken: taken).lazy
      .map { operand in StridedOperand(root: operand.root, strides: matrices.axes.map { operand.strides[$0] }) }
      .first { matrices.columns == 1 || $0.strides.last == 1 }
  }

  private func result(_ accumulators: Accumulators) -> AttentionKernel.Layout? {
    guard accumulators.operands.isEmpty, let exit = accumulators.exit, index.type(exit) == .float32,
      let position = accumulators.position(of: exit), let place = accumulators.places[index.node(number).results[0]]
    else { return nil }
    let strides = place.forms.map { form in form.axis.map { position.coefficient(of: $0) } ?? 0 }
    return value.columns == 1 || strides.last == 1 ? layout(strides) : nil
  }

  private func layout(ofMask mask: ValueID) -> AttentionKernel.Mask? {
    guard let shape = index.shape(mask) else { return nil }
    let missing = scores.rank - shape.rank
    let strides = scores.dimensions.indices.map { axis in
      axis < missing || shape[axis - missing] == 1 ? 0 : shape.strides[axis - missing]
    }
    return AttentionKernel.Mask(layout: layout(strides), columnStride: strides[strides.count - 1])
  }
}

/// What lies between the product of queries and keys and the softmax: factors that are constants, then at most one
/// mask that is added.
private struct ScoreChain {
  var product: Int
  var scale: Float = 1
  var mask: ValueID?
  var members: Set<Int> = []

  init?(_ scores: ValueID, _ index: GraphIndex) {
    var value = scores
    while let number = index.producer(of: value) {
      let node = index.node(number)
      if case .dot = node.operation {
        product = number
        return
      }
      guard case .binary(let function) = node.operation, index.shape(node.results[0]) != nil else { return nil }
      let (a, b) = (node.operands[0], node.operands[1])
      switch function {
      case .multiply:
        if let factor = Self.number(b, index) {
          (value, scale) = (a, scale * factor)
        } else if let factor = Self.number(a, index) {
          (value, scale) = (b, scale * factor)
        } else {
          return nil
        }
      case .divide:
        guard let divisor = Self.number(b, index) else { return nil }
        (value, scale) = (a, scale / divisor)
      // The mask is not scaled, so that it comes last.
      case .add:
        guard mask == nil, scale == 1 else { return nil }
        let isFirst = Self.comesFromProduct(a, index) && index.shape(a) == index.shape(scores)
        (value, mask) = isFirst ? (a, b) : (b, a)
      default: return nil
      }
      guard index.shape(value) == index.shape(scores) else { return nil }
      members.insert(number)
    }
    return nil
  }

  private static func number(_ id: ValueID, _ index: GraphIndex) -> Float? {
    guard index.type(id) == .float32, let bits = index.uniformBits(id) else { return nil }
    return Float(bitPattern: UInt32(truncatingIfNeeded: bits))
  }

  /// Through factors only.
  private static func comesFromProduct(_ id: ValueID, _ index: GraphIndex) -> Bool {
    guard let number = index.producer(of: id) else { return false }
    let node = index.node(number)
    switch node.operation {
    case .dot: return true
    case .binary(.multiply), .binary(.divide):
      return Self.number(node.operands[1], index) != nil && comesFromProduct(node.operands[0], index)
        || Self.number(node.operands[0], index) != nil && comesFromProduct(node.operands[1], index)
    default: return false
    }
  }
}
