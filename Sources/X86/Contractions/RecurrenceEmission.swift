import KernelIR

/// The time steps of an LSTM, a GRU or a plain recurrent layer.
///
///     for phase                                  a time step; threads meet after each
///       for unit in begin..<end                  a vector of hidden units of some rows of the batch
///         gates = inputs + h · Rᵀ                a tile holds all gates of these units
///         new c, new h
///
/// A step needs all of h of the step before, and a product is as large as the caches that R lies in are fast: threads
/// share the hidden units, each with its part of R in its own second-level cache. h is read where the step before wrote
/// it, in the results; the first step's rows are copied to have the same stride. c lives in its result. A GRU that resets
/// before the product needs all of reset ∘ h for the candidates: a second phase. Until then the update gates lie where h
/// will, and reset ∘ h where the last h will. A last phase writes the last h.
///
/// With R in bytes, h becomes bytes in each thread's scratch, once for all units of the same rows.
///
/// The products of the inputs, which are most of the work, are a Gemm and come to AMX's tiles as such; those of h stay in
/// vectors. A tile of 16 rows of a batch by a vector's four gates would take 64 products of 512 hidden units, 1024 cycles
/// or 6144 in six parts, against 16,384 here; but R in parts is 6 bytes a weight, read from the second-level cache at
/// every step, or 7500 cycles to split anew, and fewer than 16 rows gain nothing.
struct RecurrenceEmission {
  let kernel: RecurrenceKernel
  let builder: VectorBuilder
  let name: String
  private let maths: VectorMaths
  private let products: Products

  init(_ kernel: RecurrenceKernel, _ instructionSet: InstructionSet) throws {
    guard kernel.hiddenSize > 0, kernel.hiddenSize < 1 << 16,
      max(kernel.inputRowStride, kernel.outputRowStride) < 1 << 24
    else { throw ContractionError.unsupported("\(kernel.hiddenSize) hidden units") }
    self.kernel = kernel
    let cell =
      switch kernel.cell {
      case .rnn: "rnn"
      case .lstm: "lstm"
      case .gru: "gru"
      }
    guard kernel.factors == .float32 || cell == "lstm" else { throw ContractionError.unsupported("a \(cell) of bytes") }
    name = "\(cell)_\(kernel.factors.text)_\(instructionSet)_h\(kernel.hiddenSize)"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    maths = VectorMaths(builder)
    products = Products(kernel.factors, instructionSet)
  }

  private var lanes: Int { builder.lanes }
  private var size: Int { kernel.hiddenSize }
  private var vectorCount: Int { (size + lanes - 1) / lanes }
  private var tailUnits: Int { size % lanes }

  private var gates: Int {
    switch kernel.cell {
    case .rnn: 1
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

  private enum Argument {
    case inputs, weights, scales, offsets, extra, initialHidden, initialCell, sequence, lastHidden, lastCell
  }
  private func position(_ argument: Argument) -> Int {
    let extra = hasRecurrentBias || hasPeepholes ? 1 : 0
    let cell = isLSTM ? 1 : 0
    let first = isQuantized ? 4 : 2
    return switch argument {
    case .inputs: 0
    case .weights: 1
    case .scales: 2
    case .offsets: 3
    case .extra: first
    case .initialHidden: first + extra
    case .initialCell: first + 1 + extra
    case .sequence: first + 1 + extra + cell
    case .lastHidden: first + 2 + extra + cell
    case .lastCell: first + 3 + extra + cell
    }
  }
  private func pointer(_ argument: Argument) -> Value { builder.argument(position(argument)) }
  private func parameter(_ number: Int) -> Value {
    builder.argument(position(isLSTM ? .lastCell : .lastHidden) + 1 + number)
  }

  private var isQuantized: Bool { kernel.factors == .bytes }

  // MARK: Scratch: sums of one tile, then the first step's h, then h in bytes and their scales

  private var gateRowBytes: Int { gates * builder.vectorByteCount }
  private var sumBytes: Int { rowsPerUnit * gateRowBytes }
  private var denseRowBytes: Int { size * 4 }
  private var outputRowBytes: Int { kernel.outputRowStride * 4 }
  private var byteRowBytes: Int { (vectorCount * lanes + 63) / 64 * 64 }
  private var bytesOffset: Int { sumBytes + (rowsPerUnit * outputRowBytes + 63) / 64 * 64 }
  private var rowScalesOffset: Int { bytesOffset + rowsPerUnit * byteRowBytes }
  private var scratchByteCount: Int {
    isQuantized ? rowScalesOffset + rowsPerUnit * builder.vectorByteCount : sumBytes + rowsPerUnit * outputRowBytes
  }

  func compile() throws -> CompiledKernel {
    let (steps, batch, phase) = (parameter(0), parameter(1), parameter(2))
    let rowBlocks = builder.divide(
      builder.add(batch, .immediate(rowsPerUnit - 1)), by: rowsPerUnit
    ).quotient
    builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
      let (vector, rowBlock) = builder.divide(index, by: rowBlocks)
      let first = builder.multiply(rowBlock, by: rowsPerUnit)
      let column = builder.multiply(vector, by: lanes)
      let unit = Unit(
        firstRow: first,
        rowCount: builder.minimum(builder.subtract(batch, .value(first)), .immediate(rowsPerUnit)),
        column: column,
        mask: tailUnits == 0
          ? nil
          : builder.laneMask(
            count: builder.minimum(builder.subtract(builder.integer(size), .value(column)), .immediate(lanes))),
        steps: steps, batch: batch, isNew: isQuantized ? isNew(index, rowBlocks) : nil)
      emit(unit, phase: phase)
      return []
    }
    let units = WorkUnits(
      constant: vectorCount, factors: [WorkUnits.Factor(parameter: 1, divisor: rowsPerUnit)])
    return CompiledKernel(
      name: name, code: try builder.build(), units: units,
      phases: WorkPhases(parameter: 0, perStep: resetsFirst ? 2 : 1),
      scratchByteCount: scratchByteCount)
  }

  /// Above 1 unless the unit has the rows of the one before: they are in bytes already.
  private func isNew(_ index: Value, _ rowBlocks: Value) -> Value {
    builder.if(.compare(index, .equal, .value(builder.begin))) {
      [builder.integer(2)]
    } else: {
      [builder.add(rowBlocks, .immediate(0))]
    }[0]
  }

  // MARK: Units

  /// One vector of hidden units of some rows.
  private struct Unit {
    var firstRow: Value
    var rowCount: Value
    var column: Value
    /// Lanes that are hidden units; nil where all always are.
    var mask: Value?
    var steps: Value
    var batch: Value
    /// See `isNew`; nil for float32 factors.
    var isNew: Value?
  }

  private func emit(_ unit: Unit, phase: Value) {
    let step = resetsFirst ? builder.shiftRightArithmetic(phase, 1) : phase
    builder.if(.compare(step, .less, .value(unit.steps))) {
      emitStep(unit, step, isSecond: resetsFirst ? builder.and(phase, 1) : nil)
      return []
    } else: {
      emitEnd(unit)
      return []
    }
  }

  /// The unit's first row of a dense [B, H] buffer.
  private func dense(_ argument: Argument, _ unit: Unit) -> Value {
    builder.add(pointer(argument), .value(builder.multiply(unit.firstRow, by: denseRowBytes)))
  }

  /// The unit's first row at a time step.
  private func rows(_ argument: Argument, _ unit: Unit, at time: Value, rowBytes: Int) -> Value {
    let row = builder.add(builder.multiply(time, unit.batch), .value(unit.firstRow))
    return builder.add(pointer(argument), .value(builder.multiply(row, by: rowBytes)))
  }

  private func time(of step: Value, _ unit: Unit) -> Value {
    kernel.isReverse ? builder.subtract(builder.subtract(unit.steps, .immediate(1)), .value(step)) : step
  }

  private func load(_ address: Address, _ mask: Value?) -> Value {
    mask.map { builder.load(address, mask: $0) } ?? builder.load(address)
  }
  private func store(_ value: Value, _ address: Address, _ mask: Value?) {
    if let mask { builder.store(value, to: address, mask: mask) } else { builder.store(value, to: address) }
  }

  /// h of the step before at the unit's first row, `outputRowBytes` between rows.
  private func previousHidden(_ unit: Unit, _ step: Value) -> Value {
    builder.if(.compare(step, .greater, .immediate(0))) {
      let before = time(of: builder.subtract(step, .immediate(1)), unit)
      return [rows(.sequence, unit, at: before, rowBytes: outputRowBytes)]
    } else: {
      let copy = builder.add(builder.scratch, .immediate(sumBytes))
      builder.loop(to: .value(unit.rowCount), carrying: [dense(.initialHidden, unit), copy]) { _, rows in
        func move(_ column: Value, _ mask: Value?) {
          store(load(Address(rows[0], index: column, scale: 4), mask), Address(rows[1], index: column, scale: 4), mask)
        }
        builder.loop(to: .immediate(size - tailUnits), step: lanes) { column, _ in
          move(column, nil)
          return []
        }
        if tailUnits > 0 { move(builder.integer(size - tailUnits), builder.laneMask(count: tailUnits)) }
        return [builder.add(rows[0], .immediate(denseRowBytes)), builder.add(rows[1], .immediate(outputRowBytes))]
      }
      return [copy]
    }[0]
  }

  /// The last h, which without a step is the first; c is in its place unless there was no step.
  private func emitEnd(_ unit: Unit) {
    builder.if(.compare(unit.steps, .greater, .immediate(0))) {
      let last = time(of: builder.subtract(unit.steps, .immediate(1)), unit)
      move(rows(.sequence, unit, at: last, rowBytes: outputRowBytes), outputRowBytes, .lastHidden, unit)
      return []
    } else: {
      move(dense(.initialHidden, unit), denseRowBytes, .lastHidden, unit)
      if isLSTM { move(dense(.initialCell, unit), denseRowBytes, .lastCell, unit) }
      return []
    }
  }

  /// The unit's part of its rows to a dense buffer.
  private func move(_ source: Value, _ sourceRowBytes: Int, _ target: Argument, _ unit: Unit) {
    builder.loop(to: .value(unit.rowCount), carrying: [source, dense(target, unit)]) { _, rows in
      let value = load(Address(rows[0], index: unit.column, scale: 4), unit.mask)
      store(value, Address(rows[1], index: unit.column, scale: 4), unit.mask)
      return [builder.add(rows[0], .immediate(sourceRowBytes)), builder.add(rows[1], .immediate(denseRowBytes))]
    }
  }

  // MARK: Steps

  /// What the gates of a step read and write, all at the unit's first row.
  private struct Step {
    var unit: Unit
    var inputs: Value
    /// h of the step before, `outputRowBytes` between rows.
    var hidden: Value
    /// Where h goes, and the update gates between two phases.
    var sequence: Value
    /// c of the step before: the initial one, then where it goes.
    var cell: Value?
    /// Where c goes, or reset ∘ h between two phases.
    var state: Value?
  }

  private func emitStep(_ unit: Unit, _ number: Value, isSecond: Value?) {
    let time = time(of: number, unit)
    var step = Step(
      unit: unit, inputs: rows(.inputs, unit, at: time, rowBytes: kernel.inputRowStride * 4),
      hidden: previousHidden(unit, number), sequence: rows(.sequence, unit, at: time, rowBytes: outputRowBytes))
    if let isSecond {
      let resetHidden = dense(.lastHidden, unit)
      step.state = resetHidden
      builder.if(.compare(isSecond, .equal, .immediate(0))) {
        emitProducts(step, gates: 0..<2, a: step.hidden, rowBytes: outputRowBytes, emitReset)
        return []
      } else: {
        emitProducts(step, gates: 2..<3, a: resetHidden, rowBytes: denseRowBytes, emitCandidate)
        return []
      }
      return
    }
    if isLSTM {
      step.state = dense(.lastCell, unit)
      step.cell =
        builder.if(.compare(number, .greater, .immediate(0))) {
          [builder.add(step.state!, .immediate(0))]
        } else: {
          [dense(.initialCell, unit)]
        }[0]
    }
    emitProducts(step, gates: 0..<gates, a: step.hidden, rowBytes: outputRowBytes, emitCell)
  }

  /// The step's vector of hidden units of one row, after the products.
  private struct Place {
    var step: Step
    var row: Value
  }

  /// Sums of some gates, then the body for each row.
  private func emitProducts(
    _ step: Step, gates range: Range<Int>, a: Value, rowBytes: Int, _ body: @escaping (Place) -> Void
  ) {
    let depth = (size + products.stepElements - 1) / products.stepElements
    var (a, rowBytes) = (a, rowBytes)
    if isQuantized {
      quantize(step.unit, a, rowBytes: rowBytes)
      (a, rowBytes) = (builder.add(builder.scratch, .immediate(bytesOffset)), byteRowBytes)
    }
    // Packed R: [vector of units][k][gate][lane].
    let weights = builder.add(
      builder.add(pointer(.weights), .value(builder.multiply(step.unit.column, by: depth * gates * 4))),
      .immediate(range.lowerBound * builder.vectorByteCount))
    builder.choose(step.unit.rowCount, 1...rowsPerUnit) { rows in
      let run = RegisterTile.Run(
        rowOffsets: (0..<rows).map { $0 * rowBytes }, depth: .immediate(depth),
        vectorStride: builder.vectorByteCount, depthStride: gates * builder.vectorByteCount)
      var tile = RegisterTile(
        builder, kernel.factors, rows: rows, vectors: range.count,
        isInParts: RegisterTile.isInParts(kernel.factors, depth: depth))
      tile.accumulate(run, a: a, b: weights)
      tile.store(
        to: Address(builder.scratch, displacement: range.lowerBound * builder.vectorByteCount),
        rowByteCount: gateRowBytes)
    }
    builder.loop(to: .value(step.unit.rowCount)) { row, _ in
      body(Place(step: step, row: row))
      return []
    }
  }

  private func at(_ pointer: Value, rowBytes: Int, _ place: Place, column offset: Int = 0) -> Address {
    let start = builder.add(pointer, .value(builder.multiply(place.row, by: rowBytes)))
    return Address(start, index: place.step.unit.column, scale: 4, displacement: offset * 4)
  }

  private func sum(_ gate: Int, _ place: Place) -> Value {
    let start = builder.add(builder.scratch, .value(builder.multiply(place.row, by: gateRowBytes)))
    let sum = builder.load(Address(start, displacement: gate * builder.vectorByteCount))
    guard isQuantized else { return sum }
    func constant(_ argument: Argument) -> Value {
      load(
        Address(pointer(argument), index: place.step.unit.column, scale: 4, displacement: gate * size * 4),
        place.step.unit.mask)
    }
    let centred = builder.define(.vpsubd, builder.vectorKind, .value(sum), .value(constant(.offsets)))
    let number = builder.define(.vcvtdq2ps, builder.vectorKind, .value(centred))
    let row = builder.add(builder.scratch, .value(builder.multiply(place.row, by: builder.vectorByteCount)))
    let scale = builder.load(Address(row, displacement: rowScalesOffset))
    return builder.multiply(number, builder.multiply(scale, constant(.scales)))
  }

  /// The rows of h as bytes, 128 above whole numbers up to 127 of each row's own step, to the scratch.
  private func quantize(_ unit: Unit, _ hidden: Value, rowBytes: Int) {
    guard let isNew = unit.isNew else { return }
    let elements = Lanes(builder: builder, count: lanes, hasWideMasks: false)
    let magnitude = builder.constant(bits: UInt32(Int32.max))
    let middle = builder.constant(bits: 128 as UInt32)
    let tailMask = tailUnits > 0 ? builder.laneMask(count: tailUnits) : nil
    builder.if(.compare(isNew, .greater, .immediate(1))) {
      let bytes = builder.add(builder.scratch, .immediate(bytesOffset))
      let scales = builder.add(builder.scratch, .immediate(rowScalesOffset))
      builder.loop(to: .value(unit.rowCount), carrying: [hidden, bytes, scales]) { _, rows in
        func source(_ column: Value) -> Address { Address(rows[0], index: column, scale: 4) }
        func larger(_ largest: Value, _ column: Value, _ mask: Value?) -> Value {
          builder.maximum(largest, builder.and(load(source(column), mask), magnitude))
        }
        var largest = builder.loop(
          to: .immediate(size - tailUnits), step: lanes, carrying: [builder.constant(1e-30 as Float)]
        ) { column, carried in [larger(carried[0], column, nil)] }[0]
        let last = builder.integer(size - tailUnits)
        if let tailMask { largest = larger(largest, last, tailMask) }
        let single = builder.horizontal(largest) { builder.maximum($0, $1) }
        let scale = builder.divide(builder.broadcastLowest(single), builder.constant(127 as Float))
        builder.store(scale, to: Address(rows[2]))
        func put(_ column: Value, _ mask: Value?) {
          let number = builder.define(
            .vcvtps2dq, builder.vectorKind, .value(builder.divide(load(source(column), mask), scale)))
          let shifted = builder.define(.vpaddd, builder.vectorKind, .value(number), .value(middle))
          elements.store(.uint8, shifted, Address(rows[1], index: column, scale: 1), .all)
        }
        builder.loop(to: .immediate(size - tailUnits), step: lanes) { column, _ in
          put(column, nil)
          return []
        }
        if let tailMask { put(last, tailMask) }
        return [
          builder.add(rows[0], .immediate(rowBytes)), builder.add(rows[1], .immediate(byteRowBytes)),
          builder.add(rows[2], .immediate(builder.vectorByteCount)),
        ]
      }
    }
  }

  private func input(_ gate: Int, _ place: Place) -> Value {
    load(
      at(place.step.inputs, rowBytes: kernel.inputRowStride * 4, place, column: gate * size), place.step.unit.mask)
  }

  /// The recurrent bias or the peephole weights of a gate.
  private func extra(_ gate: Int, _ place: Place) -> Value {
    load(
      Address(pointer(.extra), index: place.step.unit.column, scale: 4, displacement: gate * size * 4),
      place.step.unit.mask)
  }

  private func hidden(_ place: Place) -> Value {
    load(at(place.step.hidden, rowBytes: outputRowBytes, place), place.step.unit.mask)
  }

  private func storeHidden(_ value: Value, _ place: Place) {
    store(value, at(place.step.sequence, rowBytes: outputRowBytes, place), place.step.unit.mask)
  }

  // MARK: Cells

  private func emitCell(_ place: Place) {
    switch kernel.cell {
    case .rnn(let rectifies):
      let sum = builder.add(input(0, place), sum(0, place))
      // Of two operands, the second one where either is NaN.
      storeHidden(
        rectifies ? builder.maximum(builder.constant(0 as Float), sum) : maths.hyperbolicTangent(sum), place)
    case .lstm: emitLSTM(place)
    case .gru: emitGRU(place)
    }
  }

  /// Gates input, output, forget, cell.
  private func emitLSTM(_ place: Place) {
    let mask = place.step.unit.mask
    let old = load(at(place.step.cell!, rowBytes: denseRowBytes, place), mask)
    func gate(_ number: Int) -> Value { builder.add(input(number, place), sum(number, place)) }
    func peeking(_ gate: Value, _ value: Value, _ number: Int) -> Value {
      hasPeepholes ? builder.multiplyAdd(value, extra(number, place), adding: gate) : gate
    }
    let inputGate = maths.logistic(peeking(gate(0), old, 0))
    let forget = maths.logistic(peeking(gate(2), old, 2))
    let candidate = maths.hyperbolicTangent(gate(3))
    let new = builder.multiplyAdd(inputGate, candidate, adding: builder.multiply(forget, old))
    store(new, at(place.step.state!, rowBytes: denseRowBytes, place), mask)
    let output = maths.logistic(peeking(gate(1), new, 1))
    storeHidden(builder.multiply(output, maths.hyperbolicTangent(new)), place)
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
    storeHidden(mixed(candidate, update, place), place)
  }

  private func emitReset(_ place: Place) {
    func gate(_ number: Int) -> Value { maths.logistic(builder.add(input(number, place), sum(number, place))) }
    storeHidden(gate(0), place)
    let resetHidden = at(place.step.state!, rowBytes: denseRowBytes, place)
    store(builder.multiply(gate(1), hidden(place)), resetHidden, place.step.unit.mask)
  }

  private func emitCandidate(_ place: Place) {
    let candidate = maths.hyperbolicTangent(builder.add(input(2, place), sum(2, place)))
    let update = load(at(place.step.sequence, rowBytes: outputRowBytes, place), place.step.unit.mask)
    storeHidden(mixed(candidate, update, place), place)
  }

  /// candidate + update · (h − candidate)
  private func mixed(_ candidate: Value, _ update: Value, _ place: Place) -> Value {
    builder.multiplyAdd(update, builder.subtract(hidden(place), candidate), adding: candidate)
  }
}
