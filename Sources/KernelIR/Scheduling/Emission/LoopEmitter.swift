import GraphIR
import Interpreter
import Tensors

/// Writes the loop kernel of a cluster.
///
/// Values are pulled from the stores: an element of a result asks for the elements it needs. Each definition stands in
/// the outermost loop that knows everything it depends on; a reduction becomes loops there, in front of the loops that
/// were open.
final class LoopEmitter {
  /// An element of a value.
  struct Key: Hashable {
    var id: ValueID
    var place: Place
  }

  /// An open loop, or (the first) the whole kernel.
  struct Scope {
    var axis: Int?
    var statements: [Statement] = []
    var carried: [Carried] = []
    var values: [Key: KernelValue] = [:]
    var expressions: [TypedExpression: KernelValue] = [:]
  }

  struct TypedExpression: Hashable {
    var expression: Expression
    var type: ElementType
  }

  /// A cluster that turned out to have no loops after all.
  struct Failure: Error {
    var problem: String
  }

  let cluster: Cluster
  let index: GraphIndex
  let forms: [NodeForm?]
  let order: LoopOrder
  /// Values that several loops need and that are kept between them: buffer and position.
  let kept: [Key: Kept]

  struct Kept {
    var buffer: Int
    var position: Affine
  }

  var scopes = [Scope()]
  var types: [ElementType] = []
  private var depths: [Int] = []
  /// Values that reductions gave, and what was calculated from them alone.
  var reduced: Set<KernelValue> = []
  var kinds: [LoopKernel.Axis.Kind]
  var buffers: KernelBuffers
  /// What axes of the cluster are at the moment: an offset into a piece.
  private var replacement: (axis: Int, form: Affine)?
  /// How often each dear element was calculated.
  private(set) var calculations: [Key: Int] = [:]
  private var keptAlready: Set<Key> = []
  private var hasReduced = false
  private var knownValues: [ValueID: ScheduleValue] = [:]
  let tables: TableStore

  init(
    _ cluster: Cluster, _ index: GraphIndex, forms: [NodeForm?], _ order: LoopOrder, tables: TableStore,
    kept: [Key: Kept] = [:], scratch: [LoopKernel.Buffer] = []
  ) {
    self.cluster = cluster
    self.index = index
    self.forms = forms
    self.order = order
    self.tables = tables
    self.kept = kept
    kinds = cluster.extents.map { _ in .serial }
    if let vector = order.vector { kinds[vector] = .vector }
    if let pieces = cluster.pieces, pieces.axis == order.vector {
      for axis in pieces.axes { kinds[axis] = .vector }
    }
    buffers = KernelBuffers(scratch: scratch)
  }

  func emit() throws {
    for id in cluster.stored {
      guard let type = index.type(id) else { throw Failure(problem: "\(id) is no tensor") }
      buffers.write(id, type)
    }
    try nest(order.axes[...])
  }

  // MARK: The loops of the domain

  private func nest(_ axes: ArraySlice<Int>) throws {
    if let rowAxes = cluster.rowAxes, !hasReduced, axes.allSatisfy({ !rowAxes.contains($0) }) { try reduceAll() }
    guard let axis = axes.first else { return try storeAll() }
    guard let pieces = cluster.pieces, pieces.axis == axis else {
      return try loop(axis) { try nest(axes.dropFirst()) }
    }
    for (piece, start) in zip(pieces.axes, pieces.starts) {
      if cluster.extents[piece] == 1 {
        replacement = (axis, Affine(constant: start))
        try nest(axes.dropFirst())
      } else {
        replacement = (axis, Affine(axis: piece) + start)
        try loop(piece) { try nest(axes.dropFirst()) }
      }
    }
    replacement = nil
  }

  /// Reductions in the order of the graph, as soon as the loops that they depend on are open: whatever loops share is
  /// then calculated in the first of them.
  private func reduceAll() throws {
    hasReduced = true
    for number in cluster.members.sorted() {
      let id = index.node(number).results[0]
      switch forms[number] {
      case .reduce, .argReduce: if let place = cluster.places[id]?.first { _ = try value(id, place) }
      default: break
      }
    }
  }

  private func loop(_ axis: Int, _ body: () throws -> Void) throws {
    scopes.append(Scope(axis: axis))
    try body()
    let scope = scopes.removeLast()
    scopes[scopes.count - 1].statements.append(
      .loop(Loop(AxisID(axis), body: scope.statements, carried: scope.carried)))
  }

  private func storeAll() throws {
    for (number, id) in cluster.stored.enumerated() {
      guard var place = cluster.places[id]?.first, let shape = index.shape(id) else {
        throw Failure(problem: "\(id) has no place")
      }
      if let replacement { place = place.replacing(replacement.axis, by: replacement.form) }
      let value = try value(id, place)
      let target = try position(place.linear(shape))
      let depth = max(depths[value.index], target.depth)
      scopes[depth].statements.append(.store(buffer: KernelBuffers.firstWrite + number, target.index, value))
    }
  }

  // MARK: Values

  /// An element of a value that is calculated here or read.
  func value(_ id: ValueID, _ place: Place) throws -> KernelValue {
    let key = Key(id: id, place: place)
    for scope in scopes.reversed() {
      if let value = scope.values[key] { return value }
    }
    let value: KernelValue
    if cluster.places[id] != nil, let number = index.producer(of: id) {
      value = try keeping(key, number)
    } else {
      value = try load(id, place)
    }
    scopes[depths[value.index]].values[key] = value
    return value
  }

  /// A calculated element: read from where it is kept, if an earlier loop has it.
  private func keeping(_ key: Key, _ number: Int) throws -> KernelValue {
    if let kept = kept[key], let type = index.type(key.id).flatMap(LoopKernel.computeType) {
      let target = try position(kept.position)
      if keptAlready.contains(key) {
        return define(.load(buffer: kept.buffer, target.index), type, depth: target.depth)
      }
      let value = try calculate(number, key.place)
      scopes[max(depths[value.index], target.depth)].statements.append(.store(buffer: kept.buffer, target.index, value))
      keptAlready.insert(key)
      return value
    }
    let value = try calculate(number, key.place)
    if let rowAxes = cluster.rowAxes, Cost.of(index.node(number).operation) >= Cost.dear,
      !key.place.axes.isSubset(of: rowAxes)
    {
      calculations[key, default: 0] += 1
    }
    return value
  }

  func depth(of value: KernelValue) -> Int { depths[value.index] }

  /// A definition where everything it needs is known.
  func define(_ expression: Expression, _ type: ElementType, depth: Int = 0) -> KernelValue {
    let operands = expression.operands
    let depth = operands.reduce(depth) { max($0, depths[$1.index]) }
    let key = TypedExpression(expression: expression, type: type)
    if let known = scopes[depth].expressions[key] { return known }
    let value = newValue(type, depth: depth)
    scopes[depth].statements.append(.define(value, expression))
    scopes[depth].expressions[key] = value
    let isCalculated = operands.contains(where: reduced.contains)
    if isCalculated, operands.allSatisfy({ reduced.contains($0) || depths[$0.index] == 0 }) { reduced.insert(value) }
    return value
  }

  func newValue(_ type: ElementType, depth: Int) -> KernelValue {
    types.append(type)
    depths.append(depth)
    return KernelValue(types.count - 1)
  }

  // MARK: Positions

  /// A form as an index, and the depth of the innermost axis in it.
  func position(_ form: Affine, guards: [Place.Guard] = []) throws -> (index: Index, depth: Int) {
    let terms = form.terms.map { Index.Term(AxisID($0.axis), stride: $0.coefficient) }
    var result = Index(constant: form.constant, terms: terms)
    var depth = try self.depth(of: form)
    for guarded in guards {
      depth = max(depth, try self.depth(of: guarded.form))
      result.guards.append(
        Index.Guard(
          constant: guarded.form.constant,
          terms: guarded.form.terms.map { Index.Term(AxisID($0.axis), stride: $0.coefficient) },
          extent: guarded.extent))
    }
    return (result, depth)
  }

  /// How deep the loops are that a form needs.
  func depth(of form: Affine) throws -> Int {
    try form.terms.reduce(0) { depth, term in
      guard let own = scopes.lastIndex(where: { $0.axis == term.axis }) else {
        throw Failure(problem: "axis \(term.axis) is not open")
      }
      return max(depth, own)
    }
  }

  func load(_ id: ValueID, _ place: Place, otherwise: KernelValue? = nil) throws -> KernelValue {
    guard let shape = index.shape(id), let stored = index.type(id), let type = LoopKernel.computeType(stored) else {
      throw Failure(problem: "\(id) cannot be read")
    }
    if let bits = index.uniformBits(id), place.guards.isEmpty || otherwise == nil {
      return define(.constantBits(bits), type)
    }
    let source = try position(place.linear(shape), guards: place.guards)
    let buffer = buffers.read(self.source(of: id), stored)
    return define(.load(buffer: buffer, source.index, otherwise: otherwise), type, depth: source.depth)
  }

  /// Where an operand is read from: elements that are known need no step.
  func source(of id: ValueID) -> ScheduleValue {
    guard GraphIndex.isKnown(id, index.graph), let tensor = index.graph.constantValue(of: id) else { return .value(id) }
    if let known = knownValues[id] { return known }
    let table = tables.table(tensor)
    knownValues[id] = table
    return table
  }
}
