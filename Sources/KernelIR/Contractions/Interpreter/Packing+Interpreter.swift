import Tensors

extension Packing {
  /// What the interpreter takes for a packed constant: [K, N] dense for a Gemm, the constant itself for the others.
  public func plain(_ constant: Tensor) -> Tensor {
    guard case .gemm(let depth, let columns, let rowStride, let columnStride, let factors) = self else {
      return constant
    }
    func dense<Element: TensorElement>(_: Element.Type) -> Tensor {
      let values = constant.withElements(of: Element.self) { source in
        (0..<depth).flatMap { k in (0..<columns).map { source[k * rowStride + $0 * columnStride] } }
      }
      return Tensor([depth, columns], values)
    }
    return factors == .bytes ? dense(Int8.self) : dense(Float.self)
  }
}
