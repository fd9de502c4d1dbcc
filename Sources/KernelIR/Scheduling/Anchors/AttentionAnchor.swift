import GraphIR
import Tensors

/// Finds softmax(mask(scale · Q Kᵀ)) V from its second product: operands and result with heads where they lie.
///
/// Both products have leading axes, batch and heads, that reshapes between them may join or cut: [B, H], [B · H] or, with
/// groups of heads that share a key, [B, G, H / G]. All are read along the finest cut of them, and joined again as far as
/// every buffer allows: see `LeadingAxes`.
struct AttentionAnchor {
  let index: GraphIndex
  let target: ScheduleTarget
  let number: Int
  private let first: DotDimensions
  private let second: DotDimensions
  private let chain: ScoreChain
  private let weights: WeightPattern
  /// [leading…, S, T], as the second product reads them.
  private let shape: Shape
  /// The nodes before the second product.
  private let inner: Set<Int>

  /// nil when the product is no attention.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard target.kernels.contains(.attention), case .dot(let second, .float32) = node.operation,
      node.operands.allSatisfy({ index.type($0) == .float32 }), let shape = index.shape(node.operands[0]),
      shape.rank >= 2, second.lhsContracting == [shape.rank - 1], second.rhsContracting.count == 1,
      second.lhsBatch == Array(0..<second.lhsBatch.count), second.lhsBatch.count <= shape.rank - 2,
      let weights = WeightPattern(node.operands[0], index), let chain = ScoreChain(weights.scores, index),
      case .dot(let first, .float32) = index.node(chain.product).operation,
      index.node(chain.product).operands.allSatisfy({ index.type($0) == .float32 }), first.lhsContracting.count == 1,
      first.rhsContracting.count == 1
    else { return nil }
    self.index = index
    self.target = target
    self.number = number
    (self.first, self.second) = (first, second)
    (self.chain, self.weights, self.shape) = (chain, weights, shape)
    inner = weights.members.union(chain.members).union([chain.product])
    // Nobody else sees the scores.
    let all = inner.union([number])
    guard inner.allSatisfy({ !index.isReadOutside(index.node($0).results[0], of: all) }) else { return nil }
  }

  private var value: ValueID { index.node(number).operands[1] }
  private var rows: Int { shape[shape.rank - 2] }
  private var keys: Int { shape[shape.rank - 1] }

  func anchor(taken: Set<Int>) -> Anchor? {
    guard let product = index.shape(index.node(chain.product).results[0]), let scores = index.shape(weights.scores),
      var leading = LeadingAxes([product, scores, shape])
    else { return nil }
    // Each round cuts one axis.
    for _ in 0..<4 {
      var reading = Reading(leading: leading, index: index, taken: taken, rows: rows, keys: keys)
      let found = operands(product, &reading)
      if let split = reading.split {
        guard let cut = leading.cut(split.axis, inner: split.inner) else { return nil }
        leading = cut
        continue
      }
      return found.flatMap { step($0, leading, taken) }
    }
    return nil
  }

  // MARK: Operands

  private struct Operands {
    var query: Reading.Operand
    var key: Reading.Operand
    var value: Reading.Operand
    var masks: [(operand: Reading.Operand, form: AttentionKernel.Mask.Form)]
    var isCausal: Bool
  }

  private func operands(_ product: Shape, _ reading: inout Reading) -> Operands? {
    let node = index.node(chain.product)
    let batch = first.lhsBatch.count
    guard let left = index.shape(node.operands[0]), let right = index.shape(node.operands[1]),
      let values = index.shape(value), first.rhsBatch.count == batch, right.rank == batch + 2,
      values.rank == second.rhsBatch.count + 2
    else { return nil }
    // Free axes of the queries: groups of heads, then rows.
    let free = left.dimensions.indices.filter { !(first.lhsBatch + first.lhsContracting).contains($0) }
    guard let row = free.last, left[row] == rows else { return nil }
    let leading = first.lhsBatch + free.dropLast()
    var roles: [Int: Reading.Role] = [row: .rows, first.lhsContracting[0]: .depth]
    for (position, axis) in leading.enumerated() { roles[axis] = .leading(product, position) }
    let query = reading.operand(node.operands[0], roles)

    roles = [first.rhsContracting[0]: .depth]
    for (position, axis) in first.rhsBatch.enumerated() { roles[axis] = .leading(product, position) }
    for axis in right.dimensions.indices where roles[axis] == nil { roles[axis] = .keys }
    let key = reading.operand(node.operands[1], roles)

    roles = [second.rhsContracting[0]: .keys]
    for (position, axis) in second.rhsBatch.enumerated() { roles[axis] = .leading(shape, position) }
    for axis in values.dimensions.indices where roles[axis] == nil { roles[axis] = .depth }
    let value = reading.operand(self.value, roles)

    var masks: [(Reading.Operand, AttentionKernel.Mask.Form)] = []
    let split = chain.maskParts(rows: rows, keys: keys, index)
    for part in split.parts {
      guard let operand = reading.mask(part.id, of: part.shape) else { return nil }
      masks.append((operand, part.form))
    }
    guard let query, let key, let value, masks.count <= 3 else { return nil }
    return Operands(query: query, key: key, value: value, masks: masks, isCausal: split.isCausal)
  }

  // MARK: Kernel

  private func step(_ operands: Operands, _ leading: LeadingAxes, _ taken: Set<Int>) -> Anchor? {
    // The kernel has no epilogue: only what moves the result follows.
    var moving = target
    moving.hasTerm = { _ in false }
    let cuts = (0..<shape.rank - 2).map { leading.extents(of: shape, $0) }
    let accumulators = Accumulators(number, index, moving, cuts: cuts)
    func kernel(_ accumulators: Accumulators) -> (AttentionKernel, batch: Int)? {
      self.kernel(operands, leading, accumulators)
    }
    guard let grown = accumulators.grown(taken: taken, accepts: { kernel($0) != nil }),
      let (kernel, batch) = kernel(grown)
    else { return nil }
    let all = [operands.query, operands.key, operands.value] + operands.masks.map(\.operand)
    let scores = Double(batch * kernel.heads) * Double(rows * keys)
    let step = grown.step(
      .attention(kernel), all.map { .value($0.root) }, parameters: [batch, rows, keys],
      operations: scores * Double(2 * kernel.headSize + 2 * kernel.valueSize + 16),
      bytes: 4 * Double(batch * kernel.heads * (rows + keys)) * Double(kernel.headSize + kernel.valueSize))
    return step.map { Anchor(members: grown.members.union(inner), steps: [$0]) }
  }

  private func kernel(
    _ operands: Operands, _ leading: LeadingAxes, _ accumulators: Accumulators
  ) -> (AttentionKernel, batch: Int)? {
    guard let result = result(accumulators, leading) else { return nil }
    let all = [operands.query, operands.key, operands.value, result] + operands.masks.map(\.operand)
    let table = leading.extents.indices.map { axis in
      StrideTable.Axis(extent: leading.extents[axis], strides: all.map { $0.leading[axis] })
    }
    guard let heads = Heads(table, hasHeads: shape.rank > 3, keys: [1, 2]) else { return nil }
    func layout(_ number: Int) -> AttentionKernel.Layout {
      AttentionKernel.Layout(
        batchStride: heads.batch?.strides[number] ?? 0, headStride: heads.heads?.strides[number] ?? 0,
        rowStride: all[number].row)
    }
    let kernel = AttentionKernel(
      heads: heads.headCount, keyHeads: heads.keyHeadCount, headSize: operands.query.depth,
      valueSize: operands.value.depth, scale: chain.scale, isCausal: operands.isCausal, softcap: chain.softcap,
      unseenIsZero: weights.unseenIsZero, query: layout(0), key: layout(1), value: layout(2), result: layout(3),
      masks: operands.masks.enumerated().map { number, mask in
        AttentionKernel.Mask(layout: layout(4 + number), columnStride: mask.operand.column, form: mask.form)
      })
    return (kernel, heads.batch?.extent ?? 1)
  }

  private func result(_ accumulators: Accumulators, _ leading: LeadingAxes) -> Reading.Operand? {
    guard accumulators.operands.isEmpty, let exit = accumulators.exit, index.type(exit) == .float32,
      let position = accumulators.position(of: exit), let place = accumulators.places[index.node(number).results[0]]
    else { return nil }
    func stride(_ form: Affine) -> Int { form.axis.map { position.coefficient(of: $0) } ?? 0 }
    let count = place.forms.count
    let axes = place.forms.dropLast(2).flatMap { $0.terms.map(\.axis) }
    let column = stride(place.forms[count - 1])
    guard axes.count == leading.extents.count, place.forms[count - 1].axis == nil || column == 1 else { return nil }
    return Reading.Operand(
      root: exit, leading: axes.map { position.coefficient(of: $0) }, row: stride(place.forms[count - 2]),
      column: column, depth: 0)
  }
}

/// The batch and the heads of a kernel, with strides of all its buffers.
private struct Heads {
  var batch: StrideTable.Axis?
  var heads: StrideTable.Axis?
  var headCount: Int
  var keyHeadCount: Int

  /// - Parameters:
  ///   - hasHeads: a single axis is that of the heads.
  ///   - keys: the buffers that groups of heads share.
  init?(_ axes: [StrideTable.Axis], hasHeads: Bool, keys: [Int]) {
    let shorter = axes.count > 2 ? [axes[0]] + StrideTable.merged(Array(axes.dropFirst())) : axes
    if shorter.count <= 2 {
      let heads = shorter.count == 2 ? shorter[1] : hasHeads ? shorter.first : nil
      batch = shorter.count == 2 ? shorter[0] : hasHeads ? nil : shorter.first
      self.heads = heads
      (headCount, keyHeadCount) = (heads?.extent ?? 1, heads?.extent ?? 1)
      return
    }
    // Groups of neighbouring heads: all but the keys move along both axes as along one.
    guard shorter.count == 3 else { return nil }
    let (group, member) = (shorter[1], shorter[2])
    var joined = StrideTable.Axis(extent: group.extent * member.extent, strides: member.strides)
    for buffer in group.strides.indices {
      if keys.contains(buffer) {
        guard member.strides[buffer] == 0 else { return nil }
        joined.strides[buffer] = group.strides[buffer]
      } else if group.strides[buffer] != member.strides[buffer] * member.extent {
        return nil
      }
    }
    batch = shorter[0]
    heads = joined
    (headCount, keyHeadCount) = (joined.extent, group.extent)
  }
}
