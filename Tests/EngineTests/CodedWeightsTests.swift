import GraphIR
import Interpreter
import KernelIR
import Passes
import Tensors
import Testing
import X86

@testable import Engine

/// Weights in few bits reach the kernels as the codes that a file has.
@Suite struct CodedWeightsTests {
  enum Form: CaseIterable {
    /// uint4 [N, K] with zero points of blocks.
    case blocks
    /// int8 [K, N] with a scale for each column.
    case columns
    /// The same spelled out as convert(w) · s.
    case spelledOut
    /// int4 with one scale.
    case whole
  }

  private static let (depth, columns) = (96, 400)

  /// x [rows, K] → a product with a bias.
  private func graph(_ form: Form) throws -> Graph {
    let (depth, columns) = (Self.depth, Self.columns)
    let b = GraphBuilder(name: "\(form)")
    let x = b.input("x", .tensor(TensorType(.float32, constant: [3, depth])))
    let numbers = (0..<depth * columns).map { Int8($0 * 37 % 15 - 7) }
    func scales(_ shape: Shape) -> ValueID {
      b.constant(Tensor(shape, (0..<shape.elementCount).map { Float($0 % 7 + 1) / 8 }))
    }
    let weights: ValueID
    var contracted = 0
    switch form {
    case .blocks:
      let codes = try Tensor([columns, depth], numbers.map { UInt8($0 + 7) }).converted(to: .uint4)
      let blocks = Shape([columns, depth / 32])
      let zeros = try Tensor(blocks, (0..<blocks.elementCount).map { UInt8($0 % 16) }).converted(to: .uint4)
      weights = try b.one(
        .dequantize(QuantizationAxis(axis: 1, blockSize: 32), to: .float32),
        [b.constant(codes), scales(blocks), b.constant(zeros)])
      contracted = 1
    case .columns:
      weights = try b.one(
        .dequantize(QuantizationAxis(axis: 1), to: .float32),
        [b.constant(Tensor([depth, columns], numbers)), scales([columns])])
    case .spelledOut:
      weights = try b.multiply(
        b.convert(b.constant(Tensor([depth, columns], numbers)), to: .float32), scales([1, columns]))
    case .whole:
      let codes = try Tensor([depth, columns], numbers).converted(to: .int4)
      weights = try b.one(.dequantize(QuantizationAxis(axis: 0), to: .float32), [b.constant(codes), scales([])])
    }
    let product = try b.dot(
      x, weights, DotDimensions(lhsContracting: [1], rhsContracting: [contracted]), result: .float32)
    b.setOutputs([try b.add(product, b.constant(Tensor([columns], (0..<columns).map { Float($0) / 64 })))])
    return b.graph
  }

  @Test(arguments: InstructionSet.here, Form.allCases)
  func plansDecodeInTheirKernels(_ instructionSet: InstructionSet, _ form: Form) throws {
    let graph = try graph(form)
    var pipeline = Pipeline.canonical
    pipeline.verifies = true
    let canonical = try pipeline.run(graph)
    let input = Tensor([3, Self.depth], (0..<3 * Self.depth).map { Float($0 * 29 % 23 - 11) / 4 })
    let expected = try #require(try Interpreter.run(graph, inputs: [.tensor(input)])[0].tensor).elements(of: Float.self)
    let kept = try #require(try Interpreter.run(canonical, inputs: [.tensor(input)])[0].tensor).elements(of: Float.self)
    #expect(zip(kept, expected).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($1)) })

    let cache = PlanCache(canonical, Machine(instructionSet), ThreadUse())
    let found = try #require(try cache.run([.tensor(input)], EvaluationContext())[0].tensor).elements(of: Float.self)
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-4 * max(1, abs($1)) })
    let plan = try #require(cache.plan(for: [.tensor(input)]))
    let kernels = plan.schedule.steps.compactMap { step -> Gemm? in
      if case .kernel(.gemm(let gemm), _) = step.work { gemm } else { nil }
    }
    #expect(plan.schedule.steps.count == 1 && kernels.first?.codes != nil, "\(plan.schedule)")
  }

  @Test func wordsAreLookedUpBeforeTheyAreWidened() throws {
    let b = GraphBuilder(name: "words")
    let rows = b.input("rows", .tensor(TensorType(.int64, constant: [2, 3])))
    let table = Tensor([1000, 40], (0..<40_000).map { Int8($0 % 251 - 125) })
    let scale = b.constant(Tensor([1000, 1], (0..<1000).map { Float($0 % 9 + 1) / 16 }))
    let words = try b.multiply(b.convert(b.constant(table), to: .float32), scale)
    b.setOutputs([try b.gather(words, rows, axis: 0)])
    let canonical = try Pipeline.canonical.run(b.graph)
    let input = RuntimeValue.tensor(Tensor([2, 3], [0, 999, 5, 77, -1, 500] as [Int64]))
    let expected = try #require(try Interpreter.run(b.graph, inputs: [input])[0].tensor).elements(of: Float.self)
    let found = try #require(try Interpreter.run(canonical, inputs: [input])[0].tensor).elements(of: Float.self)
    #expect(found == expected)
    let widened = canonical.nodes.contains { node in
      if case .convert = node.operation { canonical[node.operands[0]].constant != nil } else { false }
    }
    #expect(!widened, "\(canonical.text)")
  }
}
