import GraphIR
import KernelIR
import Tensors

extension LoopEmitter {
  // MARK: Reductions

  func neutral(_ reduction: LoopReduction) -> Value {
    let type = type(reduction.operand)
    return lanes.constant(type, bits: Self.neutralBits(reduction.operation, type))
  }

  static func neutralBits(_ operation: LoopReduction.Operation, _ type: ElementType) -> UInt64 {
    switch (operation, type) {
    case (.sum, _), (.or, _), (.maximum, .bool): 0
    case (.product, .float32): UInt64(Float(1).bitPattern)
    case (.product, .float64): Double(1).bitPattern
    case (.product, _), (.and, .bool), (.minimum, .bool): 1
    case (.and, _): .max
    case (.maximum, .float32): UInt64((-Float.infinity).bitPattern)
    case (.minimum, .float32): UInt64(Float.infinity.bitPattern)
    case (.maximum, .float64): (-Double.infinity).bitPattern
    case (.minimum, .float64): Double.infinity.bitPattern
    case (.maximum, .int32): UInt64(UInt32(bitPattern: .min))
    case (.minimum, .int32): UInt64(UInt32(bitPattern: .max))
    case (.maximum, .int64): UInt64(bitPattern: .min)
    case (.minimum, .int64): UInt64(bitPattern: .max)
    case (.maximum, _): 0
    case (.minimum, _): .max
    }
  }

  func combine(_ operation: LoopReduction.Operation, _ type: ElementType, _ a: Value, _ b: Value) -> Value {
    switch operation {
    case .sum: lanes.add(type, a, b)
    case .product: lanes.multiply(type, a, b)
    case .maximum: lanes.maximum(type, a, b)
    case .minimum: lanes.minimum(type, a, b)
    case .and: type == .bool ? lanes.maskAnd(a, b) : lanes.and(a, b)
    case .or: type == .bool ? lanes.maskOr(a, b) : lanes.or(a, b)
    }
  }

  /// All lanes of an accumulator combined.
  private func horizontal(_ operation: LoopReduction.Operation, _ type: ElementType, _ value: Value) -> Value {
    guard type == .bool else {
      return lanes.horizontal(type, value) { a, b in
        // Halves are narrower than the lanes' own registers.
        combineNarrow(operation, type, a, b)
      }
    }
    // Truth values as numbers of ones or zeros, and back.
    let number: ElementType = shape.hasWideLanes ? .int64 : .int32
    let ones = lanes.select(number, value, lanes.constant(number, bits: .max), lanes.zero(number))
    let isAnd = operation == .and || operation == .minimum
    let all = lanes.horizontal(number, ones) { isAnd ? lanes.and($0, $1) : lanes.or($0, $1) }
    return lanes.compare(.notEqual, number, all, lanes.zero(number))
  }

  /// `combine` on registers of any width: the emitter's `lanes` for as many lanes as they have.
  private func combineNarrow(
    _ operation: LoopReduction.Operation, _ type: ElementType, _ a: Value, _ b: Value
  ) -> Value {
    let count = builder.kind(of: a).byteCount * 8 / type.bitWidth
    let narrow = Lanes(builder: builder, count: count, hasWideMasks: Lanes.isWide(type))
    switch operation {
    case .sum: return narrow.add(type, a, b)
    case .product: return narrow.multiply(type, a, b)
    case .maximum: return narrow.maximum(type, a, b)
    case .minimum: return narrow.minimum(type, a, b)
    case .and: return narrow.and(a, b)
    case .or: return narrow.or(a, b)
    }
  }

  // MARK: Sums in parts

  /// The type of a reduction that rounds whenever it adds; nil for the others.
  private func sumType(_ reduction: LoopReduction) -> ElementType? {
    let type = type(reduction.operand)
    return reduction.operation == .sum && type.isFloat ? type : nil
  }

  private static let partLength = 64

  /// A loop whose long sums are made of parts that begin at zero: the larger a sum, the more an addition rounds it.
  /// - Parameter sums: for each carried value its type if it is such a sum.
  private func loopInParts(
    _ range: Range<Int>, step: Int = 1, carrying initials: [Value], sums: [ElementType?],
    _ body: (_ index: Value, _ carried: [Value]) throws -> [Value]
  ) rethrows -> [Value] {
    let part = Self.partLength * step
    guard sums.contains(where: { $0 != nil }), range.count > part * 3 / 2 else {
      return try builder.loop(
        from: .immediate(range.lowerBound), to: .immediate(range.upperBound), step: step, carrying: initials, body)
    }
    return try builder.loop(
      from: .immediate(range.lowerBound), to: .immediate(range.upperBound), step: part, carrying: initials
    ) { start, totals in
      let end = builder.minimum(builder.add(start, .immediate(part)), .immediate(range.upperBound))
      let zeros = zip(totals, sums).map { total, sum in sum.map { lanes.zero($0) } ?? total }
      let ends = try builder.loop(from: .value(start), to: .value(end), step: step, carrying: zeros, body)
      return zip(zip(totals, ends), sums).map { values, sum in sum.map { lanes.add($0, values.0, values.1) } ?? values.1
      }
    }
  }

  // MARK: Vector loops

  func emitVectorLoop(_ loop: Loop) throws {
    let extent = kernel.axes[loop.axis.index].extent
    if extent == 0 {
      for reduction in loop.reductions { values[reduction.result.index] = .uniform(neutral(reduction)) }
      return
    }
    let outerHoisted = hoisted
    let (pointers, products) = (pointers, products)
    defer {
      hoisted = outerHoisted
      (self.pointers, self.products) = (pointers, products)
      group = nil
      scope.removeLast()
      positions[loop.axis.index] = nil
    }
    try hoistUniform(loop)
    scope.append(loop.axis)
    positions[loop.axis.index] = .vector

    let width = shape.vectorsAtATime(kernel, loop, instructionSet)
    let lane = lanes.count
    // One accumulator for each reduction and part; nil before the first operand.
    var totals: [[Value?]] = loop.reductions.map { _ in Array(repeating: nil, count: width) }

    func add(_ group: Group, to totals: inout [[Value?]]) throws {
      self.group = group
      let (pointers, products) = (self.pointers, self.products)
      prepareAddresses(loop.body)
      try emit(loop.body)
      (self.pointers, self.products) = (pointers, products)
      for (number, reduction) in loop.reductions.enumerated() {
        for (part, active) in group.parts.enumerated() {
          let type = type(reduction.operand)
          var value = operand(reduction.operand, part)
          if case .first(let count) = active {
            value = lanes.select(type, lanes.firstLanes(count), value, neutral(reduction))
          }
          totals[number][part] =
            totals[number][part].map { combine(reduction.operation, type, $0, value) } ?? value
        }
      }
    }

    for segment in segments(of: loop) {
      let count = segment.count
      let step = width * lane
      let whole = count / step
      var start = segment.lowerBound
      if whole > 1 {
        let parts = Array(repeating: Lanes.Active.all, count: width)
        let initials = zip(loop.reductions, totals).flatMap { reduction, totals in
          totals.map { $0 ?? neutral(reduction) }
        }
        let finals = try loopInParts(
          start..<start + whole * step, step: step, carrying: initials,
          sums: loop.reductions.flatMap { Array(repeating: sumType($0), count: width) }
        ) { index, carried in
          var totals: [[Value?]] = loop.reductions.indices.map { number in
            (0..<width).map { carried[number * width + $0] }
          }
          try add(
            Group(axis: loop.axis, index: index, start: 0, parts: parts, sample: segment.lowerBound), to: &totals)
          return totals.flatMap { $0.compactMap { $0 } }
        }
        for number in loop.reductions.indices {
          for part in 0..<width { totals[number][part] = finals[number * width + part] }
        }
        start += whole * step
      }
      while start < segment.upperBound {
        var parts: [Lanes.Active] = []
        let first = start
        while parts.count < width && start < segment.upperBound {
          let rest = segment.upperBound - start
          parts.append(rest >= lane ? .all : .first(rest))
          start += min(rest, lane)
        }
        try add(
          Group(axis: loop.axis, index: nil, start: first, parts: parts, sample: segment.lowerBound), to: &totals)
      }
    }

    for (number, reduction) in loop.reductions.enumerated() {
      let type = type(reduction.operand)
      var rest = totals[number].compactMap { $0 }
      while rest.count > 1 {
        let half = (rest.count + 1) / 2
        rest = (0..<half).map { position in
          position + half < rest.count
            ? combine(reduction.operation, type, rest[position], rest[position + half]) : rest[position]
        }
      }
      values[reduction.result.index] = .uniform(horizontal(reduction.operation, type, rest[0]))
    }
  }

  /// Emits what the body defines alike for all lanes, in front of the loop. Loads of what the loop stores stay.
  private func hoistUniform(_ loop: Loop) throws {
    var stored: Set<Int> = []
    LoopShape.forEachStatement(loop.body) { statement in
      if case .store(let buffer, _, _) = statement { stored.insert(buffer) }
    }
    for statement in loop.body {
      guard case .define(let value, let expression) = statement, !isVarying(value) else { continue }
      if case .load(let buffer, _, _) = expression, stored.contains(buffer) { continue }
      // What it reads is in front of the loop too.
      guard expression.operands.allSatisfy({ values[$0.index] != nil && isDefined($0, outside: loop) }) else {
        continue
      }
      try emit([statement])
      hoisted.insert(value)
    }
  }

  private func isDefined(_ value: KernelValue, outside loop: Loop) -> Bool {
    if hoisted.contains(value) { return true }
    var isInside = false
    LoopShape.forEachStatement(loop.body) { statement in
      switch statement {
      case .define(let other, _): isInside = isInside || other == value
      case .loop(let inner):
        isInside = isInside || inner.reductions.contains { $0.result == value }
        isInside = isInside || inner.carried.contains { $0.result == value || $0.parameter == value }
      case .store: break
      }
    }
    return !isInside
  }

  /// Ranges of the axis in which every guard on it alone is either true or false.
  func segments(of loop: Loop) -> [Range<Int>] {
    let extent = kernel.axes[loop.axis.index].extent
    var cuts: Set<Int> = [0, extent]
    LoopShape.forEachIndex(loop.body) { _, index in
      for guarded in index.guards where Self.concernsOnly(loop.axis, guarded) {
        let stride = guarded.terms[0].stride
        // The first positions at which constant + j·stride is no longer on its side of 0 and of the extent.
        for bound in [0, guarded.extent] {
          let cut =
            stride > 0
            ? Self.ceilDivide(bound - guarded.constant, stride)
            : Self.floorDivide(guarded.constant - bound, -stride) + 1
          if cut > 0 && cut < extent { cuts.insert(cut) }
        }
      }
    }
    let sorted = cuts.sorted()
    return zip(sorted, sorted.dropFirst()).map { $0..<$1 }
  }

  static func concernsOnly(_ axis: AxisID, _ guarded: Index.Guard) -> Bool {
    guarded.terms.count == 1 && guarded.terms[0].axis == axis
  }

  static func floorDivide(_ a: Int, _ b: Int) -> Int {
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    return remainder != 0 && (remainder < 0) != (b < 0) ? quotient - 1 : quotient
  }

  static func ceilDivide(_ a: Int, _ b: Int) -> Int { -floorDivide(-a, b) }

  // MARK: Serial loops

  func emitSerialLoop(_ loop: Loop) throws {
    let extent = kernel.axes[loop.axis.index].extent
    if extent == 0 {
      for reduction in loop.reductions { set(reduction.result, varyingParts(reduction.result, neutral(reduction))) }
      for carried in loop.carried { set(carried.result, varyingOperands(carried.initial, of: carried.result)) }
      return
    }
    if group == nil, let interleaved = interleavedLoop(loop) { return try emitInterleaved(interleaved) }
    if group == nil, let inner = transposableLoop(in: loop) { return try emitTransposed(loop, inner) }
    let (outerPointers, outerProducts, outerGuards) = (pointers, products, impliedGuards)
    defer {
      (pointers, products, impliedGuards) = (outerPointers, outerProducts, outerGuards)
      scope.removeLast()
      positions[loop.axis.index] = nil
    }
    let clamped = clampableGuards(of: loop)
    let bounds = clamped.isEmpty ? nil : clampedBounds(loop, clamped)
    impliedGuards.formUnion(clamped)
    scope.append(loop.axis)

    var initials: [Value] = []
    for carried in loop.carried { initials += varyingOperands(carried.initial, of: carried.parameter) }
    for reduction in loop.reductions { initials += varyingParts(reduction.result, neutral(reduction)) }

    /// The body at one position, with the carried values and accumulators before it; gives those behind it.
    func iteration(_ state: [Value]) throws -> [Value] {
      var rest = state[...]
      func take(_ value: KernelValue) -> [Value] {
        let count = isVarying(value) ? partCount : 1
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
      }
      for carried in loop.carried { set(carried.parameter, take(carried.parameter)) }
      prepareAddresses(loop.body)
      try emit(loop.body)
      var result: [Value] = []
      for carried in loop.carried { result += varyingOperands(carried.next, of: carried.parameter) }
      for reduction in loop.reductions {
        for (part, total) in take(reduction.result).enumerated() {
          result.append(
            combine(reduction.operation, type(reduction.operand), total, operand(reduction.operand, part)))
        }
      }
      return result
    }

    var finals = initials
    if bounds == nil && extent * statementCount(loop.body) <= Self.unrolledStatements {
      for position in 0..<extent {
        let (pointers, products) = (pointers, products)
        positions[loop.axis.index] = .constant(position)
        finals = try iteration(finals)
        (self.pointers, self.products) = (pointers, products)
      }
    } else {
      func body(_ index: Value, _ state: [Value]) throws -> [Value] {
        positions[loop.axis.index] = .general(index)
        return try iteration(state)
      }
      if let bounds {
        finals = try builder.loop(from: bounds.0, to: bounds.1, carrying: initials, body)
      } else {
        var sums = [ElementType?](repeating: nil, count: initials.count)
        var position = loop.carried.reduce(0) { $0 + (isVarying($1.parameter) ? partCount : 1) }
        for reduction in loop.reductions {
          for _ in 0..<(isVarying(reduction.result) ? partCount : 1) {
            sums[position] = sumType(reduction)
            position += 1
          }
        }
        finals = try loopInParts(0..<extent, carrying: initials, sums: sums, body)
      }
    }

    var rest = finals[...]
    for value in loop.carried.map(\.result) + loop.reductions.map(\.result) {
      let count = isVarying(value) ? partCount : 1
      set(value, Array(rest.prefix(count)))
      rest = rest.dropFirst(count)
    }
  }

  /// Loops of no more statements than this stand in the code position by position.
  private static let unrolledStatements = 24

  private func statementCount(_ body: [Statement]) -> Int {
    body.reduce(0) { total, statement in
      if case .loop(let loop) = statement {
        return total + kernel.axes[loop.axis.index].extent * statementCount(loop.body) + 2
      }
      return total + 1
    }
  }

  /// A value for all parts that `like` has.
  private func varyingParts(_ like: KernelValue, _ value: Value) -> [Value] {
    Array(repeating: value, count: isVarying(like) ? partCount : 1)
  }

  private func varyingOperands(_ value: KernelValue, of like: KernelValue) -> [Value] {
    isVarying(like) ? operands(value) : [operand(value, 0)]
  }
}
