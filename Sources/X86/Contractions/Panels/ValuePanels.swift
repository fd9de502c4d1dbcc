/// Rows of V as panels of bfloat16: [pair of keys][lane][key of the pair], with all columns of a pair side by side.
///
/// Two rows of float32 are rounded into one vector, whose halves are then interleaved: four instructions for 32 numbers.
struct ValuePanels {
  let builder: VectorBuilder
  /// Bytes from one key to the next in V.
  let rowByteCount: Int
  let columns: ColumnBlocks

  /// Bytes of the panels of two keys.
  var pairByteCount: Int { columns.vectors * builder.vectorByteCount }
  func byteCount(keys: Int) -> Int { (keys + 1) / 2 * pairByteCount }

  /// Behind an odd last key are zeros.
  func emit(source: Value, target: Value, keys: Value) {
    let pairs = builder.shiftRightArithmetic(keys, 1)
    let behind = builder.loop(to: .value(pairs), carrying: [source, target]) { _, carried in
      emitPair(carried[0], builder.add(carried[0], .immediate(rowByteCount)), target: carried[1])
      return [
        builder.add(carried[0], .immediate(2 * rowByteCount)), builder.add(carried[1], .immediate(pairByteCount)),
      ]
    }
    builder.if(.compare(builder.and(keys, 1), .equal, .immediate(1))) {
      emitPair(behind[0], nil, target: behind[1])
    }
  }

  private func emitPair(_ first: Value, _ second: Value?, target: Value) {
    let lanes = builder.lanes
    let order = builder.constant(elements: (0..<2 * lanes).map { UInt16($0 / 2 + $0 % 2 * lanes) })
    func emit(_ column: Value, _ mask: Value?) {
      func load(_ row: Value?) -> Value {
        guard let row else { return builder.zero() }
        let address = Address(row, index: column, scale: 4)
        return mask.map { builder.load(address, mask: $0) } ?? builder.load(address)
      }
      let rounded = builder.define(
        .vcvtne2ps2bf16, builder.vectorKind, .value(load(second)), .value(load(first)))
      let pairs = builder.define(.vpermw, builder.vectorKind, .value(order), .value(rounded))
      builder.store(pairs, to: Address(target, index: column, scale: 4))
    }
    columns.forEachVector(builder, block: builder.integer(0)) { column in
      emit(column, nil)
    } partial: { column in
      emit(column, builder.laneMask(count: columns.tailColumns))
    }
  }
}
