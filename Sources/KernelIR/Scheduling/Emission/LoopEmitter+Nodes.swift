import GraphIR
import Interpreter
import Tensors

extension LoopEmitter {
  /// An element of the result of a member.
  func calculate(_ number: Int, _ place: Place) throws -> KernelValue {
    let node = index.node(number)
    guard let form = forms[number], let stored = index.type(node.results[0]),
      let type = LoopKernel.computeType(stored)
    else { throw Failure(problem: "\(node.operation.name) has no loop") }
    switch form {
    case .reduce(let reduction, _): return try reduce(number, reduction, place, type)
    case .window(let reduction, let geometry): return try window(number, reduction, geometry, place, type)
    case .argReduce(let isMaximum, _, let last): return try argReduce(number, isMaximum, last: last, place)
    case .cumulative(let cumulation, _, let isExclusive, _):
      return try cumulate(node.operands[0], cumulation, isExclusive: isExclusive, place, type)
    case .gather(let axis, let indices): return try gather(node, axis, indices, place)
    case .mapped(let maps): return try mapped(node, maps, place)
    case .resize(let axes) where !axes.allSatisfy({ $0.repetition != nil }):
      return axes.hasLoops
        ? try sumTaps(number, axes, place, type) : try resample(node, axes, place, type)
    case .iota(let axis): return try count(place.forms[axis], type)
    case .elementwise, .movement, .resize: break
    }
    guard case .places(let needs) = cluster.needs(number, form, at: place, index) else {
      throw Failure(problem: "\(node.operation.name) has no affine operands")
    }
    if case .pad = node.operation { return try padded(node, needs, outside: place.guards.count, type) }
    let operands = try needs.map { try value($0.0, $0.1) }
    guard case .elementwise = form else { return operands[0] }
    return try elementwise(node, operands, stored, type)
  }

  private func elementwise(
    _ node: Node, _ operands: [KernelValue], _ stored: ElementType, _ type: ElementType
  ) throws -> KernelValue {
    let x = operands[0]
    switch node.operation {
    case .unary(let function): return rounded(define(.unary(function, x), type), stored, type)
    case .binary(.divide) where type.isFloat && isRowValue(operands[1], beside: x) && !isRounded(node.results[0]):
      // One division for each row.
      return rounded(define(.binary(.multiply, x, define(.unary(.reciprocal, operands[1]), type)), type), stored, type)
    case .binary(.divide) where type == .float32 && stored == type && isOnlyRounded(node.results[0]):
      guard let bits = index.uniformBits(node.operands[1]),
        let parts = WholeQuotient(divisor: Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
      else { return define(.binary(.divide, x, operands[1]), type) }
      let high = define(.constant(parts.high), type)
      if parts.low == 0 { return define(.binary(.multiply, x, high), type) }
      return define(
        .multiplyAdd(x, high, define(.binary(.multiply, x, define(.constant(parts.low), type)), type)), type)
    case .binary(let function):
      let value = define(.binary(function, x, operands[1]), type)
      return function == .maximum || function == .minimum ? value : rounded(value, stored, type)
    case .compare(let comparison): return define(.compare(comparison, x, operands[1]), type)
    case .select: return define(.select(x, operands[1], operands[2]), type)
    case .convert:
      if types[x.index] == type, stored == type { return x }
      return define(.convert(x, through: stored), type)
    case .bitcast: return types[x.index] == type ? x : define(.bitcast(x), type)
    default: throw Failure(problem: "\(node.operation.name) is not elementwise")
    }
  }

  /// What a narrow type keeps of a value.
  private func rounded(_ value: KernelValue, _ stored: ElementType, _ type: ElementType) -> KernelValue {
    stored == type ? value : define(.convert(value, through: stored), type)
  }

  /// The last bit of what is rounded to a whole number may show.
  private func isRounded(_ id: ValueID) -> Bool {
    index.consumers(of: id).contains {
      if case .unary(.roundNearestEven) = index.node($0).operation { true } else { false }
    }
  }

  /// Nobody sees more of a value than that.
  private func isOnlyRounded(_ id: ValueID) -> Bool {
    !index.isOutput(id)
      && index.consumers(of: id).allSatisfy {
        if case .unary(.roundNearestEven) = index.node($0).operation { true } else { false }
      }
  }

  private func isRowValue(_ divisor: KernelValue, beside value: KernelValue) -> Bool {
    reduced.contains(divisor) && !reduced.contains(value) && depth(of: divisor) < depth(of: value)
  }

  /// (x, fill, low, high)
  private func padded(
    _ node: Node, _ needs: [(ValueID, Place)], outside: Int, _ type: ElementType
  ) throws -> KernelValue {
    let (id, place) = needs[0]
    let own = Array(place.guards[outside...])
    if own.isEmpty { return try value(id, place) }
    let fill: KernelValue
    if let bits = index.uniformBits(node.operands[1]) {
      fill = define(.constantBits(bits), type)
    } else if needs.count > 1 {
      fill = try value(needs[1].0, needs[1].1)
    } else {
      throw Failure(problem: "padding has no place")
    }
    if cluster.places[id] == nil, index.uniformBits(id) == nil { return try load(id, place, otherwise: fill) }
    let inside = try value(id, place)
    return define(.select(try condition(own), inside, fill), type)
  }

  /// Whether all guards hold.
  private func condition(_ guards: [Place.Guard]) throws -> KernelValue {
    var terms: [KernelValue] = []
    for guarded in guards {
      let range = guarded.form.range(cluster.extents)
      // Wide lanes would halve the number of all lanes.
      let fits = [range.lowerBound, range.upperBound, guarded.extent].allSatisfy { Int32(exactly: $0) != nil }
      let type: ElementType = fits ? .int32 : .int64
      let position = try count(guarded.form, type)
      if range.lowerBound < 0 {
        terms.append(define(.compare(.greaterOrEqual, position, define(.constant(0), type)), .bool))
      }
      if range.upperBound >= guarded.extent {
        terms.append(define(.compare(.less, position, define(.constant(guarded.extent), type)), .bool))
      }
    }
    guard let first = terms.first else { return define(.constant(1), .bool) }
    return terms.dropFirst().reduce(first) { define(.binary(.and, $0, $1), .bool) }
  }

  /// The number that a form gives.
  private func count(_ form: Affine, _ type: ElementType) throws -> KernelValue {
    let whole: ElementType = type == .int32 ? .int32 : .int64
    let (index, depth) = try position(form)
    let number =
      form.terms.isEmpty
      ? define(.constant(form.constant), whole) : define(.position(index), whole, depth: depth)
    return type == whole ? number : define(.convert(number, through: type), type)
  }

  // MARK: Reductions

  private func reduce(_ number: Int, _ reduction: Reduction, _ place: Place, _ type: ElementType) throws -> KernelValue
  {
    let node = index.node(number)
    guard let form = forms[number], let gone = cluster.reduced[number],
      case .places(let needs) = cluster.needs(number, form, at: place, index)
    else { throw Failure(problem: "a reduction has no place") }
    let result = try overAxes(of: gone, at: place, reduction.loopOperation, type) { try value(needs[0].0, needs[0].1) }
    reduced.insert(result)
    guard reduction == .mean else { return result }
    guard let count = index.shape(node.operands[0])?.elementCount, let kept = index.shape(node.results[0])?.elementCount
    else { throw Failure(problem: "a mean of unknown extents") }
    let divisor = define(number: Double(count / kept), type)
    let mean = define(.binary(.divide, result, divisor), type)
    reduced.insert(mean)
    return mean
  }

  /// What the best element is, then where, as the interpreter does it: two reductions.
  private func argReduce(_ number: Int, _ isMaximum: Bool, last: Bool, _ place: Place) throws -> KernelValue {
    let operand = index.node(number).operands[0]
    guard let form = forms[number], let gone = cluster.reduced[number], let extent = index.shape(operand),
      let type = index.type(operand).flatMap(LoopKernel.computeType),
      case .places(let needs) = cluster.needs(number, form, at: place, index),
      case .argReduce(_, let axis, _) = form
    else { throw Failure(problem: "a reduction has no place") }
    let best = try overAxes(of: gone, at: place, isMaximum ? .maximum : .minimum, type) {
      try value(needs[0].0, needs[0].1)
    }
    let nowhere = define(.constant(last ? -1 : extent[axis]), .int32)
    let position = try overAxes(of: gone, at: place, last ? .maximum : .minimum, .int32) {
      let element = try value(needs[0].0, needs[0].1)
      var isBest = define(.compare(.equal, element, best), .bool)
      // A NaN is the best of all.
      if type.isFloat { isBest = define(.binary(.or, isBest, define(.unary(.isNaN, element), .bool)), .bool) }
      return define(.select(isBest, try count(gone[0], .int32), nowhere), .int32)
    }
    let result = define(.convert(position, through: .int64), .int64)
    for value in [best, position, result] { reduced.insert(value) }
    return result
  }

  /// The total so far goes from one position of the innermost loop to the next.
  private func cumulate(
    _ operand: ValueID, _ cumulation: Cumulation, isExclusive: Bool, _ place: Place, _ type: ElementType
  ) throws -> KernelValue {
    let depth = scopes.count - 1
    guard let axis = cluster.carryingAxis, scopes[depth].axis == axis else {
      throw Failure(problem: "running totals outside their loop")
    }
    let total = type.totalType
    let element = try value(operand, place)
    let wide = total == type ? element : define(.convert(element, through: total), total)
    let one: UInt64 = total == .float64 ? Double(1).bitPattern : 1
    let initial = define(.constantBits(cumulation == .sum ? 0 : one), total)
    let before = newValue(total, depth: depth)
    let after = define(.binary(cumulation.function, before, wide), total)
    scopes[depth].carried.append(
      Carried(parameter: before, initial: initial, next: after, result: newValue(total, depth: depth - 1)))
    let result = isExclusive ? before : after
    return total == type ? result : define(.convert(result, through: type), type)
  }

  private func define(number: Double, _ type: ElementType) -> KernelValue {
    define(type == .float64 ? .constant(number) : .constant(Float(number)), type)
  }

  /// Loops over the axes of forms, in front of the loops that `place` does not need, that combine what `operand` gives.
  private func overAxes(
    of forms: [Affine], at place: Place, _ operation: LoopReduction.Operation, _ type: ElementType,
    _ operand: () throws -> KernelValue
  ) throws -> KernelValue {
    let depth = try (place.forms + place.guards.map(\.form)).reduce(0) { max($0, try self.depth(of: $1)) }
    let suspended = Array(scopes[(depth + 1)...])
    scopes.removeSubrange((depth + 1)...)
    let axes = reductionAxes(Set(forms.flatMap { $0.terms.map(\.axis) }))
    for axis in axes { scopes.append(Scope(axis: axis)) }
    var value = try operand()
    for axis in axes.reversed() {
      let body = scopes.removeLast().statements
      let result = newValue(type, depth: depth)
      let loop = Loop(AxisID(axis), body: body, reductions: [LoopReduction(result, operation, value)])
      scopes[scopes.count - 1].statements.append(.loop(loop))
      value = result
    }
    scopes += suspended
    return value
  }

  /// The order of the loops of a reduction, the vector axis (if none is open) last.
  private func reductionAxes(_ axes: Set<Int>) -> [Int] {
    var order = axes.sorted { self.order.rank(of: $0) < self.order.rank(of: $1) }
    if scopes.contains(where: { $0.axis.map { kinds[$0] == .vector } ?? false }) { return order }
    let vector =
      order.first { kinds[$0] == .vector } ?? self.order.best(of: order.filter { !cluster.domain.contains($0) })
    guard let vector, let position = order.firstIndex(of: vector) else { return order }
    order.remove(at: position)
    order.append(vector)
    kinds[vector] = .vector
    return order
  }

  // MARK: Windows

  private func window(
    _ number: Int, _ reduction: WindowReduction, _ geometry: WindowGeometry, _ place: Place, _ type: ElementType
  ) throws -> KernelValue {
    guard let form = forms[number], let taps = cluster.reduced[number],
      case .places(let needs) = cluster.needs(number, form, at: place, index)
    else { throw Failure(problem: "a window has no place") }
    let isMaximum = reduction == .maximum
    // Of bytes, which have no infinity, the least.
    let neutral =
      type == .int32
      ? define(.constant(isMaximum ? -128 : 0), type) : define(number: isMaximum ? -.infinity : 0, type)
    let result = try overAxes(of: taps, at: place, isMaximum ? .maximum : .sum, type) {
      needs[0].1.guards.isEmpty
        ? try value(needs[0].0, needs[0].1) : try load(needs[0].0, needs[0].1, otherwise: neutral)
    }
    guard case .average(let countsPadding) = reduction else { return result }
    return define(.binary(.divide, result, try windowCount(geometry, countsPadding, place)), type)
  }

  /// How many elements the window at a place has: for each axis a number or a table of numbers, multiplied.
  private func windowCount(_ geometry: WindowGeometry, _ countsPadding: Bool, _ place: Place) throws -> KernelValue {
    var constant = 1
    var factors: [KernelValue] = []
    for (number, axis) in geometry.axes.enumerated() {
      let counts = (0..<axis.output).map { max(1, countsPadding ? axis.insidePadded($0) : axis.inside($0).count) }
      if counts.allSatisfy({ $0 == counts[0] }) {
        constant *= counts[0]
      } else {
        let source = try position(place.forms[number + 1])
        let table = buffers.read(tables.table(counts.map { Float($0) }), .float32)
        factors.append(define(.load(buffer: table, source.index), .float32, depth: source.depth))
      }
    }
    if constant > 1 || factors.isEmpty { factors.append(define(number: Double(constant), .float32)) }
    return factors.dropFirst().reduce(factors[0]) { define(.binary(.multiply, $0, $1), .float32) }
  }

  // MARK: Tables

  /// (x, indices)
  private func gather(_ node: Node, _ axis: Int, _ indices: [Int], _ place: Place) throws -> KernelValue {
    guard let shape = index.shape(node.operands[0]), let chosen = index.shape(node.operands[1]) else {
      throw Failure(problem: "a gather of unknown extents")
    }
    let own = Place(Array(place.forms[axis..<(axis + chosen.rank)])).linear(chosen)
    var source = place
    source.forms.replaceSubrange(axis..<(axis + chosen.rank), with: [Affine()])
    let step = indices.count > 1 ? indices[1] - indices[0] : 0
    if indices.indices.allSatisfy({ indices[$0] == indices[0] + $0 * step }) {
      source.forms[axis] = own * step + indices[0]
      return try load(node.operands[0], source)
    }
    return try load(
      node.operands[0], source, shape, at: [(axis, try lookUp(tables.table(indices), own, .int32, place.guards))])
  }

  /// (x, …) with positions from a table along some axes.
  private func mapped(_ node: Node, _ maps: [(axis: Int, indices: [Int])], _ place: Place) throws -> KernelValue {
    guard let shape = index.shape(node.operands[0]) else { throw Failure(problem: "a map of unknown extents") }
    var source = place
    for map in maps { source.forms[map.axis] = Affine() }
    let positions = try maps.map { map in
      (map.axis, try lookUp(tables.table(map.indices), place.forms[map.axis], .int32, place.guards))
    }
    return try load(node.operands[0], source, shape, at: positions)
  }

  private func lookUp(
    _ table: ScheduleValue, _ form: Affine, _ type: ElementType, _ guards: [Place.Guard]
  ) throws -> KernelValue {
    let source = try position(form, guards: guards)
    return define(.load(buffer: buffers.read(table, type), source.index), type, depth: source.depth)
  }

  /// An element at positions that values give along some axes.
  private func load(
    _ id: ValueID, _ place: Place, _ shape: Shape, at positions: [(axis: Int, KernelValue)]
  ) throws -> KernelValue {
    guard let stored = index.type(id), let type = LoopKernel.computeType(stored) else {
      throw Failure(problem: "\(id) cannot be read")
    }
    var source = try position(place.linear(shape), guards: place.guards)
    source.index.indirect = positions.map { Index.Indirect($0.1, stride: shape.strides[$0.axis]) }
    return define(.load(buffer: buffers.read(self.source(of: id), stored), source.index), type, depth: source.depth)
  }

  /// Weighted neighbours in loops over those of each axis, whose positions and weights stand in tables.
  private func sumTaps(
    _ number: Int, _ axes: [ResizeAxis], _ place: Place, _ type: ElementType
  ) throws -> KernelValue {
    let operand = index.node(number).operands[0]
    guard let shape = index.shape(operand), let taps = cluster.reduced[number] else {
      throw Failure(problem: "a resize of unknown extents")
    }
    var source = place
    for axis in axes { source.forms[axis.axis] = Affine() }
    return try overAxes(of: taps, at: place, .sum, type) {
      var positions: [(axis: Int, KernelValue)] = []
      var weight: KernelValue?
      for (axis, tap) in zip(axes, taps) {
        let entry = place.forms[axis.axis] * axis.tapCount + tap
        positions.append((axis.axis, try lookUp(tables.table(axis.indices), entry, .int32, place.guards)))
        if axis.tapCount == 1 { continue }
        let own = try lookUp(tables.table(axis.weights.map { Float($0) }), entry, .float32, place.guards)
        weight = weight.map { define(.binary(.multiply, $0, own), type) } ?? own
      }
      let element = try load(operand, source, shape, at: positions)
      return weight.map { define(.binary(.multiply, element, $0), type) } ?? element
    }
  }

  /// Weighted neighbours, axis by axis.
  private func resample(
    _ node: Node, _ axes: [ResizeAxis], _ place: Place, _ type: ElementType
  ) throws -> KernelValue {
    guard let shape = index.shape(node.operands[0]) else { throw Failure(problem: "a resize of unknown extents") }
    var source = place
    for axis in axes { source.forms[axis.axis] = Affine() }
    func sample(_ rest: ArraySlice<ResizeAxis>, _ positions: [(axis: Int, KernelValue)]) throws -> KernelValue {
      guard let axis = rest.last else { return try load(node.operands[0], source, shape, at: positions) }
      let form = place.forms[axis.axis]
      var sum: KernelValue?
      for tap in 0..<axis.tapCount {
        let column = stride(from: tap, to: axis.indices.count, by: axis.tapCount)
        let position = try lookUp(tables.table(column.map { axis.indices[$0] }), form, .int32, place.guards)
        let part = try sample(rest.dropLast(), positions + [(axis.axis, position)])
        if axis.tapCount == 1 { return part }
        let weight = try lookUp(tables.table(column.map { Float(axis.weights[$0]) }), form, .float32, place.guards)
        let term = define(.binary(.multiply, part, weight), type)
        sum = sum.map { define(.binary(.add, $0, term), type) } ?? term
      }
      guard let sum else { throw Failure(problem: "a resize without taps") }
      return sum
    }
    return try sample(axes[...], [])
  }
}
