import GraphIR
import Interpreter
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Plans that share an arena, and what leaves it.
@Suite(.enabled(if: InstructionSet.avx2.isHere, "this CPU has no AVX2")) struct PlanCacheTests {
  private static let threadCounts = [1, 2]
  private let machine = Machine(InstructionSet.here.last ?? .avx2)

  private func plans(_ graph: Graph, threadCount: Int = 1) -> PlanCache {
    PlanCache(graph, machine, .always(threadCount))
  }

  /// The outputs, after they turned out to be the interpreter's.
  @discardableResult
  private func expectAgreement(
    _ plans: PlanCache, _ graph: Graph, _ inputs: [Tensor], _ note: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [RuntimeValue] {
    let inputs = inputs.map(RuntimeValue.tensor)
    let found = try plans.run(inputs, EvaluationContext())
    var agreement = try Agreement(graph, inputs)
    let plan = try #require(plans.plan(for: inputs))
    let difference = try agreement.difference(found)
    #expect(
      difference == nil && agreement.amplifiedCount == 0, "\(note) \(difference ?? "")\n\(plan.schedule)",
      sourceLocation: sourceLocation)
    return found
  }

  // MARK: Batch sizes

  @Test(
    "Each batch size gives what the interpreter gives, whatever came before", arguments: BatchNetwork.allCases,
    threadCounts)
  func batchSizes(network: BatchNetwork, threadCount: Int) throws {
    let graph = try network.graph
    let plans = plans(graph, threadCount: threadCount)
    var random = SeededGenerator(5)
    for batch in [1, 7, 40, 3, 0, 7, 1, 64, 2, 40, 0] {
      try expectAgreement(plans, graph, [network.input(batch: batch, &random)], "batch \(batch)")
    }
  }

  @Test("More batch sizes than plans are kept")
  func manyBatchSizes() throws {
    let graph = try BatchNetwork.layers.graph
    let plans = plans(graph)
    var random = SeededGenerator(6)
    for batch in Array(1...20) + Array((1...20).reversed()) {
      try expectAgreement(plans, graph, [BatchNetwork.layers.input(batch: batch, &random)], "batch \(batch)")
    }
  }

  // MARK: Outputs

  /// Each kind of output, the first two of a kernel.
  private static let outputs: [String] = [
    "%4", "%6", "%0", "%1", "%8", "%4, %4", "%4, %6, %6, %4", "%0, %4, %0", "%6, %0, %7, %1, %8, %3, %9",
  ]

  /// %4 a kernel writes, %6 is a view of that, %7 of an input; %8 is a part, %9 what the interpreter makes.
  private func graph(returning outputs: String) throws -> Graph {
    let b = GraphBuilder(name: "outputs")
    let x = b.input("x", .tensor(TensorType(.float32, [Dimension(b.symbol(named: "N")), .constant(12)])))
    let table = b.constant(Tensor([12], (0..<12).map { Float($0) / 4 }))
    let weights = b.constant(Tensor([12, 12], (0..<144).map { Float($0 % 7) / 4 }))
    let inner = try b.dot(
      b.add(x, table), weights, DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)
    let written = try b.multiply(b.unary(.hyperbolicTangent, inner), table)
    let view = try b.reshape(written, [-1, 3, 4])
    let inputView = try b.reshape(x, [-1, 4])
    let part = try b.slice(written, axis: 1, from: 2, to: 9)
    let sorted = try b.add(.sort(axis: 1, descending: true), [written])[0]
    let names = [
      "%0": x, "%1": table, "%3": inner, "%4": written, "%6": view, "%7": inputView, "%8": part, "%9": sorted,
    ]
    b.setOutputs(outputs.split(separator: ", ").compactMap { names[String($0)] })
    return b.graph
  }

  @Test("Views, inputs, constants and repeated values are outputs", arguments: outputs, threadCounts)
  func kindsOfOutputs(outputs: String, threadCount: Int) throws {
    let graph = try graph(returning: outputs)
    let plans = plans(graph, threadCount: threadCount)
    var random = SeededGenerator(8)
    for batch in [2, 5, 0, 9, 2] { try expectAgreement(plans, graph, [random.floats([batch, 12])], "batch \(batch)") }
  }

  @Test("Outputs stay what they were after the next runs", arguments: outputs)
  func outputsStay(outputs: String) throws {
    let graph = try graph(returning: outputs)
    let plans = plans(graph)
    var random = SeededGenerator(9)
    var kept: [(outputs: [RuntimeValue], bytes: [[UInt8]])] = []
    // Of one batch size, and of larger ones that need another arena.
    for batch in [3, 3, 3, 8, 3, 20, 3] {
      let found = try expectAgreement(plans, graph, [random.floats([batch, 12])], "batch \(batch)")
      kept.append((found, found.map { $0.tensor?.bytes ?? [] }))
    }
    for (run, pair) in kept.enumerated() {
      #expect(pair.outputs.map { $0.tensor?.bytes ?? [] } == pair.bytes, "run \(run)")
    }
  }

  // MARK: What the interpreter passes on

  /// Nodes that may give their operand as it is: an output that is one must not lie in the arena, and neither must one
  /// that is read after the operand's last reader.
  @Test("What the interpreter passes on unchanged does not lie in memory that is used again")
  func passedOn() throws {
    let b = GraphBuilder(name: "passed")
    let type = ValueType.tensor(TensorType(.float32, constant: [4, 12]))
    let x = b.input("x", type)
    // Known to a run only.
    let shape = b.input("shape", .tensor(TensorType(.int64, constant: [2])))
    let flag = b.input("flag", .tensor(TensorType(.bool, constant: [])))
    func written(_ amount: Double) throws -> ValueID {
      let sum = try b.reduce(.sum, b.add(x, b.scalar(amount, .float32)), axes: [1], keepDimensions: true)
      return try b.add(b.unary(.hyperbolicTangent, sum), x)
    }
    let zeros = try b.subtract(shape, shape)
    let branch = b.region(named: "branch")
    branch.setOutputs([branch.input("y", type)])
    let passed = [
      try b.broadcast(written(0.25), to: shape),
      try b.one(.slice, [written(0.5), zeros, shape, b.indices([1, 1])]),
      try b.one(.pad(.constant), [written(0.75), b.scalar(0, .float32), zeros, zeros]),
      try b.reshape(written(1), shape),
      try b.one(.bitcast(to: .float32), [b.one(.bitcast(to: .int32), [written(1.75)])]),
      try b.convert(b.reshape(written(2), shape), to: .float32),
      try b.one(.if, [flag, written(1.25)], regions: [branch.graph, branch.graph]),
      try b.one(
        .reverseSequence(batchAxis: 0, timeAxis: 1), [written(1.5), b.broadcast(b.index(1), to: b.indices([4]))]),
    ]
    // Kernels in between take the memory that is free.
    var last = x
    for _ in 0..<6 { last = try b.unary(.hyperbolicTangent, b.add(.sort(axis: 1, descending: true), [last])[0]) }
    let later = try passed.map { try b.add(b.multiply($0, last), x) }
    b.setOutputs(passed + later)
    let graph = b.graph
    let plans = plans(graph)
    var random = SeededGenerator(10)
    var kept: [(outputs: [RuntimeValue], bytes: [[UInt8]])] = []
    for run in 0..<3 {
      let inputs = [random.floats([4, 12]), Tensor([2], [4, 12] as [Int64]), Tensor(scalar: run % 2 == 0)]
      let found = try expectAgreement(plans, graph, inputs)
      kept.append((found, found.map { $0.tensor?.bytes ?? [] }))
    }
    for pair in kept { #expect(pair.outputs.map { $0.tensor?.bytes ?? [] } == pair.bytes) }
  }
}
