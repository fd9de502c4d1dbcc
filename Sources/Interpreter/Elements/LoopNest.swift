import Tensors

/// Loops over up to four arrays at once, each with its own step along every axis: 1 for the innermost axis of a dense
/// array, 0 where an array repeats, negative where it runs backwards.
///
/// Axes of extent 1 are dropped and neighbours that every array walks through evenly are merged, so that equal shapes
/// become one loop, a scalar operand one loop with step 0, and a transpose the few axes that really change places.
struct LoopNest {
  /// One lane for each array; unused lanes are 0.
  typealias Offsets = SIMD4<Int>

  private(set) var outerExtents: [Int] = []
  private(set) var outerSteps: [Offsets] = []
  /// The innermost loop is the caller's: `innerExtent` elements in steps of `innerSteps`.
  private(set) var innerExtent = 1
  private(set) var innerSteps = Offsets(repeating: 1)
  private let isEmpty: Bool

  /// - Parameters:
  ///   - extents: trip count of each loop, outermost first.
  ///   - steps: for each array its step along each axis.
  init(_ extents: [Int], steps: [[Int]]) {
    precondition(steps.count <= Offsets.scalarCount, "\(steps.count) arrays in one nest")
    isEmpty = extents.contains(0)
    guard !isEmpty else { return }
    for axis in extents.indices where extents[axis] != 1 {
      var step = Offsets.zero
      for array in steps.indices { step[array] = steps[array][axis] }
      let extent = extents[axis]
      if let last = outerSteps.last, last == step &* Offsets(repeating: extent) {
        outerExtents[outerExtents.count - 1] *= extent
        outerSteps[outerSteps.count - 1] = step
      } else {
        outerExtents.append(extent)
        outerSteps.append(step)
      }
    }
    if let extent = outerExtents.popLast(), let step = outerSteps.popLast() {
      innerExtent = extent
      innerSteps = step
    }
  }

  /// Operands of NumPy broadcasting, after the dense result in lane 0. Each shape must fit the result's.
  init(result: Shape, operands: [Shape]) {
    // By far the most frequent: equal shapes and scalars, without the arrays of the general case.
    if operands.allSatisfy({ $0 == result || $0.elementCount == 1 }) {
      var steps = Offsets(repeating: 1)
      for (index, operand) in operands.enumerated() where operand.elementCount == 1 && result.elementCount != 1 {
        steps[index + 1] = 0
      }
      self.init(oneLoop: result.elementCount, steps: steps)
      return
    }
    self.init(result.dimensions, steps: [result.strides] + operands.map { $0.steps(broadcastTo: result) })
  }

  private init(oneLoop extent: Int, steps: Offsets) {
    isEmpty = extent == 0
    innerExtent = extent
    innerSteps = steps
  }

  /// Calls `body` with the offset of each array at the start of each innermost loop, in row-major order.
  @inline(__always)
  func forEachRow(_ body: (Offsets) throws -> Void) rethrows {
    if isEmpty { return }
    if outerExtents.isEmpty { return try body(.zero) }
    var counter = [Int](repeating: 0, count: outerExtents.count)
    var offsets = Offsets.zero
    while true {
      try body(offsets)
      var axis = counter.count - 1
      while true {
        counter[axis] += 1
        offsets &+= outerSteps[axis]
        if counter[axis] < outerExtents[axis] { break }
        offsets &-= outerSteps[axis] &* Offsets(repeating: counter[axis])
        counter[axis] = 0
        if axis == 0 { return }
        axis -= 1
      }
    }
  }
}

extension LoopNest {
  /// Takes outer loop `axis` out of the nest.
  mutating func removeOuter(_ axis: Int) -> (extent: Int, steps: Offsets) {
    (outerExtents.remove(at: axis), outerSteps.remove(at: axis))
  }

  /// Takes the innermost loop out of the nest; rows then have one element.
  mutating func replaceInnerByOne() {
    innerExtent = 1
    innerSteps = Offsets(repeating: 1)
  }
}

extension Shape {
  /// The step along each axis of `result` of a dense array of this shape that is broadcast to it.
  func steps(broadcastTo result: Shape) -> [Int] {
    let missing = result.rank - rank
    precondition(missing >= 0, "\(self) does not broadcast to \(result)")
    let strides = self.strides
    return result.dimensions.indices.map { axis in
      axis < missing || (self[axis - missing] == 1 && result[axis] != 1) ? 0 : strides[axis - missing]
    }
  }

  /// The shape that both broadcast to, as NumPy has it; nil when there is none or it is too large.
  func broadcast(with other: Shape) -> Shape? {
    if self == other { return self }
    let rank = max(self.rank, other.rank)
    var dimensions = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let a = axis < rank - self.rank ? 1 : self[axis - (rank - self.rank)]
      let b = axis < rank - other.rank ? 1 : other[axis - (rank - other.rank)]
      guard a == b || a == 1 || b == 1 else { return nil }
      dimensions[axis] = a == 1 ? b : a
    }
    return Shape(checking: dimensions)
  }

  /// Product of the extents of `axes`; 0 when one is 0.
  func product(_ axes: Range<Int>) -> Int {
    axes.reduce(1) { $0 * self[$1] }
  }
}
