import GraphIR
import Tensors

/// The accumulators of a contraction and the elementwise nodes behind it that work on them.
///
/// Every value on the way has a place: forms over the axes of the accumulators, which nodes that reshape or transpose
/// only rearrange.
struct Accumulators {
  let index: GraphIndex
  let target: ScheduleTarget
  let anchor: Int
  /// Values that other kernels read past the nodes behind them.
  let pinned: Set<ValueID>
  /// Of every axis, each at least 2.
  private(set) var extents: [Int] = []
  private(set) var members: Set<Int>
  private(set) var places: [ValueID: Place] = [:]
  private(set) var operands: [Operand] = []
  private var terms: [Epilogue.Term] = [.accumulator]
  private var termOf: [ValueID: Int] = [:]

  /// What the epilogue reads, and where in memory.
  struct Operand: Hashable {
    var id: ValueID
    var elementType: ElementType
    var position: Affine
  }

  static let maximumMemberCount = 40
  static let maximumOperandCount = 6

  /// The accumulators of a node whose result has axes of its own.
  /// - Parameter cuts: what the result's first axes are cut into, extents of at least 2, so that reshapes may cut there.
  init(
    _ anchor: Int, _ index: GraphIndex, _ target: ScheduleTarget, pinned: Set<ValueID> = [], cuts: [[Int]] = []
  ) {
    self.pinned = pinned
    self.index = index
    self.target = target
    self.anchor = anchor
    members = [anchor]
    let result = index.node(anchor).results[0]
    var extents: [Int] = []
    places[result] = Place(
      (index.shape(result) ?? .scalar).dimensions.enumerated().map { axis, extent in
        let parts = axis < cuts.count ? cuts[axis] : extent == 1 ? [] : [extent]
        return parts.reduce(Affine()) { form, part in
          extents.append(part)
          return form * part + Affine(axis: extents.count - 1)
        }
      })
    self.extents = extents
    termOf[result] = 0
  }

  /// The only value that is read outside; nil when there are several.
  var exit: ValueID? {
    let read = places.keys.filter { pinned.contains($0) || index.isReadOutside($0, of: members) }
    return read.count == 1 ? read[0] : nil
  }

  /// Where each element of a value on the way lies in its memory.
  func position(of id: ValueID) -> Affine? {
    guard let place = places[id], let shape = index.shape(id) else { return nil }
    return place.linear(shape)
  }

  /// The accumulators with as many nodes as possible that `accepts` takes: with one exit, and strides that the kernel
  /// has. `taken` are nodes of other kernels.
  func grown(taken: Set<Int>, accepts: (Accumulators) -> Bool) -> Accumulators? {
    var current = self
    var best = exit != nil && accepts(self) ? self : nil
    var refused = taken
    while current.members.count < Self.maximumMemberCount, let next = current.nextConsumer(refused) {
      if let joined = current.joined(next) {
        current = joined
        if current.exit != nil, accepts(current) { best = current }
      } else {
        refused.insert(next)
        // What a refused node reads stays an exit; two of them are too many.
        if current.places.keys.count(where: { current.isRead($0, by: refused) }) > 1 { break }
      }
    }
    return best
  }

  private func isRead(_ id: ValueID, by nodes: Set<Int>) -> Bool {
    pinned.contains(id) || index.isOutput(id)
      || index.consumers(of: id).contains { nodes.contains($0) && !members.contains($0) }
  }

  private func nextConsumer(_ refused: Set<Int>) -> Int? {
    places.keys.flatMap { index.consumers(of: $0) }.filter { !members.contains($0) && !refused.contains($0) }.min()
  }

  // MARK: Joining

  private func joined(_ number: Int) -> Accumulators? {
    let node = index.node(number)
    guard node.results.count == 1, let shape = index.shape(node.results[0]) else { return nil }
    var next = self
    next.members.insert(number)
    switch node.operation {
    case .reshape, .transpose:
      guard let place = moved(node, shape), let term = termOf[node.operands[0]] else { return nil }
      next.places[node.results[0]] = place
      next.termOf[node.results[0]] = term
      return next
    case .unary, .binary, .compare, .select: return next.calculate(node, shape) ? next : nil
    case .convert(let type, _): return next.convert(node, shape, to: type) ? next : nil
    default: return nil
    }
  }

  /// Where the elements of a reshaped or transposed value are.
  private func moved(_ node: Node, _ shape: Shape) -> Place? {
    guard let place = places[node.operands[0]], let own = index.shape(node.operands[0]) else { return nil }
    if case .transpose(let permutation) = node.operation { return Place(permutation.map { place.forms[$0] }) }
    guard case .forms(let forms) = place.linear(own).unraveled(shape, extents) else { return nil }
    return Place(forms)
  }

  /// int32 as float32 on the way; from float32 to bytes at its end, where storing does it.
  private mutating func convert(_ node: Node, _ shape: Shape, to type: ElementType) -> Bool {
    guard let place = places[node.operands[0]], index.shape(node.operands[0]) == shape,
      let source = index.type(node.operands[0]), let operand = termOf[node.operands[0]]
    else { return false }
    var term: Int? = operand
    switch (source, type) {
    case (.int32, .float32): term = add(.float(operand))
    case (.float32, .uint8), (.float32, .int8): break
    default: return false
    }
    places[node.results[0]] = place
    termOf[node.results[0]] = term
    return term != nil
  }

  private mutating func calculate(_ node: Node, _ shape: Shape) -> Bool {
    guard let own = node.operands.first(where: { places[$0] != nil && index.shape($0) == shape }),
      let place = places[own], isCalculable(index.type(node.results[0]))
    else { return false }
    var operands: [Int] = []
    for id in node.operands {
      guard let term = self.term(of: id, at: place) else { return false }
      operands.append(term)
    }
    let term: Epilogue.Term
    let isInteger = index.type(node.operands[0]) == .int32 || index.type(node.results[0]) == .int32
    if isInteger, !isIntegerTerm(node.operation) { return false }
    switch node.operation {
    case .unary(let function): term = .unary(function, operands[0])
    case .binary(let function): term = .binary(function, operands[0], operands[1])
    case .compare(let comparison): term = .compare(comparison, operands[0], operands[1])
    case .select: term = .select(operands[0], operands[1], operands[2])
    default: return false
    }
    guard target.hasTerm(term) else { return false }
    terms.append(term)
    places[node.results[0]] = place
    termOf[node.results[0]] = terms.count - 1
    return true
  }

  private func isCalculable(_ type: ElementType?) -> Bool { type == .float32 || type == .bool || type == .int32 }

  private func isIntegerTerm(_ operation: Operation) -> Bool {
    guard case .binary(let function) = operation else { return false }
    switch function {
    case .add, .subtract, .multiply, .maximum, .minimum: return true
    default: return false
    }
  }

  /// The term of an operand of a node whose result is at `place`: one that is there, or a new one that reads memory.
  private mutating func term(of id: ValueID, at place: Place) -> Int? {
    guard let shape = index.shape(id), let type = index.type(id), isCalculable(type) else { return nil }
    let own = place.broadcast(from: shape)
    if let term = termOf[id] { return places[id] == own ? term : nil }
    if let bits = index.uniformBits(id) {
      if type == .float32 { return add(.constant(UInt32(truncatingIfNeeded: bits))) }
      if type == .int32 { return add(.integer(Int32(truncatingIfNeeded: bits))) }
    }
    guard !dependsOnAnchor(id) else { return nil }
    if let term = dequantized(id, at: place) ?? outerProduct(id, at: place) { return term }
    return self.operand(id, type, own.linear(shape))
  }

  /// What was made of 8-bit numbers by a step or two is read as these: a quarter of the bytes, and no kernel for it.
  private mutating func dequantized(_ id: ValueID, at place: Place) -> Int? {
    guard let producer = index.producer(of: id), index.type(id) == .float32, let shape = index.shape(id) else {
      return nil
    }
    let node = index.node(producer)
    switch node.operation {
    case .convert:
      guard let type = index.type(node.operands[0]), type == .uint8 || type == .int8,
        let operand = self.operand(node.operands[0], type, place.broadcast(from: shape).linear(shape))
      else { return nil }
      return add(.float(operand))
    case .binary(let function) where function == .subtract || function == .multiply:
      guard index.shape(node.operands[0]) == shape, let bits = index.uniformBits(node.operands[1]) else { return nil }
      let before = self
      guard let x = dequantized(node.operands[0], at: place),
        let constant = add(.constant(UInt32(truncatingIfNeeded: bits))), let term = add(.binary(function, x, constant))
      else {
        self = before
        return nil
      }
      return term
    default: return nil
    }
  }

  /// A column times a row is read as these two: the matrix need not be in memory.
  private mutating func outerProduct(_ id: ValueID, at place: Place) -> Int? {
    guard let producer = index.producer(of: id), case .binary(.multiply) = index.node(producer).operation,
      let shape = index.shape(id)
    else { return nil }
    let factors = index.node(producer).operands
    guard factors.allSatisfy({ index.shape($0).map { $0.elementCount < shape.elementCount } == true }) else {
      return nil
    }
    let before = self
    let own = place.broadcast(from: shape)
    let terms = factors.compactMap { term(of: $0, at: own) }
    if terms.count == 2, let product = add(.binary(.multiply, terms[0], terms[1])) { return product }
    self = before
    return nil
  }

  private mutating func operand(_ id: ValueID, _ type: ElementType, _ position: Affine) -> Int? {
    let operand = Operand(id: id, elementType: type, position: position)
    if let known = operands.firstIndex(of: operand) { return add(.operand(known)) }
    guard operands.count < Self.maximumOperandCount, operand.position.constant == 0 else { return nil }
    operands.append(operand)
    return add(.operand(operands.count - 1))
  }

  private mutating func add(_ term: Epilogue.Term) -> Int? {
    if let known = terms.firstIndex(of: term) { return known }
    guard target.hasTerm(term) else { return nil }
    terms.append(term)
    return terms.count - 1
  }

  /// Whether a value can be computed only after the anchor.
  private func dependsOnAnchor(_ id: ValueID) -> Bool {
    var stack = [index.producer(of: id)].compactMap(\.self)
    var seen: Set<Int> = []
    while let number = stack.popLast() {
      if number == anchor { return true }
      guard number > anchor, seen.insert(number).inserted else { continue }
      stack += index.node(number).operands.compactMap { index.producer(of: $0) }
    }
    return false
  }

  // MARK: Results

  /// The epilogue, when rows and columns are merged into one axis each (or none). The strides of operand 0 stand at
  /// `first` in each axis.
  func epilogue(
    row: StrideTable.Axis?, column: StrideTable.Axis?, batch: [StrideTable.Axis] = [], first: Int
  ) -> Epilogue? {
    guard let exit, let last = termOf[exit], let type = index.type(exit) else { return nil }
    var operands: [Epilogue.Operand] = []
    for (number, operand) in self.operands.enumerated() {
      let columnStride = column?.strides[first + number] ?? 0
      guard columnStride == 0 || columnStride == 1 else { return nil }
      operands.append(
        Epilogue.Operand(
          operand.elementType, rowStride: row?.strides[first + number] ?? 0, columnStride: columnStride,
          batchStrides: batch.map { $0.strides[first + number] }))
    }
    return Epilogue(operands: operands, terms: Array(terms[...last]), resultType: type)
  }

  /// The step of a kernel that reads these operands, then those of the epilogue.
  func step(
    _ kernel: Kernel, _ operands: [ScheduleValue], parameters: [Int], operations: Double, bytes: Double
  ) -> Step? {
    guard let exit else { return nil }
    let call = Step.Call(
      parameters: parameters, estimatedNanoseconds: Estimate.nanoseconds(operations: operations, bytes: bytes))
    let values = self.operands.map { ScheduleValue.value($0.id) }
    return Step(
      work: .kernel(kernel, call), operands: operands + values, results: [exit], source: index.source(of: members))
  }
}
