import GraphIR
import Tensors

/// A small graph of random nodes over float32 tensors of rank 4 and less, with symbolic extents that `inputs` bind.
struct RandomGraph {
  let graph: Graph
  let inputs: [Tensor]

  /// Extents of the axes before any transpose; the first two are symbols.
  private static let extents = [2, 3, 4, 5]

  init(seed: Int) throws {
    var random = SeededGenerator(seed)
    let builder = GraphBuilder(name: "random\(seed)")
    let symbols = ["N", "S"].map { Dimension(builder.symbol(named: $0)) }
    let shape: [Dimension] = symbols + Self.extents[2...].map { .constant($0) }
    var maker = Maker(builder: builder, random: random)
    inputs = (0..<2).map { _ in random.floats(Shape(Self.extents)) }
    for position in inputs.indices {
      maker.values.append(builder.input("x\(position)", .tensor(TensorType(.float32, shape))))
    }
    for _ in 0..<random.integer(4...24) { try maker.addNode() }
    let last = maker.values.suffix(4)
    builder.setOutputs(Array(last))
    graph = builder.graph
  }
}

private struct Maker {
  let builder: GraphBuilder
  var random: SeededGenerator
  var values: [ValueID] = []

  private func extents(_ id: ValueID) -> [Dimension] { builder.type(of: id).tensor?.shape ?? [] }

  mutating func addNode() throws {
    // Recent values more often, so that chains grow.
    let recent = random.chance(70) ? Array(values.suffix(3)) : values
    let x = random.pick(recent)
    let rank = extents(x).count
    let added: ValueID?
    switch random.integer(0...19) {
    case 0...3: added = rank > 1 ? try transpose(x, rank) : nil
    case 4: added = try builder.unary(random.pick([.negate, .absolute, .floor]), x)
    case 5, 6: added = try builder.binary(random.pick([.add, .subtract, .multiply, .maximum]), x, constant(like: x))
    case 7, 8: added = try sameShape(x).map { try builder.binary(random.pick([.add, .maximum, .minimum]), x, $0) }
    case 9: added = try sameShape(x).map { try builder.select(builder.compare(.less, x, $0), $0, x) }
    case 10:
      added = try joinable(x).map { try builder.concatenate([x, $0.other], axis: $0.axis) }
    case 11: added = try slice(x, rank)
    case 12: added = try pad(x, rank)
    case 13:
      added =
        rank > 2 ? try builder.reduce(random.pick([.sum, .maximum]), x, axes: [random.integer(0...rank - 1)]) : nil
    case 14: added = try builder.expandDimensions(x, axes: [random.integer(0...rank)])
    case 15: added = try joinNeighbours(x, rank)
    case 16: added = try dense(x, rank)
    case 17: added = try convolution(x, rank)
    case 18: added = rank > 0 ? try builder.one(.reverse(axes: [random.integer(0...rank - 1)]), [x]) : nil
    default: added = try gate(x, rank)
    }
    if let added, extents(added).count <= 5 { values.append(added) }
  }

  private mutating func transpose(_ x: ValueID, _ rank: Int) throws -> ValueID {
    if rank == 4, random.chance(60) {
      return try builder.transpose(x, random.pick([[0, 3, 1, 2], [0, 2, 3, 1], [0, 2, 1, 3]]))
    }
    return try builder.transpose(x, Array(0..<rank).shuffled(using: &random))
  }

  /// A scalar, or a vector along one axis of constant extent.
  private mutating func constant(like x: ValueID) -> ValueID {
    let shape = extents(x)
    let axes = shape.indices.filter { shape[$0].constant != nil }
    guard random.chance(70), !axes.isEmpty else {
      return builder.constant(Tensor(scalar: random.pick([0, -0.0, 1, 2, -1.5] as [Float])))
    }
    let axis = random.pick(Array(axes))
    var own = [Int](repeating: 1, count: shape.count - axis)
    own[0] = shape[axis].constant ?? 1
    return builder.constant(random.floats(Shape(own)))
  }

  private mutating func sameShape(_ x: ValueID) throws -> ValueID? {
    random.pick(values.filter { extents($0) == extents(x) })
  }

  private mutating func joinable(_ x: ValueID) throws -> (other: ValueID, axis: Int)? {
    let shape = extents(x)
    guard !shape.isEmpty else { return nil }
    let axis = random.integer(0...shape.count - 1)
    let others = values.filter { id in
      let other = extents(id)
      return other.count == shape.count && shape.indices.allSatisfy { $0 == axis || shape[$0] == other[$0] }
    }
    return (random.pick(others), axis)
  }

  private mutating func slice(_ x: ValueID, _ rank: Int) throws -> ValueID? {
    guard rank > 0 else { return nil }
    let axis = random.integer(0...rank - 1)
    return try builder.slice(x, axis: axis, from: random.pick([0, 1, -2]), to: random.pick([.max, 2, 3]))
  }

  private mutating func pad(_ x: ValueID, _ rank: Int) throws -> ValueID {
    let amounts = (0..<2).map { _ in (0..<rank).map { _ in random.chance(30) ? 1 : 0 } }
    return try builder.one(
      .pad(.constant),
      [x, builder.scalar(1, .float32), builder.indices(amounts[0]), builder.indices(amounts[1])])
  }

  private mutating func joinNeighbours(_ x: ValueID, _ rank: Int) throws -> ValueID? {
    guard rank > 1 else { return nil }
    let axis = random.integer(0...rank - 2)
    let extents: [Extent] = (0..<rank).compactMap { $0 == axis ? .constant(-1) : $0 == axis + 1 ? nil : .of(x, $0) }
    return try builder.reshape(x, to: extents)
  }

  private mutating func dense(_ x: ValueID, _ rank: Int) throws -> ValueID? {
    guard rank > 1, let last = extents(x).last?.constant else { return nil }
    let weights = builder.constant(random.floats([last, 3]))
    return try builder.dot(x, weights, DotDimensions(lhsContracting: [rank - 1], rhsContracting: [0]), result: .float32)
  }

  private mutating func convolution(_ x: ValueID, _ rank: Int) throws -> ValueID? {
    guard rank == 4, let channels = extents(x)[1].constant, channels > 0 else { return nil }
    let convolution = Convolution(
      strides: [1, 1], dilations: [1, 1], padding: .explicit(low: [1, 0], high: [0, 1]), groups: 1)
    let filter = builder.constant(random.floats([2, 2, channels, 3]))
    return try builder.channelsFirst(
      builder.one(.convolution(convolution, result: .float32), [builder.channelsLast(x), filter]))
  }

  /// x · mean(x) over all axes but two.
  private mutating func gate(_ x: ValueID, _ rank: Int) throws -> ValueID? {
    guard rank > 2 else { return nil }
    return try builder.add(x, builder.reduce(.maximum, x, axes: Array(2..<rank), keepDimensions: true))
  }
}
