import GraphIR
import Interpreter
import KernelIR
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Plans at the precisions that a model may ask for.
@Suite struct PrecisionTests {
  private static let hasBFloat16 = KernelCompiler(instructionSet: .avx512).running(.bfloat16) == .bfloat16

  /// Convolutions of all kinds with what stands between them, a matrix product and a softmax at the end.
  private func network(_ seed: Int) throws -> (graph: Graph, input: Tensor) {
    var random = SeededGenerator(seed)
    let builder = GraphBuilder(name: "network")
    let size = Int.random(in: 5...12, using: &random)
    let images = Int.random(in: 1...2, using: &random)
    var channels = [3, 4, 16].randomElement(using: &random) ?? 4
    let input = random.floats(Shape([images, size, size, channels]))
    var value = builder.input("x", .tensor(TensorType(.float32, constant: [images, size, size, channels])))
    func convolve(_ x: ValueID, window: Int, outputs: Int, groups: Int = 1) throws -> ValueID {
      let filter = random.floats(Shape([window, window, channels / groups, outputs]))
      let scale = 1 / Float(window * window * channels / groups).squareRoot()
      let scaled = Tensor(filter.shape, filter.elements(of: Float.self).map { $0 * scale })
      let convolution = Convolution(
        strides: [1, 1], dilations: [1, 1],
        padding: .explicit(low: [window / 2, window / 2], high: [window / 2, window / 2]), groups: groups)
      return try builder.one(.convolution(convolution, result: .float32), [x, builder.constant(scaled)])
    }
    for _ in 0..<Int.random(in: 3...6, using: &random) {
      switch Int.random(in: 0..<5, using: &random) {
      case 0:
        value = try convolve(value, window: 3, outputs: channels, groups: channels)
      case 1:
        let branch = try builder.one(.unary(.logistic), [convolve(value, window: 3, outputs: channels)])
        value = try builder.one(.binary(.add), [value, branch])
      case 2:
        let parts = try [6, 10].map { try convolve(value, window: 1, outputs: $0) }
        (value, channels) = (try builder.one(.concatenate(axis: 3), parts), 16)
      case 3:
        value = try builder.one(.unary(.hyperbolicTangent), [builder.one(.binary(.add), [value, value])])
      default:
        let outputs = 2 * Int.random(in: 1...20, using: &random)
        let window = [1, 3].randomElement(using: &random) ?? 1
        (value, channels) = (try convolve(value, window: window, outputs: outputs), outputs)
      }
    }
    let product = try builder.one(
      .dot(DotDimensions(lhsContracting: [3], rhsContracting: [0]), result: .float32),
      [convolve(value, window: 1, outputs: 8), builder.constant(random.floats([8, 5]))])
    builder.setOutputs([product])
    return (builder.graph, input)
  }

  private func numbers(_ values: [RuntimeValue]) throws -> [Float] {
    try #require(values.first?.tensor).elements(of: Float.self)
  }

  @Test(
    "bfloat16 code gives what its schedule means", .enabled(if: hasBFloat16, "no AVX512_BF16"),
    arguments: InstructionSet.here.filter { $0 >= .avx512 }, 0..<40)
  func plans(instructionSet: InstructionSet, seed: Int) throws {
    let (graph, input) = try network(seed)
    let inputs = [RuntimeValue.tensor(input)]
    let machine = Machine(instructionSet, precision: .bfloat16)
    let cache = PlanCache(graph, machine, ThreadUse())
    let found = try numbers(cache.run(inputs, EvaluationContext()))
    let plan = try #require(cache.plan(for: inputs))
    try plan.schedule.verify()
    #expect(plan.steps.allSatisfy { if case .kernel = $0.work { true } else { false } }, "\(plan.schedule)")
    #expect(plan.schedule.description.contains("bf16 "), "\(plan.schedule)")
    let expected = try numbers(ScheduleInterpreter(plan.schedule).run(inputs))
    let exact = try numbers(Interpreter.run(graph, inputs: inputs))
    let scale = exact.reduce(0) { max($0, abs($1)) }
    // A sum that is off by a rounding of float32 may become the next bfloat16.
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 0.01 * scale }, "seed \(seed)\n\(plan.schedule)")
    #expect(zip(found, exact).allSatisfy { abs($0 - $1) <= 0.05 * scale }, "seed \(seed)\n\(plan.schedule)")
    let two = try PlanCache(graph, machine, .always(2)).run(inputs, EvaluationContext(threadCount: 2))
    #expect(try numbers(two) == found)
  }

  @Test("What has no instructions for a precision runs in float32, bit for bit", arguments: InstructionSet.here)
  func others(instructionSet: InstructionSet) throws {
    let (graph, input) = try network(1)
    func run(_ precision: Precision) throws -> [Float] {
      let cache = PlanCache(graph, Machine(instructionSet, precision: precision), ThreadUse())
      return try numbers(cache.run([.tensor(input)], EvaluationContext()))
    }
    let exact = try run(.float32)
    for precision in Precision.allCases {
      let running = Machine(instructionSet, precision: precision).runningPrecision
      #expect(running == .float32 || running == precision)
      #expect(try (run(precision) == exact) == (running == .float32))
    }
    #expect(Machine(.avx2, precision: .bfloat16).runningPrecision == .float32)
  }
}
