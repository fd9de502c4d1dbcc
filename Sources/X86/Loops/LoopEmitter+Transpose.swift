import GraphIR
import KernelIR
import Tensors

extension LoopEmitter {
  /// The vector loop inside a serial one when the two walk through some operand the other way round than through the
  /// result: that operand is then loaded in square blocks along the serial axis and turned in registers.
  func transposableLoop(in loop: Loop) -> Loop? {
    guard loop.carried.isEmpty, loop.reductions.isEmpty, loop.body.count == 1, case .loop(let inner) = loop.body[0],
      kernel.axes[inner.axis.index].kind == .vector, inner.reductions.isEmpty,
      kernel.axes[loop.axis.index].extent > 1, kernel.axes[inner.axis.index].extent > 1, lanes.count > 2
    else { return nil }
    var turns = false
    for statement in inner.body {
      switch statement {
      case .loop: return nil
      case .store(_, let index, _):
        guard isPlain(index, loop.axis, inner.axis), index.stride(of: inner.axis) == 1 else { return nil }
      case .define(let value, .load(_, let index, _)):
        guard isPlain(index, loop.axis, inner.axis) else { return nil }
        let stride = index.stride(of: inner.axis)
        if stride != 0 && stride != 1 {
          guard index.stride(of: loop.axis) == 1, type(value) != .bool else { return nil }
          turns = true
        }
      case .define: break
      }
    }
    return turns ? inner : nil
  }

  private func isPlain(_ index: Index, _ outer: AxisID, _ inner: AxisID) -> Bool {
    index.indirect.isEmpty
      && !index.guards.contains { $0.terms.contains { $0.axis == outer || $0.axis == inner } }
  }

  /// Both loops in blocks of as many positions as a vector has lanes.
  func emitTransposed(_ outer: Loop, _ inner: Loop) throws {
    let (pointers, products) = (pointers, products)
    defer {
      (self.pointers, self.products) = (pointers, products)
      group = nil
      scope.removeLast(2)
      positions[outer.axis.index] = nil
      positions[inner.axis.index] = nil
    }
    scope += [outer.axis, inner.axis]
    positions[inner.axis.index] = .vector
    let side = lanes.count
    let rows = kernel.axes[outer.axis.index].extent
    let wholeRows = rows / side * side
    if wholeRows > 0 {
      try builder.loop(from: .immediate(0), to: .immediate(wholeRows), step: side) { index, _ in
        positions[outer.axis.index] = .general(index)
        try inScope { try emitBlocks(outer, inner, rows: side) }
        return []
      }
    }
    if wholeRows < rows {
      positions[outer.axis.index] = .constant(wholeRows)
      try inScope { try emitBlocks(outer, inner, rows: rows - wholeRows) }
    }
  }

  private func emitBlocks(_ outer: Loop, _ inner: Loop, rows: Int) throws {
    prepareAddresses(inner.body)
    let side = lanes.count
    let extent = kernel.axes[inner.axis.index].extent
    let whole = extent / side * side
    func block(index: Value?, start: Int, _ active: Lanes.Active) throws {
      group = Group(
        axis: inner.axis, index: index, start: start, parts: Array(repeating: active, count: rows), sample: 0,
        partAxis: outer.axis)
      try inScope { try emit(inner.body) }
    }
    if whole > 0 {
      try builder.loop(from: .immediate(0), to: .immediate(whole), step: side) { index, _ in
        try block(index: index, start: 0, .all)
        return []
      }
    }
    if whole < extent { try block(index: nil, start: whole, .first(extent - whole)) }
  }

  /// A load whose consecutive elements lie along the axis of the parts: one vector for each lane, turned.
  func transposedLoads(_ buffer: Int, _ index: Index, _ group: Group) throws -> [Value] {
    let stored = kernel.buffers[buffer].elementType
    let type = LoopKernel.computeType(stored) ?? .float32
    var count = lanes.count
    if case .first(let number) = group.parts[0] { count = number }
    let along: Lanes.Active = group.parts.count == lanes.count ? .all : .first(group.parts.count)
    let first = try addresses(buffer, index)[0]
    let step = index.stride(of: group.axis) * elementBytes(buffer)
    guard (step * lanes.count).magnitude < 1 << 30 else {
      throw LoopCompilerError.unsupported("a stride of \(step) bytes")
    }
    let rows = (0..<lanes.count).map { lane in
      lane < count ? lanes.load(stored, first.advanced(by: lane * step), along) : lanes.zero(type)
    }
    return Array(lanes.transposed(type, rows).prefix(group.parts.count))
  }
}
