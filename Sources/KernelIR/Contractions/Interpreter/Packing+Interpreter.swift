import Tensors

extension Packing {
  /// What the interpreter takes for a packed constant: [K, N] dense for a Gemm, the constant itself for the others,
  /// with its bytes in memory. Throws `TensorError.outOfMemory`.
  public func plain(_ constant: Tensor) throws(TensorError) -> Tensor {
    guard case .gemm(let depth, let columns, let rowStride, let columnStride) = self else {
      try constant.storage.materialize()
      return constant
    }
    let result = try Tensor(.float32, [depth, columns], zeroed: false)
    try constant.readingBytes { source in
      result.withMutableElements(of: Float.self) { elements in
        for (k, n) in (0..<depth).lazy.flatMap({ k in (0..<columns).lazy.map { (k, $0) } }) {
          let index = k * rowStride + n * columnStride
          elements[k * columns + n] = source.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
        }
      }
    }
    return result
  }
}
