import KernelIR

/// Makes panels [vector][k][lane] from columns that are contiguous along k, in squares of as many elements as a vector
/// has lanes: for 16 × 16 elements 16 loads, 64 shuffles and 16 stores.
///
/// With bfloat16 factors, an element of a panel is a pair of float32 that are neighbours along k, rounded.
struct PanelTranspose {
  let builder: VectorBuilder
  /// Elements from one column to the next.
  let columnStride: Int
  /// Elements of a column of a panel.
  let depth: Int
  var factors = Factors.float32

  private var lanes: Int { builder.lanes }
  /// Bytes of the source for an element of a panel.
  private var stepByteCount: Int { 4 * factors.depthUnit }

  /// Transposes `columnCount` (at most a vector of) columns at `source` into the panel at `target`; the lanes behind them
  /// become zero.
  func emit(source: Value, target: Value, columnCount: Int) {
    let whole = depth / lanes * lanes
    if whole > 0 {
      builder.loop(to: .immediate(whole), step: lanes, carrying: [target]) { k, carried in
        square(Address(source, index: k, scale: stepByteCount), carried[0], columnCount: columnCount, depth: lanes)
        return [builder.add(carried[0], .immediate(lanes * builder.vectorByteCount))]
      }
    }
    if whole < depth {
      let target = builder.add(target, .immediate(whole * builder.vectorByteCount))
      square(
        Address(source, displacement: whole * stepByteCount), target, columnCount: columnCount, depth: depth - whole)
    }
  }

  private func square(_ source: Address, _ target: Value, columnCount: Int, depth: Int) {
    let counts = factors == .bfloat16 ? [min(lanes, 2 * depth), max(0, 2 * depth - lanes)] : [depth]
    let masks = counts.map { $0 < lanes && $0 > 0 ? builder.laneMask(count: $0) : nil }
    func load(_ address: Address, part: Int) -> Value {
      if counts[part] == 0 { return builder.zero() }
      let address = address.advanced(by: part * builder.vectorByteCount)
      return masks[part].map { builder.load(address, mask: $0) } ?? builder.load(address)
    }
    let columns = (0..<lanes).map { column in
      guard column < columnCount else { return builder.zero() }
      let address = source.advanced(by: column * columnStride * 4)
      if factors == .float32 { return load(address, part: 0) }
      return builder.define(
        .vcvtne2ps2bf16, builder.vectorKind, .value(load(address, part: 1)), .value(load(address, part: 0)))
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
