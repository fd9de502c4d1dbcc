import Tensors

/// Depth over which one sum runs. Sums of 256 products of 8-bit integers are exact in float32.
let matrixDepthBlock = 256

/// result[rows, columns] = left[rows, depth] · right[depth, columns], for `count` independent triples of matrices of
/// the same extents.
///
/// Every element is summed over depth in the same order, whatever the extents, the layout or the number of threads:
/// one sum for each block of 256, from the first depth to the last, blocks added in order.
struct MatrixProduct<Arithmetic: MatrixArithmetic> {
  typealias Factor = Arithmetic.Factor
  typealias Sum = Arithmetic.Sum

  var rows: Int
  var columns: Int
  var depth: Int

  /// What fits the caches: the left block takes 512 KiB of float32, the packed right block 256 KiB.
  static var rowBlock: Int { 512 }
  static var columnBlock: Int { 256 }

  /// One triple. Neighbouring rows of the result are `resultStride` apart.
  struct Operands<Left: LeftOperand<Factor>> {
    var left: Left
    var right: MatrixView<Factor>
    var result: UnsafeMutablePointer<Sum>
    var resultStride: Int
  }

  /// Multiplies on up to `threads` threads. `operands` is called from all of them.
  func run<Left>(count: Int = 1, threads: Int, _ operands: (Int) -> Operands<Left>) {
    // Below a million operations a thread costs more than it brings.
    let operations = 2 * Double(count) * Double(rows) * Double(columns) * Double(depth)
    let threads = operations < 1e6 ? 1 : threads
    if threads == 1 || count % threads == 0 || count >= 4 * threads {
      parallelFor(count, threads: threads) { part in
        for index in part { multiply(rows: 0..<rows, columns: 0..<columns, operands(index)) }
      }
    } else if rows >= 8 * threads || rows >= columns {
      parallelFor(rows, threads: threads, grain: 4) { part in
        for index in 0..<count { multiply(rows: part, columns: 0..<columns, operands(index)) }
      }
    } else {
      parallelFor(columns, threads: threads, grain: 32) { part in
        for index in 0..<count { multiply(rows: 0..<rows, columns: part, operands(index)) }
      }
    }
  }

  /// One part of a result, on the calling thread.
  private func multiply<Left>(rows: Range<Int>, columns: Range<Int>, _ operands: Operands<Left>) {
    if rows.isEmpty || columns.isEmpty { return }
    if depth == 0 {
      for row in rows {
        let target = operands.result + row * operands.resultStride + columns.lowerBound
        target.update(repeating: Arithmetic.zeroSum, count: columns.count)
      }
      return
    }
    let rowBlock = min(Self.rowBlock, rows.count)
    let columnBlock = min(Self.columnBlock, (columns.count + 7) & ~7)
    let depthBlock = min(matrixDepthBlock, depth)
    let packed = UnsafeMutablePointer<Factor>.allocate(capacity: depthBlock * columnBlock)
    let scratch = UnsafeMutablePointer<Factor>.allocate(
      capacity: operands.left.needsScratch ? rowBlock * depthBlock : 1)
    defer {
      packed.deallocate()
      scratch.deallocate()
    }
    for firstRow in stride(from: rows.lowerBound, to: rows.upperBound, by: rowBlock) {
      let rows = firstRow..<min(firstRow + rowBlock, rows.upperBound)
      for firstDepth in stride(from: 0, to: depth, by: depthBlock) {
        let depths = firstDepth..<min(firstDepth + depthBlock, depth)
        let (left, leftStride) = operands.left.block(rows: rows, depths: depths, scratch: scratch)
        for firstColumn in stride(from: columns.lowerBound, to: columns.upperBound, by: columnBlock) {
          let block = MatrixBlock<Arithmetic>(
            left: left, leftStride: leftStride,
            result: operands.result + firstRow * operands.resultStride + firstColumn,
            resultStride: operands.resultStride, rows: rows.count, depth: depths.count, isFirst: firstDepth == 0)
          block.multiply(
            operands.right, depths: depths, columns: firstColumn..<min(firstColumn + columnBlock, columns.upperBound),
            packed: packed)
        }
      }
    }
  }
}
