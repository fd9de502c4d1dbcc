import GraphIR
import Tensors

/// Finds the `Gemm` of a `dot` node: operands where they lie, transposes and reshapes around it as strides.
struct DotAnchor {
  let index: GraphIndex
  let target: ScheduleTarget
  let number: Int
  let dimensions: DotDimensions
  let factors: Factors
  private let lhs: Shape
  private let rhs: Shape

  /// nil when no kernel does this product.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard case .dot(let dimensions, let result) = node.operation, target.kernels.contains(.gemm),
      let factors = Factors(index.type(node.operands[0]), index.type(node.operands[1]), result),
      let lhs = index.shape(node.operands[0]),
      let rhs = index.shape(node.operands[1]), index.shape(node.results[0]) != nil
    else { return nil }
    self.index = index
    self.target = target
    self.number = number
    self.factors = factors
    self.dimensions = dimensions
    self.lhs = lhs
    self.rhs = rhs
  }

  private var node: Node { index.node(number) }
  private var lhsFree: [Int] {
    lhs.dimensions.indices.filter { !(dimensions.lhsBatch + dimensions.lhsContracting).contains($0) }
  }
  private var rhsFree: [Int] {
    rhs.dimensions.indices.filter { !(dimensions.rhsBatch + dimensions.rhsContracting).contains($0) }
  }

  func anchor(taken: Set<Int>, pinned: Set<ValueID>) -> Anchor? {
    if let coded, let anchor = codedAnchor(coded, taken: taken, pinned: pinned) { return anchor }
    let rights = StridedOperand.all(node.operands[1], index, taken: taken)
    for left in StridedOperand.all(node.operands[0], index, taken: taken) {
      for right in rights {
        guard let operands = Operands(left, right, self) else { continue }
        let accumulators = Accumulators(number, index, target, pinned: pinned)
        guard let grown = accumulators.grown(taken: taken, accepts: { layout($0, operands) != nil }),
          let layout = layout(grown, operands)
        else { continue }
        return step(grown, operands, layout).map { Anchor(members: grown.members, steps: [$0]) }
      }
    }
    return nil
  }

  // MARK: Weights in few bits

  /// The right operand where it is read as the codes that the file has.
  private var coded: CodedWeights? {
    guard factors == .float32, let producer = index.producer(of: node.operands[1]),
      index.consumers(of: node.operands[1]) == [number], !index.isOutput(node.operands[1])
    else { return nil }
    return CodedWeights(index.node(producer), dimensions, leftRank: lhs.rank, in: index.graph)
  }

  private func codedAnchor(_ coded: CodedWeights, taken: Set<Int>, pinned: Set<ValueID>) -> Anchor? {
    guard let producer = index.producer(of: node.operands[1]) else { return nil }
    let right = StridedOperand(
      root: node.operands[1], strides: index.shape(node.operands[1]).map { [$0[1], 1] } ?? [])
    for left in StridedOperand.all(node.operands[0], index, taken: taken) {
      guard var operands = Operands(left, right, self) else { continue }
      operands.isCoded = true
      let accumulators = Accumulators(number, index, target, pinned: pinned)
      guard let grown = accumulators.grown(taken: taken, accepts: { layout($0, operands) != nil }),
        let layout = layout(grown, operands), let step = codedStep(coded, grown, operands, layout)
      else { continue }
      return Anchor(members: grown.members.union([producer]), steps: [step])
    }
    return nil
  }

  private func codedStep(
    _ coded: CodedWeights, _ grown: Accumulators, _ operands: Operands, _ layout: Layout
  ) -> Step? {
    var (gemm, rows) = (layout.gemm, layout.rows)
    let zeroPoint = coded.zeroPoints.map(uniform) ?? 0
    gemm.codes = WeightCodes(
      bits: coded.type.bitWidth, isSigned: coded.type.kind == .signedInteger, blockSize: coded.blockSize,
      zeroPoint: zeroPoint)
    gemm.b = .packed
    let (depth, columns, strides) = (coded.blockCount, coded.columns, coded.blockStrides)
    var values: [ScheduleValue] = [
      .value(operands.left.root),
      .packed(
        coded.codes,
        .codes(
          depth: coded.depth, columns: columns, rowStride: coded.codeStrides.depth,
          columnStride: coded.codeStrides.column, bits: coded.type.bitWidth)),
      .packed(
        coded.scales,
        .gemm(depth: depth, columns: columns, rowStride: strides.depth, columnStride: strides.column)),
    ]
    if zeroPoint == nil, let zeroPoints = coded.zeroPoints {
      values.append(
        .packed(
          zeroPoints,
          .zeroPoints(depth: depth, columns: columns, rowStride: strides.depth, columnStride: strides.column)))
    }
    let batch = layout.batch.reduce(1) { $0 * $1.extent }
    let bytes = coded.depth * columns * coded.type.bitWidth / 8 + depth * columns * 4
    return grown.step(
      .gemm(gemm), values, parameters: [rows] + (layout.batch.first.map { [$0.extent] } ?? []),
      operations: 2 * Double(batch) * Double(rows) * Double(columns) * Double(coded.depth),
      bytes: Double(bytes + 4 * batch * rows * (coded.depth + columns)))
  }

  /// The number that all elements of a constant of integers are; nil where they differ.
  private func uniform(_ id: ValueID) -> Int? {
    guard let constant = index.constant(id),
      let wide = try? (constant.elementType.isPacked ? constant.widened() : constant).converted(to: .int64),
      case let elements = wide.elements(of: Int64.self), let first = elements.first,
      elements.allSatisfy({ $0 == first })
    else { return nil }
    return Int(first)
  }

  private func step(_ grown: Accumulators, _ operands: Operands, _ layout: Layout) -> Step? {
    let (gemm, rows) = (layout.gemm, layout.rows)
    let batch = layout.batch.reduce(1) { $0 * $1.extent }
    let elements = batch * (rows * gemm.depth + gemm.depth * gemm.columns + rows * gemm.columns)
    var right = ScheduleValue.value(operands.right.root)
    if case .packed = gemm.b {
      right = .packed(
        operands.right.root,
        .gemm(
          depth: gemm.depth, columns: gemm.columns, rowStride: operands.depthStride, columnStride: layout.columnStride,
          factors: factors))
    }
    return grown.step(
      .gemm(gemm), [.value(operands.left.root), right],
      parameters: [rows] + (layout.batch.first.map { [$0.extent] } ?? []),
      operations: 2 / factors.speed * Double(batch) * Double(rows) * Double(gemm.columns) * Double(gemm.depth),
      bytes: Double(factors.elementType.bitWidth / 8) * Double(elements))
  }

  /// Both operands in memory, their contracted axes merged.
  private struct Operands {
    var left: StridedOperand
    var right: StridedOperand
    var depth: Int
    /// Of the right operand along the contracted axis; the left one's is 1.
    var depthStride: Int
    /// The right one is never in memory: the kernel decodes it.
    var isCoded = false

    init?(_ left: StridedOperand, _ right: StridedOperand, _ dot: DotAnchor) {
      let contracted = zip(dot.dimensions.lhsContracting, dot.dimensions.rhsContracting).map { l, r in
        StrideTable.Axis(extent: dot.lhs[l], strides: [left.strides[l], right.strides[r]])
      }
      let merged = StrideTable.merged(contracted.filter { $0.extent > 1 })
      guard merged.count <= 1, merged.first?.strides[0] ?? 1 == 1 else { return nil }
      self.left = left
      self.right = right
      depth = merged.first?.extent ?? 1
      depthStride = merged.first?.strides[1] ?? 1
    }
  }

  private struct Layout {
    var gemm: Gemm
    var rows: Int
    var batch: [StrideTable.Axis]
    var columnStride: Int
  }

  /// Strides of left, right, result and the epilogue's operands along every axis of the accumulators.
  private func layout(_ accumulators: Accumulators, _ operands: Operands) -> Layout? {
    guard let exit = accumulators.exit, let result = accumulators.position(of: exit),
      let place = accumulators.places[node.results[0]]
    else { return nil }
    var next = place.forms[...]
    func axes(_ left: [Int], _ right: [Int], _ count: Int) -> [StrideTable.Axis] {
      (0..<count).compactMap { position in
        guard let axis = next.removeFirst().axis else { return nil }
        let strides = [
          left.isEmpty ? 0 : operands.left.strides[left[position]],
          right.isEmpty ? 0 : operands.right.strides[right[position]], result.coefficient(of: axis),
        ]
        return StrideTable.Axis(
          extent: accumulators.extents[axis],
          strides: strides + accumulators.operands.map { $0.position.coefficient(of: axis) })
      }
    }
    var batch = axes(dimensions.lhsBatch, dimensions.rhsBatch, dimensions.lhsBatch.count)
    var rows = StrideTable.merged(axes(lhsFree, [], lhsFree.count))
    var columns = StrideTable.merged(axes([], rhsFree, rhsFree.count))
    let row = rows.popLast()
    let column = columns.popLast()
    // Rows or columns that are no single axis in memory are products of their own.
    batch = StrideTable.merged(batch + rows + columns)
    guard column?.strides[2] ?? 1 == 1,
      let epilogue = accumulators.epilogue(row: row, column: column, batch: batch, first: 3),
      let right = rightHandSide(operands, column, batch)
    else { return nil }
    if factors == .bytes {
      guard case .packed = right, operands.depth % 4 == 0 else { return nil }
    }
    let gemm = Gemm(
      columns: column?.extent ?? 1, depth: operands.depth, aRowStride: row?.strides[0] ?? operands.depth, b: right,
      cRowStride: row?.strides[2] ?? column?.extent ?? 1,
      batch: batch.enumerated().map { number, axis in
        Gemm.BatchAxis(
          extent: number == 0 ? 0 : axis.extent, aStride: axis.strides[0], bStride: axis.strides[1],
          cStride: axis.strides[2])
      }, epilogue: epilogue, factors: factors)
    return Layout(gemm: gemm, rows: row?.extent ?? 1, batch: batch, columnStride: column?.strides[1] ?? 1)
  }

  /// A constant matrix is packed, always.
  private func rightHandSide(
    _ operands: Operands, _ column: StrideTable.Axis?, _ batch: [StrideTable.Axis]
  ) -> Gemm.RightHandSide? {
    if operands.isCoded || index.constant(operands.right.root) != nil {
      if batch.allSatisfy({ $0.strides[1] == 0 }) { return .packed }
      if dimensions.rhsBatch.isEmpty { return nil }
    }
    if column?.strides[1] ?? 1 == 1 { return .rows(stride: operands.depthStride) }
    if operands.depthStride == 1, let column { return .columns(stride: column.strides[1]) }
    return nil
  }
}
