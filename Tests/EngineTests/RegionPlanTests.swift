import GraphIR
import Interpreter
import Passes
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Branches and bodies that run as plans of their own.
@Suite(.enabled(if: InstructionSet.avx2.isHere, "this CPU has no AVX2")) struct RegionPlanTests {
  private static let threadCounts = [1, 2]
  private let machine = Machine(InstructionSet.here.last ?? .avx2)
  private let matrix = ValueType.tensor(TensorType(.float32, constant: [5, 16]))
  private let weights: Tensor = {
    var random = SeededGenerator(21)
    return Tensor([16, 16], random.floats([16, 16]).elements(of: Float.self).map { $0 / 8 })
  }()

  /// tanh(x · weights) + y
  private func layer(_ b: GraphBuilder, _ x: ValueID, _ y: ValueID) throws -> ValueID {
    let product = try b.dot(
      x, b.constant(weights), DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)
    return try b.add(b.unary(.hyperbolicTangent, product), y)
  }

  /// Runs a graph several times with other inputs, and looks at all outputs at the end.
  private func expectAgreement(
    _ graph: Graph, threadCount: Int, _ inputs: [[Tensor]], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let plans = PlanCache(graph, machine, .always(threadCount))
    let context = EvaluationContext(threadCount: threadCount)
    let found = try inputs.map { try plans.run($0.map(RuntimeValue.tensor), context) }
    for (run, tensors) in inputs.enumerated() {
      var agreement = try Agreement(graph, tensors.map(RuntimeValue.tensor))
      let difference = try agreement.difference(found[run])
      #expect(
        difference == nil && agreement.amplifiedCount == 0, "run \(run) \(difference ?? "")\n\(graph.text)",
        sourceLocation: sourceLocation)
    }
    try expectPlans(graph, sourceLocation)
  }

  /// Every region of the graph has a plan: the interpreter's results prove nothing about those it runs itself.
  private func expectPlans(_ graph: Graph, _ sourceLocation: SourceLocation) throws {
    var random = SeededGenerator(1)
    for node in graph.nodes where !node.regions.isEmpty {
      let regions = RegionPlans(node, machine, ThreadUse())
      for (index, region) in node.regions.enumerated() {
        let inputs = try region.inputs.map { id in
          let type = try #require(region.type(of: id).tensor)
          let shape = try #require(type.constantShape)
          return RuntimeValue.tensor(try random.floats(shape).converted(to: type.elementType))
        }
        let results = try regions.run(region: index, inputs, EvaluationContext())
        #expect(results != nil, "region \(index)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test("Both branches, with captures, constants and what they only pass on", arguments: threadCounts)
  func branches(threadCount: Int) throws {
    let b = GraphBuilder(name: "branches")
    let flag = b.input("flag", .tensor(TensorType(.bool, constant: [])))
    let (x, y) = (b.input("x", matrix), b.input("y", matrix))
    let inner = try layer(b, x, y)
    let operands = [inner, y]
    let then = b.region(named: "then")
    let (thenX, thenY) = (then.capture(inner, of: b), then.capture(y, of: b))
    let sum = try layer(then, thenX, thenY)
    then.setOutputs([sum, try then.reshape(sum, [16, 5]), thenX, sum])
    let otherwise = b.region(named: "else")
    let (elseX, elseY) = (otherwise.capture(inner, of: b), otherwise.capture(y, of: b))
    let constant = otherwise.constant(Tensor([5, 16], (0..<80).map { Float($0) }))
    otherwise.setOutputs([constant, try otherwise.reshape(elseX, [16, 5]), elseY, elseX])
    let results = try b.add(.if, [flag] + operands, regions: [then.graph, otherwise.graph])
    b.setOutputs(results + [try layer(b, results[0], results[2])])

    var random = SeededGenerator(22)
    try expectAgreement(
      b.graph, threadCount: threadCount,
      [true, false, false, true, true].map {
        [Tensor(scalar: $0), random.floats([5, 16]), random.floats([5, 16])]
      })
  }

  /// Of x's rows, those that begin with a positive number go through a layer; of these again, those whose results begin
  /// so.
  private var filter: Graph {
    get throws {
      let b = GraphBuilder(name: "filter")
      let (x, y) = (b.input("x", matrix), b.input("y", matrix))
      func filtered(_ x: ValueID) throws -> ValueID {
        let first = try b.one(.slice, [x] + [[0, 0], [Int64.max, 1], [1, 1]].map { b.constant(Tensor([2], $0)) })
        let rows = try b.reshape(first, [-1])
        let isPositive = try b.compare(.greater, rows, b.subtract(rows, rows))
        let indices = try b.reshape(b.one(.nonZero, [isPositive]), [-1])
        return try b.one(.gather(axis: 0, batchDimensions: 0), [x, indices])
      }
      let once = try filtered(layer(b, x, y))
      let bias = try b.reduce(.mean, y, axes: [0])
      let twice = try filtered(layer(b, once, bias))
      let last = try layer(b, twice, bias)
      b.setOutputs([x, once, last, try b.reduce(.sum, last, axes: [0]), try layer(b, y, x)])
      return b.graph
    }
  }

  @Test("What follows shapes that only the data tell is planned when they are known", arguments: threadCounts)
  func dataDependentSegments(threadCount: Int) throws {
    let graph = try filter
    var random = SeededGenerator(25)
    var inputs = (0..<6).map { _ in [random.floats([5, 16]), random.floats([5, 16])] }
    // No row is left, and all are.
    for number: Float in [-9, 9] {
      inputs.append([Float(0), number].map { Tensor([5, 16], [Float](repeating: $0, count: 80)) })
    }
    try expectAgreement(graph, threadCount: threadCount, inputs)

    let cut = try Pipeline.bound.run(graph)
    try GraphVerifier.verify(cut)
    let segment = try #require(cut.nodes.first { $0.operation == .composite(.dataDependentSegment) })
    let region = segment.regions[0]
    let operands = try region.inputs.map { id in
      let type = try #require(region.type(of: id).tensor)
      let shape = Shape(type.shape.map { $0.constant ?? 3 })
      return RuntimeValue.tensor(try random.floats(shape).converted(to: type.elementType))
    }
    let plan = try Plan(region, inputs: operands, machine: machine)
    #expect(plan.steps.contains { $0.kind == .kernel })
    #expect(plan.graph.nodes.contains { $0.operation == .composite(.dataDependentSegment) })
  }

  /// (trips, x, y): carried values change places, one is the body's constant, some are scanned, some listed twice.
  private func loop(nested: Bool) throws -> Graph {
    let b = GraphBuilder(name: "loop")
    let trips = b.input("trips", .tensor(TensorType(.int64, constant: [])))
    let (x, y) = (b.input("x", matrix), b.input("y", matrix))
    let (start, captured) = try (layer(b, x, y), layer(b, y, x))
    let body = b.region(named: "body")
    let iteration = body.input("iteration", .tensor(TensorType(.int64, constant: [])))
    let condition = body.input("condition", .tensor(TensorType(.bool, constant: [])))
    let (u, v, w) = (body.input("u", matrix), body.input("v", matrix), body.input("w", matrix))
    let capture = body.capture(captured, of: b)
    var next = try layer(body, u, capture)
    if nested {
      let isEven = try body.compare(
        .equal, body.binary(.remainder, iteration, body.index(2)), body.index(0))
      let branches = try [true, false].map { isThen in
        let branch = body.region(named: "branch")
        let (p, q) = (branch.capture(next, of: body), branch.capture(v, of: body))
        branch.setOutputs([isThen ? try layer(branch, p, q) : q])
        return branch.graph
      }
      next = try body.one(.if, [isEven, next, v], regions: branches)
    }
    let number = try body.convert(iteration, to: .float32)
    let constant = body.constant(Tensor([5, 16], (0..<80).map { Float($0) / 64 }))
    body.setOutputs([condition, v, next, constant, next, next, w, number])
    let results = try b.add(
      .loop(carried: 3), [trips, b.constant(Tensor(scalar: true)), start, y, start, captured], regions: [body.graph])
    b.setOutputs(results + [try b.add(results[0], results[1])])
    return b.graph
  }

  @Test("Loops carry, scan and capture", arguments: [false, true], threadCounts)
  func loops(nested: Bool, threadCount: Int) throws {
    var random = SeededGenerator(23)
    try expectAgreement(
      loop(nested: nested), threadCount: threadCount,
      [0, 1, 2, 5, 12, 3, 0].map { [Tensor(scalar: Int64($0)), random.floats([5, 16]), random.floats([5, 16])] })
  }

  @Test("A body whose condition ends the loop")
  func condition() throws {
    let b = GraphBuilder(name: "until")
    let x = b.input("x", matrix)
    let body = b.region(named: "body")
    _ = body.input("iteration", .tensor(TensorType(.int64, constant: [])))
    _ = body.input("condition", .tensor(TensorType(.bool, constant: [])))
    let u = body.input("u", matrix)
    let next = try body.multiply(u, body.scalar(2, .float32))
    let largest = try body.reduce(.maximum, body.unary(.absolute, next), axes: [0, 1])
    body.setOutputs([try body.compare(.less, largest, body.scalar(100, .float32)), next])
    b.setOutputs(
      try b.add(
        .loop(carried: 1), [b.index(1000), b.constant(Tensor(scalar: true)), x], regions: [body.graph]))
    var random = SeededGenerator(24)
    try expectAgreement(b.graph, threadCount: 1, (0..<3).map { _ in [random.floats([5, 16])] })
  }

  /// The whole loop as the interpreter would ask for it; nil when it has to run the body itself.
  private func resident(_ graph: Graph, trips: Int64, condition: Bool = true, deadline: UInt64? = nil) throws
    -> [RuntimeValue]?
  {
    let node = try #require(graph.nodes.first { if case .loop = $0.operation { true } else { false } })
    guard case .loop(let carried) = node.operation else { return nil }
    var random = SeededGenerator(2)
    let inputs = try node.regions[0].inputs.map { id in
      let shape = try #require(node.regions[0].type(of: id).tensor?.constantShape)
      return RuntimeValue.tensor(random.floats(shape))
    }
    let context = EvaluationContext()
    context.deadlineNanoseconds = deadline
    let call = LoopCall(
      tripCount: trips, condition: condition, carried: Array(inputs[2..<2 + carried]),
      captures: Array(inputs[(2 + carried)...]))
    return try RegionPlans(node, machine, ThreadUse()).run(loop: call, context)
  }

  @Test("Bodies of nothing but kernels run without the interpreter, others do not")
  func residentLoops() throws {
    let results = try #require(try resident(loop(nested: false), trips: 7))
    #expect(
      results.compactMap(\.tensor?.shape.dimensions) == [[5, 16], [5, 16], [5, 16]] + [
        [7, 5, 16], [7, 5, 16], [7, 5, 16], [7],
      ])
    #expect(results.last?.tensor?.elements(of: Float.self) == (0..<7).map { Float($0) })
    #expect(try resident(loop(nested: true), trips: 7) == nil)
    #expect(try resident(loop(nested: false), trips: 7, condition: false)?[3].tensor?.shape.dimensions == [0, 5, 16])
  }

  @Test("A loop without an end is stopped at the deadline")
  func deadline() throws {
    #expect(throws: DeadlineExceeded.self) {
      try resident(loop(nested: false), trips: .max, deadline: EvaluationContext.now + 20_000_000)
    }
  }
}
