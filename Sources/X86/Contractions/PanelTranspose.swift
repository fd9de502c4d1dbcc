/// Makes panels [vector][k][lane] from columns that are contiguous along k, in squares of as many elements as a vector
/// has lanes: for 16 × 16 elements 16 loads, 64 shuffles and 16 stores.
struct PanelTranspose {
  let builder: VectorBuilder
  /// Elements from one column to the next.
  let columnStride: Int
  let depth: Int

  private var lanes: Int { builder.lanes }

  /// Transposes `columnCount` (at most a vector of) columns at `source` into the panel at `target`; the lanes behind them
  /// become zero.
  func emit(source: Value, target: Value, columnCount: Int) {
    let whole = depth / lanes * lanes
    if whole > 0 {
      builder.loop(to: .immediate(whole), step: lanes, carrying: [target]) { k, carried in
        square(Address(source, index: k, scale: 4), carried[0], columnCount: columnCount, depth: lanes)
        return [builder.add(carried[0], .immediate(lanes * builder.vectorByteCount))]
      }
    }
    if whole < depth {
      let target = builder.add(target, .immediate(whole * builder.vectorByteCount))
      square(Address(source, displacement: whole * 4), target, columnCount: columnCount, depth: depth - whole)
    }
  }

  private func square(_ source: Address, _ target: Value, columnCount: Int, depth: Int) {
    let mask = depth < lanes ? builder.laneMask(count: depth) : nil
    let columns = (0..<lanes).map { column in
      guard column < columnCount else { return builder.zero() }
      let address = source.advanced(by: column * columnStride * 4)
      return mask.map { builder.load(address, mask: $0) } ?? builder.load(address)
    }
    for (k, row) in builder.transpose(columns).prefix(depth).enumerated() {
      builder.store(row, to: Address(target, displacement: k * builder.vectorByteCount))
    }
  }
}

extension VectorBuilder {
  /// Lane j of vector i goes to lane i of vector j; as many vectors as lanes, all of the widest kind.
  func transpose(_ rows: [Value]) -> [Value] {
    precondition(rows.count == lanes, "a square of \(lanes) vectors")
    func shuffle(_ instruction: Instruction, _ left: Value, _ right: Value, _ control: Int64? = nil) -> Value {
      control.map { define(instruction, vectorKind, .value(left), .value(right), .immediate($0)) }
        ?? define(instruction, vectorKind, .value(left), .value(right))
    }
    // quads[4g + j]: in its 128-bit block L, column 4L + j of rows 4g ..< 4g + 4.
    var quads: [Value] = []
    for first in stride(from: 0, to: lanes, by: 4) {
      let low = (0..<2).map { shuffle(.vunpcklps, rows[first + 2 * $0], rows[first + 2 * $0 + 1]) }
      let high = (0..<2).map { shuffle(.vunpckhps, rows[first + 2 * $0], rows[first + 2 * $0 + 1]) }
      for pair in [low, high] {
        quads.append(shuffle(.vunpcklpd, pair[0], pair[1]))
        quads.append(shuffle(.vunpckhpd, pair[0], pair[1]))
      }
    }
    var result = rows
    for j in 0..<4 {
      guard hasAVX512 else {
        result[j] = shuffle(.vperm2f128, quads[j], quads[4 + j], 0x20)
        result[4 + j] = shuffle(.vperm2f128, quads[j], quads[4 + j], 0x31)
        continue
      }
      // 0x88 takes blocks 0 and 2 of both operands, 0xDD blocks 1 and 3.
      for (parity, control) in [Int64(0x88), 0xDD].enumerated() {
        let front = shuffle(.vshuff32x4, quads[j], quads[4 + j], control)
        let back = shuffle(.vshuff32x4, quads[8 + j], quads[12 + j], control)
        result[4 * parity + j] = shuffle(.vshuff32x4, front, back, 0x88)
        result[4 * (parity + 2) + j] = shuffle(.vshuff32x4, front, back, 0xDD)
      }
    }
    return result
  }
}
