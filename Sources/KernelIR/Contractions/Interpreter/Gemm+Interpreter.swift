extension Gemm {
  /// Buffers: A, B, the epilogue's operands, C. Parameters: M, then the outermost batch extent if there are batch axes.
  func interpret(_ call: KernelArguments) {
    var call = call
    let decoded = codes.map { self.decoded($0, call) }
    defer { decoded?.deallocate() }
    if let decoded { call.buffers[1] = UnsafeMutableRawPointer(decoded) }
    let products = KernelProducts(call, factors)
    let c = call.buffers[call.buffers.count - 1]
    let epilogue = BoundEpilogue(self.epilogue, call.buffers[firstOperandPosition..<(call.buffers.count - 1)])
    let extents = batch.enumerated().map { $0 == 0 ? call.parameters[1] : $1.extent }
    forEachPosition(extents) { position in
      var (aBase, bBase, cBase) = (0, 0, 0)
      for (index, axis) in zip(position, batch) {
        aBase += index * axis.aStride
        bBase += index * axis.bStride
        cBase += index * axis.cStride
      }
      for row in 0..<call.parameters[0] {
        for column in 0..<columns {
          let sum = products.sum(0..<depth) { k in
            (aBase + row * aRowStride + k, bBase + b.index(k, column, columns))
          }
          let value = epilogue(sum, row: row, column: column, batch: position)
          epilogue.store(value, to: c, at: cBase + row * cRowStride + column)
        }
      }
    }
  }
}

extension Gemm {
  /// B [K, N] as numbers; the caller deallocates it.
  private func decoded(_ codes: WeightCodes, _ call: KernelArguments) -> UnsafeMutablePointer<Float> {
    let result = UnsafeMutablePointer<Float>.allocate(capacity: max(1, depth * columns))
    for k in 0..<depth {
      for n in 0..<columns {
        let parameter = k / codes.blockSize * columns + n
        let zero = codes.zeroPoint.map(Float.init) ?? call.floats(3)[parameter]
        (result + k * columns + n).initialize(to: (call.floats(1)[k * columns + n] - zero) * call.floats(2)[parameter])
      }
    }
    return result
  }
}

extension Gemm.RightHandSide {
  fileprivate func index(_ k: Int, _ column: Int, _ columns: Int) -> Int {
    switch self {
    case .packed: k * columns + column
    case .rows(let stride): k * stride + column
    case .columns(let stride): column * stride + k
    }
  }
}

/// Every position of a box, row-major; one position without axes.
func forEachPosition(_ extents: [Int], _ body: ([Int]) -> Void) {
  var position = [Int](repeating: 0, count: extents.count)
  if extents.contains(0) { return }
  while true {
    body(position)
    var axis = extents.count - 1
    while axis >= 0 {
      position[axis] += 1
      if position[axis] < extents[axis] { break }
      position[axis] = 0
      axis -= 1
    }
    if axis < 0 { return }
  }
}
