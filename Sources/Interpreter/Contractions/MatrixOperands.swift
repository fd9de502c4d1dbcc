import Tensors

/// The left factor of a product, [rows, depth], handed out in row-major blocks.
protocol LeftOperand<Factor> {
  associatedtype Factor
  /// Rows × depths: where they lie, or copied to `scratch`, which has room for as many elements.
  func block(
    rows: Range<Int>, depths: Range<Int>, scratch: UnsafeMutablePointer<Factor>
  ) -> (base: UnsafePointer<Factor>, stride: Int)
  /// False when `block` never touches `scratch`.
  var needsScratch: Bool { get }
}

/// A matrix in memory with any distance between rows and between columns.
struct MatrixView<Factor> {
  var base: UnsafePointer<Factor>
  var rowStride: Int
  var columnStride: Int
}

extension MatrixView: LeftOperand {
  var needsScratch: Bool { columnStride != 1 }

  func block(
    rows: Range<Int>, depths: Range<Int>, scratch: UnsafeMutablePointer<Factor>
  ) -> (base: UnsafePointer<Factor>, stride: Int) {
    let start = base + rows.lowerBound * rowStride + depths.lowerBound * columnStride
    if columnStride == 1 { return (start, rowStride) }
    // Sixteen rows at a time, so that both sides of the transposition stay in the first cache.
    var row = 0
    while row < rows.count {
      let end = min(row + 16, rows.count)
      for depth in 0..<depths.count {
        let source = start + depth * columnStride
        for row in row..<end { (scratch + row * depths.count + depth).initialize(to: source[row * rowStride]) }
      }
      row = end
    }
    return (UnsafePointer(scratch), depths.count)
  }
}

extension MatrixView {
  /// Copies `depths` × `columns` of a right factor into panels of eight columns, each [depth, 8], the last one padded
  /// with `zero`.
  func pack(depths: Range<Int>, columns: Range<Int>, zero: Factor, into panels: UnsafeMutablePointer<Factor>) {
    var panel = panels
    var column = columns.lowerBound
    while column < columns.upperBound {
      let width = min(8, columns.upperBound - column)
      let source = base + depths.lowerBound * rowStride + column * columnStride
      if width == 8, columnStride == 1 {
        for depth in 0..<depths.count { (panel + depth * 8).update(from: source + depth * rowStride, count: 8) }
      } else if width == 8 {
        // Eight columns side by side: one store of eight numbers for each depth.
        let s1 = source + columnStride
        let s2 = s1 + columnStride
        let s3 = s2 + columnStride
        let s4 = s3 + columnStride
        let s5 = s4 + columnStride
        let s6 = s5 + columnStride
        let s7 = s6 + columnStride
        var at = 0
        for depth in 0..<depths.count {
          let target = panel + depth * 8
          (target[0], target[1], target[2], target[3]) = (source[at], s1[at], s2[at], s3[at])
          (target[4], target[5], target[6], target[7]) = (s4[at], s5[at], s6[at], s7[at])
          at += rowStride
        }
      } else {
        for depth in 0..<depths.count {
          for lane in 0..<8 {
            panel[depth * 8 + lane] = lane < width ? source[depth * rowStride + lane * columnStride] : zero
          }
        }
      }
      panel += depths.count * 8
      column += 8
    }
  }
}
