import GraphIR
import Tensors

/// A small graph of random nodes over tensors of constant shapes, float32 between most of them. Its last outputs are
/// of other types.
package struct RandomGraph {
  package let graph: Graph
  package let inputs: [Tensor]
  /// Other values of the same shapes.
  package let otherInputs: [Tensor]

  package init(seed: Int, nodeCount: ClosedRange<Int> = 4...24) throws {
    var random = SeededGenerator(seed)
    let builder = GraphBuilder(name: "random\(seed)")
    let shape = Shape(random.pick([[2, 3, 4, 5], [1, 4, 4, 8], [2, 6, 6], [3, 16], [2, 3, 2, 2, 4]]))
    var inputs: [Tensor] = []
    var maker = GraphMaker(builder: builder, random: random)
    for position in 0..<2 {
      inputs.append(maker.random.floats(shape))
      maker.values.append(builder.input("x\(position)", .tensor(TensorType(.float32, constant: shape.dimensions))))
    }
    for _ in 0..<maker.random.integer(nodeCount) { try maker.addNode() }
    var outputs = Array(maker.values.suffix(2))
    outputs.append(maker.random.pick(maker.values))
    if maker.random.chance(30) { outputs.append(try maker.otherType()) }
    builder.setOutputs(outputs)
    graph = builder.graph
    self.inputs = inputs
    otherInputs = inputs.map { maker.random.floats($0.shape) }
  }
}

private struct GraphMaker {
  let builder: GraphBuilder
  var random: SeededGenerator
  var values: [ValueID] = []

  private func extents(_ id: ValueID) -> [Int] { builder.type(of: id).tensor?.constantShape?.dimensions ?? [] }

  mutating func addNode() throws {
    // Recent values more often, so that chains grow.
    let recent = random.chance(70) ? Array(values.suffix(3)) : values
    let x = random.pick(recent)
    let shape = extents(x)
    let added: ValueID?
    switch random.integer(0...37) {
    case 0, 1: added = shape.count > 1 ? try builder.transpose(x, Array(shape.indices).shuffled(using: &random)) : nil
    case 2, 3: added = try builder.unary(random.pick([.negate, .absolute, .floor, .logistic, .hyperbolicTangent]), x)
    case 4, 5: added = try builder.binary(random.pick([.add, .subtract, .multiply, .maximum]), x, constant(shape))
    case 6, 7, 8:
      added = try other(shape).map { try builder.binary(random.pick([.add, .maximum, .minimum, .subtract]), x, $0) }
    case 9: added = try other(shape).map { try builder.select(builder.compare(.less, x, $0), $0, x) }
    case 10, 11: added = try joined(x, shape)
    case 12, 13: added = try sliced(x, shape)
    case 14: added = try padded(x, shape)
    case 15, 16: added = try reduced(x, shape)
    case 17: added = try merged(x, shape)
    case 18: added = try split(x, shape)
    case 19: added = try dense(x, shape)
    case 20: added = try convolution(x, shape)
    case 21: added = shape.isEmpty ? nil : try builder.one(.reverse(axes: [random.integer(0...shape.count - 1)]), [x])
    case 22: added = shape.isEmpty ? nil : try builder.softmaxBody(x, axis: random.integer(0...shape.count - 1))
    case 23: added = shape.isEmpty ? nil : try builder.normalized(x, axis: random.integer(0...shape.count - 1))
    case 24: added = try pooled(x, shape)
    case 25: added = try gathered(x, shape)
    case 26: added = try product(x, shape)
    case 27: added = try mirrored(x, shape)
    case 28: added = try position(x, shape)
    case 29: added = try enlarged(x, shape)
    case 30: added = try counted(x, shape)
    case 31: added = try accumulated(x, shape)
    case 32: added = try picked(x, shape)
    case 36: added = try branches(x, shape)
    case 34, 35: added = try attended(x, shape)
    case 33: added = try transposedConvolution(x, shape)
    default: added = try builder.convert(builder.convert(x, to: random.pick([.float16, .int32, .int8])), to: .float32)
    }
    guard let added else { return }
    let new = extents(added)
    if new.count <= 5, !new.contains(0), new.reduce(1, *) <= 4096 { values.append(added) }
  }

  /// A scalar, or a vector along one axis.
  private mutating func constant(_ shape: [Int]) -> ValueID {
    guard random.chance(70), !shape.isEmpty else {
      return builder.constant(Tensor(scalar: random.pick([0, -0.0, 1, 2, -1.5] as [Float])))
    }
    let axis = random.integer(0...shape.count - 1)
    var own = [Int](repeating: 1, count: shape.count - axis)
    own[0] = shape[axis]
    return builder.constant(random.floats(Shape(own)))
  }

  /// A value that broadcasts with a shape without enlarging it.
  private mutating func other(_ shape: [Int]) -> ValueID? {
    let fitting = values.filter { id in
      let own = extents(id)
      return own.count <= shape.count && zip(own.reversed(), shape.reversed()).allSatisfy { $0 == $1 || $0 == 1 }
    }
    return fitting.isEmpty ? nil : random.pick(fitting)
  }

  private mutating func joined(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let axis = random.integer(0...shape.count - 1)
    let others = values.filter { id in
      let other = extents(id)
      return other.count == shape.count && shape.indices.allSatisfy { $0 == axis || shape[$0] == other[$0] }
    }
    return try builder.concatenate([x, random.pick(others), random.pick(others)], axis: axis)
  }

  private mutating func sliced(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let axis = random.integer(0...shape.count - 1)
    if random.chance(20) { return try builder.slice(x, axis: axis, from: -1, to: -100, step: -random.integer(1...2)) }
    return try builder.slice(
      x, axis: axis, from: random.pick([0, 1, -2]), to: random.pick([.max, 2, 3]), step: random.integer(1...2))
  }

  private mutating func padded(_ x: ValueID, _ shape: [Int]) throws -> ValueID {
    let amounts = (0..<2).map { _ in shape.map { random.chance(30) ? random.pick($0 > 2 ? [1, 2, -1] : [1, 2]) : 0 } }
    return try builder.one(
      .pad(.constant), [x, builder.scalar(1, .float32), builder.indices(amounts[0]), builder.indices(amounts[1])])
  }

  private mutating func mirrored(_ x: ValueID, _ shape: [Int]) throws -> ValueID {
    let amounts = (0..<2).map { _ in shape.map { random.chance(30) ? random.pick($0 > 2 ? [1, 2, -1] : [1, 2]) : 0 } }
    return try builder.one(
      .pad(random.pick([.edge, .reflect, .wrap])),
      [x, builder.scalar(0, .float32), builder.indices(amounts[0]), builder.indices(amounts[1])])
  }

  /// Where the best element is, as a number.
  private mutating func position(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let operation = Operation.argReduce(
      maximum: random.chance(50), axis: random.integer(0...shape.count - 1), selectLast: random.chance(50))
    return try builder.convert(builder.one(operation, [x]), to: .float32)
  }

  private mutating func enlarged(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard shape.count > 2 else { return nil }
    let axes = random.chance(50) ? [1] : [1, shape.count - 2]
    guard Set(axes).count == axes.count else { return nil }
    let resize = Resize(
      axes: axes, parametersAreSizes: true, mode: random.pick([.nearest, .linear, .linear, .cubic]),
      coordinates: random.pick([.halfPixel, .asymmetric, .alignCorners]),
      rounding: random.pick([.floor, .roundPreferCeil]), antialias: random.chance(20))
    let sizes = axes.map {
      random.chance(80) ? shape[$0] * random.integer(1...2) + (random.chance(50) ? 0 : 1) : max(1, shape[$0] / 2)
    }
    return try builder.one(.resize(resize), [x, builder.indices(sizes)])
  }

  /// Arithmetic of integers.
  private mutating func counted(_ x: ValueID, _ shape: [Int]) throws -> ValueID {
    let type = random.pick([.int32, .int64] as [ElementType])
    let (a, b) = try (builder.convert(x, to: type), builder.scalar(Double(random.integer(-3...3)), type))
    let c = try builder.binary(random.pick([.add, .multiply, .maximum, .subtract]), a, b)
    return try builder.convert(random.chance(50) ? builder.binary(.minimum, c, a) : c, to: .float32)
  }

  private mutating func accumulated(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let axis = random.integer(0...shape.count - 1)
    return try builder.one(.cumulative(.sum, axis: axis, exclusive: random.chance(30), reverse: random.chance(30)), [x])
  }

  /// For each element one of its line.
  private mutating func picked(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let axis = random.integer(0...shape.count - 1)
    let positions = (0..<shape.reduce(1, *)).map { _ in Int64(random.integer(-shape[axis]...shape[axis] - 1)) }
    return try builder.one(.gatherElements(axis: axis), [x, builder.constant(Tensor(Shape(shape), positions))])
  }

  /// A value that is no float32.
  mutating func otherType() throws -> ValueID {
    let x = random.pick(values)
    guard random.chance(50), let y = other(extents(x)) else {
      return try builder.convert(x, to: random.pick([.int32, .int64, .float16, .bool, .uint8, .float64]))
    }
    return try builder.compare(random.pick([.less, .lessOrEqual, .greaterOrEqual]), x, y)
  }

  private mutating func reduced(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let axes = shape.indices.filter { _ in random.chance(40) }
    let reduction = random.pick([.sum, .maximum, .minimum, .mean] as [Reduction])
    return try builder.reduce(
      reduction, x, axes: axes.isEmpty ? [shape.count - 1] : Array(axes), keepDimensions: random.chance(60))
  }

  private mutating func merged(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard shape.count > 1 else { return nil }
    let axis = random.integer(0...shape.count - 2)
    var extents = shape
    extents[axis] *= extents.remove(at: axis + 1)
    return try builder.reshape(x, extents)
  }

  private mutating func split(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard let axis = shape.indices.filter({ shape[$0] > 3 && shape[$0] % 2 == 0 }).randomElement(using: &random) else {
      return nil
    }
    var extents = shape
    extents[axis] /= 2
    extents.insert(2, at: random.chance(50) ? axis : axis + 1)
    return try builder.reshape(x, extents)
  }

  private mutating func dense(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard shape.count > 1 else { return nil }
    let axis = random.integer(0...shape.count - 1)
    let weights = builder.constant(random.floats([shape[axis], 3]))
    return try builder.dot(x, weights, DotDimensions(lhsContracting: [axis], rhsContracting: [0]), result: .float32)
  }

  /// A product of two values, batched where they agree.
  private mutating func product(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard shape.count > 1, let y = values.filter({ extents($0) == shape }).randomElement(using: &random) else {
      return nil
    }
    let batch = Array(shape.indices.dropLast(2))
    let axis = shape.count - random.integer(1...2)
    return try builder.dot(
      x, y, DotDimensions(lhsBatch: batch, rhsBatch: batch, lhsContracting: [axis], rhsContracting: [axis]),
      result: .float32)
  }

  private mutating func convolution(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard shape.count > 2 else { return nil }
    let count = shape.count - 2
    let channels = shape[shape.count - 1]
    let groups = random.pick([1, 1, channels, channels % 2 == 0 ? channels / 2 : 1])
    let convolution = Convolution(
      strides: (0..<count).map { _ in random.integer(1...2) }, dilations: Array(repeating: 1, count: count),
      padding: .explicit(low: Array(repeating: 1, count: count), high: Array(repeating: 1, count: count)),
      groups: groups)
    let size = random.integer(1...3)
    let outputs = groups * (random.chance(50) ? 1 : 2)
    let filter = builder.constant(
      random.floats(Shape(Array(repeating: size, count: count) + [channels / groups, outputs])))
    return try builder.one(.convolution(convolution, result: .float32), [x, filter])
  }

  /// Convolutions of one value side by side, one of them after an elementwise function.
  private mutating func branches(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard (3...5).contains(shape.count) else { return nil }
    let count = shape.count - 2
    let parts = try (0..<random.integer(2...3)).map { _ in
      let size = random.pick([1, 3])
      let padding = Array(repeating: size / 2, count: count)
      let convolution = Convolution(
        strides: Array(repeating: 1, count: count), dilations: Array(repeating: 1, count: count),
        padding: .explicit(low: padding, high: padding), groups: 1)
      let filter = builder.constant(
        random.floats(Shape(Array(repeating: size, count: count) + [shape[shape.count - 1], random.integer(1...9)])))
      let y = try builder.one(.convolution(convolution, result: .float32), [x, filter])
      return random.chance(50) ? try builder.unary(.absolute, y) : y
    }
    return try builder.concatenate(parts, axis: shape.count - 1)
  }

  /// Attention of a value to itself or to another of the same shape, masked in one of many ways.
  private mutating func attended(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard (2...4).contains(shape.count), shape[shape.count - 2] > 1,
      let y = values.filter({ extents($0) == shape }).randomElement(using: &random)
    else { return nil }
    let (rows, last) = (shape[shape.count - 2], shape.count - 1)
    let batch = Array(0..<shape.count - 2)
    func product(_ x: ValueID, _ y: ValueID, _ axis: Int) throws -> ValueID {
      try builder.dot(
        x, y, DotDimensions(lhsBatch: batch, rhsBatch: batch, lhsContracting: [last], rhsContracting: [axis]),
        result: .float32)
    }
    var scores = try builder.multiply(product(x, y, last), builder.scalar(0.0625, .float32))
    if random.chance(20) {
      scores = try builder.multiply(builder.unary(.hyperbolicTangent, scores), builder.scalar(2, .float32))
    }
    let lowest = try builder.scalar(random.pick([-100, -.infinity]), .float32)
    switch random.integer(0...3) {
    case 0:
      let sees = (0..<rows * rows).map { $0 % rows <= $0 / rows }
      scores = try builder.select(builder.constant(Tensor([rows, rows], sees)), scores, lowest)
    case 1:
      let sees = builder.constant(random.floats(random.chance(50) ? [rows] : [rows, rows]))
      scores = try builder.select(builder.compare(.less, sees, builder.scalar(0, .float32)), lowest, scores)
    case 2: scores = try builder.add(scores, builder.constant(random.floats([rows, 1])))
    default: break
    }
    // Means of equal numbers may miss them by a rounding, which what cuts off the fraction would show.
    let mean = try product(builder.softmaxBody(scores, axis: last), y, last - 1)
    return try builder.add(builder.multiply(mean, builder.scalar(0.71, .float32)), builder.scalar(0.013, .float32))
  }

  private mutating func transposedConvolution(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard (3...5).contains(shape.count) else { return nil }
    let count = shape.count - 2
    let channels = shape[shape.count - 1]
    let groups = random.pick([1, 1, channels])
    func each(_ range: ClosedRange<Int>) -> [Int] { (0..<count).map { _ in random.integer(range) } }
    let (window, strides, dilations) = (each(2...4), each(1...3), each(1...2))
    let convolution = Convolution(
      strides: strides, dilations: dilations, padding: .explicit(low: each(0...1), high: each(0...1)), groups: groups)
    let filter = builder.constant(random.floats(Shape(window + [random.integer(1...3), channels])))
    return try builder.one(
      .transposedConvolution(convolution, outputPadding: strides.map { random.integer(0...$0 - 1) }), [x, filter])
  }

  private mutating func pooled(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard (3...5).contains(shape.count) else { return nil }
    let count = shape.count - 2
    let window = Window(
      size: (0..<count).map { _ in random.integer(1...3) }, strides: (0..<count).map { _ in random.integer(1...2) },
      dilations: Array(repeating: 1, count: count),
      padding: .explicit(low: Array(repeating: 1, count: count), high: Array(repeating: 1, count: count)),
      roundsUp: random.chance(30))
    let reduction = random.pick(
      [.maximum, .sum, .average(countsPadding: true), .average(countsPadding: false)] as [WindowReduction])
    return try builder.one(.reduceWindow(reduction, window), [x])
  }

  private mutating func gathered(_ x: ValueID, _ shape: [Int]) throws -> ValueID? {
    guard !shape.isEmpty else { return nil }
    let axis = random.integer(0...shape.count - 1)
    let positions = (0..<random.integer(1...4)).map { _ in Int64(random.integer(-shape[axis]...shape[axis] - 1)) }
    return try builder.gather(x, builder.constant(Tensor([positions.count], positions)), axis: axis)
  }
}

extension GraphBuilder {
  /// The nodes of softmax, not as a composite.
  package func softmaxBody(_ x: ValueID, axis: Int) throws -> ValueID {
    let shifted = try subtract(x, reduce(.maximum, x, axes: [axis], keepDimensions: true))
    let powers = try unary(.exponential, shifted)
    return try divide(powers, reduce(.sum, powers, axes: [axis], keepDimensions: true))
  }

  /// (x - mean) / sqrt(variance + 1) along an axis.
  package func normalized(_ x: ValueID, axis: Int) throws -> ValueID {
    let centred = try subtract(x, reduce(.mean, x, axes: [axis], keepDimensions: true))
    let variance = try reduce(.mean, multiply(centred, centred), axes: [axis], keepDimensions: true)
    return try multiply(centred, unary(.reciprocal, unary(.squareRoot, add(variance, scalar(1, .float32)))))
  }
}
