import Tensors

extension Packing {
  /// What the interpreter takes for a packed constant: [K, N] dense for a Gemm, float32 for codes and zero points, the
  /// constant itself for the others, with its bytes in memory, as float32 that is rounded already where factors are
  /// bfloat16. Throws `TensorError.outOfMemory`.
  public func plain(_ constant: Tensor) throws(TensorError) -> Tensor {
    if let wide = roundsToBFloat16 {
      let result = try wide.plain(constant)
      let rounded = try Tensor(.float32, result.shape, zeroed: false)
      let elements = result.base.assumingMemoryBound(to: Float.self)
      rounded.withMutableElements(of: Float.self) { for i in $0.indices { $0[i] = elements[i].roundedToBFloat16 } }
      return rounded
    }
    switch self {
    case .gemm(let depth, let columns, let rowStride, let columnStride, _):
      return try dense(constant, depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride)
    case .codes(let depth, let columns, let rowStride, let columnStride, _),
      .zeroPoints(let depth, let columns, let rowStride, let columnStride):
      let numbers = try (constant.elementType.isPacked ? constant.widened() : constant).converted(to: .float32)
      return try dense(numbers, depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride)
    case .convolution, .transposedConvolution, .recurrence, .recurrenceOffsets:
      try constant.storage.materialize()
      return constant
    }
  }

  private func dense(
    _ constant: Tensor, depth: Int, columns: Int, rowStride: Int, columnStride: Int
  ) throws(TensorError) -> Tensor {
    let result = try Tensor(constant.elementType, [depth, columns], zeroed: false)
    let size = constant.byteCount / max(1, constant.elementCount)
    try constant.readingBytes { source in
      for k in 0..<depth {
        for n in 0..<columns {
          (result.base + (k * columns + n) * size).copyMemory(
            from: source + (k * rowStride + n * columnStride) * size, byteCount: size)
        }
      }
    }
    return result
  }

  /// The packing of the same constant as float32, for one of bfloat16 factors; nil for the others.
  private var roundsToBFloat16: Packing? {
    switch self {
    case .gemm(let depth, let columns, let rowStride, let columnStride, .bfloat16):
      .gemm(depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride)
    case .convolution(let window, let groups, let inputChannels, let outputChannels, .bfloat16):
      .convolution(
        window: window, groups: groups, inputChannels: inputChannels, outputChannels: outputChannels)
    default: nil
    }
  }
}
