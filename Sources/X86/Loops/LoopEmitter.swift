import GraphIR
import KernelIR
import Tensors

/// Walks through a kernel and emits its code.
final class LoopEmitter {
  let kernel: LoopKernel
  let builder: VectorBuilder
  let instructionSet: InstructionSet
  let shape: LoopShape
  let lanes: Lanes

  /// A value of the kernel in registers.
  enum Lowered {
    /// The same in all lanes.
    case uniform(Value)
    /// One vector for each part of the group.
    case parts([Value])
  }

  /// Several vectors of consecutive positions of a vector axis, worked on side by side.
  struct Group {
    var axis: AxisID
    /// Position of the first lane of the first part: `index` + `start`.
    var index: Value?
    var start: Int
    /// Lanes that exist, for each part.
    var parts: [Lanes.Active]
    /// A position that stands for all of the group where guards on the vector axis alone are asked.
    var sample: Int
    /// The parts are consecutive positions of this serial axis instead: all at the same positions of the vector axis.
    var partAxis: AxisID?
  }

  enum Position {
    case constant(Int)
    case general(Value)
    case vector
  }

  var values: [Lowered?]
  var positions: [Position?]
  /// Axes in scope, outermost first.
  var scope: [AxisID] = []
  var group: Group?
  /// Guards that hold here because loops leave out the positions where they do not.
  var impliedGuards: Set<Index.Guard> = []
  /// Definitions of the current vector loop's body that stand in front of it.
  var hoisted: Set<KernelValue> = []

  // Addresses; see LoopEmitter+Addresses.
  var buffers: [Value] = []
  var pointers: [PointerKey: Value] = [:]
  var products: [ProductKey: Value] = [:]

  init(_ kernel: LoopKernel, _ instructionSet: InstructionSet) {
    self.kernel = kernel
    self.instructionSet = instructionSet
    builder = VectorBuilder(name: kernel.name, instructionSet: instructionSet)
    shape = LoopShape(kernel, instructionSet)
    lanes = Lanes(builder: builder, count: shape.laneCount, hasWideMasks: shape.hasWideLanes)
    values = Array(repeating: nil, count: kernel.types.count)
    positions = Array(repeating: nil, count: kernel.axes.count)
  }

  func type(_ value: KernelValue) -> ElementType { kernel.types[value.index] }
  /// Whether a value has a vector for each part of the group.
  func isVarying(_ value: KernelValue) -> Bool { shape.isVarying[value.index] || group?.partAxis != nil }

  // MARK: Units

  func emitFunction() throws {
    let inner = (0..<kernel.parallelCount).dropFirst().map { kernel.axes[$0].extent }
    // No units at all.
    if inner.contains(0) { return }
    let passed = kernel.argumentBufferCount
    let scratchOffsets = kernel.scratchOffsets
    for index in kernel.buffers.indices {
      buffers.append(
        index < passed
          ? builder.argument(index) : builder.add(builder.scratch, .immediate(scratchOffsets[index - passed])))
    }

    // Axes of extent 1 stay at 0.
    let moving = (0..<kernel.parallelCount).filter { $0 == 0 || kernel.axes[$0].extent != 1 }
    for axis in 0..<kernel.parallelCount where !moving.contains(axis) { positions[axis] = .constant(0) }
    scope = moving.map { AxisID($0) }
    guard moving.count > 1 else {
      try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { unit, _ in
        if let axis = moving.first { positions[axis] = .general(unit) }
        try emitUnit()
        return []
      }
      return
    }
    var first: [Value] = []
    var rest = builder.begin
    for axis in moving.dropFirst().reversed() {
      let (quotient, remainder) = builder.divide(rest, by: kernel.axes[axis].extent)
      first.insert(remainder, at: 0)
      rest = quotient
    }
    first.insert(rest, at: 0)
    try builder.loop(from: .value(builder.begin), to: .value(builder.end), carrying: first) { _, carried in
      for (axis, value) in zip(moving, carried) { positions[axis] = .general(value) }
      try emitUnit()
      return following(carried, extents: moving.map { kernel.axes[$0].extent })
    }
  }

  private func emitUnit() throws {
    let (pointers, products) = (pointers, products)
    prepareAddresses(kernel.body)
    try emit(kernel.body)
    (self.pointers, self.products) = (pointers, products)
  }

  /// The positions of the next unit: the last axis counts up, and at its end the one before it does.
  private func following(_ positions: [Value], extents: [Int]) -> [Value] {
    guard let last = positions.last else { return [] }
    let next = builder.add(last, .immediate(1))
    let outer = Array(positions.dropLast())
    if outer.isEmpty { return [next] }
    return builder.if(
      .compare(next, .equal, .immediate(extents[extents.count - 1])),
      { following(outer, extents: extents.dropLast()) + [builder.integer(0)] },
      else: { outer + [next] })
  }

  // MARK: Statements

  func emit(_ body: [Statement]) throws {
    for statement in body {
      switch statement {
      case .define(let value, let expression):
        if !hoisted.contains(value) { try emit(value, expression) }
      case .store(let buffer, let index, let value): try emitStore(buffer, index, value)
      case .loop(let loop):
        switch kernel.axes[loop.axis.index].kind {
        case .vector: try emitVectorLoop(loop)
        default: try emitSerialLoop(loop)
        }
      }
    }
  }

  /// How many vectors stand for a varying value here.
  var partCount: Int { group?.parts.count ?? 1 }

  /// The vector of a value for a part of the group.
  func operand(_ value: KernelValue, _ part: Int) -> Value {
    switch values[value.index] {
    case .uniform(let value)?: return value
    case .parts(let parts)?: return parts[part]
    // The verifier lets no use pass before its definition.
    case nil: preconditionFailure("%\(value.index) has no value")
    }
  }

  func operands(_ value: KernelValue) -> [Value] { (0..<partCount).map { operand(value, $0) } }

  func set(_ value: KernelValue, _ parts: [Value]) {
    values[value.index] = isVarying(value) || parts.count > 1 ? .parts(parts) : .uniform(parts[0])
  }

  private func emit(_ value: KernelValue, _ expression: Expression) throws {
    let varies = isVarying(value)
    if case .load(let buffer, let index, let otherwise) = expression {
      try emitLoad(value, buffer, index, otherwise)
      return
    }
    if !varies {
      values[value.index] = .uniform(try lowered(expression, of: value, part: 0))
      return
    }
    values[value.index] = .parts(try (0..<partCount).map { try lowered(expression, of: value, part: $0) })
  }

  private func lowered(_ expression: Expression, of value: KernelValue, part: Int) throws -> Value {
    let type = type(value)
    switch expression {
    case .constantBits(let bits): return lanes.constant(type, bits: bits)
    case .position(let index): return try position(index, type, part: part, varies: isVarying(value))
    case .load: throw LoopCompilerError.unsupported("a load among expressions")
    case .unary(let function, let x): return try unary(function, self.type(x), operand(x, part))
    case .binary(let function, let a, let b): return try binary(function, a, b, part)
    case .compare(let comparison, let a, let b):
      return lanes.compare(comparison, self.type(a), operand(a, part), operand(b, part))
    case .select(let predicate, let a, let b):
      return lanes.select(type, operand(predicate, part), operand(a, part), operand(b, part))
    case .convert(let x, let through):
      return try converted(operand(x, part), self.type(x), through: through, to: type)
    case .bitcast(let x): return operand(x, part)
    case .multiplyAdd(let a, let b, let c):
      return lanes.multiplyAdd(type, operand(a, part), operand(b, part), operand(c, part))
    }
  }

  func converted(_ x: Value, _ source: ElementType, through: ElementType, to target: ElementType) throws -> Value {
    guard let middle = LoopKernel.computeType(through),
      LoopCompiler.supports(conversionOf: source, to: target, through: through, instructionSet)
    else { throw LoopCompilerError.unsupported("\(source.name) to \(target.name) through \(through.name)") }
    let inner = lanes.convert(x, source, to: middle)
    return lanes.convert(lanes.rounded(inner, through: through), middle, to: target)
  }
}
