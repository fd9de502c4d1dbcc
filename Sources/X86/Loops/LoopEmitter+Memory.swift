import GraphIR
import KernelIR
import Tensors

extension LoopEmitter {
  // MARK: Loads

  func emitLoad(_ value: KernelValue, _ buffer: Int, _ index: Index, _ otherwise: KernelValue?) throws {
    let count = isVarying(value) ? partCount : 1
    func others() -> [Value] {
      otherwise.map { other in (0..<count).map { operand(other, $0) } }
        ?? Array(repeating: lanes.zero(type(value)), count: count)
    }
    guard let guards = open(index.guards) else {
      set(value, others())
      return
    }
    if guards.uniform.isEmpty {
      set(value, try loads(value, buffer, index, guards.perLane, otherwise))
      return
    }
    let condition = condition(guards.uniform)
    let results = try builder.if(
      condition, { try inScope { try loads(value, buffer, index, guards.perLane, otherwise) } }, else: { others() })
    set(value, results)
  }

  private func loads(
    _ value: KernelValue, _ buffer: Int, _ index: Index, _ guards: [Index.Guard], _ otherwise: KernelValue?
  ) throws -> [Value] {
    let stored = kernel.buffers[buffer].elementType
    let addresses = try self.addresses(buffer, index)
    guard isVarying(value), let group else { return [lanes.loadSpread(stored, addresses[0])] }
    let stride = index.stride(of: group.axis)
    if let axis = group.partAxis, stride != 0, stride != 1, index.stride(of: axis) == 1 {
      return try transposedLoads(buffer, index, group)
    }
    return try group.parts.indices.map { part in
      let address = addresses[addresses.count == 1 ? 0 : part]
      var active = group.parts[part]
      if guards.isEmpty { return try load(stored, buffer, index, address, active, part) }
      let mask = try laneMask(guards, part: part)
      active = self.active(active, and: mask)
      let loaded = try load(stored, buffer, index, address, active, part)
      guard let otherwise, shape.constants[otherwise.index] != 0 else { return loaded }
      return lanes.select(type(value), mask, loaded, operand(otherwise, part))
    }
  }

  /// One vector.
  private func load(
    _ stored: ElementType, _ buffer: Int, _ index: Index, _ address: Address, _ active: Lanes.Active, _ part: Int
  ) throws -> Value {
    let stride = group.map { index.stride(of: $0.axis) } ?? 0
    let isMasked = if case .masked = active { true } else { false }
    if index.indirect.contains(where: { isVarying($0.value) }) {
      return try gathered(stored, index, address, active, part, stride)
    }
    if stride == 0 && !isMasked { return lanes.loadSpread(stored, address) }
    if isMasked && !Lanes.masksMemory(stored, instructionSet) {
      throw LoopCompilerError.unsupported("loads of \(stored.name) under a mask")
    }
    if stride == 1 { return lanes.load(stored, address, active) }
    let byteStride = stride * elementBytes(buffer)
    guard byteStride.magnitude < 1 << 24 else { throw LoopCompilerError.unsupported("a stride of \(byteStride) bytes") }
    if isMasked && stored.bitWidth < 32 { throw LoopCompilerError.unsupported("strided \(stored.name) under a mask") }
    return lanes.loadStrided(stored, address, byteStride: byteStride, active)
  }

  /// Elements whose positions are values. Offsets are 32-bit: a buffer has less than 2³¹ elements.
  private func gathered(
    _ stored: ElementType, _ index: Index, _ address: Address, _ active: Lanes.Active, _ part: Int, _ stride: Int
  ) throws -> Value {
    var offsets: Value?
    func add(_ term: Value) { offsets = offsets.map { lanes.add(.int32, $0, term) } ?? term }
    for indirect in index.indirect where isVarying(indirect.value) {
      guard Int32(exactly: indirect.stride) != nil else {
        throw LoopCompilerError.unsupported("a gather of stride \(indirect.stride)")
      }
      let value = lanes.convert(operand(indirect.value, part), type(indirect.value), to: .int32)
      add(indirect.stride == 1 ? value : lanes.multiply(.int32, value, lanes.number(.int32, indirect.stride)))
    }
    if stride != 0 { add(lanes.constant(.int32, elements: (0..<lanes.count).map { $0 * stride })) }
    guard let offsets else { throw LoopCompilerError.unsupported("a gather without positions") }
    if stored.bitWidth >= 32 {
      return lanes.gather(stored, address, offsets: offsets, scale: stored.bitWidth / 8, active)
    }
    var count = lanes.count
    switch active {
    case .all: break
    case .first(let number): count = number
    case .masked: throw LoopCompilerError.unsupported("gathers of \(stored.name) under a mask")
    }
    return lanes.gatherNarrow(stored, address, offsets: offsets, count)
  }

  // MARK: Stores

  func emitStore(_ buffer: Int, _ index: Index, _ value: KernelValue) throws {
    guard let guards = open(index.guards) else { return }
    let stored = kernel.buffers[buffer].elementType
    let moves = group.map { index.stride(of: $0.axis) != 0 } ?? false
    if index.indirect.contains(where: { isVarying($0.value) }) {
      throw LoopCompilerError.unsupported("stores to positions that are values of lanes")
    }
    if !moves && (isVarying(value) || !guards.perLane.isEmpty) {
      throw LoopCompilerError.unsupported("many lanes stored to one element")
    }
    let converted = try (0..<(moves ? partCount : 1)).map { part in
      try self.converted(operand(value, part), type(value), stored: stored)
    }
    if guards.uniform.isEmpty { return try stores(buffer, index, converted, guards.perLane) }
    try builder.if(condition(guards.uniform)) { try inScope { try stores(buffer, index, converted, guards.perLane) } }
  }

  /// As the compute type of a stored type; storing narrow types does the rest.
  func converted(_ x: Value, _ source: ElementType, stored: ElementType) throws -> Value {
    guard let target = LoopKernel.computeType(stored),
      LoopCompiler.supports(conversionOf: source, to: target, through: stored, instructionSet)
    else { throw LoopCompilerError.unsupported("\(source.name) stored as \(stored.name)") }
    return lanes.convert(x, source, to: target)
  }

  private func stores(_ buffer: Int, _ index: Index, _ values: [Value], _ guards: [Index.Guard]) throws {
    let stored = kernel.buffers[buffer].elementType
    let addresses = try self.addresses(buffer, index)
    let stride = group.map { index.stride(of: $0.axis) } ?? 0
    guard let group, stride != 0 else {
      lanes.storeLowest(stored, values[0], addresses[0])
      return
    }
    for part in group.parts.indices {
      var active = group.parts[part]
      if !guards.isEmpty {
        active = self.active(active, and: try laneMask(guards, part: part))
        guard stride == 1 ? Lanes.masksMemory(stored, instructionSet) : lanes.hasAVX512 && stored.bitWidth >= 32 else {
          throw LoopCompilerError.unsupported("stores of \(stored.name) under a mask")
        }
      }
      if stride == 1 {
        lanes.store(stored, values[part], addresses[part], active)
      } else {
        let byteStride = stride * elementBytes(buffer)
        guard byteStride.magnitude < 1 << 24 else {
          throw LoopCompilerError.unsupported("a stride of \(byteStride) bytes")
        }
        lanes.storeStrided(stored, values[part], addresses[part], byteStride: byteStride, active)
      }
    }
  }
}
