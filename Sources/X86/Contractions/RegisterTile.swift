import KernelIR

/// A block of accumulators in registers: `rows` times `vectors` vectors of columns.
///
/// 14 rows × 2 vectors with AVX-512: a step of k is 28 multiply-adds in 14 cycles for 2 loads of B and 14 repeated
/// numbers of A, about one load a cycle where two are possible. 6 × 2 with AVX2: 12 in 6 cycles for 8 loads.
///
/// Each addition to a sum rounds it, and the larger the sum, the more: an error that grows with the root of the number
/// of additions. Long sums of float32 are therefore made of *parts* of about 256 steps that begin at zero; that costs two
/// operations for each accumulator and part, less than one in a hundred. Where parts begin depends on K alone, so that a
/// row has the same bits in any tile.
struct RegisterTile {
  let builder: VectorBuilder
  let products: Products
  let rows: Int
  let vectors: Int
  /// Row by row. Of parts these are the totals: not in registers while a part is summed.
  var accumulators: [Value]
  private let isInParts: Bool

  /// All zero.
  /// - Parameter isInParts: whether each run that is accumulated is one part, or several where it is long.
  init(_ builder: VectorBuilder, _ factors: Factors = .float32, rows: Int, vectors: Int, isInParts: Bool = false) {
    self.builder = builder
    products = Products(factors, builder.instructionSet)
    self.rows = rows
    self.vectors = vectors
    self.isInParts = isInParts
    accumulators = (0..<rows * vectors).map { _ in builder.zero() }
    if !isInParts { builder.pin(accumulators) }
  }

  // MARK: Parts

  private static let partDepth = 256

  /// Steps of the parts of a sum of this many: a multiple of every unrolling. Equal, but for the last one.
  static func partDepth(of depth: Int) -> Int {
    guard depth > partDepth * 5 / 4 else { return depth }
    let parts = (depth + partDepth - 1) / partDepth
    return ((depth + parts - 1) / parts + 3) / 4 * 4
  }

  /// Whether a sum of so many steps is made of parts.
  static func isInParts(_ factors: Factors, depth: Int) -> Bool {
    factors == .float32 && partDepth(of: depth) < depth
  }

  /// Adds what `sum` accumulates to a tile of zeros: one part.
  mutating func addPart<Result>(_ sum: (inout RegisterTile) -> Result) -> Result {
    var part = RegisterTile(builder, products.factors, rows: rows, vectors: vectors)
    let result = sum(&part)
    accumulators = zip(accumulators, part.accumulators).map { builder.add($0, $1) }
    return result
  }

  /// Adds partial sums from memory, after `transform`, which gets the row of each vector.
  mutating func add(
    _ address: Address, rowStride: Int, _ transform: (_ row: Int, Value) -> Value = { $1 }
  ) {
    for position in accumulators.indices {
      let (row, vector) = (position / vectors, position % vectors)
      let sum = builder.load(address.advanced(by: row * rowStride + vector * builder.vectorByteCount))
      accumulators[position] = products.add(builder, accumulators[position], transform(row, sum))
    }
  }

  func store(to address: Address, rowByteCount: Int) {
    for position in accumulators.indices {
      let offset = position / vectors * rowByteCount + position % vectors * builder.vectorByteCount
      builder.store(accumulators[position], to: address.advanced(by: offset))
    }
  }

  func accumulator(_ row: Int, _ vector: Int) -> Value { accumulators[row * vectors + vector] }

  /// What a tile multiplies: elements of A that are neighbours in memory, with the rows of B that belong to them.
  struct Run {
    /// Bytes from the address of A to each row; nil for rows that take no part.
    var rowOffsets: [Int?]
    /// Steps, as `Products` has them.
    var depth: IntegerOperand
    /// Bytes from one vector of columns to the next.
    var vectorStride: Int
    /// Bytes from the rows of B of one step to those of the next.
    var depthStride: Int
    /// Lanes of the last vector that may be read; nil for all.
    var lastMask: Value?
    /// Bytes ahead of what is read of B.
    var prefetchDistance = 0
  }

  /// Bytes to prefetch ahead in a constant right-hand side that is not in the second-level cache for long. Large tiles
  /// read it slower than it could arrive, too slow for the hardware to look far ahead: 14×4096×1024 gains a factor of
  /// 1.6. Few rows are as fast as the third-level cache anyway; prefetches help them only with memory.
  static func prefetchDistance(rows: Int, panelByteCount: Int) -> Int {
    rows > 6 ? (panelByteCount >= 512 << 10 ? 4096 : 0) : (panelByteCount >= 4 << 20 ? 2048 : 0)
  }

  /// accumulators += A · B. Returns the address of B behind the run.
  @discardableResult
  mutating func accumulate(_ run: Run, a: Value, b: Value) -> Value {
    guard isInParts else { return accumulateChain(run, a: a, b: b) }
    let partDepth: Int
    switch run.depth {
    case .immediate(let depth):
      partDepth = Self.partDepth(of: depth)
      if partDepth == depth { return addPart { $0.accumulateChain(run, a: a, b: b) } }
    case .value: partDepth = Self.partDepth
    }
    let carried = builder.loop(to: run.depth, step: partDepth, carrying: accumulators + [b]) { start, carried in
      var (inner, part) = (self, run)
      inner.accumulators = Array(carried.dropLast())
      part.depth = depthOfPart(run.depth, partDepth, start: start)
      let a = builder.address(Address(a, index: start, scale: products.stepByteCount))
      let next = inner.addPart { $0.accumulateChain(part, a: a, b: carried[carried.count - 1]) }
      return inner.accumulators + [next]
    }
    accumulators = Array(carried.dropLast())
    return carried[carried.count - 1]
  }

  private func depthOfPart(_ depth: IntegerOperand, _ partDepth: Int, start: Value) -> IntegerOperand {
    switch depth {
    case .immediate(let depth) where depth % partDepth == 0: return .immediate(partDepth)
    case .immediate(let depth):
      return .value(builder.minimum(builder.subtract(builder.integer(depth), .value(start)), .immediate(partDepth)))
    case .value(let depth):
      return .value(builder.minimum(builder.subtract(depth, .value(start)), .immediate(partDepth)))
    }
  }

  private mutating func accumulateChain(_ run: Run, a: Value, b: Value) -> Value {
    let unroll = unrollCount(run)
    switch run.depth {
    case .value(let depth):
      if unroll == 1 { return loop(run, to: .value(depth), a, b, unroll: 1) }
      let whole = builder.and(depth, -unroll)
      let next = loop(run, to: .value(whole), a, b, unroll: unroll)
      return loop(run, from: .value(whole), to: .value(depth), a, next, unroll: 1)
    case .immediate(let depth):
      let whole = depth < 2 * unroll ? 0 : depth / unroll * unroll
      let next = whole == 0 ? b : loop(run, to: .immediate(whole), a, b, unroll: unroll)
      let rest = Address(a, displacement: whole * products.stepByteCount)
      for step in 0..<depth - whole { self.step(run, rest, next, step) }
      return builder.add(next, .immediate((depth - whole) * run.depthStride))
    }
  }

  /// Loop control is 4 operations, which a tile of 14 × 2 hides behind the 44 of one step; smaller ones want more steps.
  private func unrollCount(_ run: Run) -> Int {
    switch run.rowOffsets.count(where: { $0 != nil }) * vectors {
    case 24...: 1
    case 16...: 2
    default: 4
    }
  }

  private mutating func loop(
    _ run: Run, from: IntegerOperand = .immediate(0), to: IntegerOperand, _ a: Value, _ b: Value, unroll: Int
  ) -> Value {
    let carried = builder.loop(from: from, to: to, step: unroll, carrying: accumulators + [b]) { index, carried in
      var inner = self
      inner.accumulators = Array(carried.dropLast())
      let b = carried[carried.count - 1]
      for step in 0..<unroll { inner.step(run, Address(a, index: index, scale: products.stepByteCount), b, step) }
      return inner.accumulators + [builder.add(b, .immediate(unroll * run.depthStride))]
    }
    accumulators = Array(carried.dropLast())
    return carried[carried.count - 1]
  }

  private mutating func step(_ run: Run, _ a: Address, _ b: Value, _ step: Int) {
    let active = run.rowOffsets.count { $0 != nil }
    func column(_ vector: Int) -> Address {
      Address(b, displacement: step * run.depthStride + vector * run.vectorStride)
    }
    func load(_ vector: Int) -> Value {
      if vector == vectors - 1, let mask = run.lastMask { return builder.load(column(vector), mask: mask) }
      return builder.load(column(vector))
    }
    if run.prefetchDistance > 0, step * run.depthStride % 64 == 0 {
      for vector in 0..<vectors {
        builder.perform(.prefetcht0, .memory(column(vector).advanced(by: run.prefetchDistance)))
      }
    }
    // With fewer rows than vectors it may be the numbers of A that fit beside the accumulators, not the vectors of B.
    let registers = builder.hasAVX512 ? 32 : 16
    if active > 1, rows * vectors + vectors + 1 > registers, active < vectors {
      let repeated = run.rowOffsets.map {
        $0.map { products.broadcast(builder, a.advanced(by: $0 + step * products.stepByteCount)) }
      }
      for vector in 0..<vectors {
        let b = load(vector)
        for row in 0..<rows {
          guard let number = repeated[row] else { continue }
          let position = row * vectors + vector
          accumulators[position] = products.multiplyAdd(builder, number, .value(b), adding: accumulators[position])
        }
      }
      return
    }
    // A single row uses each vector of B once, from memory.
    let loaded: [Value?] = (0..<vectors).map { vector in
      let isMasked = run.lastMask != nil && vector == vectors - 1
      return active == 1 && !isMasked ? nil : load(vector)
    }
    for row in 0..<rows {
      guard let offset = run.rowOffsets[row] else { continue }
      let address = a.advanced(by: offset + step * products.stepByteCount)
      // With one vector of columns, the number of A is repeated by the multiply-add itself.
      if vectors == 1, builder.hasAVX512, products.repeatsMemory, let b = loaded[0] {
        accumulators[row] = products.multiplyAdd(
          builder, b, .memory(address.broadcast), adding: accumulators[row])
        continue
      }
      let repeated = products.broadcast(builder, address)
      for vector in 0..<vectors {
        let position = row * vectors + vector
        accumulators[position] = products.multiplyAdd(
          builder, repeated, loaded[vector].map { .value($0) } ?? .memory(column(vector)),
          adding: accumulators[position])
      }
    }
  }
}
