import KernelIR

/// The time steps of an LSTM or GRU.
///
///     for unit in begin..<end                    some rows of the batch
///       for time step
///         for vector of hidden units             a tile holds all gates of these units
///           gates = inputs + h · Rᵀ              R stays in the second-level cache if it fits
///           new c, new h
///
/// A step needs all of h of the step before: threads share the batch, not the hidden units. A GRU that resets before
/// the product goes through the hidden units twice, as all of reset ∘ h is needed for the candidates.
struct RecurrenceEmission {
  let kernel: RecurrenceKernel
  let builder: VectorBuilder
  let name: String
  private let maths: VectorMaths

  init(_ kernel: RecurrenceKernel, _ instructionSet: InstructionSet) throws {
    guard kernel.hiddenSize > 0, kernel.hiddenSize < 1 << 16,
      max(kernel.inputRowStride, kernel.outputRowStride) < 1 << 24
    else { throw ContractionError.unsupported("\(kernel.hiddenSize) hidden units") }
    self.kernel = kernel
    let cell =
      switch kernel.cell {
      case .lstm: "lstm"
      case .gru: "gru"
      }
    name = "\(cell)_f32_\(instructionSet)_h\(kernel.hiddenSize)"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    maths = VectorMaths(builder)
  }

  private var lanes: Int { builder.lanes }
  private var size: Int { kernel.hiddenSize }
  private var vectorCount: Int { (size + lanes - 1) / lanes }
  private var tailUnits: Int { size % lanes }

  private var gates: Int {
    switch kernel.cell {
    case .lstm: 4
    case .gru: 3
    }
  }
  /// 24 or 18 accumulators of 32 registers; 12 or 9 of 16.
  private var rowsPerUnit: Int { builder.hasAVX512 ? 6 : 3 }

  // MARK: Arguments

  private var hasRecurrentBias: Bool { kernel.cell == .gru(linearBeforeReset: true) }
  private var hasPeepholes: Bool { kernel.cell == .lstm(hasPeepholes: true) }
  private var isLSTM: Bool { gates == 4 }
  private var resetsFirst: Bool { kernel.cell == .gru(linearBeforeReset: false) }

  private enum Argument { case inputs, weights, extra, initialHidden, initialCell, sequence, lastHidden, lastCell }
  private func position(_ argument: Argument) -> Int {
    let extra = hasRecurrentBias || hasPeepholes ? 1 : 0
    let cell = isLSTM ? 1 : 0
    return switch argument {
    case .inputs: 0
    case .weights: 1
    case .extra: 2
    case .initialHidden: 2 + extra
    case .initialCell: 3 + extra
    case .sequence: 3 + extra + cell
    case .lastHidden: 4 + extra + cell
    case .lastCell: 5 + extra + cell
    }
  }
  private func pointer(_ argument: Argument) -> Value { builder.argument(position(argument)) }
  private func parameter(_ number: Int) -> Value {
    builder.argument(position(isLSTM ? .lastCell : .lastHidden) + 1 + number)
  }

  // MARK: Scratch: sums of one tile; h of two steps by turns; c of an LSTM, or update gates and reset ∘ h of a GRU

  private var gateRowBytes: Int { gates * builder.vectorByteCount }
  private var stateRowBytes: Int { vectorCount * builder.vectorByteCount }
  private var sumBytes: Int { rowsPerUnit * gateRowBytes }
  private var stateBytes: Int { rowsPerUnit * stateRowBytes }
  private enum State: Int, CaseIterable { case hidden, next, first, second }
  private func state(_ state: State) -> Value {
    builder.add(builder.scratch, .immediate(sumBytes + state.rawValue * stateBytes))
  }

  func compile() throws -> CompiledKernel {
    let (steps, batch) = (parameter(0), parameter(1))
    builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      let first = builder.multiply(index, by: rowsPerUnit)
      let count = builder.minimum(builder.subtract(batch, .value(first)), .immediate(rowsPerUnit))
      emitUnit(Unit(firstRow: first, rowCount: count, steps: steps, batch: batch))
      return []
    }
    let units = WorkUnits(constant: 1, factors: [WorkUnits.Factor(parameter: 1, divisor: rowsPerUnit)])
    return CompiledKernel(
      name: name, code: try builder.build(), units: units,
      scratchByteCount: sumBytes + State.allCases.count * stateBytes)
  }

  // MARK: Units

  private struct Unit {
    var firstRow: Value
    var rowCount: Value
    var steps: Value
    var batch: Value
  }

  /// h or c of the unit's first row in a dense [B, H] buffer.
  private func dense(_ argument: Argument, _ unit: Unit) -> Value {
    builder.add(pointer(argument), .value(builder.multiply(unit.firstRow, by: size * 4)))
  }

  private func emitUnit(_ unit: Unit) {
    copyRows(dense(.initialHidden, unit), size * 4, state(.hidden), stateRowBytes, unit)
    if isLSTM { copyRows(dense(.initialCell, unit), size * 4, state(.first), stateRowBytes, unit) }
    let ends = builder.loop(to: .value(unit.steps), carrying: [state(.hidden), state(.next)]) { step, hidden in
      let time =
        kernel.isReverse
        ? builder.subtract(builder.subtract(unit.steps, .immediate(1)), .value(step)) : step
      emitStep(unit, at: time, hidden: hidden[0], next: hidden[1])
      return [hidden[1], hidden[0]]
    }
    copyRows(ends[0], stateRowBytes, dense(.lastHidden, unit), size * 4, unit)
    if isLSTM { copyRows(state(.first), stateRowBytes, dense(.lastCell, unit), size * 4, unit) }
  }

  private func copyRows(
    _ source: Value, _ sourceRowBytes: Int, _ target: Value, _ targetRowBytes: Int, _ unit: Unit
  ) {
    builder.loop(to: .value(unit.rowCount), carrying: [source, target]) { _, rows in
      forEachVector { column, mask in
        store(load(Address(rows[0], index: column, scale: 4), mask), Address(rows[1], index: column, scale: 4), mask)
      }
      return [builder.add(rows[0], .immediate(sourceRowBytes)), builder.add(rows[1], .immediate(targetRowBytes))]
    }
  }

  /// Whole vectors of hidden units, then the partial one.
  private func forEachVector(_ body: (_ firstUnit: Value, _ mask: Value?) -> Void) {
    builder.loop(to: .immediate(size - tailUnits), step: lanes) { column, _ in
      body(column, nil)
      return []
    }
    if tailUnits > 0 { body(builder.integer(size - tailUnits), builder.laneMask(count: tailUnits)) }
  }

  private func load(_ address: Address, _ mask: Value?) -> Value {
    mask.map { builder.load(address, mask: $0) } ?? builder.load(address)
  }
  private func store(_ value: Value, _ address: Address, _ mask: Value?) {
    if let mask { builder.store(value, to: address, mask: mask) } else { builder.store(value, to: address) }
  }

  // MARK: Steps

  /// What the gates of a step read and write, all at the unit's first row.
  private struct Step {
    var unit: Unit
    var inputs: Value
    /// h of the step before and of this step.
    var hidden: Value
    var next: Value
    /// Where h goes besides.
    var sequence: Value
  }

  private func emitStep(_ unit: Unit, at time: Value, hidden: Value, next: Value) {
    let row = builder.add(builder.multiply(time, unit.batch), .value(unit.firstRow))
    func place(_ argument: Argument, rowStride: Int) -> Value {
      builder.add(pointer(argument), .value(builder.multiply(row, by: rowStride * 4)))
    }
    let step = Step(
      unit: unit, inputs: place(.inputs, rowStride: kernel.inputRowStride), hidden: hidden, next: next,
      sequence: place(.sequence, rowStride: kernel.outputRowStride))
    if resetsFirst {
      emitProducts(step, gates: 0..<2, a: hidden, emitReset)
      emitProducts(step, gates: 2..<3, a: state(.second), emitCandidate)
    } else {
      emitProducts(step, gates: 0..<gates, a: hidden, isLSTM ? emitLSTM : emitGRU)
    }
  }

  /// One vector of hidden units of one row, after the products.
  private struct Place {
    var step: Step
    var row: Value
    var column: Value
    var mask: Value?
  }

  /// Sums of some gates for each vector of hidden units, then the body for each row.
  private func emitProducts(
    _ step: Step, gates range: Range<Int>, a: Value, _ body: @escaping (Place) -> Void
  ) {
    forEachVector { column, mask in
      // Packed R: [vector of units][k][gate][lane].
      let weights = builder.add(
        builder.add(pointer(.weights), .value(builder.multiply(column, by: size * gates * 4))),
        .immediate(range.lowerBound * builder.vectorByteCount))
      builder.choose(step.unit.rowCount, 1...rowsPerUnit) { rows in
        let run = RegisterTile.Run(
          rowOffsets: (0..<rows).map { $0 * stateRowBytes }, depth: .immediate(size),
          vectorStride: builder.vectorByteCount, depthStride: gates * builder.vectorByteCount)
        var tile = RegisterTile(builder, rows: rows, vectors: range.count)
        tile.accumulate(run, a: a, b: weights)
        tile.store(
          to: Address(builder.scratch, displacement: range.lowerBound * builder.vectorByteCount),
          rowByteCount: gateRowBytes)
      }
      builder.loop(to: .value(step.unit.rowCount)) { row, _ in
        body(Place(step: step, row: row, column: column, mask: mask))
        return []
      }
    }
  }

  private func at(_ pointer: Value, rowBytes: Int, _ place: Place, column offset: Int = 0) -> Address {
    let start = builder.add(pointer, .value(builder.multiply(place.row, by: rowBytes)))
    return Address(start, index: place.column, scale: 4, displacement: offset * 4)
  }

  private func sum(_ gate: Int, _ place: Place) -> Value {
    let start = builder.add(builder.scratch, .value(builder.multiply(place.row, by: gateRowBytes)))
    return builder.load(Address(start, displacement: gate * builder.vectorByteCount))
  }

  private func input(_ gate: Int, _ place: Place) -> Value {
    load(at(place.step.inputs, rowBytes: kernel.inputRowStride * 4, place, column: gate * size), place.mask)
  }

  /// The recurrent bias or the peephole weights of a gate.
  private func extra(_ gate: Int, _ place: Place) -> Value {
    load(Address(pointer(.extra), index: place.column, scale: 4, displacement: gate * size * 4), place.mask)
  }

  private func hidden(_ place: Place) -> Value {
    builder.load(at(place.step.hidden, rowBytes: stateRowBytes, place))
  }

  /// Lanes behind the last unit hold anything; no product reads them.
  private func storeNext(_ value: Value, _ place: Place) {
    builder.store(value, to: at(place.step.next, rowBytes: stateRowBytes, place))
    store(value, at(place.step.sequence, rowBytes: kernel.outputRowStride * 4, place), place.mask)
  }

  // MARK: Cells

  /// Gates input, output, forget, cell.
  private func emitLSTM(_ place: Place) {
    let cell = at(state(.first), rowBytes: stateRowBytes, place)
    let old = builder.load(cell)
    func gate(_ number: Int) -> Value { builder.add(input(number, place), sum(number, place)) }
    func peeking(_ gate: Value, _ value: Value, _ number: Int) -> Value {
      hasPeepholes ? builder.multiplyAdd(value, extra(number, place), adding: gate) : gate
    }
    let inputGate = maths.logistic(peeking(gate(0), old, 0))
    let forget = maths.logistic(peeking(gate(2), old, 2))
    let candidate = maths.hyperbolicTangent(gate(3))
    let new = builder.multiplyAdd(inputGate, candidate, adding: builder.multiply(forget, old))
    builder.store(new, to: cell)
    let output = maths.logistic(peeking(gate(1), new, 1))
    storeNext(builder.multiply(output, maths.hyperbolicTangent(new)), place)
  }

  /// Gates update, reset, hidden; the candidate's product is reset, with its bias.
  private func emitGRU(_ place: Place) {
    func gate(_ number: Int) -> Value {
      builder.add(builder.add(input(number, place), sum(number, place)), extra(number, place))
    }
    let update = maths.logistic(gate(0))
    let reset = maths.logistic(gate(1))
    let product = builder.add(sum(2, place), extra(2, place))
    let candidate = maths.hyperbolicTangent(builder.multiplyAdd(reset, product, adding: input(2, place)))
    storeNext(mixed(candidate, update, place), place)
  }

  private func emitReset(_ place: Place) {
    func gate(_ number: Int) -> Value { maths.logistic(builder.add(input(number, place), sum(number, place))) }
    builder.store(gate(0), to: at(state(.first), rowBytes: stateRowBytes, place))
    builder.store(builder.multiply(gate(1), hidden(place)), to: at(state(.second), rowBytes: stateRowBytes, place))
  }

  private func emitCandidate(_ place: Place) {
    let candidate = maths.hyperbolicTangent(builder.add(input(2, place), sum(2, place)))
    let update = builder.load(at(state(.first), rowBytes: stateRowBytes, place))
    storeNext(mixed(candidate, update, place), place)
  }

  /// candidate + update · (h − candidate)
  private func mixed(_ candidate: Value, _ update: Value, _ place: Place) -> Value {
    builder.multiplyAdd(update, builder.subtract(hidden(place), candidate), adding: candidate)
  }
}
