extension LoopKernel {
  /// Where scratch buffers lie in the `scratch` argument of a call: one behind another in the kernel's order, each on a
  /// boundary of 64 bytes.
  public var scratchOffsets: [Int] {
    var offsets: [Int] = []
    var end = 0
    for buffer in buffers where buffer.access == .scratch {
      offsets.append(end)
      end += (buffer.elementCount * buffer.elementType.bitWidth / 8 + 63) / 64 * 64
    }
    return offsets
  }

  /// Bytes of scratch memory that a call needs for the buffers of the kernel.
  public var scratchSizeInBytes: Int {
    buffers.reduce(0) { total, buffer in
      buffer.access == .scratch
        ? total + (buffer.elementCount * buffer.elementType.bitWidth / 8 + 63) / 64 * 64 : total
    }
  }

  /// Buffers whose addresses a call passes: all but those in scratch memory.
  public var argumentBufferCount: Int { buffers.count { $0.access != .scratch } }

  /// The product of the parallel axes behind the first: units of one position of axis 0.
  public var unitsPerPosition: Int {
    axes.prefix(parallelCount).dropFirst().reduce(1) { $0 * $1.extent }
  }
}
