import Tensors

extension Lanes {
  /// Stores a vector of a result's columns. bfloat16 is rounded by the instruction where there is one: it takes numbers
  /// below 2⁻¹²⁶ for zeros, as the products do that read them.
  func storeResult(_ type: ElementType, _ value: Value, _ address: Address, mask: ColumnMask?) {
    guard type == .bfloat16, Products.hasBFloat16(builder.instructionSet) else {
      return store(type, value, address, active(mask))
    }
    let rounded = builder.define(.vcvtneps2bf16, .ymm, .value(value))
    if let mask {
      builder.perform(.vmovdqu16, .memory(address), .value(rounded), mask: mask.value)
    } else {
      builder.perform(.vmovups, .memory(address), .value(rounded))
    }
  }
}
