/// Copies rows of A so that they do not share cache sets.
///
/// Rows that are a multiple of 2 KB apart fall into one or two sets of a first-level cache, which holds 8 to 12 lines in
/// each; the rows of a copy are an odd number of lines apart.
struct RowCopy {
  let builder: VectorBuilder
  /// Bytes from row to row of the source.
  let sourceRowByteCount: Int
  /// The most elements that a row has.
  let depth: Int

  /// So many rows do without a copy.
  static let rowsWithoutConflict = 6

  /// Few columns do not pay for the copy.
  static func pays(rowByteCount: Int, columns: Int) -> Bool {
    rowByteCount != 0 && rowByteCount % 2048 == 0 && columns >= 96
  }

  var rowByteCount: Int { ((depth * 4 + 63) / 64 | 1) * 64 }

  func emit(from source: Value, to target: Value, rowCount: IntegerOperand, depth: IntegerOperand) {
    let lanes = builder.lanes
    let depth = builder.integer(depth)
    let whole = builder.and(depth, -lanes)
    let rest = builder.subtract(depth, .value(whole))
    builder.loop(to: rowCount, carrying: [source, target]) { _, carried in
      builder.loop(to: .value(whole), step: lanes) { k, _ in
        builder.store(
          builder.load(Address(carried[0], index: k, scale: 4)), to: Address(carried[1], index: k, scale: 4))
        return []
      }
      builder.if(.compare(rest, .greater, .immediate(0))) {
        let mask = builder.laneMask(count: rest)
        let tail = builder.load(Address(carried[0], index: whole, scale: 4), mask: mask)
        builder.store(tail, to: Address(carried[1], index: whole, scale: 4))
      }
      return [
        builder.add(carried[0], .immediate(sourceRowByteCount)), builder.add(carried[1], .immediate(rowByteCount)),
      ]
    }
  }
}
