import GraphIR
import KernelIR
import Tensors

extension LoopEmitter {
  /// A loop over four channels around a vector loop over pixels that stores one byte for each, four apart.
  struct InterleavedLoop {
    var axis: AxisID
    /// In front of the vector loop.
    var definitions: [Statement]
    var inner: Loop
    var buffer: Int
    var index: Index
    var value: KernelValue
  }

  /// How many bytes a lane of 32 bits has.
  private static let channelCount = 4

  /// The loop as one of those: stored together, four channels of a pixel are one lane.
  func interleavedLoop(_ loop: Loop) -> InterleavedLoop? {
    guard loop.carried.isEmpty, loop.reductions.isEmpty, kernel.axes[loop.axis.index].extent == Self.channelCount,
      case .loop(let inner)? = loop.body.last, inner.reductions.isEmpty, inner.carried.isEmpty,
      kernel.axes[inner.axis.index].kind == .vector, loop.body.dropLast().allSatisfy(\.isDefinition),
      case .store(let buffer, let index, let value)? = inner.body.last,
      inner.body.dropLast().allSatisfy(\.isDefinition),
      index.guards.isEmpty, index.indirect.isEmpty, isVarying(value), type(value) != .bool
    else { return nil }
    let stored = kernel.buffers[buffer].elementType
    guard stored == .uint8 || stored == .int8, index.stride(of: loop.axis) == 1,
      index.stride(of: inner.axis) == Self.channelCount
    else { return nil }
    return InterleavedLoop(
      axis: loop.axis, definitions: loop.body.dropLast(), inner: inner, buffer: buffer, index: index, value: value)
  }

  func emitInterleaved(_ loop: InterleavedLoop) throws {
    let (pointers, products) = (pointers, products)
    defer {
      (self.pointers, self.products) = (pointers, products)
      group = nil
      scope.removeLast(2)
      positions[loop.axis.index] = nil
      positions[loop.inner.axis.index] = nil
    }
    scope.append(loop.axis)
    // What does not depend on the pixel, for each channel.
    let known = try (0..<Self.channelCount).map { channel in
      positions[loop.axis.index] = .constant(channel)
      try inScope { try emit(loop.definitions) }
      return values
    }
    scope.append(loop.inner.axis)
    positions[loop.inner.axis.index] = .vector
    for segment in segments(of: loop.inner) {
      func block(index: Value?, start: Int, _ active: Lanes.Active) throws {
        group = Group(axis: loop.inner.axis, index: index, start: start, parts: [active], sample: segment.lowerBound)
        try inScope { try emitPixels(loop, known, active) }
      }
      let side = lanes.count
      let end = segment.lowerBound + segment.count / side * side
      if end > segment.lowerBound {
        try builder.loop(from: .immediate(segment.lowerBound), to: .immediate(end), step: side) { index, _ in
          try block(index: index, start: 0, .all)
          return []
        }
      }
      if end < segment.upperBound { try block(index: nil, start: end, .first(segment.upperBound - end)) }
    }
  }

  private func emitPixels(_ loop: InterleavedLoop, _ known: [[Lowered?]], _ active: Lanes.Active) throws {
    var pixels: Value?
    for channel in (0..<Self.channelCount).reversed() {
      positions[loop.axis.index] = .constant(channel)
      values = known[channel]
      try inScope { try emit(Array(loop.inner.body.dropLast())) }
      let byte = try converted(
        operand(loop.value, 0), type(loop.value), stored: kernel.buffers[loop.buffer].elementType)
      if let above = pixels {
        let low = lanes.and(byte, lanes.constant(.int32, bits: 0xFF))
        pixels = lanes.or(lanes.immediate(.int32, .vpslld, above, 8), low)
      } else {
        pixels = byte
      }
    }
    positions[loop.axis.index] = .constant(0)
    guard let pixels else { return }
    lanes.store(.int32, pixels, try addresses(loop.buffer, loop.index)[0], active)
  }
}

extension Statement {
  fileprivate var isDefinition: Bool { if case .define = self { true } else { false } }
}
