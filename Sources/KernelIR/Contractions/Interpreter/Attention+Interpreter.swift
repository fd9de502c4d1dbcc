import Glibc

extension AttentionKernel {
  /// Buffers: Q, K, V, the masks, result. Parameters: batch, query rows S, key rows T.
  ///
  /// A query whose scores are all -∞ gives NaN, as softmax does, unless the kernel says otherwise.
  func interpret(_ call: KernelArguments) {
    let (q, k, v) = (call.floats(0), call.floats(1), call.floats(2))
    let result = call.buffers[call.buffers.count - 1]
    let ending = BoundEpilogue(Epilogue(resultType: resultType), [UnsafeMutableRawPointer]())
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
            return masked(capped(product * Double(Float(bitPattern: scale))), call, batch, head, row, t)
          }
          let largest = scores.max() ?? 0
          scores = scores.map { exp($0 - largest) }
          let sum = scores.reduce(0, +)
          for d in 0..<valueSize {
            let total = (0..<keyRows).reduce(0.0) {
              $0 + scores[$1] * Double(v[self.value.index(batch, keyHead, $1) + d])
            }
            let isUnseen = unseenIsZero && largest == -.infinity
            ending.store(
              .float(isUnseen ? 0 : Float(total / sum)), to: result, at: self.result.index(batch, head, row) + d)
          }
        }
      }
    }
  }

  private func capped(_ score: Double) -> Double {
    guard let softcap else { return score }
    return tanh(score) * Double(Float(bitPattern: softcap))
  }

  private func masked(
    _ score: Double, _ call: KernelArguments, _ batch: Int, _ head: Int, _ row: Int, _ column: Int
  ) -> Double {
    masks.enumerated().reduce(score) { score, item in
      let (number, mask) = item
      let index = mask.layout.index(batch, head, row) + column * mask.columnStride
      switch mask.form {
      case .added: return score + Double(call.floats(3 + number)[index])
      case .selecting(let keeps, let otherwise):
        let isSet = call.buffers[3 + number].load(fromByteOffset: index, as: UInt8.self) != 0
        return isSet == keeps ? score : Double(Float(bitPattern: otherwise))
      }
    }
  }
}

extension AttentionKernel.Layout {
  fileprivate func index(_ batch: Int, _ head: Int, _ row: Int) -> Int {
    batch * batchStride + head * headStride + row * rowStride
  }
}
