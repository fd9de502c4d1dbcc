import GraphIR
import Interpreter
import Passes
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Which forms of a model's weights are in memory.
@Suite(.enabled(if: InstructionSet.avx2.isHere, "this CPU has no AVX2")) struct WeightMemoryTests {
  private let instructionSet = InstructionSet.here.last ?? .avx2

  /// Weights of more than 64 KiB each, in the forms that files have them in: a filter with its channels first and a
  /// normalisation behind it, a filter that is one number, a dense layer with its matrix the other way round.
  private func network() throws -> Graph {
    let make = NetworkMaker("weights")
    let b = make.builder
    let x = make.input([2, 2, 44])
    let edge = [1, 1]
    let convolution = Convolution(
      strides: [1, 1], dilations: [1, 1], padding: .explicit(low: edge, high: edge), groups: 1)
    let filter = try b.transpose(make.constant([44, 44, 3, 3]), [2, 3, 1, 0])
    var y = try b.one(.convolution(convolution, result: .float32), [x, filter])
    y = try b.add(b.multiply(y, make.constant([44])), make.constant([44]))
    let uniform = try b.one(.broadcast, [b.scalar(0.5, .float32), b.indices([3, 3, 44, 44])])
    y = try b.one(.convolution(convolution, result: .float32), [y, uniform])
    let mean = try b.reduce(.mean, y, axes: [1, 2])
    let wide = try b.dot(
      mean, make.constant([400, 44]), DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    b.setOutputs([wide])
    return try Pipeline.canonical.run(b.graph)
  }

  private func weights(_ graph: Graph) -> [TensorStorage] {
    graph.values.compactMap(\.constant).filter { $0.byteCount >= Tensor.minimumDerivedByteCount }.map(\.storage)
  }

  private func expectAgreement(_ plans: PlanCache, _ graph: Graph, batch: Int, seed: Int) throws {
    var random = SeededGenerator(seed)
    let inputs = [RuntimeValue.tensor(random.floats([batch, 2, 2, 44]))]
    let found = try plans.run(inputs, EvaluationContext())
    // The plain meaning of a graph that shares nothing with the one that was run.
    var agreement = try Agreement(network(), inputs)
    let difference = try agreement.difference(found)
    #expect(difference == nil, "batch \(batch): \(difference ?? "")")
  }

  @Test("What kernels read packed is in memory packed alone, for every shape and session")
  func packedAlone() throws {
    let machine = Machine(instructionSet)
    let graph = try network()
    let derived = weights(graph).filter { !$0.isInMemory }
    #expect(derived.count == 2)
    for threadCount in [1, 2] {
      let plans = PlanCache(graph, machine, .always(threadCount))
      for batch in [1, 3, 6] { try expectAgreement(plans, graph, batch: batch, seed: batch) }
    }
    #expect(derived.allSatisfy { !$0.isInMemory })
  }

  @Test("Weights come back for the interpreter, after plans that had them packed, and packed plans go on")
  func interpreterAfterPacking() throws {
    let machine = Machine(instructionSet)
    let graph = try network()
    let packed = PlanCache(graph, machine, .always(1))
    try expectAgreement(packed, graph, batch: 2, seed: 1)
    try expectAgreement(PlanCache(graph, nil, .always(1)), graph, batch: 2, seed: 2)
    #expect(weights(graph).allSatisfy { $0.isInMemory })
    try expectAgreement(packed, graph, batch: 2, seed: 3)
    try expectAgreement(packed, graph, batch: 4, seed: 4)
  }

  @Test("Sessions that make their plans at the same time have the same weights")
  func sessionsAtOnce() async throws {
    let machine = Machine(instructionSet)
    let graph = try network()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<3 {
        group.addTask {
          // Some read the weights as they are, meanwhile.
          let plans = PlanCache(graph, number % 3 == 2 ? nil : machine, .always(1))
          for batch in 1...2 { try expectAgreement(plans, graph, batch: batch, seed: number) }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("Packed once more after the plan that used them is gone")
  func packedAgain() throws {
    let machine = Machine(instructionSet)
    let graph = try network()
    for batch in [1, 0, 2] {
      try expectAgreement(PlanCache(graph, machine, .always(1)), graph, batch: batch, seed: batch)
    }
  }
}
