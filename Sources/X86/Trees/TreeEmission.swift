import KernelIR

/// The walks of a tree ensemble.
///
///     for unit in begin..<end                  a block of rows
///       rows → scratch: keys of x and -x
///       for tree                               what is passed of it stays in the first-level cache
///         for eight rows                       eight walks at a time, then their leaves
///       for row of the rest                    less than eight
///         for eight trees
///       scratch → scores
///
/// A step of a walk has no branch: where a row goes cannot be foreseen. It waits for the node, then for the column that
/// this names, some fifteen cycles from the first-level cache; eight walks hide most of that, in general-purpose
/// registers, where they take less than half the time that gathers take.
struct TreeEmission {
  private let kernel: TreeKernel
  private let builder: VectorBuilder
  private let name: String
  private let trees: Value
  private let nodes: Value
  private let leaves: Value
  private let entries: Value
  private let scratchScores: Value

  init(_ kernel: TreeKernel, _ instructionSet: InstructionSet) throws {
    guard kernel.scratchByteCount < 1 << 26 else { throw ContractionError.unsupported("\(kernel.features) features") }
    self.kernel = kernel
    name = "trees_\(kernel.isDouble ? "f64" : "f32")_\(instructionSet)_\(kernel.features)to\(kernel.targets)"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    trees = builder.argument(1)
    let (builder, trees) = (builder, trees)
    func part(_ position: TreeKernel.Header) -> Value {
      builder.add(trees, .value(builder.loadInteger(Address(trees, displacement: 8 * position.rawValue))))
    }
    nodes = part(.nodes)
    leaves = part(.leaves)
    entries = part(.entries)
    scratchScores = builder.add(
      builder.scratch, .immediate((kernel.maximumBlockRows * kernel.rowByteCount + 63) / 64 * 64))
  }

  private var size: Int { kernel.elementByteCount }
  private var lanes: Int { TreeKernel.lanes }
  private func header(_ position: TreeKernel.Header) -> Address {
    Address(trees, displacement: 8 * position.rawValue)
  }

  func compile() throws -> CompiledKernel {
    let (rows, blockRows) = (builder.argument(4), builder.argument(5))
    builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      let first = builder.multiply(index, blockRows)
      let count = builder.minimum(builder.subtract(rows, .value(first)), .value(blockRows))
      emitBlock(first, count)
      return []
    }
    return CompiledKernel(
      name: name, code: try builder.build(),
      units: WorkUnits(constant: 1, factors: [WorkUnits.Factor(parameter: 0)]),
      scratchByteCount: kernel.scratchByteCount)
  }

  private func emitBlock(_ first: Value, _ count: Value) {
    prepareRows(first, count)
    prepareScores(count)
    let roots = builder.add(trees, .value(builder.loadInteger(header(.roots))))
    let groups = builder.shiftRightArithmetic(count, lanes.trailingZeroBitCount)
    builder.loop(to: .value(builder.loadInteger(header(.treeCount)))) { tree, _ in
      let root = builder.loadInteger32(Address(roots, index: tree, scale: 4))
      builder.loop(to: .value(groups), carrying: [builder.scratch, scratchScores]) { _, carried in
        let ends = walk(from: Array(repeating: root, count: lanes), row: carried[0], rowStride: kernel.rowByteCount)
        for (lane, end) in ends.enumerated() {
          add([end], to: Address(carried[1], displacement: lane * kernel.scoreByteCount))
        }
        return [
          builder.add(carried[0], .immediate(lanes * kernel.rowByteCount)),
          builder.add(carried[1], .immediate(lanes * kernel.scoreByteCount)),
        ]
      }
      return []
    }
    let rest = builder.shiftLeft(groups, lanes.trailingZeroBitCount)
    builder.loop(from: .value(rest), to: .value(count)) { index, _ in
      let row = builder.add(builder.scratch, .value(builder.multiply(index, by: kernel.rowByteCount)))
      let scores = builder.add(scratchScores, .value(builder.multiply(index, by: kernel.scoreByteCount)))
      builder.loop(to: .value(builder.loadInteger(header(.rootCount))), step: lanes) { tree, _ in
        let starts = (0..<lanes).map {
          builder.loadInteger32(Address(roots, index: tree, scale: 4, displacement: 4 * $0))
        }
        add(walk(from: starts, row: row, rowStride: 0), to: Address(scores))
        return []
      }
      return []
    }
    storeScores(first, count)
  }

  // MARK: Walks

  /// Steps between two looks at whether all walks have ended.
  private static let stepsAtATime = 2

  /// The leaves where walks end that start at some nodes, each for the row at its lane.
  private func walk(from starts: [Value], row: Value, rowStride: Int) -> [Value] {
    builder.repeat(carrying: starts) { carried in
      var walks = carried
      // Column 0 is that of leaves: any is not 0 while a walk goes on.
      var any: Value?
      for number in 1...Self.stepsAtATime {
        for lane in walks.indices {
          let (column, next) = step(walks[lane], row: row, offset: lane * rowStride)
          walks[lane] = next
          if number == Self.stepsAtATime { any = any.map { builder.update(.or, $0, .value(column)) } ?? column }
        }
      }
      return (walks, any ?? row)
    }
  }

  private func step(_ node: Value, row: Value, offset: Int) -> (column: Value, next: Value) {
    let place = Address(nodes, index: node, scale: 8)
    let link = place.advanced(by: kernel.linkOffset)
    let threshold = builder.define(.mov, kernel.isWide ? .gpr64 : .gpr32, .memory(place))
    let (column, child): (Value, Value)
    if kernel.isWide {
      column = builder.loadInteger32(link)
      child = builder.loadInteger32(link.advanced(by: 4))
    } else {
      let both = builder.loadInteger32(link)
      column = builder.and(both, 1 << kernel.columnBits - 1)
      child = builder.update(.shr, both, .immediate(Int64(kernel.columnBits)))
    }
    let value = Address(row, index: column, scale: kernel.thresholdByteCount, displacement: offset)
    // Sets the carry when threshold < value; nothing but moves comes between.
    builder.perform(.cmp, .value(threshold), .memory(value))
    return (column, builder.update(.adc, child, .immediate(0)))
  }

  // MARK: Rows

  private func prepareRows(_ first: Value, _ count: Value) {
    let width = kernel.thresholdByteCount
    let chunk = builder.vectorByteCount / width
    let tail = kernel.features % chunk
    let widens = kernel.isWide && !kernel.isDouble
    let loadKind: Register.Kind = widens ? (builder.hasAVX512 ? .ymm : .xmm) : builder.vectorKind
    let tailMasks =
      tail == 0
      ? nil
      : (
        load: builder.laneMask(count: tail * size / 4, kind: loadKind), store: builder.laneMask(count: tail * width / 4)
      )
    let keys = KeyMaths(builder, isWide: kernel.isWide)
    let nothing = builder.integer(0)
    let source = builder.add(builder.argument(0), .value(builder.multiply(first, by: kernel.features * size)))

    func copy(_ rows: [Value], _ column: Value, _ masks: (load: Value, store: Value)?) {
      let from = Address(rows[0], index: column, scale: size)
      var values = masks.map { builder.load(from, mask: $0.load, kind: loadKind) } ?? builder.load(from, kind: loadKind)
      if widens { values = builder.define(.vcvtps2pd, builder.vectorKind, .value(values)) }
      func put(_ values: Value, negated: Bool) {
        let to = Address(
          rows[1], index: column, scale: width, displacement: kernel.column(0, negated: negated) * width)
        if let masks { builder.store(values, to: to, mask: masks.store) } else { builder.store(values, to: to) }
      }
      put(keys.key(values), negated: false)
      if kernel.hasNegatives { put(keys.key(keys.negated(values)), negated: true) }
    }
    builder.loop(to: .value(count), carrying: [source, builder.scratch]) { _, rows in
      // Eight bytes: there are two columns at least.
      builder.store(integer: nothing, to: Address(rows[1]))
      builder.loop(to: .immediate(kernel.features - tail), step: chunk) { column, _ in
        copy(rows, column, nil)
        return []
      }
      if let tailMasks { copy(rows, builder.integer(kernel.features - tail), tailMasks) }
      return [
        builder.add(rows[0], .immediate(kernel.features * size)), builder.add(rows[1], .immediate(kernel.rowByteCount)),
      ]
    }
  }

  // MARK: Scores

  private var scoreVectorCount: Int { (kernel.targets * size + builder.vectorByteCount - 1) / builder.vectorByteCount }

  private func prepareScores(_ count: Value) {
    let identity =
      kernel.identity == 0
      ? builder.zero()
      : kernel.isDouble
        ? builder.constant(bits: kernel.identity.bitPattern) : builder.constant(Float(kernel.identity))
    let end = builder.multiply(count, by: kernel.scoreByteCount)
    builder.loop(to: .value(end), step: builder.vectorByteCount) { offset, _ in
      builder.store(identity, to: Address(scratchScores, index: offset))
      return []
    }
  }

  /// Adds what leaves give to the scores of one row, in their order.
  private func add(_ ends: [Value], to scores: Address) {
    switch kernel.leaves {
    case .weight: addWeights(ends, to: scores)
    case .dense: addRows(ends, to: scores)
    case .sparse: for end in ends { addEntries(end, to: scores) }
    }
  }

  private var move: Instruction { kernel.isDouble ? .vmovsd : .vmovss }
  private var combine: Instruction {
    switch kernel.aggregation {
    case .sum, .average: kernel.isDouble ? .vaddsd : .vaddss
    case .minimum: kernel.isDouble ? .vminsd : .vminss
    case .maximum: kernel.isDouble ? .vmaxsd : .vmaxss
    }
  }

  private func addWeights(_ ends: [Value], to scores: Address) {
    var score = builder.define(move, .xmm, .memory(scores))
    for end in ends {
      score = builder.define(combine, .xmm, .value(score), .memory(Address(nodes, index: end, scale: 8)))
    }
    builder.perform(move, .memory(scores), .value(score))
  }

  /// A position in place of a leaf's threshold.
  private func position(_ end: Value) -> Value { builder.loadInteger32(Address(nodes, index: end, scale: 8)) }

  private func addRows(_ ends: [Value], to scores: Address) {
    let offsets = ends.map(position)
    for vector in 0..<scoreVectorCount {
      let displacement = vector * builder.vectorByteCount
      let place = scores.advanced(by: displacement)
      var score = builder.load(place)
      for offset in offsets {
        let row = Address(leaves, index: offset, displacement: displacement)
        score = builder.define(
          kernel.isDouble ? .vaddpd : .vaddps, builder.vectorKind, .value(score), .memory(row))
      }
      builder.store(score, to: place)
    }
  }

  private func addEntries(_ end: Value, to scores: Address) {
    let position = position(end)
    let ends = Address(leaves, index: position, scale: 4)
    let entryByteCount = 2 * size
    let first = builder.add(
      entries, .value(builder.multiply(builder.loadInteger32(ends), by: entryByteCount)))
    let count = builder.subtract(
      builder.loadInteger32(ends.advanced(by: 4)), .value(builder.loadInteger32(ends)))
    builder.loop(to: .value(count), carrying: [first]) { _, entry in
      let offset = builder.loadInteger32(Address(entry[0]))
      var place = scores
      place.index = offset
      let score = builder.define(move, .xmm, .memory(place))
      let weight = Address(entry[0], displacement: size)
      builder.perform(
        move, .memory(place), .value(builder.define(combine, .xmm, .value(score), .memory(weight))))
      return [builder.add(entry[0], .immediate(entryByteCount))]
    }
  }

  // MARK: Results

  private func storeScores(_ first: Value, _ count: Value) {
    let target = builder.add(
      builder.argument(2), .value(builder.multiply(first, by: kernel.targets * size)))
    let divisor =
      kernel.aggregation == .average
      ? builder.define(
        kernel.isDouble ? .vpbroadcastq : .vbroadcastss, builder.vectorKind, .memory(header(.divisor))) : nil
    func store(_ from: Address, _ to: Address, _ mask: Value?) {
      var scores = builder.load(from)
      if let divisor {
        scores = builder.define(
          kernel.isDouble ? .vdivpd : .vdivps, builder.vectorKind, .value(scores), .value(divisor))
      }
      if let mask { builder.store(scores, to: to, mask: mask) } else { builder.store(scores, to: to) }
    }
    if kernel.scoreByteCount == size {
      // The scores of all rows are one vector after the other. Masks are of 32-bit lanes.
      let words = builder.multiply(count, by: size / 4)
      builder.loop(to: .value(words), step: builder.lanes) { word, _ in
        let mask = builder.laneMask(count: builder.subtract(words, .value(word)))
        store(Address(scratchScores, index: word, scale: 4), Address(target, index: word, scale: 4), mask)
        return []
      }
      return
    }
    let tail = kernel.targets * size % builder.vectorByteCount
    let tailMask = tail == 0 ? nil : builder.laneMask(count: tail / 4)
    builder.loop(to: .value(count), carrying: [scratchScores, target]) { _, rows in
      for vector in 0..<scoreVectorCount {
        let displacement = vector * builder.vectorByteCount
        store(
          Address(rows[0], displacement: displacement), Address(rows[1], displacement: displacement),
          vector == scoreVectorCount - 1 ? tailMask : nil)
      }
      return [
        builder.add(rows[0], .immediate(kernel.scoreByteCount)),
        builder.add(rows[1], .immediate(kernel.targets * size)),
      ]
    }
  }
}

/// Floats to the unsigned integers that nodes compare: `TreeKernel.key`.
private struct KeyMaths {
  private let builder: VectorBuilder
  private let isWide: Bool
  private let zero: Value
  private let sign: Value
  private let ones: Value

  init(_ builder: VectorBuilder, isWide: Bool) {
    self.builder = builder
    self.isWide = isWide
    zero = builder.zero()
    sign = isWide ? builder.constant(bits: 1 << 63 as UInt64) : builder.constant(bits: 1 << 31 as UInt32)
    ones = builder.constant(bits: UInt32.max)
  }

  private func define(_ instruction: Instruction, _ operands: Value...) -> Value {
    operands.count == 1
      ? builder.define(instruction, builder.vectorKind, .value(operands[0]))
      : builder.define(instruction, builder.vectorKind, .value(operands[0]), .value(operands[1]))
  }

  func negated(_ value: Value) -> Value { define(.vxorps, value, sign) }

  func key(_ value: Value) -> Value {
    // -0 becomes 0.
    let value = define(isWide ? .vaddpd : .vaddps, value, zero)
    let flips = define(.vorps, signs(value), sign)
    let key = define(.vxorps, value, flips)
    guard isWide else { return builder.select(builder.compare(value, value, predicate: 3), ones, key) }
    guard builder.hasAVX512 else {
      let isNaN = builder.define(.vcmppd, builder.vectorKind, .value(value), .value(value), .immediate(3))
      return define(.vorps, key, isNaN)
    }
    let isNaN = builder.define(.vcmppdMask, .mask, .value(value), .value(value), .immediate(3))
    return builder.define(.vblendmpd, builder.vectorKind, .value(key), .value(ones), mask: isNaN)
  }

  /// All bits of an element as its sign.
  private func signs(_ value: Value) -> Value {
    if !isWide { return builder.define(.vpsrad, builder.vectorKind, .value(value), .immediate(31)) }
    if builder.hasAVX512 { return builder.define(.vpsraq, builder.vectorKind, .value(value), .immediate(63)) }
    return define(.vpcmpgtq, zero, value)
  }
}
