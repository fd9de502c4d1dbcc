import GraphIR
import Tensors

/// Operators that make shapes, constants and views, and that move elements without changing them.
enum ShapeOperators {
  static let table: [String: Lowering] = [
    "Identity": { c in [try c.operand(0)] },
    "Shape": shape,
    "Size": { c in
      let shape = try c.builder.shape(c.operand(0))
      return [try c.builder.reduce(.product, shape, axes: [0])]
    },
    "Reshape": reshape,
    "Flatten": flatten,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": { c in
      let x = try c.operand(0)
      let rank = try c.rank(x)
      let permutation = try c.axes(c.ints("perm") ?? Array((0..<rank).reversed()), rank: rank)
      return [try c.builder.transpose(x, permutation)]
    },
    "Concat": { c in
      let operands = try c.operands()
      guard let first = operands.first else { throw c.invalid(found: "no operands", expected: "at least one") }
      return [try c.builder.concatenate(operands, axis: c.axis(c.int("axis", 1), rank: c.rank(first)))]
    },
    "Split": split,
    "Slice": slice,
    "Pad": pad,
    "Expand": { c in [try c.builder.broadcast(c.operand(0), to: int64(c, c.operand(1)))] },
    "Tile": tile,
    "Constant": { c in [c.builder.constant(try constant(c))] },
    "ConstantOfShape": { c in
      let value = try c.tensor("value") ?? Tensor([1], [Float(0)])
      guard value.elementCount == 1 else {
        throw c.invalid(found: "value of shape \(value.shape)", expected: "one element")
      }
      return [try c.builder.broadcast(c.builder.constant(value.reshaped(.scalar)), to: int64(c, c.operand(0)))]
    },
    "Range": { c in
      let scalars = try (0..<3).map { try c.builder.reshape(c.operand($0), []) }
      return [try c.builder.one(.range, scalars)]
    },
    "EyeLike": eyeLike,
    "Trilu": trilu,
    "ReverseSequence": { c in
      let rank = try c.rank(c.operand(0))
      let batch = try c.axis(c.int("batch_axis", 1), rank: rank)
      let time = try c.axis(c.int("time_axis", 0), rank: rank)
      return [
        try c.builder.one(
          .reverseSequence(batchAxis: batch, timeAxis: time), [c.operand(0), int64(c, c.operand(1))])
      ]
    },
  ]

  /// Parameters that may be int32 in the file are int64 in the graph.
  static func int64(_ c: LoweringContext, _ x: ValueID) throws -> ValueID { try c.builder.convert(x, to: .int64) }

  /// Parameters given for some axes, spread over all: `values[offset + i]` at `axes[i]`, `fill` elsewhere.
  private static func spread(
    _ c: LoweringContext, _ values: ValueID, axes: [Int], rank: Int, fill: Int, offset: Int = 0, count: Int
  ) throws -> ValueID {
    let filled = try c.builder.concatenate([int64(c, values), c.builder.indices([fill])], axis: 0)
    var positions = [Int](repeating: count, count: rank)
    for (index, axis) in axes.enumerated() { positions[axis] = offset + index }
    return try c.builder.gather(filled, c.builder.indices(positions), axis: 0)
  }

  private static func shape(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let shape = try c.builder.shape(x)
    guard c.has("start") || c.has("end") else { return [shape] }
    let rank = try c.rank(x)
    // Unlike axes, these clamp.
    let clamp = { (position: Int) in min(max(position < 0 ? position + rank : position, 0), rank) }
    let (start, end) = (clamp(try c.int("start", 0)), clamp(try c.int("end", rank)))
    return [try c.builder.slice(shape, axis: 0, from: start, to: max(start, end))]
  }

  private static func reshape(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    // The shape is an attribute before version 5.
    if c.version < 5 {
      guard let shape = try c.ints("shape") else { throw c.invalid(found: "no 'shape'", expected: "a shape") }
      return [try c.builder.reshape(x, shape, zeroCopies: true)]
    }
    return [try c.builder.reshape(x, int64(c, c.operand(1)), zeroCopies: !c.flag("allowzero"))]
  }

  private static func flatten(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    let raw = try c.int("axis", 1)
    let axis = raw == rank ? rank : try c.axis(raw, rank: max(rank, 1))
    let shape = try c.builder.shape(x)
    let halves = try [(0, axis), (axis, rank)].map { from, to in
      let extents = try c.builder.slice(shape, axis: 0, from: from, to: to)
      return try c.builder.reshape(c.builder.reduce(.product, extents, axes: [0]), [1])
    }
    return [try c.builder.reshape(x, c.builder.concatenate(halves, axis: 0))]
  }

  /// Axes are an attribute before version 13, then an optional operand; without any, all axes of extent 1 go.
  private static func squeeze(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    guard case .tensor(let type) = c.builder.type(of: x) else { throw c.invalid(found: "no rank", expected: "a rank") }
    let axes: [Int]
    if let given = try c.ints("axes") ?? (c.hasOperand(1) ? c.constantIntegers(1) : nil) {
      axes = try c.axes(given, rank: type.rank)
    } else {
      guard let shape = type.constantShape else {
        _ = try c.constantIntegers(of: c.builder.shape(x))
        throw c.invalid(found: "free extents", expected: "axes")
      }
      axes = (0..<type.rank).filter { shape[$0] == 1 }
    }
    for axis in axes {
      if let extent = type.shape[axis].constant, extent != 1 {
        throw c.invalid(found: "extent \(extent) at axis \(axis)", expected: "1")
      }
    }
    return [try c.builder.removeDimensions(x, axes: axes)]
  }

  private static func unsqueeze(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let given = try c.ints("axes") ?? c.constantIntegers(1)
    return [try c.builder.expandDimensions(x, axes: c.axes(given, rank: c.rank(x) + given.count))]
  }

  private static func split(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", 0), rank: c.rank(x))
    let count = c.node.outputs.count
    let bounds: [ValueID]
    if let sizes = try c.ints("split") ?? (c.hasOperand(1) ? c.knownIntegers(c.operand(1)) : nil) {
      bounds = sizes.reduce(into: [0]) { $0.append($0[$0.count - 1] &+ $1) }.map { c.builder.indices([$0]) }
    } else if c.hasOperand(1) {
      let sizes = try int64(c, c.operand(1))
      bounds = try (0..<count).reduce(into: [c.builder.indices([0])]) { bounds, index in
        let size = try c.builder.slice(sizes, axis: 0, from: index, to: index + 1)
        bounds.append(try c.builder.add(bounds[index], size))
      }
    } else {
      // Equal parts; the last may be smaller. Slices clamp.
      let extent = try c.builder.slice(c.builder.shape(x), axis: 0, from: axis, to: axis + 1)
      let parts = max(count, 1)
      let part = try c.builder.divide(
        c.builder.add(extent, c.builder.indices([parts - 1])), c.builder.indices([parts]))
      bounds = try (0...count).map { try c.builder.multiply(part, c.builder.indices([$0])) }
    }
    guard bounds.count == count + 1 else {
      throw c.invalid(found: "\(bounds.count - 1) sizes", expected: "\(count), one for each output")
    }
    let rank = try c.rank(x)
    return try (0..<count).map { index in
      try c.builder.one(
        .slice,
        [
          x, spread(c, bounds[index], axes: [axis], rank: rank, fill: 0, count: 1),
          spread(c, bounds[index + 1], axes: [axis], rank: rank, fill: .max, count: 1),
          c.builder.indices([Int](repeating: 1, count: rank)),
        ])
    }
  }

  /// Everything is an attribute before version 10.
  private static func slice(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    let starts: ValueID
    let limits: ValueID
    var steps: ValueID?
    var given: [Int]?
    if c.version < 10 {
      guard let from = try c.ints("starts"), let to = try c.ints("ends"), from.count == to.count else {
        throw c.invalid(found: "no 'starts' and 'ends' of one length", expected: "both")
      }
      (starts, limits, given) = (c.builder.indices(from), c.builder.indices(to), try c.ints("axes"))
    } else {
      (starts, limits) = (try c.operand(1), try c.operand(2))
      given = c.hasOperand(3) ? try c.constantIntegers(3) : nil
      steps = try c.optionalOperand(4)
    }
    let count = try vectorLength(c, starts)
    let axes = try c.axes(given ?? Array(0..<count), rank: rank)
    guard axes.count == count else {
      throw c.invalid(found: "\(axes.count) axes", expected: "\(count), as many as starts")
    }
    let ones = c.builder.indices([Int](repeating: 1, count: count))
    return [
      try c.builder.one(
        .slice,
        [
          x, spread(c, starts, axes: axes, rank: rank, fill: 0, count: count),
          spread(c, limits, axes: axes, rank: rank, fill: .max, count: count),
          spread(c, steps ?? ones, axes: axes, rank: rank, fill: 1, count: count),
        ])
    ]
  }

  private static func vectorLength(_ c: LoweringContext, _ x: ValueID) throws -> Int {
    guard let type = c.builder.type(of: x).tensor, type.rank == 1, let count = type.shape[0].constant else {
      return try c.constant(of: x).elementCount
    }
    return count
  }

  /// Amounts and value are attributes before version 11 (`paddings` in version 1), then operands; axes from 18 on.
  private static func pad(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let (rank, element) = (try c.rank(x), try c.elementType(x))
    guard let mode = PaddingMode(rawValue: try c.string("mode", "constant")) else {
      throw c.invalid(found: "mode '\(try c.string("mode", ""))'", expected: "constant, edge, reflect or wrap")
    }
    let amounts: ValueID
    var value: ValueID?
    var axes = Array(0..<rank)
    if c.version < 11 {
      guard let pads = try c.ints("pads") ?? c.ints("paddings"), pads.count == 2 * rank else {
        throw c.invalid(found: "no 'pads' for rank \(rank)", expected: "\(2 * rank) amounts")
      }
      amounts = c.builder.indices(pads)
      value = try c.builder.scalar(c.real("value", 0), element)
    } else {
      amounts = try c.operand(1)
      value = try c.optionalOperand(2)
      if c.hasOperand(3) { axes = try c.axes(c.constantIntegers(3), rank: rank) }
    }
    let scalar = try value.map { try c.builder.reshape($0, []) } ?? zero(c, element)
    let n = axes.count
    return [
      try c.builder.one(
        .pad(mode),
        [
          x, scalar, spread(c, amounts, axes: axes, rank: rank, fill: 0, count: 2 * n),
          spread(c, amounts, axes: axes, rank: rank, fill: 0, offset: n, count: 2 * n),
        ])
    ]
  }

  private static func zero(_ c: LoweringContext, _ element: ElementType) throws -> ValueID {
    switch element {
    case .string: c.builder.constant(Tensor([], strings: [""]))
    case .complex64: c.builder.constant(Tensor(scalar: Complex64(0)))
    case .complex128: c.builder.constant(Tensor(scalar: Complex128(0)))
    default: try c.builder.scalar(0, element)
    }
  }

  /// x [d0, d1, …] → [1, d0, 1, d1, …] → [r0, d0, r1, d1, …] → [r0·d0, r1·d1, …]
  private static func tile(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    var repeats = try int64(c, c.operand(1))
    if c.version < 6 {
      // Version 1 repeats one axis: (x, tiles, axis), whose numbers have the type of x.
      let axes = try c.constantIntegers(of: int64(c, c.operand(2)))
      let axis = try c.axis(axes.first ?? 0, rank: rank)
      repeats = try spread(
        c, c.builder.reshape(repeats, [1]), axes: [axis], rank: rank, fill: 1, count: 1)
    }
    if rank == 0 { return [x] }
    let shape = try c.builder.shape(x)
    let pairs = try c.builder.concatenate(
      [c.builder.reshape(repeats, [rank, 1]), c.builder.reshape(shape, [rank, 1])], axis: 1)
    let spaced = try c.builder.expandDimensions(x, axes: (0..<rank).map { 2 * $0 })
    let repeated = try c.builder.broadcast(spaced, to: c.builder.reshape(pairs, [2 * rank]))
    return [try c.builder.reshape(repeated, c.builder.multiply(shape, repeats))]
  }

  private static func constant(_ c: LoweringContext) throws -> Tensor {
    if let tensor = try c.tensor("value") { return tensor }
    if let value = try c.float("value_float") { return Tensor(scalar: value) }
    if let values = try c.floats("value_floats") { return Tensor([values.count], values) }
    if let value = try c.int("value_int") { return Tensor(scalar: Int64(value)) }
    if let values = try c.ints("value_ints") { return Tensor([values.count], values.map(Int64.init)) }
    if let value = try c.string("value_string") { return Tensor([], strings: [value]) }
    if let values = try c.strings("value_strings") { return Tensor([values.count], strings: values) }
    if let tensor = try c.sparseTensor("sparse_value") { return tensor }
    throw c.invalid(found: "no value", expected: "one of the 'value' attributes")
  }

  /// Row and column numbers of the last two axes of a matrix of this shape, as [H, 1] and [1, W].
  private static func rowsAndColumns(_ c: LoweringContext, _ x: ValueID) throws -> (ValueID, ValueID) {
    let rank = try c.rank(x)
    guard rank >= 2 else { throw c.invalid(found: "rank \(rank)", expected: "at least 2") }
    let shape = try c.builder.shape(x)
    let one = c.builder.indices([1])
    let height = try c.builder.slice(shape, axis: 0, from: rank - 2, to: rank - 1)
    let width = try c.builder.slice(shape, axis: 0, from: rank - 1, to: rank)
    return (
      try c.builder.one(.iota(.int64, axis: 0), [c.builder.concatenate([height, one], axis: 0)]),
      try c.builder.one(.iota(.int64, axis: 1), [c.builder.concatenate([one, width], axis: 0)])
    )
  }

  private static func eyeLike(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let type = try c.elementType(attribute: "dtype") ?? c.elementType(x)
    let (rows, columns) = try rowsAndColumns(c, x)
    let diagonal = try c.builder.add(rows, c.builder.index(c.int("k", 0)))
    return [try c.builder.convert(c.builder.compare(.equal, columns, diagonal), to: type)]
  }

  private static func trilu(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let (rows, columns) = try rowsAndColumns(c, x)
    let offset = try c.optionalOperand(1).map { try c.builder.reshape($0, []) } ?? c.builder.index(0)
    let diagonal = try c.builder.add(rows, offset)
    let kept = try c.builder.compare(c.flag("upper", true) ? .greaterOrEqual : .lessOrEqual, columns, diagonal)
    return [try c.builder.select(kept, x, zero(c, c.elementType(x)))]
  }
}
