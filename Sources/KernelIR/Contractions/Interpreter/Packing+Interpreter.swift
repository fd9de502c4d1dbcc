import Tensors

extension Packing {
  /// What the interpreter takes for a packed constant: [K, N] dense for a Gemm, float32 for codes and zero points, the
  /// constant itself for the others, with its bytes in memory. Throws `TensorError.outOfMemory`.
  public func plain(_ constant: Tensor) throws(TensorError) -> Tensor {
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
}
