import GraphIR
import Interpreter
import Passes
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Quantised networks become integer work, with the same bits whatever computes them.
@Suite struct QuantizedPlanTests {
  private func result(_ graph: Graph, _ input: Tensor) throws -> [Float] {
    let results = try Interpreter.run(graph, inputs: [.tensor(input)])
    return try #require(results[0].tensor).elements(of: Float.self)
  }

  private func canonical(_ graph: Graph) throws -> Graph {
    var pipeline = Pipeline.canonical
    pipeline.verifies = true
    return try pipeline.run(graph)
  }

  @Test("Integers give what floats between quantize and dequantize give", arguments: 0..<60)
  func meaning(seed: Int) throws {
    let network = try QuantizedNetwork(seed: seed, blockCount: 1)
    let integers = try canonical(network.graph)
    let before = try result(network.graph, network.input)
    let after = try result(integers, network.input)
    #expect(before.count == after.count)
    // Sums differ by the rounding of floats, which moves a result that lies between two levels.
    let moved = zip(before, after).filter { abs($0 - $1) > network.resultScale / 2 }
    #expect(moved.allSatisfy { abs($0 - $1) < network.resultScale * 3.5 }, "seed \(seed)\n\(integers.text)")
    #expect(moved.count * 20 <= before.count + 19, "seed \(seed): \(moved.count) of \(before.count)\n\(integers.text)")
  }

  @Test("Every product is one of bytes, and nothing is quantised by a node of its own", arguments: 0..<60)
  func form(seed: Int) throws {
    let network = try QuantizedNetwork(seed: seed, blockCount: 3)
    let integers = try canonical(network.graph)
    var products = 0
    for node in integers.nodes {
      switch node.operation {
      case .quantize, .dequantize: Issue.record("seed \(seed): \(node.operation.name) is left\n\(integers.text)")
      case .dot(_, let result), .convolution(_, let result):
        let types = node.operands.map { integers.type(of: $0).elementType }
        #expect(result == .int32 && types == [.uint8, .int8], "seed \(seed)\n\(integers.text)")
        products += 1
      default: break
      }
    }
    #expect(products == network.productCount, "seed \(seed)\n\(integers.text)")
  }

  @Test("Plans have the interpreter's bits", arguments: InstructionSet.here, 0..<60)
  func bits(instructionSet: InstructionSet, seed: Int) throws {
    let network = try QuantizedNetwork(seed: seed, blockCount: 3)
    let integers = try canonical(network.graph)
    // Elementary functions have other bits in generated code.
    let hasFunctions = integers.nodes.contains { $0.operation == .unary(.logistic) }
    let expected = try result(integers, network.input)
    for threads in [ThreadUse(), .always(2)] {
      let cache = PlanCache(integers, Machine(instructionSet), threads)
      let found = try cache.run([.tensor(network.input)], EvaluationContext(threadCount: 2))
      let numbers = try #require(found[0].tensor).elements(of: Float.self)
      let plan = try #require(cache.plan(for: [.tensor(network.input)]))
      try plan.schedule.verify()
      let interpreted = plan.steps.count { if case .node = $0.work { true } else { false } }
      #expect(interpreted == 0, "seed \(seed)\n\(plan.schedule)")
      if hasFunctions {
        #expect(zip(numbers, expected).allSatisfy { abs($0 - $1) < 8 * network.resultScale }, "seed \(seed)")
      } else {
        #expect(numbers == expected, "seed \(seed)\n\(plan.schedule)")
      }
    }
  }

  @Test("Of two contractions whose results are added, one puts bytes into memory", arguments: InstructionSet.here)
  func summands(instructionSet: InstructionSet) throws {
    let b = GraphBuilder(name: "summands")
    func scale(_ value: Float) -> ValueID { b.constant(Tensor(scalar: value)) }
    func zero(_ value: UInt8) -> ValueID { b.constant(Tensor(scalar: value)) }
    func real(_ numbers: ValueID, _ step: Float, _ point: UInt8) throws -> ValueID {
      try b.one(.dequantize(QuantizationAxis(axis: 0), to: .float32), [numbers, scale(step), zero(point)])
    }
    func numbers(_ value: ValueID, _ step: Float, _ point: UInt8) throws -> ValueID {
      try b.one(.quantize(QuantizationAxis(axis: 0), to: .uint8), [value, scale(step), zero(point)])
    }
    let x = b.input("x", .tensor(TensorType(.uint8, constant: [1, 6, 6, 8])))
    let image = try real(x, 0.02, 77)
    let convolution = Convolution(
      strides: [1, 1], dilations: [1, 1], padding: .explicit(low: [0, 0], high: [0, 0]), groups: 1)
    let summands = try [37, 89].map { factor in
      let filter = Tensor([1, 1, 8, 20], (0..<160).map { Int8(truncatingIfNeeded: $0 * factor) })
      let weights = try b.one(
        .dequantize(QuantizationAxis(axis: 0), to: .float32), [b.constant(filter), scale(0.01)])
      let y = try b.one(.convolution(convolution, result: .float32), [image, weights])
      return try real(numbers(y, 0.05, 119), 0.05, 119)
    }
    b.setOutputs([try numbers(b.add(summands[0], summands[1]), 0.07, 130)])

    let integers = try canonical(b.graph)
    let input = RuntimeValue.tensor(Tensor([1, 6, 6, 8], (0..<288).map { UInt8(truncatingIfNeeded: $0 * 91) }))
    let cache = PlanCache(integers, Machine(instructionSet), ThreadUse())
    let found = try #require(try cache.run([input], EvaluationContext())[0].tensor)
    let expected = try #require(try Interpreter.run(integers, inputs: [input])[0].tensor)
    #expect(found.elements(of: UInt8.self) == expected.elements(of: UInt8.self))
    let plan = try #require(cache.plan(for: [input]))
    let types = plan.schedule.steps.flatMap(\.results).map { plan.graph.type(of: $0).elementType }
    #expect(types == [.uint8, .uint8], "\(plan.schedule)")
  }
}
