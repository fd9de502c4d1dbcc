import Glibc

extension AttentionKernel {
  /// Buffers: Q, K, V, the mask if any, result. Parameters: batch, query rows S, key rows T.
  ///
  /// Causal: query s sees the keys t ≤ s. A query whose scores are all -∞ gives NaN, as softmax does.
  func interpret(_ call: KernelArguments) {
    let (q, k, v) = (call.floats(0), call.floats(1), call.floats(2))
    let result = call.floats(call.buffers.count - 1)
    let (queryRows, keyRows) = (call.parameters[1], call.parameters[2])
    for batch in 0..<call.parameters[0] {
      for head in 0..<heads {
        let keyHead = head / (heads / keyHeads)
        for row in 0..<queryRows {
          let query = q + self.query.index(batch, head, row)
          var scores = (0..<keyRows).map { t -> Double in
            if isCausal && t > row { return -.infinity }
            let key = k + self.key.index(batch, keyHead, t)
            let product = (0..<headSize).reduce(0.0) { $0 + Double(query[$1]) * Double(key[$1]) }
            return product * Double(Float(bitPattern: scale)) + maskValue(call, batch, head, row, t)
          }
          let largest = scores.max() ?? 0
          scores = scores.map { exp($0 - largest) }
          let sum = scores.reduce(0, +)
          for d in 0..<valueSize {
            let total = (0..<keyRows).reduce(0.0) {
              $0 + scores[$1] * Double(v[self.value.index(batch, keyHead, $1) + d])
            }
            result[self.result.index(batch, head, row) + d] = Float(total / sum)
          }
        }
      }
    }
  }

  private func maskValue(_ call: KernelArguments, _ batch: Int, _ head: Int, _ row: Int, _ column: Int) -> Double {
    guard let mask else { return 0 }
    return Double(call.floats(3)[mask.layout.index(batch, head, row) + column * mask.columnStride])
  }
}

extension AttentionKernel.Layout {
  fileprivate func index(_ batch: Int, _ head: Int, _ row: Int) -> Int {
    batch * batchStride + head * headStride + row * rowStride
  }
}
