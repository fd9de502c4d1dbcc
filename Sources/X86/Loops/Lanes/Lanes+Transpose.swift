import KernelIR
import Tensors

extension Lanes {
  /// Columns of a square block, given its rows: `count` vectors of `count` elements each.
  ///
  /// Unpacking joins elements of neighbouring rows inside each 128 bits; what is left is a transposition of whole parts
  /// of 128 bits.
  func transposed(_ type: ElementType, _ rows: [Value]) -> [Value] {
    let kind = kind(type)
    func pair(_ instruction: Instruction, _ a: Value, _ b: Value) -> Value {
      builder.define(instruction, kind, .value(a), .value(b))
    }
    // Elements of a column that stand side by side in 128 bits.
    let perPart = Self.isWide(type) ? 2 : 4
    /// columns[c][q]: in part p, column perPart·p + c of the rows perPart·q ….
    var columns = [[Value]](repeating: [], count: perPart)
    for first in stride(from: 0, to: rows.count, by: perPart) {
      if perPart == 2 {
        columns[0].append(pair(.vunpcklpd, rows[first], rows[first + 1]))
        columns[1].append(pair(.vunpckhpd, rows[first], rows[first + 1]))
        continue
      }
      let low = (
        pair(.vunpcklps, rows[first], rows[first + 1]), pair(.vunpcklps, rows[first + 2], rows[first + 3])
      )
      let high = (
        pair(.vunpckhps, rows[first], rows[first + 1]), pair(.vunpckhps, rows[first + 2], rows[first + 3])
      )
      columns[0].append(pair(.vunpcklpd, low.0, low.1))
      columns[1].append(pair(.vunpckhpd, low.0, low.1))
      columns[2].append(pair(.vunpcklpd, high.0, high.1))
      columns[3].append(pair(.vunpckhpd, high.0, high.1))
    }
    let parts = columns.map { transposedParts($0, kind) }
    return (0..<rows.count).map { parts[$0 % perPart][$0 / perPart] }
  }

  /// Vectors of as many parts of 128 bits: part p of vector q becomes part q of vector p.
  private func transposedParts(_ vectors: [Value], _ kind: Register.Kind) -> [Value] {
    func join(_ a: Value, _ b: Value, _ selection: Int64) -> Value {
      builder.define(.vshuff32x4, kind, .value(a), .value(b), .immediate(selection))
    }
    switch kind {
    case .zmm:
      // Parts 0 and 2, or 1 and 3, of each of two vectors.
      let (even, odd) = (0b10_00_10_00 as Int64, 0b11_01_11_01 as Int64)
      let (a, b) = (join(vectors[0], vectors[1], even), join(vectors[2], vectors[3], even))
      let (c, d) = (join(vectors[0], vectors[1], odd), join(vectors[2], vectors[3], odd))
      return [join(a, b, even), join(c, d, even), join(a, b, odd), join(c, d, odd)]
    case .ymm:
      if hasAVX512 { return [join(vectors[0], vectors[1], 0b00), join(vectors[0], vectors[1], 0b11)] }
      return [0x20, 0x31].map {
        builder.define(.vperm2f128, .ymm, .value(vectors[0]), .value(vectors[1]), .immediate($0))
      }
    default: return vectors
    }
  }
}
