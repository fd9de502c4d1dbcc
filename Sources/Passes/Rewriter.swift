import Glibc
import GraphIR
import Tensors

/// A node that is about to be added to the new graph.
struct Step {
  var operation: Operation
  var operands: [ValueID]
  var regions: [Graph] = []
  /// Of the results, where an earlier graph tells.
  var known: [InferredResult]?
}

/// A local rewrite. Rules see the operands in the new graph, where everything before is in its final form.
struct Rule: Sendable {
  var name: String
  /// The values that stand for the step's results, or nil when the rule has nothing to say.
  var rewrite: @Sendable (Rewriter, Step) throws -> [ValueID]? = { _, _ in nil }
  /// A look at a step that was added, when its types are known. The values that stand for its results, or nil; the
  /// added node is then left without use.
  var finish: (@Sendable (Rewriter, Step, [ValueID]) throws -> [ValueID]?)?
}

/// Builds a new graph out of an old one, every node passing through the rules before it is added. What a rule adds
/// passes through them too, so one walk in execution order comes close to a fixpoint.
final class Rewriter {
  let builder: GraphBuilder
  let rules: [Rule]
  /// Nodes by operation and operands, kept by `Pass.eliminateCommonSubexpressions`.
  var known: [SharedNode: [ValueID]] = [:]
  /// What halves were before they were rounded, kept by `Pass.widenHalves`.
  var wide: [ValueID: ValueID] = [:]
  private var constants: [ConstantKey: ValueID] = [:]
  private var depth = 0

  /// Rules that go on for longer than this are stopped: what they added stays as it is.
  private static let maximumDepth = 48

  init(_ builder: GraphBuilder, rules: [Rule]) {
    self.builder = builder
    self.rules = rules
  }

  /// The graph after one walk.
  static func rewrite(_ graph: Graph, rules: [Rule]) throws -> Graph {
    let rewriter = Rewriter(GraphBuilder(name: graph.name, symbols: graph.symbols), rules: rules)
    let inputs = graph.inputs.map { rewriter.builder.parameter(like: graph[$0]) }
    rewriter.builder.setOutputs(try rewriter.inline(graph, arguments: inputs))
    return rewriter.builder.graph
  }

  // MARK: Adding

  /// Everything that a closed graph computes, `arguments` standing for its inputs. Gives the values of its outputs.
  func inline(_ graph: Graph, arguments: [ValueID]) throws -> [ValueID] {
    try builder.walk(
      graph, arguments: arguments, constant: { self.constant($0, name: $1) },
      visit: { _, node, value in
        let operands = node.operands.map(value)
        return try add(
          Step(
            operation: node.operation, operands: operands, regions: node.regions,
            known: builder.results(of: node, in: graph, operands: operands)))
      })
  }

  func add(_ step: Step) throws -> [ValueID] {
    if depth >= Self.maximumDepth {
      return try builder.add(step.operation, step.operands, regions: step.regions, known: step.known)
    }
    depth += 1
    defer { depth -= 1 }
    for rule in rules {
      if let values = try rule.rewrite(self, step) { return values }
    }
    let regions = try rewrittenRegions(of: step)
    var results = try builder.add(step.operation, step.operands, regions: regions, known: step.known)
    for rule in rules {
      if let finish = rule.finish, let replaced = try finish(self, step, results) { results = replaced }
    }
    return results
  }

  func add(_ operation: Operation, _ operands: [ValueID]) throws -> [ValueID] {
    try add(Step(operation: operation, operands: operands))
  }

  /// A node with one result.
  func one(_ operation: Operation, _ operands: [ValueID]) throws -> ValueID {
    try add(operation, operands)[0]
  }

  private func rewrittenRegions(of step: Step) throws -> [Graph] {
    try step.regions.map { region in
      let inner = Rewriter(builder.region(named: region.name), rules: rules)
      var arguments = region.inputs.map { inner.builder.parameter(like: region[$0]) }
      // A constant from outside is known inside; its parameter stays, now without use.
      for (position, operand) in step.captures where position < arguments.count {
        if let tensor = constant(operand) { arguments[position] = inner.constant(tensor) }
      }
      inner.builder.setOutputs(try inner.inline(region, arguments: arguments))
      return inner.builder.graph
    }
  }

  // MARK: Constants

  /// Small constants are the same value when they hold the same bytes, large ones when they share their storage.
  private enum ConstantKey: Hashable {
    case bytes(SmallConstant)
    case storage(ElementType, [Int], ObjectIdentifier, Int)
    case strings([Int], [String])
  }

  private struct SmallConstant: Hashable {
    var tensor: Tensor

    static func == (left: SmallConstant, right: SmallConstant) -> Bool {
      left.tensor.elementType == right.tensor.elementType && left.tensor.shape == right.tensor.shape
        && left.withBytes { a in
          right.withBytes { b in a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
        }
    }

    /// Of the first bytes: a walk sees every constant of a graph, and few begin alike.
    func hash(into hasher: inout Hasher) {
      hasher.combine(tensor.byteCount)
      withBytes { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(64))) }
    }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
      withExtendedLifetime(tensor.storage) {
        body(UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
      }
    }
  }

  private static let maximumComparedByteCount = 4096

  func constant(_ tensor: Tensor, name: String? = nil) -> ValueID {
    let key: ConstantKey
    if tensor.elementType == .string {
      key = .strings(tensor.shape.dimensions, tensor.strings)
    } else if tensor.byteCount <= Self.maximumComparedByteCount {
      key = .bytes(SmallConstant(tensor: tensor))
    } else {
      key = .storage(
        tensor.elementType, tensor.shape.dimensions, ObjectIdentifier(tensor.storage), tensor.byteOffset)
    }
    if let known = constants[key] { return known }
    let id = builder.constant(tensor, name: name)
    constants[key] = id
    return id
  }

  /// int64[n]
  func indices(_ values: [Int]) -> ValueID { constant(Tensor([values.count], values.map(Int64.init))) }

  // MARK: What is known

  subscript(id: ValueID) -> Value { builder.graph[id] }

  /// The node that computes a value; nil for inputs and constants.
  func producer(_ id: ValueID) -> Node? {
    guard case .result(let node, _) = self[id].origin else { return nil }
    return builder.graph[node]
  }

  /// The extents, when the rank is known.
  func shape(_ id: ValueID) -> [Dimension]? { self[id].type.tensor?.shape }

  func elementType(_ id: ValueID) -> ElementType? { self[id].type.elementType }

  func constant(_ id: ValueID) -> Tensor? { builder.constantValue(of: id) }

  /// The elements of an integer vector (or scalar), when all are constants.
  func integers(_ id: ValueID) -> [Int]? {
    guard let elements = self[id].elements else { return nil }
    var values: [Int] = []
    for element in elements {
      guard let value = element.constant else { return nil }
      values.append(value)
    }
    return values
  }
}

extension Step {
  /// Parameters of the regions that get an operand unchanged at every entry, by position.
  fileprivate var captures: [(position: Int, operand: ValueID)] {
    switch operation {
    case .if: operands.indices.dropFirst().map { ($0 - 1, operands[$0]) }
    case .loop(let carried): operands.indices.dropFirst(carried + 2).map { ($0, operands[$0]) }
    default: []
    }
  }
}
