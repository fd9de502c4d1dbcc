import Tensors

extension Packing {
  /// What the interpreter takes for a packed constant: [K, N] dense for a Gemm, the constant itself for the others,
  /// with its bytes in memory. Throws `TensorError.outOfMemory`.
  public func plain(_ constant: Tensor) throws(TensorError) -> Tensor {
    guard case .gemm(let depth, let columns, let rowStride, let columnStride, _) = self else {
      try constant.storage.materialize()
      return constant
    }
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
