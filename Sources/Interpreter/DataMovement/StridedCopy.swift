import Tensors

/// Copies between two arrays that each step through memory in their own way: what transposes, slices, reversals,
/// broadcasts, concatenations and the interior of pads all are.
struct StridedCopy: Movement {
  private let nest: LoopNest
  private let sourceStart: Int
  private let destinationStart: Int

  init(_ extents: [Int], source: [Int], from sourceStart: Int = 0, destination: [Int], to destinationStart: Int = 0) {
    nest = LoopNest(extents, steps: [destination, source])
    self.sourceStart = sourceStart
    self.destinationStart = destinationStart
  }

  func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
    copy(from: sources[0], to: destination)
  }

  func copy<Element>(from source: UnsafePointer<Element>, to destination: UnsafeMutablePointer<Element>) {
    let (source, destination) = (source + sourceStart, destination + destinationStart)
    // The axis along which the source lies densely, if it is not the innermost one: a transpose.
    if nest.innerSteps[1] != 1, nest.innerSteps[1] != 0,
      let axis = nest.outerSteps.lastIndex(where: { $0[1] == 1 }),
      min(nest.outerExtents[axis], nest.innerExtent) > 1
    {
      return transpose(axis, from: source, to: destination)
    }
    let count = nest.innerExtent
    let (targetStep, sourceStep) = (nest.innerSteps[0], nest.innerSteps[1])
    if targetStep == 1 && sourceStep == 1 {
      nest.forEachRow { (destination + $0[0]).update(from: source + $0[1], count: count) }
    } else if targetStep == 1 && sourceStep == 0 {
      nest.forEachRow { (destination + $0[0]).update(repeating: source[$0[1]], count: count) }
    } else {
      nest.forEachRow { offsets in
        let (target, row) = (destination + offsets[0], source + offsets[1])
        for index in 0..<count { target[index &* targetStep] = row[index &* sourceStep] }
      }
    }
  }

  /// Exchanges two axes in square tiles, by way of a buffer: it is filled line by line as the source lies and emptied
  /// line by line as the destination does, so that every cache line of both is touched in one go. Without it the
  /// lines of a tile push each other out of the cache where strides are powers of two (images of 64×64 pixels: 6 times
  /// slower).
  private func transpose<Element>(
    _ axis: Int, from source: UnsafePointer<Element>, to destination: UnsafeMutablePointer<Element>
  ) {
    let tile = 32
    var outer = nest
    // The two axes become loops here; the rest of the nest steps over whole planes.
    let (rows, rowSteps) = outer.removeOuter(axis)
    let (columns, columnSteps) = (outer.innerExtent, outer.innerSteps)
    outer.replaceInnerByOne()
    var memory = [Element](repeating: source[0], count: tile * tile)
    memory.withUnsafeMutableBufferPointer { memory in
      guard let buffer = memory.baseAddress else { return }
      outer.forEachRow { offsets in
        let (target, plane) = (destination + offsets[0], source + offsets[1])
        for firstRow in stride(from: 0, to: rows, by: tile) {
          let rowCount = min(tile, rows - firstRow)
          for firstColumn in stride(from: 0, to: columns, by: tile) {
            let columnCount = min(tile, columns - firstColumn)
            for column in 0..<columnCount {
              (buffer + column &* tile).update(
                from: plane + (firstRow &+ (firstColumn &+ column) &* columnSteps[1]), count: rowCount)
            }
            for row in 0..<rowCount {
              let line = target + ((firstRow &+ row) &* rowSteps[0] &+ firstColumn &* columnSteps[0])
              for column in 0..<columnCount { line[column &* columnSteps[0]] = buffer[column &* tile &+ row] }
            }
          }
        }
      }
    }
  }
}
