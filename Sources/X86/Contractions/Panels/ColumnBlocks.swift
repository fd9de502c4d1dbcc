/// Columns in blocks of `vectors` vectors, the last block perhaps shorter, and its last vector perhaps partial.
struct ColumnBlocks {
  let count: Int
  /// Vectors of every block but the last.
  let vectors: Int
  let lastVectors: Int
  /// Columns of the last vector if it is partial, else 0.
  let tailColumns: Int
  private let lanes: Int

  /// - Parameters:
  ///   - vectors: of a block at most.
  ///   - repeats: how many units each block is part of, one behind the other. With it, blocks have about one length, such
  ///     that threads that each take a range of the units have about the same to do.
  init(columns: Int, lanes: Int, vectors: Int, sharedInRunsOf repeats: Int? = nil) {
    let total = max(1, (columns + lanes - 1) / lanes)
    self.lanes = lanes
    var vectors = min(vectors, total)
    if let repeats {
      let fewest = (total + vectors - 1) / vectors
      let most = max(fewest, min(2 * fewest, columns / Self.narrowestShared))
      let lengths = (fewest...most).map { (total + $0 - 1) / $0 }
      vectors = lengths.min { Self.load(total, $0, repeats) < Self.load(total, $1, repeats) } ?? vectors
    }
    self.vectors = vectors
    count = (total + self.vectors - 1) / self.vectors
    lastVectors = total - (count - 1) * self.vectors
    tailColumns = columns % lanes
  }

  /// Narrower blocks would read A too often.
  private static let narrowestShared = 64

  /// Vectors of the thread that has most to do, with two and with four of them, where 1 is a fair share.
  private static func load(_ total: Int, _ vectors: Int, _ repeats: Int) -> Double {
    let count = (total + vectors - 1) / vectors
    let units = count * repeats
    func before(_ unit: Int) -> Int {
      let (block, rest) = unit.quotientAndRemainder(dividingBy: repeats)
      return min(total, block * vectors) * repeats + rest * min(vectors, total - min(total, block * vectors))
    }
    return [2, 4].reduce(0) { sum, threads in
      let ends = (0...threads).map { before(($0 * units + threads - 1) / threads) }
      let most = zip(ends.dropFirst(), ends).reduce(0) { max($0, $1.0 - $1.1) }
      return sum + Double(most * threads) / Double(total * repeats)
    }
  }

  var columns: Int { vectors * lanes }
  private var lastWholeVectors: Int { lastVectors - (tailColumns > 0 ? 1 : 0) }

  /// A group of neighbouring vectors in a block.
  struct Group {
    var vectors: Int
    /// Of its first vector, counted from the block's first.
    var column: IntegerOperand
    /// The address of B there.
    var b: Value
    /// Columns of its last vector if that is partial, else 0.
    var tailColumns: Int
  }

  /// Emits the groups of `size` vectors of a block, and what is left behind them; a partial vector is never in a loop.
  func forEachGroup(
    _ builder: VectorBuilder, of size: Int, block: Value, b: Value, vectorStride: Int, _ body: (Group) throws -> Void
  ) rethrows {
    let (whole, lastWhole) = (vectors / size * size, lastWholeVectors / size * size)
    let bound = number(builder, block: block, full: whole * lanes, last: lastWhole * lanes)
    var behind = b
    if case .immediate(let bound) = bound, bound <= size * lanes {
      if bound > 0 {
        try body(Group(vectors: size, column: .immediate(0), b: b, tailColumns: 0))
        behind = builder.add(b, .immediate(size * vectorStride))
      }
    } else {
      behind = try builder.loop(to: bound, step: size * lanes, carrying: [b]) { column, carried in
        try body(Group(vectors: size, column: .value(column), b: carried[0], tailColumns: 0))
        return [builder.add(carried[0], .immediate(size * vectorStride))]
      }[0]
    }
    if whole < vectors, count > 1 {
      try builder.if(.compare(block, .less, .immediate(count - 1))) {
        try body(Group(vectors: vectors - whole, column: .immediate(whole * lanes), b: behind, tailColumns: 0))
      }
    }
    if lastWhole < lastVectors {
      try inLast(builder, block: block) {
        try body(
          Group(
            vectors: lastVectors - lastWhole, column: .immediate(lastWhole * lanes), b: behind,
            tailColumns: tailColumns))
      }
    }
  }

  /// Emits one body for the whole vectors of a block, with the column of each, and one for the partial vector.
  func forEachVector(
    _ builder: VectorBuilder, block: Value, whole: (Value) throws -> Void, partial: (Value) throws -> Void
  ) rethrows {
    let bound = number(builder, block: block, full: columns, last: lastWholeVectors * lanes)
    try builder.loop(to: bound, step: lanes) { column, _ in
      try whole(column)
      return []
    }
    guard tailColumns > 0 else { return }
    try inLast(builder, block: block) { try partial(builder.integer(lastWholeVectors * lanes)) }
  }

  private func inLast(_ builder: VectorBuilder, block: Value, _ body: () throws -> Void) rethrows {
    if count == 1 { return try body() }
    try builder.if(.compare(block, .equal, .immediate(count - 1)), body)
  }

  /// One number for all blocks but the last, another one there.
  private func number(_ builder: VectorBuilder, block: Value, full: Int, last: Int) -> IntegerOperand {
    if count == 1 || full == last { return .immediate(last) }
    let results = builder.if(.compare(block, .equal, .immediate(count - 1))) {
      [builder.integer(last)]
    } else: {
      [builder.integer(full)]
    }
    return .value(results[0])
  }
}

extension VectorBuilder {
  /// Runs the code for the number that `value` is.
  func choose(_ value: Value, _ range: ClosedRange<Int>, _ body: (Int) throws -> Void) rethrows {
    try choose(value, Array(range)[...], body)
  }

  /// The same for one of `numbers`, which ascend.
  func choose(_ value: Value, _ numbers: ArraySlice<Int>, _ body: (Int) throws -> Void) rethrows {
    guard numbers.count > 1 else { return try numbers.first.map(body) ?? () }
    let middle = numbers.startIndex + numbers.count / 2
    try self.if(.compare(value, .greaterOrEqual, .immediate(numbers[middle]))) {
      try choose(value, numbers[middle...], body)
      return []
    } else: {
      try choose(value, numbers[..<middle], body)
      return []
    }
  }

  func integer(_ operand: IntegerOperand) -> Value {
    switch operand {
    case .value(let value): value
    case .immediate(let value): integer(value)
    }
  }
}
