import Tensors

extension TypeRules {
  static func conditional(_ node: Candidate) throws -> [InferredResult] {
    try node.require(!node.operands.isEmpty, found: "no operands", expected: "a condition")
    try node.require(0, is: .bool)
    try node.requireScalar(0)
    let captures = Array(node.operands.dropFirst())
    let then = try node.outputs(of: 0, given: captures, "then branch")
    let other = try node.outputs(of: 1, given: captures, "else branch")
    try node.require(
      then.count == other.count, found: "branches with \(then.count) and \(other.count) results",
      expected: "equally many")
    return try zip(then, other).map { InferredResult(try node.join($0.type, $1.type)) }
  }

  static func composite(_ node: Candidate) throws -> [InferredResult] {
    try node.outputs(of: 0, given: node.operands, "decomposition")
  }

  static func loop(carried: Int, _ node: Candidate) throws -> [InferredResult] {
    try node.require(node.operands.count >= 2, found: "\(node.operands.count) operands", expected: "at least 2")
    try node.requireIndices(0)
    try node.require(1, is: .bool)
    for index in 0..<2 { try node.requireScalar(index) }
    try node.require(
      carried >= 0 && carried <= node.operands.count - 2, found: "\(carried) carried values",
      expected: "at most \(node.operands.count - 2)")
    let body = try node.parameters(of: 0, given: node.operands, from: 2, "body")
    try node.require(
      body.inputs[0].type.elementType == .int64 && body.inputs[1].type.elementType == .bool,
      found: "a body of \(node.text(body.inputs[0].type)) and \(node.text(body.inputs[1].type))",
      expected: "the iteration int64 and the condition bool first")
    try node.require(
      body.outputs.count > carried, found: "a body of \(body.outputs.count) results",
      expected: "the condition and \(carried) carried values")
    let condition = body.outputs[0]
    try node.require(
      condition.type.elementType == .bool, found: "a condition of type \(node.text(condition.type))", expected: "bool")

    // An extent that the body hands on as it got it keeps the value that it entered the loop with.
    var entered: [Symbol: Dimension] = [:]
    for index in node.operands.indices {
      let isCarried = index >= 2 && index < 2 + carried
      let output = isCarried ? body.outputs[index - 1].type : body.inputs[index].type
      try node.requireAccepts(body.inputs[index].type, output, "carried value \(index - 2) after an iteration")
      guard let declared = body.inputs[index].type.tensor, let output = output.tensor,
        let initial = node.operands[index].type.tensor
      else { continue }
      for axis in declared.shape.indices where declared.shape[axis] == output.shape[axis] {
        if let symbol = declared.shape[axis].symbol, entered[symbol] == nil { entered[symbol] = initial.shape[axis] }
      }
    }
    let visible = node.operands.reduce(into: Set<Symbol>()) { $0.formUnion($1.type.symbols) }
    /// What the body says, in extents that mean something outside of it.
    func outside(_ type: ValueType) -> ValueType {
      type.mapDimensions { dimension, isNested in
        let dimension = dimension.substituting { entered[$0] }
        if dimension.symbols.isSubset(of: visible) { return dimension }
        return isNested ? .varying : node.fresh()
      }
    }
    let finals = try (0..<carried).map { index in
      InferredResult(
        try node.join(node.operands[index + 2].type, outside(body.outputs[index + 1].type)))
    }
    let count = iterations(of: body, node)
    let scans = try body.outputs[(carried + 1)...].map { output in
      switch outside(output.type) {
      case .tensor(let type):
        return InferredResult(.tensor(TensorType(type.elementType, [count ?? node.fresh()] + type.shape)))
      case .unrankedTensor(let type): return InferredResult(.unrankedTensor(type))
      case let type: throw node.error(found: "a scanned value of type \(node.text(type))", expected: "a tensor")
      }
    }
    return finals + scans
  }

  /// The trip count, when the condition surely stays true.
  private static func iterations(of body: Candidate.Region, _ node: Candidate) -> Dimension? {
    let condition = body.outputs[0]
    let staysTrue = condition.elements == [.constant(1)] || condition.origin == body.inputs[1].origin
    guard staysTrue, node.element(1) == .constant(1) else { return nil }
    return node.element(0).map { .maximum(.constant(0), $0) }
  }
}

extension Candidate {
  /// Parameters and results of a region.
  struct Region {
    var inputs: [Value]
    var outputs: [Value]
  }

  /// The region's parameters, once those from `start` on fit the values that they will get.
  func parameters(of index: Int, given values: [Value], from start: Int = 0, _ what: String) throws -> Region {
    let graph = regions[index]
    func value(_ id: ValueID) throws -> Value {
      guard graph.values.indices.contains(Int(id.index)) else {
        throw error(found: "\(id) as parameter or result of the \(what)", expected: "a value of that region")
      }
      return graph[id]
    }
    let region = Region(inputs: try graph.inputs.map(value), outputs: try graph.outputs.map(value))
    try require(
      region.inputs.count == values.count, found: "\(values.count) operands for the \(what)",
      expected: "\(region.inputs.count), one for each of its parameters")
    for position in region.inputs.indices.dropFirst(start) {
      try requireAccepts(
        region.inputs[position].type, values[position].type, "operand of parameter \(position) of the \(what)")
    }
    return region
  }

  /// The region's results in terms of what goes in.
  func outputs(of index: Int, given values: [Value], _ what: String) throws -> [InferredResult] {
    let region = try parameters(of: index, given: values, what)
    var entered: [Symbol: Dimension] = [:]
    for (input, value) in zip(region.inputs, values) {
      guard let declared = input.type.tensor, let given = value.type.tensor else { continue }
      for axis in declared.shape.indices {
        if let symbol = declared.shape[axis].symbol, entered[symbol] == nil { entered[symbol] = given.shape[axis] }
      }
    }
    return region.outputs.map { output in
      InferredResult(
        output.type.mapDimensions { dimension, _ in dimension.substituting { entered[$0] } },
        elements: output.elements?.map { $0.substituting { entered[$0] } })
    }
  }

  /// Refuses a value that a declared type does not describe.
  func requireAccepts(_ declared: ValueType, _ found: ValueType, _ what: String) throws {
    let fits =
      switch (declared, found) {
      case (.tensor(let a), .tensor(let b)):
        a.elementType == b.elementType && a.rank == b.rank
          && zip(a.shape, b.shape).allSatisfy { $0.constant == nil || $1.constant == nil || $0 == $1 }
      case (.unrankedTensor(let a), _): found.elementType == a
      case (.sequence(let a), .sequence(let b)), (.optional(let a), .optional(let b)):
        (try? requireAccepts(a, b, what)) != nil
      case (.map(let keyA, let a), .map(let keyB, let b)): keyA == keyB && (try? requireAccepts(a, b, what)) != nil
      default: false
      }
    try require(fits, found: "\(what) of type \(text(found))", expected: text(declared))
  }

  /// The type of a value that is of one type or the other.
  func join(_ a: ValueType, _ b: ValueType, inSequence: Bool = false) throws -> ValueType {
    switch (a, b) {
    case (.tensor(let x), .tensor(let y)) where x.elementType == y.elementType && x.rank == y.rank:
      let shape = zip(x.shape, y.shape).map { $0 == $1 ? $0 : inSequence ? .varying : fresh() }
      return .tensor(TensorType(x.elementType, shape))
    case (.tensor, .tensor), (.unrankedTensor, .tensor), (.tensor, .unrankedTensor),
      (.unrankedTensor, .unrankedTensor):
      if let type = a.elementType, type == b.elementType { return .unrankedTensor(type) }
    case (.sequence(let x), .sequence(let y)): return .sequence(try join(x, y, inSequence: true))
    case (.optional(let x), .optional(let y)): return .optional(try join(x, y, inSequence: true))
    case (.map(let keyX, let x), .map(let keyY, let y)):
      if keyX == keyY { return .map(key: keyX, value: try join(x, y, inSequence: true)) }
    default: break
    }
    throw error(found: "\(text(a)) and \(text(b))", expected: "values of one type")
  }
}

extension Dimension {
  /// Inside the type of a sequence's elements: an extent in which the elements differ.
  public static let varying = Dimension(Symbol.varying)
}

extension Symbol {
  /// Stands for a different extent in every element of a sequence; reads of the sequence put a fresh symbol there.
  public static let varying = Symbol(-1)
}

extension ValueType {
  /// Every extent replaced; the second argument tells whether it lies inside a sequence, optional or map.
  func mapDimensions(inside: Bool = false, _ transform: (Dimension, Bool) -> Dimension) -> ValueType {
    switch self {
    case .tensor(let type): .tensor(TensorType(type.elementType, type.shape.map { transform($0, inside) }))
    case .sequence(let element): .sequence(element.mapDimensions(inside: true, transform))
    case .optional(let element): .optional(element.mapDimensions(inside: true, transform))
    case .map(let key, let value): .map(key: key, value: value.mapDimensions(inside: true, transform))
    case .unrankedTensor: self
    }
  }

  /// Every symbol of every extent.
  var symbols: Set<Symbol> {
    switch self {
    case .tensor(let type): type.shape.reduce(into: []) { $0.formUnion($1.symbols) }
    case .sequence(let element), .optional(let element), .map(_, let element): element.symbols
    case .unrankedTensor: []
    }
  }
}
