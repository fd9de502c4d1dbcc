import KernelIR

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
  /// bfloat16: elements of float32 are rounded on the way.
  var factors = Factors.float32

  /// So many rows do without a copy.
  static let rowsWithoutConflict = 6

  /// Few columns do not pay for the copy.
  static func pays(rowByteCount: Int, columns: Int) -> Bool {
    rowByteCount != 0 && rowByteCount % 2048 == 0 && columns >= 96
  }

  var rowByteCount: Int { ((depth * elementByteCount + 63) / 64 | 1) * 64 }
  private var elementByteCount: Int { factors.elementType.bitWidth / 8 }

  func emit(from source: Value, to target: Value, rowCount: IntegerOperand, depth: IntegerOperand) {
    let lanes = builder.lanes
    let depth = builder.integer(depth)
    let whole = builder.and(depth, -lanes)
    let rest = builder.subtract(depth, .value(whole))
    let elements = Lanes(builder: builder, count: lanes, hasWideMasks: false)
    func store(_ value: Value, _ row: Value, _ k: Value) {
      let address = Address(row, index: k, scale: elementByteCount)
      elements.storeResult(factors.elementType, value, address, mask: nil)
    }
    builder.loop(to: rowCount, carrying: [source, target]) { _, carried in
      builder.loop(to: .value(whole), step: lanes) { k, _ in
        store(builder.load(Address(carried[0], index: k, scale: 4)), carried[1], k)
        return []
      }
      builder.if(.compare(rest, .greater, .immediate(0))) {
        let mask = builder.laneMask(count: rest)
        let tail = builder.load(Address(carried[0], index: whole, scale: 4), mask: mask)
        store(tail, carried[1], whole)
      }
      return [
        builder.add(carried[0], .immediate(sourceRowByteCount)), builder.add(carried[1], .immediate(rowByteCount)),
      ]
    }
  }
}
