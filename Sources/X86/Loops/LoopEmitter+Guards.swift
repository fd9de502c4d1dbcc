import GraphIR
import KernelIR
import Tensors

extension LoopEmitter {
  /// What must be asked when the code runs.
  struct OpenGuards {
    /// One answer for all lanes.
    var uniform: [Index.Guard] = []
    /// An answer for each lane.
    var perLane: [Index.Guard] = []
  }

  /// Nil where a guard is known to fail.
  func open(_ guards: [Index.Guard]) -> OpenGuards? {
    var open = OpenGuards()
    for guarded in guards where !impliedGuards.contains(guarded) {
      let moving = guarded.terms.filter { term in
        if case .constant? = positions[term.axis.index] { false } else { true }
      }
      let fixed = guarded.terms.reduce(guarded.constant) { sum, term in
        if case .constant(let position)? = positions[term.axis.index] { sum + position * term.stride } else { sum }
      }
      if moving.isEmpty {
        if fixed < 0 || fixed >= guarded.extent { return nil }
      } else if let group, Self.concernsOnly(group.axis, guarded) {
        // The group lies in a segment of the axis in which the answer is the same everywhere.
        let position = fixed + group.sample * guarded.terms[0].stride
        if position < 0 || position >= guarded.extent { return nil }
      } else if let group, moving.contains(where: { $0.axis == group.axis }) {
        open.perLane.append(guarded)
      } else {
        open.uniform.append(guarded)
      }
    }
    return open
  }

  /// That all guards hold: with p the position, p and extent − 1 − p are not negative, nor is the union of their bits.
  func condition(_ guards: [Index.Guard]) -> Condition {
    var union: Value?
    for guarded in guards {
      let position: Value
      switch affine(guarded.constant, guarded.terms) {
      case .value(let value): position = value
      case .immediate(let number): position = builder.integer(number)
      }
      let behind = builder.subtract(builder.integer(guarded.extent - 1), .value(position))
      for part in [position, behind] {
        union = union.map { builder.update(.or, $0, .value(part)) } ?? part
      }
    }
    return .compare(union ?? builder.integer(0), .greaterOrEqual, .immediate(0))
  }

  /// The lanes of a part in which all guards hold.
  func laneMask(_ guards: [Index.Guard], part: Int) throws -> Value {
    let type: ElementType = shape.hasWideLanes ? .int64 : .int32
    var mask: Value?
    for guarded in guards {
      let index = Index(constant: guarded.constant, terms: guarded.terms)
      let position = try self.position(index, type, part: part, varies: true)
      let inside = lanes.maskAnd(
        lanes.compare(.greaterOrEqual, type, position, lanes.zero(type)),
        lanes.compare(.less, type, position, lanes.number(type, guarded.extent)))
      mask = mask.map { lanes.maskAnd($0, inside) } ?? inside
    }
    return mask ?? lanes.firstLanes(lanes.count)
  }

  func active(_ active: Lanes.Active, and mask: Value) -> Lanes.Active {
    switch active {
    case .all: .masked(mask)
    case .first(let count): .masked(lanes.maskAnd(mask, lanes.firstLanes(count)))
    case .masked(let other): .masked(lanes.maskAnd(mask, other))
    }
  }

  // MARK: Loops that leave positions out

  /// Guards on a serial axis whose failing positions add nothing to what the loop computes: windows that reach over the
  /// border. The loop then runs over the positions at which they hold, and nobody asks inside.
  func clampableGuards(of loop: Loop) -> Set<Index.Guard> {
    guard loop.carried.isEmpty, !loop.reductions.isEmpty else { return [] }
    var candidates: Set<Index.Guard> = []
    LoopShape.forEachIndex(loop.body) { _, index in
      for guarded in index.guards {
        guard let stride = guarded.terms.first(where: { $0.axis == loop.axis })?.stride, stride > 0 else { continue }
        let hasRegisters = guarded.terms.allSatisfy { term in
          switch positions[term.axis.index] {
          case .constant?, .general?: true
          default: term.axis == loop.axis
          }
        }
        if hasRegisters { candidates.insert(guarded) }
      }
    }
    return candidates.filter { guarded in
      loop.reductions.allSatisfy { reduction in
        failing(reduction.operand, guarded, in: loop.body)
          == Self.neutralBits(reduction.operation, type(reduction.operand)) & Self.bitMask(type(reduction.operand))
      } && !hasUnguardedStore(loop.body, guarded)
    }
  }

  private static func bitMask(_ type: ElementType) -> UInt64 { type.bitWidth == 64 ? .max : 1 << type.bitWidth - 1 }

  private func hasUnguardedStore(_ body: [Statement], _ guarded: Index.Guard) -> Bool {
    var result = false
    LoopShape.forEachStatement(body) { statement in
      if case .store(_, let index, _) = statement { result = result || !index.guards.contains(guarded) }
    }
    return result
  }

  /// The bits of a value where the guard fails, if that decides them.
  private func failing(_ value: KernelValue, _ guarded: Index.Guard, in body: [Statement]) -> UInt64? {
    let mask = Self.bitMask(type(value))
    if let bits = shape.constants[value.index] { return bits & mask }
    for statement in body {
      switch statement {
      case .define(value, .load(_, let index, let otherwise)):
        guard index.guards.contains(guarded) else { return nil }
        guard let otherwise else { return 0 }
        return failing(otherwise, guarded, in: body)
      case .loop(let inner):
        for reduction in inner.reductions where reduction.result == value {
          let neutral = Self.neutralBits(reduction.operation, type(value)) & mask
          return failing(reduction.operand, guarded, in: inner.body) == neutral ? neutral : nil
        }
      default: break
      }
    }
    return nil
  }

  /// The first position at which all guards hold and the one behind the last.
  func clampedBounds(_ loop: Loop, _ guards: Set<Index.Guard>) -> (IntegerOperand, IntegerOperand) {
    let extent = kernel.axes[loop.axis.index].extent
    var from: Value?
    var to: Value?
    var least = 0
    var greatest = extent
    // In a fixed order, so that equal kernels have equal code.
    for guarded in guards.sorted(by: { LoopEmitter.order($0) < LoopEmitter.order($1) }) {
      let others = guarded.terms.filter { $0.axis != loop.axis }
      // clampableGuards lets positive strides pass only.
      let stride = guarded.terms.first { $0.axis == loop.axis }?.stride ?? 1
      switch affine(guarded.constant, others) {
      case .immediate(let base):
        least = max(least, Self.ceilDivide(-base, stride))
        greatest = min(greatest, Self.ceilDivide(guarded.extent - base, stride))
      case .value(let base):
        let low = ceilDivided(builder.subtract(builder.integer(0), .value(base)), stride)
        from = builder.maximum(low, from.map { .value($0) } ?? .immediate(0))
        let high = ceilDivided(builder.subtract(builder.integer(guarded.extent), .value(base)), stride)
        to = builder.minimum(high, to.map { .value($0) } ?? .immediate(extent))
      }
    }
    return (
      from.map { .value(least > 0 ? builder.maximum($0, .immediate(least)) : $0) } ?? .immediate(least),
      to.map { .value(greatest < extent ? builder.minimum($0, .immediate(greatest)) : $0) } ?? .immediate(greatest)
    )
  }

  /// ⌈max(number, 0) / divisor⌉; without the maximum for 1.
  private func ceilDivided(_ number: Value, _ divisor: Int) -> Value {
    if divisor == 1 { return number }
    let positive = builder.add(builder.maximum(number, .immediate(0)), .immediate(divisor - 1))
    if divisor & (divisor - 1) == 0 { return builder.shiftRightArithmetic(positive, divisor.trailingZeroBitCount) }
    return builder.divide(positive, by: divisor).quotient
  }

  private static func order(_ guarded: Index.Guard) -> String {
    "\(guarded.constant) \(guarded.extent) \(guarded.terms.map { "\($0.axis.index)*\($0.stride)" })"
  }
}
