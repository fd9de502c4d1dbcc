import Tensors

/// Some rows of a product over one block of depth: the kernels.
///
/// A tile of 4 rows × 8 columns lives in 8 of the 16 SSE registers. For each depth it loads 8 numbers of the right
/// factor and broadcasts 4 of the left: 6 loads and 4 shuffles for 16 multiplications and additions, 42 GFLOP/s on one
/// Zen 5 core where 6 × 8 gives 43 and 3 × 16 gives 31.
struct MatrixBlock<Arithmetic: MatrixArithmetic> {
  typealias Factor = Arithmetic.Factor
  typealias Sum = Arithmetic.Sum

  var left: UnsafePointer<Factor>
  var leftStride: Int
  var result: UnsafeMutablePointer<Sum>
  var resultStride: Int
  var rows: Int
  var depth: Int
  /// The result is overwritten, not added to.
  var isFirst: Bool

  /// The right factor in panels of 8 columns.
  private struct Panels {
    var base: UnsafePointer<Factor>
    /// From one panel to the next.
    var panelStride: Int
    /// From one depth to the next within a panel.
    var depthStride: Int
  }

  /// `packed` has room for depth × columns, these rounded up to 8.
  func multiply(
    _ right: MatrixView<Factor>, depths: Range<Int>, columns: Range<Int>, packed: UnsafeMutablePointer<Factor>
  ) {
    let packedPanels = Panels(base: UnsafePointer(packed), panelStride: depth * 8, depthStride: 8)
    guard rows < 8, right.columnStride == 1 else {
      right.pack(depths: depths, columns: columns, zero: Arithmetic.zero, into: packed)
      multiply(packedPanels, columns: columns.count, into: result)
      return
    }
    // Packing pays from about eight rows on: fewer read the right factor where it lies, but for the last panel.
    let full = columns.count & ~7
    let base = right.base + depths.lowerBound * right.rowStride + columns.lowerBound
    multiply(Panels(base: base, panelStride: 8, depthStride: right.rowStride), columns: full, into: result)
    if full < columns.count {
      right.pack(
        depths: depths, columns: columns.lowerBound + full..<columns.upperBound, zero: Arithmetic.zero, into: packed)
      multiply(packedPanels, columns: columns.count - full, into: result + full)
    }
  }

  private func multiply(_ panels: Panels, columns: Int, into result: UnsafeMutablePointer<Sum>) {
    if rows == 1 {
      var column = 0
      while column + 32 <= columns {
        tile1x32(panels, column, result + column)
        column += 32
      }
      while column < columns {
        tile4x8(panels, column, row: 0, width: min(8, columns - column), result + column)
        column += 8
      }
      return
    }
    for row in stride(from: 0, to: rows, by: 4) {
      for column in stride(from: 0, to: columns, by: 8) {
        tile4x8(
          panels, column, row: row, width: min(8, columns - column), result + row * resultStride + column)
      }
    }
  }

  @inline(__always)
  private func tile4x8(
    _ panels: Panels, _ column: Int, row: Int, width: Int, _ target: UnsafeMutablePointer<Sum>
  ) {
    // Rows past the last one repeat it and are not stored.
    let last = rows - 1
    let a0 = left + row * leftStride
    let a1 = left + min(row + 1, last) * leftStride
    let a2 = left + min(row + 2, last) * leftStride
    let a3 = left + min(row + 3, last) * leftStride
    var b = panels.base + (column >> 3) * panels.panelStride
    var c0 = SIMD8(repeating: Arithmetic.zero)
    var c1 = c0
    var c2 = c0
    var c3 = c0
    var k = 0
    while k < depth {
      let numbers = UnsafeRawPointer(b).loadUnaligned(as: SIMD8<Factor>.self)
      Arithmetic.multiplyAdd(&c0, numbers, a0[k])
      Arithmetic.multiplyAdd(&c1, numbers, a1[k])
      Arithmetic.multiplyAdd(&c2, numbers, a2[k])
      Arithmetic.multiplyAdd(&c3, numbers, a3[k])
      b += panels.depthStride
      k &+= 1
    }
    store(c0, width, target)
    if row + 1 < rows { store(c1, width, target + resultStride) }
    if row + 2 < rows { store(c2, width, target + 2 * resultStride) }
    if row + 3 < rows { store(c3, width, target + 3 * resultStride) }
  }

  /// A single row: four panels at once, for as many independent sums.
  @inline(__always)
  private func tile1x32(_ panels: Panels, _ column: Int, _ target: UnsafeMutablePointer<Sum>) {
    var b0 = panels.base + (column >> 3) * panels.panelStride
    var b1 = b0 + panels.panelStride
    var b2 = b1 + panels.panelStride
    var b3 = b2 + panels.panelStride
    var c0 = SIMD8(repeating: Arithmetic.zero)
    var c1 = c0
    var c2 = c0
    var c3 = c0
    var k = 0
    while k < depth {
      let a = left[k]
      Arithmetic.multiplyAdd(&c0, UnsafeRawPointer(b0).loadUnaligned(as: SIMD8<Factor>.self), a)
      Arithmetic.multiplyAdd(&c1, UnsafeRawPointer(b1).loadUnaligned(as: SIMD8<Factor>.self), a)
      Arithmetic.multiplyAdd(&c2, UnsafeRawPointer(b2).loadUnaligned(as: SIMD8<Factor>.self), a)
      Arithmetic.multiplyAdd(&c3, UnsafeRawPointer(b3).loadUnaligned(as: SIMD8<Factor>.self), a)
      b0 += panels.depthStride
      b1 += panels.depthStride
      b2 += panels.depthStride
      b3 += panels.depthStride
      k &+= 1
    }
    store(c0, 8, target)
    store(c1, 8, target + 8)
    store(c2, 8, target + 16)
    store(c3, 8, target + 24)
  }

  @inline(__always)
  private func store(_ block: SIMD8<Factor>, _ width: Int, _ target: UnsafeMutablePointer<Sum>) {
    var sum = Arithmetic.sum(block)
    if width == 8 {
      if !isFirst { sum = Arithmetic.add(UnsafeRawPointer(target).loadUnaligned(as: SIMD8<Sum>.self), sum) }
      UnsafeMutableRawPointer(target).storeBytes(of: sum, as: SIMD8<Sum>.self)
      return
    }
    if !isFirst {
      var before = SIMD8<Sum>()
      for lane in 0..<width { before[lane] = target[lane] }
      sum = Arithmetic.add(before, sum)
    }
    for lane in 0..<width { target[lane] = sum[lane] }
  }
}
